"""The text of objects in COS. The records in their `tasks` stay text, a fifth of the memory that Python objects take.

A sweep holds thousands of records, and asks of most only whether they are final. So objects are read and written
without all of their records being in memory as Python objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from shared.net.json_text import to_bytes

#: The fields of a record that a sweep asks about again and again: with them, `state` need not read the text.
QUICK = ("status", "deleted")
#: Values beside the records, at most: Python needs some 70 bytes for each, and 8 MB of `[{},{},…]` hold millions.
MOST_VALUES = 400_000
#: Fields of an object, at most. The values behind each are counted, so many would take a long time.
MOST_FIELDS = 100
_DECODER = json.JSONDecoder()
_MARK = re.compile(r"[ \t\n\r]*([{}:,])[ \t\n\r]*")


class TextRecord(Mapping[str, object]):
    """A record that is read from its JSON `text` when it is looked into."""

    __slots__ = ("_quick", "text")

    def __init__(self, record: Mapping[str, object], text: bytes) -> None:
        self.text = text
        self._quick = {name: record[name] for name in QUICK if name in record}

    def __getitem__(self, name: str) -> object:
        return self._quick[name] if name in QUICK else self._record()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._record())

    def __len__(self) -> int:
        return len(self._record())

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, TextRecord) and self.text == other.text) or Mapping.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]  # as a dict has none

    def _record(self) -> dict[str, object]:
        record: dict[str, object] = json.loads(self.text)
        return record


def text_record(record: Mapping[str, object]) -> TextRecord:
    """Return a record that is kept as its text."""
    return record if isinstance(record, TextRecord) else TextRecord(record, to_bytes(record))


def to_text(content: Mapping[str, object]) -> bytes:
    """Return the JSON of an object. Records in its `tasks` that are still text are copied as they are."""
    return _joined((name, _tasks(value) if name == "tasks" else to_bytes(value)) for name, value in content.items())


def parse_object(body: bytes) -> dict[str, object]:
    """Return the content of a JSON object as `json.loads` does, but each record in its `tasks` as a TextRecord.

    Raises ValueError or RecursionError for other JSON, for what is no JSON, and for too many values beside the records.
    """
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    content: dict[str, object] = {}

    def take(name: str, at: int) -> int:
        if name == "tasks" and text.startswith("{", at):
            content[name], end = _read_tasks(text, at)
            return end
        tasks = text.find('"tasks"', at)
        behind = tasks if tasks >= 0 else len(text)
        if len(content) >= MOST_FIELDS or too_many_values(text, at, behind):
            raise ValueError("too many values")
        content[name], end = _DECODER.raw_decode(text, at)
        return end

    if _walk(text, 0, take) != len(text):
        raise ValueError("more behind the object")
    return content


def too_many_values(text: str, start: int = 0, end: int | None = None) -> bool:
    """Whether a piece of JSON has more values than `parse_object` reads beside the records."""
    return sum(text.count(mark, start, end) for mark in ",[{") > MOST_VALUES


def _tasks(tasks: object) -> bytes:
    if not isinstance(tasks, Mapping):
        return to_bytes(tasks)
    return _joined((vid, text_record(record).text) for vid, record in tasks.items())


def _joined(members: Iterable[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(to_bytes(name) + b":" + text for name, text in members) + b"}"


def _read_tasks(text: str, start: int) -> tuple[dict[str, object], int]:
    """The records of the object that begins at `start`, and where it ends; other values are read as usual."""
    tasks: dict[str, object] = {}

    def take(vid: str, at: int) -> int:
        value, end = _DECODER.raw_decode(text, at)
        is_record = isinstance(value, dict)
        tasks[vid] = TextRecord(value, text[at:end].encode("utf-8", "backslashreplace")) if is_record else value
        return end

    return tasks, _walk(text, start, take)


def _walk(text: str, start: int, take: Callable[[str, int], int]) -> int:
    """Go through the members of the object that begins at `start`; return where the text behind it begins.

    `take` is given the name of each member and where its value begins, and returns where that ends.
    """
    _, at = _mark(text, start, "{")
    if text.startswith("}", at):
        return _mark(text, at, "}")[1]
    mark = ","
    while mark == ",":
        if not text.startswith('"', at):
            raise ValueError("no name")
        name, at = _DECODER.raw_decode(text, at)
        _, at = _mark(text, at, ":")
        mark, at = _mark(text, take(name, at), ",}")
    return at


def _mark(text: str, at: int, allowed: str) -> tuple[str, int]:
    """The mark that comes next, and where the text behind it and its white space begins."""
    found = _MARK.match(text, at)
    if found is None or found[1] not in allowed:
        raise ValueError(f"none of {allowed!r} where one belongs")
    return found[1], found.end()
