"""Writing rows: formats that can be read again, and a file that a later run continues."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from time import sleep

import pytest

from client.errors import ClientError
from client.forms import Csv, Form, Jsonl
from client.outcomes import invalid, missing, unanswered
from client.output import File, Stream
from client.sheet import Sheet, sheet_of
from shared.replies.table import Row, blank_row
from shared.tasks import VIDS

SHEET = Sheet(["备注", "vid"], [["=1+1", "a"], ['x, "y"\nz', " b "], ["", "a"]], 1)
HOSTILE = {**blank_row("a", "failed", "1", '=cmd|"/c"!A1, "x"'), "url": "http://results.example/a b", "status": "4"}
KNOWN: dict[str, Row] = {"a": HOSTILE, "b": missing("b").row}
FORMS: list[Form] = [Csv(), Jsonl()]


def written(path: Path, form: Form, sheet: Sheet = SHEET, rows: dict[str, Row] = KNOWN) -> File:
    """Write a file and return what has written it."""
    file = File(path, form, sheet)
    file.start()
    file.add(rows)
    file.close()
    return file


@pytest.mark.parametrize("form", FORMS)
def test_a_file_comes_back_as_it_was_written(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "out"
    written(path, form)
    first = path.read_bytes()
    known = written(path, form, rows={}).known
    assert path.read_bytes() == first
    assert known["b"] == KNOWN["b"]
    assert known["a"] == {**HOSTILE, "error_msg": ("'" if isinstance(form, Csv) else "") + HOSTILE["error_msg"]}
    assert os.listdir(tmp_path) == ["out"]


def test_a_csv_keeps_the_callers_cells_and_makes_ours_safe(tmp_path: Path) -> None:
    written(tmp_path / "out.csv", Csv(), rows={"a": HOSTILE})
    lines = (tmp_path / "out.csv").read_bytes().decode("utf-8").splitlines()
    assert lines[0] == "\ufeff备注,vid,outcome,status,create_time,finish_time,result,error_code,error_msg,url"
    assert lines[1] == '=1+1,a,failed,4,,,,1,"\'=cmd|""/c""!A1, ""x""",http://results.example/a b'
    assert lines[2].startswith(",a,failed")


def test_json_lines_are_objects_with_the_columns_names(tmp_path: Path) -> None:
    written(tmp_path / "out", Jsonl())
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().split("\n") if line]
    assert [row["vid"] for row in rows] == ["a", " b ", "a"]
    assert rows[0]["error_msg"] == HOSTILE["error_msg"]


def test_what_utf_8_can_not_carry_breaks_no_row(tmp_path: Path) -> None:
    row = {**blank_row("a", "failed", "", "half \ud800 of a pair\r\nand a line"), "vid": "a"}
    for number, form in enumerate(FORMS):
        path = tmp_path / str(number)
        written(path, form, sheet_of(["a"]), {"a": row})
        assert len(path.read_bytes().decode().split("\n")) == 3 - isinstance(form, Jsonl)


def test_a_fresh_file_knows_nothing_and_one_with_a_header_only_neither(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert written(path, Csv(), rows={}).known == {}
    assert len(path.read_text().splitlines()) == 1
    assert File(path, Csv(), SHEET).known == {}
    path.write_bytes(b"")
    assert File(path, Csv(), SHEET).known == {}


@pytest.mark.parametrize("form", FORMS)
def test_other_columns_and_other_rows_are_refused_and_the_file_stays(tmp_path: Path, form: Form) -> None:
    path = tmp_path / "out"
    written(path, form)
    before = path.read_bytes()
    with pytest.raises(ClientError, match="has other columns"):
        File(path, form, sheet_of(["a", "b"]))
    with pytest.raises(ClientError, match="has rows that the input does not have, like 'b'"):
        File(path, form, SHEET._replace(rows=[["", "a"]]))
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"\xff", b"[1]\n", b"nonsense\n"])
@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_something_else_is_refused(tmp_path: Path, form: Form, content: bytes) -> None:
    (tmp_path / "out").write_bytes(content)
    with pytest.raises(ClientError):
        File(tmp_path / "out", form, SHEET)


def test_places_where_no_file_can_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="is not a file"):
        File(tmp_path, Csv(), SHEET)
    with pytest.raises(ClientError, match="there is no folder"):
        File(tmp_path / "no" / "out.csv", Csv(), SHEET)


def test_json_lines_need_names_of_their_own() -> None:
    with pytest.raises(ClientError, match="two columns are called note"):
        Jsonl().head(["note", "vid", "note"])


def test_what_comes_is_written_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    file = File(path, Csv(), SHEET)
    file.start()
    file.add(KNOWN)
    while len(path.read_bytes().splitlines()) < 2:
        sleep(0.01)
    assert set(File(path, Csv(), SHEET).known) == {"a", "b"}
    file.close()


def add_again_and_again(file: File) -> None:
    while True:
        file.add(KNOWN)
        sleep(0.01)


def test_a_failed_write_is_reported_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    written(path, Csv())
    before = path.read_bytes()
    file = File(path, Csv(), SHEET)
    file.start()
    (tmp_path / "out.csv.part").mkdir()
    with pytest.raises(IsADirectoryError):
        add_again_and_again(file)
    with pytest.raises(IsADirectoryError):
        file.close()
    assert path.read_bytes() == before


def test_a_link_and_the_permissions_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.touch(mode=0o640)
    link.symlink_to(real)
    written(link, Csv())
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert real.stat().st_size > 100


def streamed(*steps: dict[str, Row], waits: bool = False) -> list[list[str]]:
    """The ids written after each step, and after the end."""
    stream = io.BytesIO()
    output = Stream(stream, Csv(), sheet_of(["a", "b", "a", "c"]), waits=waits)
    seen: list[list[str]] = []
    for rows in [*steps, None]:
        output.close() if rows is None else output.add(rows)
        seen.append([line.split(",")[0] for line in stream.getvalue().decode().splitlines()[1:]])
    return seen


def test_a_stream_writes_rows_in_order_as_soon_as_it_can() -> None:
    rows = {vid: missing(vid).row for vid in "abc"}
    assert streamed({}, {"b": rows["b"]}, {"a": rows["a"]}, {"c": rows["c"]}) == [
        *([], [], ["a", "b", "a"], ["a", "b", "a", "c"]),
        ["a", "b", "a", "c"],
    ]


def test_a_stream_that_ends_early_writes_all_that_is_known() -> None:
    assert streamed({"c": invalid("c", VIDS).row, "b": unanswered("b", "", "").row})[-1] == ["b", "c"]


def test_a_stream_holds_what_will_be_asked_again() -> None:
    pending = {vid: blank_row(vid, "pending") for vid in "ab"}
    assert streamed({**pending, "c": missing("c").row}, waits=True) == [[], ["a", "b", "a", "c"]]
    assert streamed(pending, waits=False)[0] == ["a", "b", "a"]


def test_a_stream_without_rows_stays_empty() -> None:
    stream = io.BytesIO()
    Stream(stream, Csv(), SHEET).close()
    assert stream.getvalue() == b""
