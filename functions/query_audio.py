"""query-audio: the outcome of audio transcodes (`GetCtsaudioInfo`)."""

from __future__ import annotations

from shared.handler import handle
from shared.invocation import Context
from shared.net.json_text import JsonObject
from shared.tasks import AUDIO


def main_handler(event: object, context: Context) -> JsonObject | str:
    """Answer one event of an API gateway, a function URL or a timer, or one direct invocation. SCF calls this.

    The query gives `vid` for one record, `vids` for a list of records, or neither: then the API's own answer is passed
    on. Replies and errors are those of query_video.
    """
    return handle(AUDIO, event, context)
