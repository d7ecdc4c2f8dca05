"""Reading ids from CSV files and lists."""

from __future__ import annotations

import codecs

import pytest

from client.errors import ClientError
from client.sheet import Sheet, read_sheet

VID = "cafef00d" * 4 + "1700000001"


def read(content: str | bytes, column: str | None = None, *, header: bool = False) -> Sheet:
    return read_sheet("ids.csv", content if isinstance(content, bytes) else content.encode(), column, header=header)


def refused(content: str | bytes, column: str | None = None, *, header: bool = False) -> str:
    with pytest.raises(ClientError) as caught:
        read(content, column, header=header)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_column_vid_is_found_whatever_separates_cells_and_lines(delimiter: str, end: str) -> None:
    lines = [
        ("备注", "VID", "size"),
        ("一, 二; 三" if delimiter == "\t" else "一", f" {VID} ", "=1+1"),
        ("二", "b", ""),
    ]
    sheet = read(end.join(delimiter.join(line) for line in lines) + end)
    assert sheet.columns == ["备注", "VID", "size"]
    assert sheet.rows == [list(line) for line in lines[1:]]
    assert list(sheet.vids()) == [VID, "b"]


@pytest.mark.parametrize(
    "content",
    [
        "vid\tnote\na\t中文\n".encode("utf-8-sig"),
        codecs.BOM_UTF16_LE + "vid\tnote\na\t中文\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "vid\tnote\na\t中文\n".encode("utf-16-be"),
        "vid\tnote\na\t中文".encode(),
    ],
)
def test_what_spreadsheets_save_as_unicode_is_read(content: bytes) -> None:
    assert read(content) == Sheet(["vid", "note"], [["a", "中文"]])


@pytest.mark.parametrize(
    "content", ["vid,note\na,中文\n".encode("gb18030"), "vid\na\n".encode("utf-16-le"), b"vid\n\x00\n", b"\xff\xfe\x00"]
)
def test_another_encoding_gets_advice(content: bytes) -> None:
    assert "save it as “CSV UTF-8”" in refused(content)


def test_another_column_can_be_named_and_else_the_first_is_taken() -> None:
    text = "id,task\n1,a\n2,b\n"
    assert list(read(text, "task").vids()) == ["a", "b"]
    assert list(read(text).vids()) == ["1", "2"]
    assert list(read("name of it\na\n", header=True).vids()) == ["a"]
    assert list(read("other\na\n", "other").vids()) == ["a"]


def test_a_missing_column_names_those_that_there_are() -> None:
    assert refused("id,task\n1,a\n", "vids") == "ids.csv has no column vids; it has id, task"


def test_two_columns_of_one_name_are_kept_unless_they_are_the_ids() -> None:
    assert read("vid,note,note\na,1,2\n").columns == ["vid", "note", "note"]
    assert "2 columns called vid" in refused("vid,Vid\na,b\n")
    assert "2 columns called x" in refused("x,x\na,b\n", "x")


@pytest.mark.parametrize("header", [True, False])
def test_a_list_of_ids_keeps_every_line(header: bool) -> None:
    assert read(f'{VID}\n\n "{VID}" \r\n../x,y\nnobody', header=header) == Sheet(
        ["vid"], [[VID], [VID], ["../x,y"], ["nobody"]]
    )


def test_a_list_can_begin_with_any_line() -> None:
    assert list(read("not an id!\nnobody\n").vids()) == ["not an id!", "nobody"]


def test_columns_without_a_header_line_are_refused() -> None:
    assert "has no header line" in refused(f"{VID},x\n")


@pytest.mark.parametrize("content", [",".join([VID] * 5000), "x" * 200_000, f'["{VID}"' + f', "{VID}"' * 5000 + "]"])
def test_a_line_longer_than_a_cell_may_be_is_refused(content: str) -> None:
    """All ids in one line, or the JSON of a watch list: the first look at it raised csv's own error."""
    assert refused(content, header=True).startswith("ids.csv")


def test_short_rows_are_filled_and_blank_lines_are_none() -> None:
    sheet = read("vid,a,b\n\nx\ny,1,2,,\n,,\n")
    assert sheet.rows == [["x", "", ""], ["y", "1", "2"], ["", "", ""]]


def test_cells_beyond_the_header_are_refused_with_their_line() -> None:
    assert refused("vid,a\nx,1\ny,1,2\n").startswith("ids.csv, line 3: 3 cells, the header line has 2")


def test_quotes_protect_delimiters_and_line_ends_and_must_be_closed() -> None:
    assert read('vid,note\na,"1, 2\n3 ""x"""\n').rows == [["a", '1, 2\n3 "x"']]
    assert refused('vid,note\na,"1\nb,2\n').startswith("ids.csv, line 3: is not CSV")


@pytest.mark.parametrize("content", ["", "\ufeff", " \r\n\n"])
def test_an_empty_file_is_refused(content: str) -> None:
    assert refused(content) == "ids.csv is empty"


def test_a_header_alone_is_refused() -> None:
    assert refused("vid,note\n") == "ids.csv has a header line and no ids"
