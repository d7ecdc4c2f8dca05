"""query-video: what became of video clip and crop tasks (`GetVpResult`)."""

from __future__ import annotations

from shared.handler import handle
from shared.tasks import VIDEO


def main_handler(event: object, context: object) -> object:
    """SCF's entry point: an event of an API gateway, a function URL, a timer or a direct call to its reply.

    Takes `vids`: ids of any number, in the query string, a form, a JSON body, a table or the event itself. HTTP callers
    get an integrated response whose body is the document's envelope, direct callers the envelope, a timer its summary;
    with `format=csv` it is a table, with `output=cos` it goes to COS and the reply says where, and a browser gets a
    page. Raises for a timer only, so that SCF runs it again.
    """
    return handle(VIDEO, event, context)
