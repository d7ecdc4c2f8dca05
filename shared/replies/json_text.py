"""JSON as this product writes it."""

from __future__ import annotations

import json
import re

#: A JSON object that can still be changed.
JsonObject = dict[str, object]

#: What `json.dumps` would make anew for each value.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def to_bytes(value: object) -> bytes:
    """Return compact JSON in UTF-8 that people can read in their own language.

    A lone surrogate, which UTF-8 can't carry, stays the JSON escape that it came as.
    """
    return _ENCODER.encode(value).encode("utf-8", "backslashreplace")


def to_json(value: object) -> str:
    """Return the same as text."""
    return to_bytes(value).decode()


def measured(value: object) -> tuple[object, int]:
    """Return a value that SCF can pass on, and its size in bytes as SCF counts it.

    SCF's runtime serialises what a handler returns (scf bootstrap: json.dumps with ensure_ascii=False), and UTF-8 has
    no lone surrogates: in a text of the value each becomes the replacement character.
    """
    text = json.dumps(value, ensure_ascii=False)
    try:
        return value, len(text.encode())
    except UnicodeEncodeError:
        text = re.sub("[\ud800-\udfff]", "\ufffd", text)
        return json.loads(text), len(text.encode())
