"""The formats of rows: CSV and JSON lines, written and read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Protocol

from client.errors import ClientError
from client.sheet import read_rows
from shared.net.json_text import to_json
from shared.replies.table import BYTE_ORDER_MARK, COLUMNS, Row, safe_cell

#: The columns added to the input's own.
OURS = COLUMNS[1:]


class Form(Protocol):
    """A format for rows."""

    def head(self, columns: Sequence[str]) -> str:
        """Return the text before the first row."""
        ...

    def line(self, columns: Sequence[str], own: Sequence[str], row: Row) -> str:
        """Return one row: the input's own cells, then ours."""
        ...

    def read(self, name: str, content: bytes, columns: Sequence[str]) -> list[list[str]]:
        """Return the rows of a file. Raises ClientError if it has other columns."""
        ...


class Csv:
    """Comma-separated values with a byte order mark. Our cells never start a formula; the input's are unchanged."""

    def head(self, columns: Sequence[str]) -> str:
        """Return the header line."""
        return BYTE_ORDER_MARK + _csv_line(columns)

    def line(self, _: Sequence[str], own: Sequence[str], row: Row) -> str:
        """One row."""
        return _csv_line([*own, *(safe_cell(row[name]) for name in OURS)])

    def read(self, name: str, content: bytes, columns: Sequence[str]) -> list[list[str]]:
        """Return the rows; the header line must be the same."""
        head, *rows = list(read_rows(name, content, ",")) or [list(columns)]
        if head != list(columns):
            raise ClientError(f"--out: {name} has other columns ({', '.join(head)})")
        return rows


class Jsonl:
    """One JSON object a line, with the columns as names."""

    def head(self, columns: Sequence[str]) -> str:
        """Return nothing, but check that column names are unique. Raises ClientError."""
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise ClientError(f"--format jsonl: two columns are called {', '.join(twice)}")
        return ""

    def line(self, columns: Sequence[str], own: Sequence[str], row: Row) -> str:
        """One row."""
        return to_json(dict(zip(columns, [*own, *(row[name] for name in OURS)], strict=True))) + "\n"

    def read(self, name: str, content: bytes, columns: Sequence[str]) -> list[list[str]]:
        """Return the rows; the objects must have the same names."""
        try:
            rows = [json.loads(line) for line in content.decode().split("\n") if line]
        except ValueError as error:
            raise ClientError(f"--out: {name} is not JSON lines") from error
        if any(not isinstance(row, dict) or list(row) != list(columns) for row in rows):
            raise ClientError(f"--out: {name} has other columns")
        return [list(map(str, row.values())) for row in rows]


def _csv_line(cells: Iterable[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()
