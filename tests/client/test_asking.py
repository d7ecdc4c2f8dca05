"""Asking about many ids: each once, in chunks, until none is pending, and only so long."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import chain

import pytest

from client.asking import FIRST_PAUSE, GIVE_UP, LONGEST_PAUSE, in_order, one_round, until_settled
from client.errors import ClientError
from client.outcomes import Outcome, answered, missing, unanswered
from shared.errors import UpstreamFailed
from shared.invocation import Deadline
from shared.tasks import PENDING, SUCCEEDED, UNANSWERED, VIDEO, VIDS


class Scripted:
    """A source whose ids each have a list of outcomes: one a round, the last of them for ever."""

    ids = VIDS
    size = 2
    workers = 1

    def __init__(self, **scripts: str) -> None:
        self.scripts = {vid: words.split() for vid, words in scripts.items()}
        self.asked: list[list[str]] = []

    def outcomes(self, vids: Sequence[str], deadline: Deadline) -> list[Outcome]:
        self.asked.append(list(vids))
        return [self._next(vid) for vid in vids]

    def _next(self, vid: str) -> Outcome:
        words = self.scripts.get(vid, ["missing"])
        word = words.pop(0) if len(words) > 1 else words[0]
        if word == UNANSWERED:
            return unanswered(vid, "6000", "no answer")
        if word == "missing":
            return missing(vid)
        return answered(VIDEO, vid, {"vid": vid, "status": {PENDING: 3, SUCCEEDED: 5, "failed": 4}[word]})


def told(batches: Iterator[list[Outcome]]) -> list[str]:
    return [f"{outcome.vid} {outcome.outcome}" for outcome in chain.from_iterable(batches)]


def test_each_id_is_asked_once_and_invalid_ones_never() -> None:
    source = Scripted(a=SUCCEEDED, b="failed")
    assert told(one_round(source, ["a", "../x", "b", "a", "", "c", "../x"])) == [
        *("../x invalid", " invalid"),
        *("a succeeded", "b failed", "c missing"),
    ]
    assert source.asked == [["a", "b"], ["c"]]


def test_a_refusal_ends_it() -> None:
    class Refusing(Scripted):
        def outcomes(self, vids: Sequence[str], deadline: Deadline) -> list[Outcome]:
            raise UpstreamFailed("no more")

    with pytest.raises(ClientError, match="no more"):
        told(one_round(Refusing(), ["a", "b", "c"]))


def test_who_never_answers_is_not_asked_for_ever() -> None:
    class Slow(Scripted):
        def outcomes(self, vids: Sequence[str], deadline: Deadline) -> list[Outcome]:
            if len(self.asked) >= GIVE_UP:
                seen.wait()
            return super().outcomes(vids, deadline)

    seen = threading.Event()
    vids = [f"id{number}" for number in range(4 * GIVE_UP)]
    source = Slow(**dict.fromkeys(vids, UNANSWERED))
    assert told(one_round(source, vids)) == [f"{vid} unanswered" for vid in vids]
    assert len(source.asked) == GIVE_UP
    seen.set()


def test_an_answer_now_and_then_keeps_it_going() -> None:
    vids = [f"id{number}" for number in range(4 * GIVE_UP)]
    source = Scripted(**{vid: SUCCEEDED if number % 20 == 0 else UNANSWERED for number, vid in enumerate(vids)})
    told(one_round(source, vids))
    assert list(chain.from_iterable(source.asked)) == vids


def test_pending_tasks_are_asked_again_after_growing_pauses_until_none_is() -> None:
    source = Scripted(a="pending pending pending succeeded", b="pending failed", c="missing", d=SUCCEEDED)
    paused: list[tuple[float, int]] = []
    lines = told(until_settled(source, ["a", "b", "c", "d"], lambda *pause: paused.append(pause)))
    assert lines[:4] == ["a pending", "b pending", "c missing", "d succeeded"]
    assert lines[4:] == ["a pending", "b failed", "a pending", "a succeeded"]
    assert source.asked == [["a", "b"], ["c", "d"], ["a", "b"], ["a"], ["a"]]
    assert [count for _, count in paused] == [2, 1, 1]
    assert [seconds for seconds, _ in paused] == [FIRST_PAUSE, FIRST_PAUSE * 1.5, FIRST_PAUSE * 2.25]


def test_pauses_do_not_grow_for_ever() -> None:
    source = Scripted(a="pending " * 20 + "succeeded")
    paused: list[float] = []
    told(until_settled(source, ["a"], lambda seconds, _: paused.append(seconds)))
    assert max(paused) == paused[-1] == LONGEST_PAUSE


def test_a_pending_task_stays_pending_while_no_answer_comes() -> None:
    source = Scripted(a="pending unanswered unanswered succeeded", b=UNANSWERED)
    lines = told(until_settled(source, ["a", "b"], lambda *_: None))
    assert lines == ["a pending", "b unanswered", "a succeeded"]


def test_outcomes_come_in_the_order_asked_as_often_as_asked_and_as_soon_as_known() -> None:
    given: list[str] = []

    def coming() -> Iterator[Outcome]:
        for vid in ("b", "a", "c"):
            given.append(vid)
            yield missing(vid)

    ordered = in_order(["a", "b", "a", "c"], coming())
    assert [next(ordered).vid, next(ordered).vid, next(ordered).vid] == ["a", "b", "a"]
    assert given == ["b", "a"]
    assert [outcome.vid for outcome in ordered] == ["c"]
