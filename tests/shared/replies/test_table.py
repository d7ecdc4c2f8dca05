"""What became of tasks as a table: the documents' records, outcomes, URLs, and cells that nobody can abuse."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.backends.base import Answers
from shared.errors import Throttled
from shared.replies.table import COLUMNS, Row, record_row, safe_cell, to_csv, to_rows
from shared.tasks import AUDIO, VIDEO, Kind
from tests.support.wire import documented, task

VIDEO_URL = "http://test-1253125191.cossh.myqcloud.com/xfd/same.mp4.0-5-100-300.mp4"
AUDIO_URL = "http://onlinemusic-1253125191.cosgz.myqcloud.com/20170717/Maid.mp3"


def parsed(text: str) -> list[list[str]]:
    """The cells of a table, as a spreadsheet finds them."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_the_columns_are_those_of_the_contract() -> None:
    names = "vid,outcome,status,create_time,finish_time,result,error_code,error_msg,url"
    assert to_csv([]) == f"\ufeff{names}\r\n"


def test_the_video_document_s_record() -> None:
    record = documented("GetVpResult")["data"][0]
    assert list(record_row(VIDEO, record["vid"], record).values()) == [
        *("a72c30a65853dc1466ec9ef681e7b76b1530600996", "succeeded", "5", "2018-07-03 14:56:36"),
        *("2018-07-03 14:57:03", VIDEO_URL, "", "", "http://test-1253125191.cossh.myqcloud.com/vp/same.mp4"),
    ]


def test_the_audio_document_s_record() -> None:
    record = documented("GetCtsaudioInfo")["data"]
    assert list(record_row(AUDIO, record["vid"], record).values()) == [
        *("6e50fd43c6f20d56c88d1c1d8f6db2641503390019", "succeeded", "5", "2017-08-22 16:20:19"),
        *("2017-08-22 16:21:02", f"{AUDIO_URL}.191488_mp3.mp3", "", "", AUDIO_URL),
    ]


def audio(paths: list[object], **place: object) -> dict[str, object]:
    """An audio record with outputs in a bucket."""
    return task("a", result={"audio": {"info": [{"path": path} for path in paths], "dst": place}})


PLACE: dict[str, object] = {"app_id": 125, "bucket_name": "b-c", "bucket_region": "gz"}
AUDIO_RESULTS: dict[str, tuple[object, str]] = {
    "two": (
        audio(["/x.mp3", "y.ape"], **PLACE),
        "http://b-c-125.cosgz.myqcloud.com/x.mp3 http://b-c-125.cosgz.myqcloud.com/y.ape",
    ),
    "today's region": (
        audio(["/x"], **{**PLACE, "bucket_region": "ap-guangzhou"}),
        "https://b-c-125.cos.ap-guangzhou.myqcloud.com/x",
    ),
    "percent-encoded": (
        audio(["/文 a/100%?#\n.mp3"], **PLACE),
        "http://b-c-125.cosgz.myqcloud.com/%E6%96%87%20a/100%25%3F%23%0A.mp3",
    ),
    "a number as text": (audio(["/x"], **{**PLACE, "app_id": "125"}), "http://b-c-125.cosgz.myqcloud.com/x"),
    "the source's bucket": (audio(["/x"]) | PLACE, "http://b-c-125.cosgz.myqcloud.com/x"),
    "an unknown bucket": (audio(["/x"]), ""),
    "a hostile bucket": (audio(["/x"], **{**PLACE, "bucket_name": "evil.example/"}), ""),
    "a hostile region": (audio(["/x"], **{**PLACE, "bucket_region": ".evil.example#"}), ""),
    "a hostile owner": (audio(["/x"], **{**PLACE, "app_id": "1@evil.example"}), ""),
    "no paths": (audio([None, 7, "", ["/x"]], **PLACE), ""),
    "no outputs": (task("a", result={"audio": {"info": None, "dst": None}}) | PLACE, ""),
    "no result": (task("a", result=None) | PLACE, ""),
    "a list": (task("a", result=[{"audio": {}}]) | PLACE, ""),
    "no object": (task("a", result={"audio": [1], "info": 7}) | PLACE, ""),
}


@pytest.mark.parametrize(("record", "result"), AUDIO_RESULTS.values(), ids=AUDIO_RESULTS)
def test_urls_of_audio_outputs(record: dict[str, object], result: str) -> None:
    assert record_row(AUDIO, "a", record)["result"] == result


VIDEO_RESULTS: dict[str, tuple[object, str]] = {
    "strings": (["http://x/1", "http://x/2"], "http://x/1 http://x/2"),
    "objects, as the table says": ([{"url": "http://x/1"}, {"other": 1}], "http://x/1"),
    "with spaces": (["http://x/a b\n.mp4"], "http://x/a%20b%0A.mp4"),
    "in Chinese": (["http://x/文.mp4"], "http://x/%E6%96%87.mp4"),
    "encoded already": (["http://x/%E6%96%87.mp4?a=1&b=%20#c"], "http://x/%E6%96%87.mp4?a=1&b=%20#c"),
    "a lone surrogate": (["http://x/\ud800"], "http://x/?"),
    "others": ([None, 7, "", {}, ["http://x/1"]], ""),
    "none": (None, ""),
    "text": ("http://x/1", ""),
}


@pytest.mark.parametrize(("result", "expected"), VIDEO_RESULTS.values(), ids=VIDEO_RESULTS)
def test_urls_of_video_outputs(result: object, expected: str) -> None:
    assert record_row(VIDEO, "a", task("a", result=result))["result"] == expected


@pytest.mark.parametrize(
    ("fields", "outcome", "status"),
    [
        ({"status": 3}, "pending", "3"),
        ({"status": "4"}, "failed", "4"),
        ({"status": 5, "deleted": "yes"}, "deleted", "5"),
        ({"status": None}, "pending", ""),
        ({"status": [5]}, "pending", "[5]"),
    ],
)
def test_outcomes(fields: dict[str, object], outcome: str, status: str) -> None:
    row = record_row(VIDEO, "asked", {**task("another"), **fields})
    assert (row["vid"], row["outcome"], row["status"]) == ("asked", outcome, status)


def test_errors_of_any_type_are_text() -> None:
    row = record_row(VIDEO, "a", task("a", 4, error_code=[122, 7], error_msg={"为": None}, url=False))
    assert (row["error_code"], row["error_msg"], row["url"]) == ("[122,7]", '{"为":null}', "false")


def test_rows_come_in_the_order_asked_and_repeat() -> None:
    answers = Answers({"a": task("a")}, ["m"], {"u": Throttled("over its quota")})
    rows = to_rows(VIDEO, ["u", "a", "m", "a"], answers)
    shown = [(row["vid"], row["outcome"], row["error_code"], row["error_msg"]) for row in rows]
    a = ("a", "succeeded", "", "")
    assert shown == [("u", "unanswered", "4400", "over its quota"), a, ("m", "missing", "", ""), a]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-abc", "'-abc"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\r=1", "' =1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("\ufffe", "\ufffe"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("a\r\nb\0c\x85d\u2028e", "a b c d e"),
        ("\ud800", "\ufffd"),
        ('音乐, "a"', '音乐, "a"'),
        ("", ""),
    ],
)
def test_safe_cells(text: str, safe: str) -> None:
    assert safe_cell(text) == safe


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=())) | st.just("=1\r\n\"',"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from([*COLUMNS, "update_time", "deleted", "app_id", "bucket_name", "bucket_region"])
outputs = st.fixed_dictionaries(
    {"audio": st.fixed_dictionaries({"info": st.lists(st.fixed_dictionaries({"path": values})), "dst": values})}
)


@given(st.dictionaries(fields, values | outputs), st.sampled_from([VIDEO, AUDIO]), st.text(max_size=9))
@example({"result": ["javascript:alert(1)"]}, VIDEO, "a")
def test_no_record_breaks_a_row_or_starts_a_formula(record: dict[str, object], kind: Kind, vid: str) -> None:
    row: Row = record_row(kind, vid, record)
    assert list(row) == list(COLUMNS)
    text = to_csv([row])
    assert text.encode().count(b"\r\n") == text.count("\n") == text.count("\r") == 2
    assert text[0] == "\ufeff"
    heading, cells = parsed(text[1:])
    assert len(cells) == len(heading) == len(COLUMNS)
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
    if kind == AUDIO:
        assert all(re.fullmatch(r"https?://[a-z0-9.-]+\.myqcloud\.com/\S*", url) for url in cells[5].split())
