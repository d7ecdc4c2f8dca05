"""Records as their text: what is read and written is the same as with objects."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cos import records
from shared.cos.records import TextRecord, parse_object, text_record, to_text
from shared.net.json_text import to_bytes
from shared.tasks import SUCCEEDED, state

RECORD = {"vid": "a", "status": 5, "deleted": "no", "result": ["http://例子.example/1", None, {"a": [1.5, True]}]}
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
RECORDS = st.dictionaries(st.sampled_from(["status", "deleted", "vid"]) | st.text(), VALUES, max_size=4)
CONTENTS = st.dictionaries(st.sampled_from(["tasks", "state"]) | st.text(), VALUES, max_size=4)


def test_a_kept_record_says_what_the_record_says() -> None:
    kept = text_record(RECORD)
    assert (dict(kept), len(kept), list(kept)) == (RECORD, len(RECORD), list(RECORD))
    assert (kept["status"], kept["result"], kept.get("deleted")) == (5, RECORD["result"], "no")
    assert state(kept) == SUCCEEDED
    assert text_record(kept) is kept


@pytest.mark.parametrize("name", ["status", "deleted", "other"])
def test_what_a_record_has_not_a_kept_one_has_not(name: str) -> None:
    assert name not in text_record({"vid": "a"})
    with pytest.raises(KeyError, match=name):
        text_record({"vid": "a"})[name]


def test_records_are_equal_that_say_the_same_however_they_are_written() -> None:
    spaced = TextRecord(RECORD, json.dumps(RECORD, indent=1).encode())
    assert spaced == text_record(RECORD) == RECORD
    assert spaced != text_record({**RECORD, "status": 4})


@given(RECORDS, VALUES, st.sampled_from([None, 1]))
def test_an_object_is_written_as_ever_and_read_again(record: dict[str, object], other: object, indent: int) -> None:
    content = {"action": "A", "tasks": {"a": record, "é": record}, "state": other}
    text = to_text({**content, "tasks": dict.fromkeys(("a", "é"), text_record(record))})
    assert text == to_bytes(content)
    read = parse_object(json.dumps(content, indent=indent).encode())
    assert isinstance(read["tasks"], dict)
    assert all(isinstance(record, TextRecord) for record in read["tasks"].values())
    assert read == content
    assert parse_object(to_text(read)) == content


@given(CONTENTS | st.dictionaries(st.text(), VALUES))
def test_any_json_object_is_read_as_json_reads_it(value: object) -> None:
    assert parse_object(json.dumps(value).encode()) == json.loads(json.dumps(value))


@pytest.mark.parametrize("body", [b"[{}]", b"7", b'"text"', b"null", b" [" + b"{}," * 1000 + b"{}]"])
def test_other_json_than_an_object_is_not_read(body: bytes) -> None:
    with pytest.raises(ValueError, match="none of"):
        parse_object(body)


@pytest.mark.parametrize("place", ['{"x":%s,"tasks":{}}', '{"tasks":{},"x":%s}', '{"x":%s}'])
def test_more_values_than_memory_holds_are_not_read(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_VALUES", 100)
    assert parse_object((place % ("[" + "{}," * 40 + "{}]")).encode())
    with pytest.raises(ValueError, match="too many values"):
        parse_object((place % ("[" + "{}," * 60 + "{}]")).encode())
    tasks = {f"v{number}": {"status": 5, "result": list(range(50))} for number in range(50)}
    content = parse_object(json.dumps({"tasks": tasks}).encode())
    assert isinstance(content["tasks"], dict)
    assert len(content["tasks"]) == 50


def test_an_object_of_very_many_fields_is_refused_at_once() -> None:
    """The values behind each field are counted: 400 KB of fields once took half a minute."""
    body = json.dumps({f"f{number}": 1 for number in range(100_000)}).encode()
    with pytest.raises(ValueError, match="too many values"):
        parse_object(body)


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
        parse_object(text.encode())


def test_text_that_utf_8_can_not_carry_stays_an_escape() -> None:
    body = b'{"tasks":{"a":{"name":"\\ud800"}}}'
    read = parse_object(body)
    assert isinstance(read["tasks"], dict)
    assert to_text(read) == body
    assert read["tasks"]["a"]["name"] == "\ud800"
