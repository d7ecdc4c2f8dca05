"""JSON objects as Python has them, and the text that this product writes."""

from __future__ import annotations

import json
import re
from typing import TypeVar

#: A JSON object.
JsonObject = dict[str, object]

#: What `json.dumps` would make anew for each value: for our own text, and for SCF's.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_SCF_ENCODER = json.JSONEncoder(ensure_ascii=False)

T = TypeVar("T")


def to_bytes(value: object) -> bytes:
    """Return compact JSON in UTF-8, without escapes for other languages' letters.

    A lone surrogate, which UTF-8 can't express, stays a JSON escape.
    """
    return _ENCODER.encode(value).encode("utf-8", "backslashreplace")


def to_json(value: object) -> str:
    """Return the same as text."""
    return to_bytes(value).decode()


def measured(value: T) -> tuple[T, int]:
    """Return a value that SCF can pass on, and its size in bytes as SCF counts it.

    SCF's runtime writes the value as JSON (scf bootstrap: json.dumps with ensure_ascii=False). UTF-8 has no lone
    surrogates, so each becomes the replacement character.
    """
    text = _SCF_ENCODER.encode(value)
    try:
        return value, len(text.encode())
    except UnicodeEncodeError:
        text = re.sub("[\ud800-\udfff]", "\ufffd", text)
        cleaned: T = json.loads(text)
        return cleaned, len(text.encode())
