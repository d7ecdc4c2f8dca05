"""Records as a sweep keeps them: as their JSON text, which takes a fifth of the memory that its objects would.

A sweep holds thousands, and asks of most only whether they are final. So objects and notes are read and written without
all of their records standing in memory as objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from shared.net.json_text import to_bytes

#: What is asked of a record again and again: with it, `state` need not read the text.
TOLD = ("status", "deleted")
#: Values beside the records, at most: Python needs some 70 bytes for each, and 8 MB of `[{},{},…]` hold millions.
MOST_VALUES = 400_000
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


class Kept(Mapping[str, object]):
    """A record that is read from its `text` when it is looked into."""

    __slots__ = ("_told", "text")

    def __init__(self, record: Mapping[str, object], text: bytes) -> None:
        self.text = text
        self._told = {name: record[name] for name in TOLD if name in record}

    def __getitem__(self, name: str) -> object:
        return self._told[name] if name in TOLD else self._record()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._record())

    def __len__(self) -> int:
        return len(self._record())

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Kept) and self.text == other.text) or Mapping.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]  # as a dict has none

    def _record(self) -> dict[str, object]:
        record: dict[str, object] = json.loads(self.text)
        return record


def keep(record: Mapping[str, object]) -> Kept:
    """Return a record as its text."""
    return record if isinstance(record, Kept) else Kept(record, to_bytes(record))


def to_text(content: Mapping[str, object]) -> bytes:
    """Return the JSON of an object or a note; of the records in its `tasks` it is the text that there is."""
    return _joined((name, _tasks(value) if name == "tasks" else to_bytes(value)) for name, value in content.items())


def read_content(body: bytes) -> object:
    """Return the content of an object or a note, as `json.loads` does; the records in its `tasks` stay text.

    Raises ValueError or RecursionError for what is no JSON object, and for one that would take too much memory.
    """
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    start = _skip(text, 0)
    if text[start : start + 1] != "{":
        raise ValueError("no JSON object")
    content: dict[str, object] = {}

    def take(name: str, at: int) -> int:
        if name == "tasks" and text[at : at + 1] == "{":
            content[name], end = _read_tasks(text, at)
            return end
        tasks = text.find('"tasks"', at)
        behind = tasks if tasks >= 0 else len(text)
        if sum(text.count(mark, at, behind) for mark in ",[{") > MOST_VALUES:
            raise ValueError("too many values")
        content[name], end = _DECODER.raw_decode(text, at)
        return end

    if _skip(text, _walk(text, start, take)) != len(text):
        raise ValueError("more behind the object")
    return content


def _tasks(tasks: object) -> bytes:
    if not isinstance(tasks, Mapping):
        return to_bytes(tasks)
    return _joined((vid, keep(record).text) for vid, record in tasks.items())


def _joined(members: Iterator[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(piece for name, text in members for piece in (to_bytes(name) + b":" + text,)) + b"}"


def _read_tasks(text: str, start: int) -> tuple[dict[str, object], int]:
    """The records of the object that begins at `start`, and where it ends; what is no record is as it is."""
    tasks: dict[str, object] = {}

    def take(vid: str, at: int) -> int:
        value, end = _DECODER.raw_decode(text, at)
        is_record = isinstance(value, dict)
        tasks[vid] = Kept(value, text[at:end].encode("utf-8", "backslashreplace")) if is_record else value
        return end

    return tasks, _walk(text, start, take)


def _walk(text: str, start: int, take: Callable[[str, int], int]) -> int:
    """Go through the members of the object that begins at `start`; return where it ends.

    `take` is given the name of each member and where its value begins, and returns where that ends.
    """
    at = _skip(text, start + 1)
    if text[at : at + 1] == "}":
        return at + 1
    while True:
        if text[at : at + 1] != '"':
            raise ValueError("no name")
        name, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _expect(text, _skip(text, at), ":"))
        at = _skip(text, take(name, at))
        if text[at : at + 1] == "}":
            return at + 1
        at = _skip(text, _expect(text, at, ","))


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        raise ValueError(f"no {character!r} where one belongs")
    return at + 1
