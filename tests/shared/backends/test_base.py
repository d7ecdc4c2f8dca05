"""Answers to any number of ids, and their envelope."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.backends.base import Answers, ask
from shared.errors import OutOfTime, QueryError, Throttled, UnknownTask, UpstreamFailed
from shared.invocation import Deadline
from shared.replies.envelope import envelope, refusal, success
from shared.tasks import AUDIO, VIDEO, VIDS, Kind
from tests.support.clock import Clock
from tests.support.wire import documented, task

Found = Mapping[str, Mapping[str, object] | QueryError]

DEAD = UpstreamFailed("the media API failed")
BUSY = Throttled("the media API is over its quota")


class Backend:
    """Knows some ids and fails for others."""

    ids = VIDS

    def __init__(self, size: int, known: set[str], failing: set[str]) -> None:
        self.size, self.known, self.failing = size, known, failing
        self.asked: list[tuple[str, ...]] = []

    def batch_size(self, kind: Kind) -> int:
        return self.size if kind == VIDEO else 1

    def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Found:
        self.asked.append(tuple(vids))
        if self.failing & set(vids):
            raise DEAD
        return {vid: task(vid) for vid in reversed(vids) if vid in self.known}

    def joined(self, kind: Kind, records: dict[str, Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
        raise NotImplementedError

    def without_ids(self, kind: Kind, deadline: Deadline) -> object:
        raise NotImplementedError


def later() -> Deadline:
    return Deadline(3600, Clock())


@given(data=st.data(), count=st.integers(0, 30), size=st.integers(1, 12), workers=st.integers(1, 8))
def test_every_id_is_accounted_for_once_and_in_order(data: st.DataObject, count: int, size: int, workers: int) -> None:
    vids = [f"id{number}" for number in range(count)]
    some = st.sets(st.sampled_from(vids)) if vids else st.just(set[str]())
    backend = Backend(size, data.draw(some), data.draw(some))
    records, missing, failed = ask(backend, VIDEO, vids, workers, later())
    batches = [tuple(vids[start : start + size]) for start in range(0, count, size)]
    assert sorted(backend.asked) == sorted(batches)
    unanswered = {vid for batch in batches if backend.failing & set(batch) for vid in batch}
    assert list(failed) == [vid for vid in vids if vid in unanswered]
    assert list(records) == [vid for vid in vids if vid in backend.known - unanswered]
    assert missing == [vid for vid in vids if vid not in backend.known | unanswered]


def test_audio_is_asked_one_id_a_call() -> None:
    backend = Backend(100, {"a", "b"}, set())
    assert list(ask(backend, AUDIO, ["b", "a"], 4, later()).records) == ["b", "a"]
    assert sorted(backend.asked) == [("a",), ("b",)]


def test_calls_run_in_parallel() -> None:
    together = threading.Barrier(3)  # nobody gets through alone

    class Meeting(Backend):
        def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Found:
            together.wait(timeout=30)
            return super().records(kind, vids, deadline)

    assert len(ask(Meeting(1, {"a", "b", "c"}, set()), VIDEO, ["a", "b", "c"], 3, later()).records) == 3


def test_after_the_deadline_nobody_is_asked() -> None:
    backend = Backend(1, {"a", "b"}, set())
    records, missing, failed = ask(backend, VIDEO, ["a", "b"], 2, Deadline(0, Clock()))
    assert (records, missing, backend.asked) == ({}, [], [])
    assert [(vid, type(error)) for vid, error in failed.items()] == [("a", OutOfTime), ("b", OutOfTime)]


def test_a_bug_is_not_mistaken_for_a_failed_call() -> None:
    class Broken(Backend):
        def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Found:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(Broken(1, set(), set()), VIDEO, ["a"], 1, later())


@pytest.mark.parametrize(("action", "single"), [("GetVpResult", False), ("GetCtsaudioInfo", True)])
def test_the_documents_replies_come_back_as_they_are(action: str, single: bool) -> None:
    example = documented(action)
    record = example["data"] if single else example["data"][0]
    made = envelope(Answers({record["vid"]: record}, [], {}), single=single)
    assert made == example
    assert list(made) == list(example)


A, B = task("a"), task("b", 3)
LOST = {"code": 6000, "message": "the media API failed"}
PARTLY = {"code": 5400, "codeDesc": "PartlyDone"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (Answers({"a": A, "b": B}, [], {}), {**success([A, B])}),
        (Answers({"b": B, "a": A}, [], {}), {**success([B, A])}),
        (Answers({"a": A}, ["c", "b"], {}), {**success([A]), "missing": ["c", "b"]}),
        (
            Answers({"a": A}, [], {"b": DEAD}),
            {**PARTLY, "message": "1 ids have no answer", "data": [A], "failed": {"b": LOST}},
        ),
        (
            Answers({"a": A}, ["d"], {"b": DEAD, "c": BUSY}),
            {
                **PARTLY,
                "message": "2 ids have no answer",
                "data": [A],
                "missing": ["d"],
                "failed": {"b": LOST, "c": {"code": 4400, "message": "the media API is over its quota"}},
            },
        ),
        (
            Answers({}, ["d"], {"b": DEAD}),
            {**PARTLY, "message": "1 ids have no answer", "data": [], "missing": ["d"], "failed": {"b": LOST}},
        ),
    ],
    ids=["all", "order", "some-missing", "some-failed", "missing-and-failed", "none-known"],
)
def test_envelopes(answers: Answers, expected: dict[str, object]) -> None:
    assert envelope(answers, single=False) == expected


def test_a_single_record_stands_alone() -> None:
    assert envelope(Answers({"a": A}, [], {}), single=True) == success(A)


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (Answers({}, ["a"], {}), UnknownTask("unknown: a")),
        (Answers({}, ["a", "b", "c"], {}), UnknownTask("unknown: a, b, c")),
        (Answers({}, ["a", "b", "c", "d", "e"], {}), UnknownTask("unknown: a, b, c, and 2 more")),
        (Answers({}, [], {"a": BUSY, "b": DEAD}), BUSY),
    ],
)
def test_an_answer_without_any_record_is_an_error(answers: Answers, single: bool, error: QueryError) -> None:
    with pytest.raises(type(error)) as caught:
        envelope(answers, single=single)
    assert caught.value.message == error.message


def test_a_refusal_has_no_data() -> None:
    assert refusal(BUSY) == {
        "code": 4400,
        "message": "the media API is over its quota",
        "codeDesc": "QuotaExceeded",
    }


def test_an_id_of_a_batch_may_fail_alone_and_ids_may_share_a_record() -> None:
    class Picky(Backend):
        def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Found:
            return {vid: DEAD if vid == "b" else task(vid) for vid in vids}

    answers = ask(Picky(9, set(), set()), VIDEO, ["a", "b", "c"], 2, later())
    assert (list(answers.records), answers.missing, answers.failed) == (["a", "c"], [], {"b": DEAD})
    one, other = task("x"), task("x")
    shared = Answers({"a": one, "b": other, "c": one}, [], {})
    assert envelope(shared, single=False)["data"] == [one, other], "the same object once, an equal one is another"
