"""Events of function URLs (583/96099), short enough for a table of tests."""

from __future__ import annotations

import json

from shared.events.http import FORM

Event = dict[str, object]


def get(**query: object) -> Event:
    """A function URL's GET."""
    return {"httpMethod": "GET", "headers": {}, "queryString": query}


def post(body: object, media: str | None = FORM, **query: object) -> Event:
    """A function URL's POST; a body that is no text is sent as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {} if media is None else {"Content-Type": media}
    return {"httpMethod": "POST", "headers": headers, "queryString": query, "body": text}
