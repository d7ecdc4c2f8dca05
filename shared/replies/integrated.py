"""The integrated response, which both the API gateway and the function URL turn into HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import QueryError
from shared.events.http import METHODS
from shared.net.json_text import JsonObject, to_json
from shared.replies.envelope import refusal

JSON_TYPE, CSV_TYPE = "application/json; charset=utf-8", "text/csv; charset=utf-8"


def http_reply(status: int, content: Mapping[str, object] | str, headers: Mapping[str, str]) -> JsonObject:
    """Return the integrated response with an envelope or, as text, a table; `headers` are added to its own."""
    media, body = (CSV_TYPE, content) if isinstance(content, str) else (JSON_TYPE, to_json(content))
    # The same URL answers with JSON, CSV or the page, by the Accept header.
    return integrated(status, {"Content-Type": media, "Vary": "Accept", **headers}, body)


def http_refusal(error: QueryError) -> JsonObject:
    """Return the integrated response that reports an error."""
    return http_reply(error.http_status, refusal(error), error.headers)


def allowed_methods() -> JsonObject:
    """Return the integrated response to OPTIONS."""
    return integrated(204, {"Allow": ", ".join(METHODS)}, "")


def integrated(status: int, headers: Mapping[str, str], body: str) -> JsonObject:
    """Return the integrated response itself."""
    return {"isBase64Encoded": False, "statusCode": status, "headers": headers, "body": body}
