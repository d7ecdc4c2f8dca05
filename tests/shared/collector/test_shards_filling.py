"""Ids that callers have added become shards: none is lost, whoever writes at the same time or is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

import pytest

from shared.collector import shards as module
from shared.collector.shards import fill_shards
from shared.collector.watchlist import add_ids
from shared.cos.journal import KEPT, delete_old
from shared.errors import OutOfTime
from tests.support.bucket import (  # fmt: skip
    ADDED,
    At,
    Bucket,
    Hook,
    Killed,
    Objects,
    Run,
    Stage,
    die,
    nothing,
    one_after_the_other,
)

SHARDS = "watch/video/"


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD_SIZE", 4)


pytestmark = [pytest.mark.usefixtures(one_after_the_other.__name__), pytest.mark.usefixtures("_small")]


def note(bucket: Bucket, name: str, vids: object, age: float = 0.0) -> None:
    bucket.store(f"{ADDED}{name}.json", {"vids": list(vids) if isinstance(vids, str) else vids}, age)


def fill(bucket: Bucket, before: Hook = nothing, after: Hook = nothing) -> list[str]:
    """Fill the shards; return the notes that were filled before, which a spread deletes when they are old."""
    filled = fill_shards(Objects(bucket, before, after), SHARDS, Run(bucket).deadline)
    return [item.name.removeprefix(ADDED).removesuffix(".json") for item in filled]


def tidy(bucket: Bucket, before: Hook = nothing) -> None:
    """Fill the shards and delete old notes, as a spread does, which has other things to do in between."""
    run, objects = Run(bucket), Objects(bucket, before)
    filled = fill_shards(objects, SHARDS, run.deadline)
    objects.list("results/video/", run.deadline)
    delete_old(objects, filled, run, run.deadline)


def shards(bucket: Bucket) -> list[str]:
    """The ids of each shard in one word."""
    return ["".join(map(str, bucket.json(name)["vids"])) for name in bucket.under(SHARDS)]


#: Notes in their order, and the shards of four that they become.
FILLED: dict[str, tuple[list[str], list[str]]] = {
    "one": (["ab"], ["ab"]),
    "several": (["ab", "c", "d"], ["abcd"]),
    "more than one shard": (["ab", "cd", "ef"], ["abcd", "ef"]),
    "notes stay whole": (["abc", "de", "fg"], ["abc", "defg"]),
    "an id twice": (["ab", "bc", "cd"], ["abcd"]),
    "a large note": (["abcdef", "g"], ["abcdef", "g"]),
    "a large note last": (["a", "bcdefg"], ["a", "bcdefg"]),
    "many": (["abcd", "efgh", "ijkl", *"mnopq"], ["abcd", "efgh", "ijkl", "mnop", "q"]),
    "none valid": ([[7, "../x"], "a"], ["a"]),  # type: ignore[list-item]
    "no ids": ([{}], [""]),  # type: ignore[list-item]
}


@pytest.mark.parametrize(("notes", "expected"), FILLED.values(), ids=FILLED)
@pytest.mark.parametrize("pace", ["at once", "one by one"])
def test_notes_become_shards(notes: list[str], expected: list[str], pace: str) -> None:
    bucket = Bucket()
    for number, vids in enumerate(notes):
        note(bucket, f"{number:02}", vids)
        if pace == "one by one":
            fill(bucket)
    fill(bucket)
    assert shards(bucket) == expected
    assert bucket.under(SHARDS) == [f"{SHARDS}added-{number:06}.json" for number in range(len(expected))]
    before = dict(bucket.objects)
    assert fill(bucket) == [f"{number:02}" for number in range(len(notes))]
    assert bucket.objects == before, "nothing is filled twice"


def test_without_notes_nothing_is_read() -> None:
    asked: list[str] = []
    fill(Bucket(), lambda method, name: asked.append(f"{method} {name}"))
    assert asked == [f"LIST {ADDED}"]


def test_nothing_is_written_when_nothing_is_new() -> None:
    bucket, written = Bucket(), list[str]()
    note(bucket, "1", "ab")
    bucket.store(f"{ADDED}2.json", b"damaged")
    for _ in range(2):
        fill(bucket, lambda method, name: written.extend([name] if method == "PUT" else []))
    assert written == [f"{SHARDS}added-000000.json"]


def test_an_id_that_another_runs_put_has_overwritten_comes_back() -> None:
    bucket = Bucket()
    note(bucket, "1", "ab")
    fill(bucket)
    note(bucket, "2", "c")
    bucket.store(f"{SHARDS}added-000000.json", {"vids": ["c"], "notes": [f"{ADDED}2.json"]})
    fill(bucket)
    assert shards(bucket) == ["cab"]


def test_what_another_run_has_filled_meanwhile_is_not_filled_again() -> None:
    bucket = Bucket()
    for number, vids in enumerate(["abcd", "efg"]):
        note(bucket, str(number), vids)
    fill(bucket, At(2, lambda: fill(bucket)))
    assert shards(bucket) == ["abcd", "efg"]


def test_shards_of_people_are_none_to_fill() -> None:
    bucket = Bucket()
    for name in ("mine.json", "added-1.json", "added-000000.json.bak", "added-000007x.json", "deep/added-000003.json"):
        bucket.store(f"{SHARDS}{name}", ["x"])
    note(bucket, "1", "a")
    fill(bucket)
    assert bucket.json(f"{SHARDS}added-000000.json")["vids"] == ["a"]
    assert bucket.json(f"{SHARDS}mine.json") == ["x"]


@pytest.mark.parametrize("damaged", [b"", b"{", ["a"], 7, {}, None])
def test_a_damaged_last_shard_is_left_alone_and_the_next_is_begun(damaged: object) -> None:
    bucket = Bucket()
    note(bucket, "1", "ab")
    fill(bucket)
    bucket.store(f"{SHARDS}added-000000.json", damaged)
    before = bucket.objects[f"{SHARDS}added-000000.json"]
    note(bucket, "2", "c")
    fill(bucket)
    assert bucket.objects[f"{SHARDS}added-000000.json"] == before
    assert bucket.json(f"{SHARDS}added-000001.json")["vids"] == ["a", "b", "c"]


def test_a_shard_that_a_person_has_written_may_be_filled_on() -> None:
    bucket = Bucket()
    bucket.store(f"{SHARDS}added-000004.json", {"vids": ["x", 7, "x"], "notes": "none"})
    note(bucket, "1", "ab")
    fill(bucket)
    assert shards(bucket) == ["xab"]


def test_only_shards_that_may_know_of_a_note_are_read_and_the_last() -> None:
    bucket, read = Bucket(), list[str]()
    for number, age in enumerate([9000, 9000, 60, 120, 9000]):
        name = f"{SHARDS}added-{number:06}.json"
        bucket.store(name, {"vids": list("abcd"), "notes": [f"{ADDED}known-{number}.json"]}, age)
    note(bucket, "new", "e", age=60)
    note(bucket, "known-3", "x", age=120)
    fill(bucket, lambda method, name: read.extend([name] if method == "GET" else []))
    assert [name[-6] for name in read if name.startswith(SHARDS)] == ["2", "3", "4"] * 2, "again after the note"
    assert [name for name in read if name.startswith(ADDED)] == [f"{ADDED}new.json"]
    assert shards(bucket)[-2:] == ["abcd", "e"]


def test_old_notes_go_when_a_shard_knows_of_them() -> None:
    bucket = Bucket()
    note(bucket, "old", "a", KEPT + 1)
    note(bucket, "young", "b")
    tidy(bucket)
    assert len(bucket.under(ADDED)) == 2, "filled now: the next run sees whether that has stayed"
    tidy(bucket)
    assert bucket.under(ADDED) == [f"{ADDED}young.json"]
    assert shards(bucket) == ["ab"]


def test_no_more_notes_than_some_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NOTES_AT_ONCE", 2)
    bucket = Bucket()
    for number, vids in enumerate(["abcd", "efgh", "ijkl", "mn", "op"]):
        note(bucket, str(number), vids)
    asked: list[str] = []
    fill(bucket, lambda method, name: asked.extend([method] if name.startswith(ADDED) or method == "PUT" else []))
    assert asked == ["LIST", *["GET", "GET", "PUT", "PUT"] * 2, "GET", "PUT"]
    assert shards(bucket) == ["abcd", "efgh", "ijkl", "mnop"]


def begin() -> Bucket:
    """Shards, one of them full, and notes: filled, new, and old enough to go."""
    bucket = Bucket()
    for number, vids in enumerate(["abcd", "e"]):
        note(bucket, f"0-{number}", vids, KEPT + 1)
    fill(bucket)
    note(bucket, "1", "fgh", KEPT + 1)
    note(bucket, "2", "ijk")
    return bucket


def everything(bucket: Bucket) -> set[str]:
    """All ids in shards."""
    return set("".join(shards(bucket)))


def add(bucket: Bucket) -> None:
    """A caller adds two ids."""
    add_ids(Objects(bucket), SHARDS, ("l", "m"), Run(bucket))


ACTIONS: dict[str, list[Callable[[Bucket], None]]] = {
    "another fills": [tidy],
    "two others fill": [tidy, tidy],
    "a caller adds": [add],
    "a caller adds, another fills": [add, tidy],
    "two callers add, two others fill": [add, tidy, add, tidy],
}


def moments(work: Callable[[Bucket, Hook], object], action: Callable[[Bucket], object]) -> Iterator[Bucket]:
    """Do some work over and over, with the action at another of its operations each time."""
    for number in count():
        bucket = begin()
        at = At(number, lambda bucket=bucket: action(bucket))  # type: ignore[misc]
        with suppress(Killed):
            work(bucket, at)
        yield bucket
        if not at.fired:
            return


@pytest.mark.parametrize("actions", ACTIONS.values(), ids=ACTIONS)
def test_no_id_is_lost_whatever_happens_amid_filling(actions: list[Callable[[Bucket], None]]) -> None:
    for bucket in moments(tidy, lambda bucket: [action(bucket) for action in actions]):
        expected = set("abcdefghijk") | ({"l", "m"} if len(bucket.under(ADDED)) > 3 else set())
        for _ in range(3):
            tidy(bucket)
            bucket.now += KEPT + 1
        assert everything(bucket) >= expected
        assert bucket.under(ADDED) == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_that_is_killed_at_any_operation_loses_no_id(moment: str) -> None:
    def work(bucket: Bucket, at: Hook) -> None:
        fill(bucket, *((at, nothing) if moment == "before" else (nothing, at)))

    for bucket in moments(work, lambda _: die()):
        for _ in range(3):
            tidy(bucket)
            bucket.now += KEPT + 1
        assert everything(bucket) == set("abcdefghijk")
        assert bucket.under(ADDED) == []


def late(work: Callable[[Bucket, Hook], object], bucket: Bucket) -> Callable[[Hook], object]:
    """Work whose time may be over before it has written."""

    def do(hook: Hook) -> None:
        with suppress(OutOfTime):
            work(bucket, hook)

    return do


def test_a_stale_writer_does_not_lose_ids_whose_notes_are_deleted() -> None:
    """All runs last as long as they may; the stale one began before the note was written, and another deletes it."""
    for start, read, more in ((start, read, more) for start in range(13) for read in range(9) for more in range(4)):
        bucket, stage = begin(), Stage()
        stage.add("stale", late(fill, bucket))
        stage.steps("stale", start)
        bucket.now += 1
        note(bucket, "3", "l")
        fill(bucket)
        bucket.now += 602
        stage.add("tidy", late(tidy, bucket))
        stage.steps("tidy", read)
        bucket.now += 294
        stage.steps("stale", more)
        stage.kill("stale")
        bucket.now += 604.5
        stage.finish("tidy")
        tidy(bucket)
        assert everything(bucket) == set("abcdefghijkl"), (start, read, more)
