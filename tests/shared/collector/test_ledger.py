"""The ledger: outcomes, pending ids, and which of two records wins."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.collector.ledger import Ledger, count, timestamp
from shared.tasks import DELETED, FAILED, MISSING, PENDING, SUCCEEDED, Record
from tests.support.clock import Clock
from tests.support.wire import NOW, task

DAY = 86_400.0
DONE, RUNNING = task("a"), task("a", 3)


def ledger(*vids: str, clock: Clock | None = None, patience: float = 3 * DAY) -> Ledger:
    """A ledger that watches some ids and has nothing new to say."""
    made = Ledger(clock or Clock(NOW), patience)
    made.take(vids)
    made.changed = False
    return made


def counts(**more: int) -> dict[str, int]:
    return {"watched": 0, "succeeded": 0, "failed": 0, "pending": 0, "deleted": 0, "missing": 0, **more}


OUTCOMES: dict[str, tuple[Record, str]] = {
    "succeeded": (task("a"), SUCCEEDED),
    "failed": (task("a", 4), FAILED),
    "running": (task("a", 3), PENDING),
    "replaced while it ran": (task("a", 3, deleted="yes"), DELETED),
    "a status that no document lists": (task("a", 9), PENDING),
}


@pytest.mark.parametrize(("record", "outcome"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcome_and_finality_of_a_record(record: Record, outcome: str) -> None:
    made = ledger("a")
    made.merge({"a": record})
    assert made.outcome("a") == outcome
    assert made.is_final("a") == (outcome != PENDING)
    assert list(made.pending) == (["a"] if outcome == PENDING else [])
    assert made.counts() == counts(watched=1, **{outcome: 1})


def test_an_id_without_any_answer_is_pending() -> None:
    made = ledger("a")
    assert (made.outcome("a"), made.outcome("stranger"), made.is_final("stranger")) == (PENDING, PENDING, False)
    assert made.counts() == counts(watched=1, pending=1)


def test_a_count_names_every_outcome_in_one_order() -> None:
    assert list(count([])) == list(counts())
    assert count([MISSING, SUCCEEDED, MISSING]) == counts(watched=3, succeeded=1, missing=2)


def test_an_unknown_id_is_asked_about_for_days_and_then_never_again() -> None:
    """Ids that the API does not know were once asked about for ever."""
    clock = Clock(NOW)
    made = ledger("a", clock=clock)
    for _ in range(3):
        made.note_missing(["a"])
        assert (made.outcome("a"), list(made.pending)) == (MISSING, ["a"])
        clock.now += DAY - 1
    made.note_missing(["a"])
    assert list(made.pending) == ["a"], "not three days yet"
    clock.now += 3
    made.note_missing(["a"])
    assert (list(made.pending), made.outcome("a"), made.is_final("a")) == ([], MISSING, True)
    assert made.counts() == counts(watched=1, missing=1)
    made.take(["a"])
    assert not made.pending, "adding it again does not begin anew"


def test_with_no_patience_an_unknown_id_is_asked_about_once() -> None:
    made = ledger("a", "b", patience=0.0)
    made.note_missing(["a"])
    assert (list(made.pending), made.counts()) == (["b"], counts(watched=2, pending=1, missing=1))


def test_the_missing_are_listed_with_the_time_of_the_first_such_answer() -> None:
    clock = Clock(NOW)
    made = ledger("a", clock=clock)
    made.note_missing(["a"])
    clock.now += DAY
    made.changed = False
    made.note_missing(["a"])
    assert (made.missing, made.changed) == ({"a": "2023-11-14T22:13:20Z"}, False)
    assert timestamp(clock.now) == "2023-11-15T22:13:20Z"


def test_a_time_that_a_person_has_written_gives_up_nothing() -> None:
    made = ledger("a", patience=0.0)
    made.missing["a"] = "long ago"
    made.note_missing(["a"])
    assert (made.outcome("a"), list(made.pending)) == (MISSING, ["a"])


def test_a_task_that_is_known_after_all_is_missing_no_more() -> None:
    made = ledger("a")
    made.note_missing(["a"])
    made.merge({"a": RUNNING})
    assert (made.missing, made.outcome("a"), list(made.pending)) == ({}, PENDING, ["a"])
    made.note_missing(["a"])
    assert made.outcome("a") == PENDING, "it was there: what is missing now may come back"


def test_an_id_that_was_given_up_and_is_known_after_all_is_asked_about_if_it_is_watched() -> None:
    made = ledger("a", "b", patience=0)
    made.note_missing(["a", "b"])
    made.drop(["b"])
    made.merge({"a": RUNNING, "b": task("b", 3)})
    assert (list(made.pending), made.unwatched) == (["a"], {"b"})


def test_a_final_record_never_gives_way() -> None:
    made = ledger("a")
    made.merge({"a": DONE})
    made.changed = False
    for later in (RUNNING, task("a", 1)):
        made.merge({"a": later})
    assert (made.tasks, made.changed, list(made.pending)) == ({"a": DONE}, False, [])
    other = ledger("a")
    other.merge({"a": RUNNING})
    made.absorb(other)
    assert (made.tasks, list(made.pending)) == ({"a": DONE}, [])
    made.take(["a"])
    assert not made.pending


def test_a_final_record_may_become_another_final_one() -> None:
    made = ledger("a")
    made.merge({"a": DONE})
    made.merge({"a": task("a", 5, deleted="yes")})
    assert made.outcome("a") == DELETED


def test_records_of_ids_that_nobody_watches_are_kept_and_not_counted() -> None:
    made = ledger("a")
    made.merge({"b": task("b"), "c": task("c", 3)})
    made.note_missing(["d"])
    assert made.ids() == ["b", "c", "d", "a"]
    assert (made.watched(), made.counts()) == (["a"], counts(watched=1, pending=1))
    made.take(["b", "c", "d"])
    assert made.counts() == counts(watched=4, succeeded=1, pending=2, missing=1)


def test_dropped_ids_keep_their_records_and_can_be_taken_again() -> None:
    made = ledger("a", "b", "c")
    made.merge({"a": DONE, "b": task("b", 3)})
    made.drop(["a", "b", "c", "stranger"])
    assert (made.counts(), list(made.pending), made.tasks) == (counts(), [], {"a": DONE, "b": task("b", 3)})
    assert (made.known("a"), made.known("c"), made.known("stranger")) == (True, False, False)
    made.take(["a", "b", "c"])
    assert made.counts() == counts(watched=3, succeeded=1, pending=2)


def test_added_ids_are_remembered_as_such() -> None:
    made = ledger("a")
    made.take(["b"], added=True)
    assert (list(made.pending), made.added) == (["a", "b"], {"b"})


CHANGES: dict[str, Callable[[Ledger], object]] = {
    "a record": lambda made: made.merge({"b": task("b", 3, url="x")}),
    "an id": lambda made: made.take(["new"]),
    "one dropped": lambda made: made.drop(["b"]),
    "one missing": lambda made: made.note_missing(["b"]),
    "their turn": lambda made: made.reorder(["c"]),
    "some gone": lambda made: made.split_off(["b"]),
    "others": lambda made: made.absorb(ledger("d")),
}
NO_CHANGES: dict[str, Callable[[Ledger], object]] = {
    "the same record": lambda made: made.merge({"a": DONE, "b": task("b", 3)}),
    "nothing": lambda made: made.merge({}),
    "the same order": lambda made: made.reorder(["b", "stranger"]),
    "none missing": lambda made: made.note_missing([]),
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [*((change, True) for change in CHANGES.values()), *((change, False) for change in NO_CHANGES.values())],
    ids=[*CHANGES, *NO_CHANGES],
)
def test_it_knows_whether_it_has_anything_new_to_say(change: Callable[[Ledger], object], expected: bool) -> None:
    made = ledger("a", "b", "c")
    made.merge({"a": DONE, "b": task("b", 3)})
    made.changed = False
    change(made)
    assert made.changed == expected


@pytest.mark.parametrize(
    ("first", "expected"), [(["c"], "cab"), (["c", "b"], "cba"), (["x", "b", "b"], "bac"), ([], "abc")]
)
def test_some_have_their_turn_before_the_others(first: list[str], expected: str) -> None:
    made = ledger(*"abc")
    made.reorder(iter(first))
    assert "".join(made.pending) == expected


def test_parting_moves_all_that_is_known_of_an_id() -> None:
    made = ledger("a", "b", "c", "stays")
    made.take(["c"], added=True)
    made.merge({"a": DONE, "unwatched": task("unwatched")})
    made.note_missing(["b"])
    other = made.split_off(["a", "b", "c", "unwatched", "stranger"])
    assert (made.ids(), made.counts()) == (["stays"], counts(watched=1, pending=1))
    assert (other.tasks, list(other.missing)) == ({"a": DONE, "unwatched": task("unwatched")}, ["b"])
    assert (list(other.pending), other.added, other.unwatched) == (["b", "c"], {"c"}, {"unwatched"})
    assert other.counts() == counts(watched=3, succeeded=1, missing=1, pending=1)


def test_a_record_and_a_pending_id_are_merged() -> None:
    asks, has = ledger("a", "b"), ledger("c")
    has.merge({"a": DONE, "b": task("b", 3)})
    asks.absorb(has)
    assert (asks.tasks, list(asks.pending)) == ({"a": DONE, "b": task("b", 3)}, ["b", "c"])
    assert asks.counts() == counts(watched=3, succeeded=1, pending=2)
    has.absorb(asks)
    assert has.counts() == counts(watched=3, succeeded=1, pending=2), "what either of them watches is watched"


def test_the_first_time_of_a_missing_id_stays_whoever_absorbs_it() -> None:
    clock = Clock(NOW)
    early, late = ledger("a", clock=clock), ledger("a", clock=clock)
    early.note_missing(["a"])
    clock.now += 60
    late.note_missing(["a"])
    early.absorb(late)
    assert early.missing == {"a": "2023-11-14T22:13:20Z"}
    empty = ledger(clock=clock)
    empty.absorb(early)
    assert empty.missing == {"a": "2023-11-14T22:13:20Z"}


VIDS = st.lists(st.sampled_from("abcdefgh"))
STEPS = st.one_of(
    st.tuples(st.sampled_from(["take", "add", "drop", "miss", "reorder"]), VIDS),
    st.tuples(st.sampled_from(["merge 3", "merge 4", "merge 5"]), VIDS),
)


def lived(steps: list[tuple[str, list[str]]], patience: float) -> Ledger:
    """A ledger to which some things have happened."""
    made = ledger(patience=patience)
    does: dict[str, Callable[[list[str]], None]] = {
        "take": made.take,
        "add": lambda vids: made.take(vids, added=True),
        "drop": made.drop,
        "miss": made.note_missing,
        "reorder": made.reorder,
    }
    for step, vids in steps:
        if step.startswith("merge"):
            made.merge({vid: task(vid, int(step[-1])) for vid in vids})
        else:
            does[step](vids)
    return made


def held(made: Ledger) -> tuple[object, ...]:
    return made.tasks, made.missing, set(made.pending), made.added & set(made.ids()), made.unwatched, made.counts()


@given(st.lists(STEPS, max_size=12), VIDS, st.sampled_from([0.0, DAY]))
def test_to_part_and_to_absorb_again_changes_nothing(
    steps: list[tuple[str, list[str]]], vids: list[str], patience: float
) -> None:
    made = lived(steps, patience)
    before = held(lived(steps, patience))
    other = made.split_off(vids)
    assert not {*other.ids()} & {*made.ids()}
    made.absorb(other)
    assert held(made) == before


@given(st.lists(STEPS, max_size=12), st.sampled_from([0.0, DAY]))
def test_each_id_is_pending_or_over_or_unwatched(steps: list[tuple[str, list[str]]], patience: float) -> None:
    made = lived(steps, patience)
    for vid in made.ids():
        assert (vid in made.pending) == (not made.is_final(vid) and vid not in made.unwatched)
        assert (vid in made.watched()) == (vid not in made.unwatched)
