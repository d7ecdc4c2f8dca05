"""The integrated response, which both the API gateway and the function URL turn into HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from shared.replies.json_text import to_json


def http_reply(status: int, body: Mapping[str, object], headers: Mapping[str, str]) -> dict[str, object]:
    """Return the integrated response that both the API gateway and the function URL turn into HTTP."""
    return {
        "isBase64Encoded": False,
        "statusCode": status,
        "headers": {"Content-Type": "application/json; charset=utf-8", **headers},
        "body": to_json(body),
    }
