"""query-audio: what became of audio transcodes (`GetCtsaudioInfo`)."""

from __future__ import annotations

from shared.handler import handle
from shared.tasks import AUDIO


def main_handler(event: object, context: object) -> object:
    """SCF's entry point: an event of an API gateway, a function URL, a timer or a direct call to its reply.

    Takes `vid` for one record, `vids` for a list of them, or neither: then the API's own answer is passed on. For
    replies, `output=cos` and errors see query_video.
    """
    return handle(AUDIO, event, context)
