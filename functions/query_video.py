"""query-video: the outcome of video clip and crop tasks (`GetVpResult`)."""

from __future__ import annotations

from shared.handler import handle
from shared.invocation import Context
from shared.net.json_text import JsonObject
from shared.tasks import VIDEO


def main_handler(event: object, context: Context) -> JsonObject | str:
    """Answer one event of an API gateway, a function URL or a timer, or one direct invocation. SCF calls this.

    The query gives `vids` (one id or many, over HTTP up to MAX_VIDS) or `vid`, in the query string, a form, a JSON
    body, a table or the direct event.

    - An HTTP caller gets an integrated response whose body is the document's envelope; a browser gets the page.
    - A direct caller gets the envelope itself.
    - `format=csv` gives a table instead. `output=cos` writes the answer to COS and returns where it is;
      `output=watch` has the timer follow the ids.
    - A timer gets the summary of its sweep, or the error is raised, so that SCF runs the event again.
    """
    return handle(VIDEO, event, context)
