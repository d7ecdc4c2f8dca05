"""Outcomes of tasks as a table for spreadsheets, one row an id. Imported only when a table is asked for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.net.json_text import to_json
from shared.tasks import AUDIO, MISSING, UNANSWERED, Kind, Record, state

if TYPE_CHECKING:
    from shared.backends.base import Answers

COLUMNS = ("vid", "outcome", "status", "create_time", "finish_time", "result", "error_code", "error_msg", "url")
#: One row: the text of each column.
Row = dict[str, str]

#: The characters that start a formula in a spreadsheet (OWASP, CSV Injection), and their full-width forms.
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
#: Control characters and line ends, which would break a row. Lone surrogates, which UTF-8 can't express.
CONTROL, SURROGATE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+"), re.compile("[\ud800-\udfff]")
#: Characters of a URL that stay as they are besides letters and digits (RFC 3986). `%` too: URLs come encoded.
URL_CHARACTERS = "%:/?#[]@!$&'()*+,;=~"
BYTE_ORDER_MARK = "\ufeff"


def to_rows(kind: Kind, asked: Iterable[str], answers: Answers) -> list[Row]:
    """Return the rows of the ids in the order asked. An id that was asked twice has two rows."""
    rows: list[Row] = []
    for vid in asked:
        if vid in answers.records:
            rows.append(record_row(kind, vid, answers.records[vid]))
        elif vid in answers.failed:
            error = answers.failed[vid]
            rows.append(blank_row(vid, UNANSWERED, str(error.code), error.message))
        else:
            rows.append(blank_row(vid, MISSING))
    return rows


def record_row(kind: Kind, vid: str, record: Record) -> Row:
    """Return the row of an id and its record. An audio task finished when it was last updated."""
    outputs = _audio_urls(record) if kind == AUDIO else _video_urls(record)
    return {
        "vid": vid,
        "outcome": state(record),
        "status": _text(record.get("status")),
        "create_time": _text(record.get("create_time")),
        "finish_time": _text(record.get("update_time" if kind == AUDIO else "finish_time")),
        "result": " ".join(outputs),
        "error_code": _text(record.get("error_code")),
        "error_msg": _text(record.get("error_msg")),
        "url": _text(record.get("url")),
    }


def blank_row(vid: str, outcome: str, error_code: str = "", error_msg: str = "") -> Row:
    """Return the row of an id without a record, and the reason."""
    known = {"vid": vid, "outcome": outcome, "error_code": error_code, "error_msg": error_msg}
    return {**dict.fromkeys(COLUMNS, ""), **known}


def to_csv(rows: Iterable[Row]) -> str:
    """Return CSV (RFC 4180) with a heading and, for spreadsheets, a byte order mark. Every cell is safe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(row[column]) for column in COLUMNS] for row in rows)
    return BYTE_ORDER_MARK + text.getvalue()


def safe_cell(text: str) -> str:
    """Return a text that stays in its row, can be written in UTF-8, and is no formula for a spreadsheet."""
    safe = SURROGATE.sub("\ufffd", CONTROL.sub(" ", text))
    return f"'{safe}" if safe.lstrip().startswith(FORMULA) else safe


def _video_urls(record: Record) -> Iterator[str]:
    """The URLs of `result`: strings in the video document's example, objects with a `url` in its table."""
    for output in _list(record.get("result")):
        url = output.get("url") if isinstance(output, Mapping) else output
        if isinstance(url, str) and url:
            yield quote(url, safe=URL_CHARACTERS, errors="replace")


def _audio_urls(record: Record) -> Iterator[str]:
    """A URL for each output of `result.audio`, in the bucket of `dst`, or in the source's when `dst` is missing."""
    audio = _object(_object(record.get("result")).get("audio"))
    host = _host({**record, **_object(audio.get("dst"))})
    for output in _list(audio.get("info")):
        path = _object(output).get("path")
        if host and isinstance(path, str) and path:
            yield f"{host}/{quote(path.removeprefix('/'), errors='replace')}"


def _host(place: Mapping[str, object]) -> str:
    """Scheme and host of a bucket, empty unless all parts are known. Regions are the document's (gz) or today's."""
    name, owner, region = (str(place.get(field)) for field in ("bucket_name", "app_id", "bucket_region"))
    if not (re.fullmatch(r"[a-z0-9-]+", name) and re.fullmatch(r"[0-9]+", owner) and re.fullmatch(r"[a-z-]+", region)):
        return ""
    bucket = f"{name}-{owner}"
    if "-" in region:
        return f"https://{bucket}.cos.{region}.myqcloud.com"
    return f"http://{bucket}.cos{region}.myqcloud.com"


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else to_json(value)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
