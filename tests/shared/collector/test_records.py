"""Records as their text: what is read and written is the same as with objects."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.collector import records
from shared.collector.records import Kept, keep, read_content, to_text
from shared.net.json_text import to_bytes
from shared.tasks import SUCCEEDED, state

RECORD = {"vid": "a", "status": 5, "deleted": "no", "result": ["http://例子.example/1", None, {"a": [1.5, True]}]}
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
RECORDS = st.dictionaries(st.sampled_from(["status", "deleted", "vid"]) | st.text(), VALUES, max_size=4)
CONTENTS = st.dictionaries(st.sampled_from(["tasks", "state"]) | st.text(), VALUES, max_size=4)


def test_a_kept_record_says_what_the_record_says() -> None:
    kept = keep(RECORD)
    assert (dict(kept), len(kept), list(kept)) == (RECORD, len(RECORD), list(RECORD))
    assert (kept["status"], kept["result"], kept.get("deleted")) == (5, RECORD["result"], "no")
    assert state(kept) == SUCCEEDED
    assert keep(kept) is kept


@pytest.mark.parametrize("name", ["status", "deleted", "other"])
def test_what_a_record_has_not_a_kept_one_has_not(name: str) -> None:
    assert name not in keep({"vid": "a"})
    with pytest.raises(KeyError, match=name):
        keep({"vid": "a"})[name]


def test_records_are_equal_that_say_the_same_however_they_are_written() -> None:
    spaced = Kept(RECORD, json.dumps(RECORD, indent=1).encode())
    assert spaced == keep(RECORD) == RECORD
    assert spaced != keep({**RECORD, "status": 4})


@given(RECORDS, VALUES, st.sampled_from([None, 1]))
def test_an_object_is_written_as_ever_and_read_again(record: dict[str, object], other: object, indent: int) -> None:
    content = {"action": "A", "tasks": {"a": record, "é": record}, "state": other}
    text = to_text({**content, "tasks": dict.fromkeys(("a", "é"), keep(record))})
    assert text == to_bytes(content)
    read = read_content(json.dumps(content, indent=indent).encode())
    assert isinstance(read, dict)
    assert all(isinstance(record, Kept) for record in read["tasks"].values())
    assert read == content
    assert read_content(to_text(read)) == content


@given(CONTENTS | st.dictionaries(st.text(), VALUES))
def test_any_json_object_is_read_as_json_reads_it(value: object) -> None:
    assert read_content(json.dumps(value).encode()) == json.loads(json.dumps(value))


@pytest.mark.parametrize("body", [b"[{}]", b"7", b'"text"', b"null", b" [" + b"{}," * 1000 + b"{}]"])
def test_other_json_than_an_object_is_not_read(body: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        read_content(body)


@pytest.mark.parametrize("place", ['{"x":%s,"tasks":{}}', '{"tasks":{},"x":%s}', '{"x":%s}'])
def test_more_values_than_memory_holds_are_not_read(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_VALUES", 100)
    assert read_content((place % ("[" + "{}," * 40 + "{}]")).encode())
    with pytest.raises(ValueError, match="too many values"):
        read_content((place % ("[" + "{}," * 60 + "{}]")).encode())
    tasks = {f"v{number}": {"status": 5, "result": list(range(50))} for number in range(50)}
    content = read_content(json.dumps({"tasks": tasks}).encode())
    assert isinstance(content, dict)
    assert len(content["tasks"]) == 50


#: JSON that is cut short, or has something where it does not belong.
BROKEN = (
    *("", " ", "{", "{]", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{"a" 1}', "{1:1}", '{"a":1}x', "[1"),
    *('{"a":1 "b":1}', '{"tasks":{', '{"tasks":{"a":{}', '{"tasks":{"a":{}}', '{"tasks":{"a":}}', "nothing"),
)


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        json.loads(text)
    with pytest.raises(ValueError, match=r".+"):
        read_content(text.encode())


def test_text_that_utf_8_can_not_carry_stays_an_escape() -> None:
    body = b'{"tasks":{"a":{"name":"\\ud800"}}}'
    read = read_content(body)
    assert isinstance(read, dict)
    assert to_text(read) == body
    assert read["tasks"]["a"]["name"] == "\ud800"
