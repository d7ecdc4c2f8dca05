"""Where the rows go: standard output as they come, or a file that a later run goes on with."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from client.errors import ClientError
from client.sheet import Sheet, read_rows
from shared.replies.json_text import to_json
from shared.replies.table import BYTE_ORDER_MARK, COLUMNS, Row, safe_cell
from shared.tasks import PENDING

#: The columns that are added to the input's own.
OURS = COLUMNS[1:]
#: Seconds between two writes of a file: at least these, and so many times what a write takes.
LEAST_BETWEEN, TIMES_A_WRITE = 0.5, 10

Known = Mapping[str, Row]


class Form(Protocol):
    """How a row becomes text, and text rows."""

    def head(self, columns: Sequence[str]) -> str:
        """What stands before the first row."""
        ...

    def line(self, columns: Sequence[str], own: Sequence[str], row: Row) -> str:
        """One row: the input's own cells, and ours."""
        ...

    def read(self, name: str, content: bytes, columns: Sequence[str]) -> list[list[str]]:
        """The rows of a file. Raises ClientError when they have other columns."""
        ...


class Csv:
    """Comma-separated values with a byte order mark. No cell of ours starts a formula, own cells stay as they are."""

    def head(self, columns: Sequence[str]) -> str:
        """The header line."""
        return BYTE_ORDER_MARK + _csv_line(columns)

    def line(self, columns: Sequence[str], own: Sequence[str], row: Row) -> str:  # noqa: ARG002 - as the protocol has it
        """One row."""
        return _csv_line([*own, *(safe_cell(row[name]) for name in OURS)])

    def read(self, name: str, content: bytes, columns: Sequence[str]) -> list[list[str]]:
        """The rows below a header line that is the same."""
        head, *rows = list(read_rows(name, content, ",")) or [list(columns)]
        if head != list(columns):
            raise ClientError(f"--out: {name} has other columns ({', '.join(head)})")
        return rows


class Jsonl:
    """An object a line, its names the columns."""

    def head(self, columns: Sequence[str]) -> str:
        """Nothing, but each column needs a name of its own. Raises ClientError."""
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise ClientError(f"--format jsonl: two columns are called {', '.join(twice)}")
        return ""

    def line(self, columns: Sequence[str], own: Sequence[str], row: Row) -> str:
        """One row."""
        return to_json(dict(zip(columns, [*own, *(row[name] for name in OURS)], strict=True))) + "\n"

    def read(self, name: str, content: bytes, columns: Sequence[str]) -> list[list[str]]:
        """The rows of objects with the same names."""
        try:
            rows = [json.loads(line) for line in content.decode().split("\n") if line]
        except ValueError as error:
            raise ClientError(f"--out: {name} is not JSON lines") from error
        if any(not isinstance(row, dict) or list(row) != list(columns) for row in rows):
            raise ClientError(f"--out: {name} has other columns")
        return [list(map(str, row.values())) for row in rows]


class Stream:
    """Standard output: rows in the input's order, each as soon as it and those before it are known.

    With `hold`, pending tasks are not known yet: they will be asked about again.
    """

    def __init__(self, stream: BinaryIO, form: Form, sheet: Sheet, *, hold: bool = False) -> None:
        self._stream = stream
        self._form = form
        self._columns = [*sheet.columns, *OURS]
        self._left = deque(zip(sheet.vids(), sheet.rows, strict=True))
        self._hold = hold
        self._head = form.head(self._columns)

    def update(self, known: Known) -> None:
        """Write the rows whose turn it is."""
        lines = []
        while self._left and self._is_known(self._left[0][0], known):
            vid, own = self._left.popleft()
            lines.append(self._form.line(self._columns, own, known[vid]))
        self._write("".join(lines))

    def close(self, known: Known) -> None:
        """Write whatever else is known."""
        rest = [(own, known[vid]) for vid, own in self._left if vid in known]
        self._left.clear()
        self._write("".join(self._form.line(self._columns, own, row) for own, row in rest))

    def _is_known(self, vid: str, known: Known) -> bool:
        return vid in known and not (self._hold and known[vid]["outcome"] == PENDING)

    def _write(self, text: str) -> None:
        if text:
            self._stream.write((self._head + text).encode())
            self._stream.flush()
            self._head = ""


class File:
    """A file that always holds whole rows: it is replaced by a new one as answers come, and at the end.

    So whoever kills the command finds what had come a moment before, and the next run goes on there.
    """

    def __init__(self, path: Path, form: Form, sheet: Sheet) -> None:
        """Raises ClientError for a place where no file can be, and for columns that the form can't hold."""
        self._path = path.resolve()
        if not self._path.parent.is_dir():
            raise ClientError(f"--out: there is no folder {self._path.parent}")
        self._form = form
        self._sheet = sheet
        self._columns = [*sheet.columns, *OURS]
        self._head = form.head(self._columns)
        self._due = 0.0

    def load(self) -> dict[str, Row]:
        """The rows of the file by id; none when there is no file. Raises ClientError for a file that is not ours."""
        if not self._path.exists():
            return {}
        if not self._path.is_file():
            raise ClientError(f"--out: {self._path} is not a file")
        at, width = self._sheet.id_at, len(OURS)
        cells = self._form.read(self._path.name, self._path.read_bytes(), self._columns)
        known = {row[at].strip(): dict(zip(OURS, row[-width:], strict=True)) for row in cells}
        if strange := known.keys() - set(self._sheet.vids()):
            raise ClientError(f"--out: {self._path.name} has rows that the input has not, like {min(strange)!r}")
        return {vid: {"vid": vid, **row} for vid, row in known.items()}

    def update(self, known: Known) -> None:
        """Write the file if that is due."""
        if time.monotonic() >= self._due:
            self.close(known)

    def close(self, known: Known) -> None:
        """Write the file: the rows whose ids are known, in the input's order. Raises OSError."""
        start = time.monotonic()
        part = self._path.with_name(f"{self._path.name}.part")
        with part.open("w", encoding="utf-8", newline="") as file:
            file.writelines(self._text(known))
            file.flush()
            os.fsync(file.fileno())
        if self._path.exists():
            shutil.copymode(self._path, part)
        part.replace(self._path)
        end = time.monotonic()
        self._due = end + TIMES_A_WRITE * (end - start)

    def _text(self, known: Known) -> Iterator[str]:
        yield self._head
        for vid, own in zip(self._sheet.vids(), self._sheet.rows, strict=True):
            if vid in known:
                yield self._form.line(self._columns, own, known[vid])


def _csv_line(cells: Iterable[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()
