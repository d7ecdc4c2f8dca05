"""JSON as this product writes it."""

from __future__ import annotations

import json


def to_bytes(value: object) -> bytes:
    """Return compact JSON in UTF-8 that people can read in their own language.

    A lone surrogate, which UTF-8 can't carry, stays the JSON escape that it came as.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def to_json(value: object) -> str:
    """Return the same as text."""
    return to_bytes(value).decode()
