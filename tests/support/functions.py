"""Both functions as SCF calls them."""

from __future__ import annotations

import json
from typing import Any

import query_audio
import query_video

from shared.net.json_text import JsonObject

CONTEXT = {"time_limit_in_ms": 60_000, "request_id": "6f1c-unit"}


def run(kind: str, event: object) -> Any:
    handlers = {"video": query_video.main_handler, "audio": query_audio.main_handler}
    return handlers[kind](event, CONTEXT)


def http(kind: str, event: object) -> tuple[int, dict[str, str], Any]:
    """Status, headers without the content type, and the envelope of an integrated response."""
    reply = run(kind, event)
    assert list(reply) == ["isBase64Encoded", "statusCode", "headers", "body"]
    assert reply["isBase64Encoded"] is False
    assert reply["headers"].pop("Content-Type") == "application/json; charset=utf-8"
    assert reply["headers"].pop("Vary") == "Accept"
    return reply["statusCode"], reply["headers"], json.loads(reply["body"])


def success(data: object, **more: object) -> JsonObject:
    return {"code": 0, "message": "", "codeDesc": "Success", "data": data, **more}
