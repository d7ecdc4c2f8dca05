"""Reads ids from a CSV as spreadsheets save it, or from a list with one id a line."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from client.errors import ClientError

#: Delimiters: spreadsheets write semicolons where the comma is the decimal sign, and tabs as "Unicode text".
DELIMITERS = ",;\t"
#: Certainly an id, not a column name: 32 hexadecimal digits, often with Unix seconds, or a Cloud Infinite job id.
_ID = re.compile(r"j?[0-9a-f]{32}[0-9]{0,10}")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Sheet(NamedTuple):
    """The rows of a file, all as long as `columns`, and the column with the ids."""

    columns: list[str]
    rows: list[list[str]]
    id_at: int = 0

    def vids(self) -> Iterator[str]:
        """Return the id of each row, without surrounding blanks."""
        return (row[self.id_at].strip() for row in self.rows)


def sheet_of(vids: Iterable[str]) -> Sheet:
    """Return the sheet of a list of ids."""
    return Sheet(["vid"], [[vid] for vid in vids])


def read_sheet(name: str, content: bytes, column: str | None = None, *, header: bool = False) -> Sheet:
    """Read a CSV with a header line, or a list of ids; messages call it `name`.

    The ids are in `column`, else in the column `vid`, else in the first. A file with one column is a list, unless its
    first line is `vid` or `column` is given. With `header`, a first line that does not look like an id is a header
    line. Raises ClientError saying what to change.
    """
    text = _decoded(name, content)
    if not text.strip():
        raise ClientError(f"{name} is empty")
    first_line = text.lstrip("\r\n").splitlines()[0]
    delimiter = max(DELIMITERS, key=lambda mark: len(_cells(first_line, mark)))
    names = [cell.strip() for cell in _cells(first_line, delimiter)]
    if not (column or "vid" in map(str.lower, names)):
        starts_with_id = any(map(_ID.fullmatch, names))
        if len(names) == 1 and (starts_with_id or not header):
            return sheet_of(line.strip().strip('"') for line in text.splitlines() if line.strip())
        if starts_with_id:
            raise ClientError(f"{name} has no header line: name the columns, the one with the ids vid")
    columns, *rows = _rows(name, text, delimiter)
    if not rows:
        raise ClientError(f"{name} has a header line and no ids")
    return Sheet(columns, rows, _id_at(name, columns, column))


def read_rows(name: str, content: bytes, delimiter: str) -> Iterator[list[str]]:
    """Return the header line and the rows of a CSV. Raises ClientError."""
    return _rows(name, _decoded(name, content), delimiter)


def _decoded(name: str, content: bytes) -> str:
    """Decode UTF-8, with or without a byte order mark, or UTF-16 with one."""
    mark, encoding = next(((mark, code) for mark, code in _MARKS if content.startswith(mark)), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise ClientError(f"{name} is not UTF-8: save it as “CSV UTF-8” (in Excel: Save As)") from error
    if "\0" in text:
        raise ClientError(f"{name} is not text: save it as “CSV UTF-8” (in Excel: Save As)")
    return text


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of a line; none when a cell would be longer than the csv module reads."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _rows(name: str, text: str, delimiter: str) -> Iterator[list[str]]:
    """Return the header line and all lines that are not blank, padded to its length: spreadsheets drop empty cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    width = 0
    try:
        for row in filter(None, reader):
            width = width or len(row)
            if any(row[width:]):
                raise ClientError(
                    f"{name}, line {reader.line_num}: {len(row)} cells, the header line has {width}; "
                    'a cell with a delimiter in it needs "quotes"'
                )
            yield row[:width] + [""] * (width - len(row))
    except csv.Error as error:
        raise ClientError(f"{name}, line {reader.line_num}: is not CSV ({error})") from error


def _id_at(name: str, columns: Sequence[str], column: str | None) -> int:
    names = [title.strip() for title in columns]
    if column is None:
        names = [title.lower() for title in names]
    wanted = column or "vid"
    if column and column not in names:
        raise ClientError(f"{name} has no column {column}; it has {', '.join(columns)}")
    if names.count(wanted) > 1:
        raise ClientError(f"{name} has {names.count(wanted)} columns called {wanted}; rename all but one")
    return names.index(wanted) if wanted in names else 0
