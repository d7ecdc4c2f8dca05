"""Sweeps that run at the same time, with every operation on COS a point at which another may take its turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.collector import results as results_module
from shared.collector import watchlist as watchlist_module
from shared.collector.sweep import Summary
from shared.collector.watchlist import add_ids
from shared.cos.journal import KEPT, STALE
from shared.cos.objects import CosObjects
from shared.errors import OutOfTime
from shared.tasks import Record
from tests.support.bucket import (  # fmt: skip
    ADDED,
    FOUND,
    RESULTS,
    WATCH,
    Bucket,
    Hook,
    Objects,
    one_after_the_other,
    sweep,
)
from tests.support.interleaving import At, Stage
from tests.support.wire import task

Tasks = Mapping[str, Record]
# Thousands of sweeps reach no line that the tests of each module do not, and counting lines takes longer than sweeping.
pytestmark = [pytest.mark.usefixtures(one_after_the_other.__name__), pytest.mark.no_cover]

#: What the API says while three sweeps ask: each finds something that the others do not.
FIRST: Tasks = {"x": task("x"), "y": task("y", 3)}
SECOND: Tasks = {"x": task("x", 3), "y": task("y", 4), "z": task("z")}
NOBODY: Tasks = {}


@pytest.fixture(params=[0.0, STALE], ids=["fresh reads", "stale reads"])
def lag(request: pytest.FixtureRequest) -> float:
    """By how many seconds reads and lists are behind: not at all, and as far as they may be."""
    return float(request.param)


@pytest.fixture(params=[5000, 2], ids=["one object", "parts"], autouse=True)
def part_ids(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results in one object, and results that need several; a few notes are many."""
    monkeypatch.setattr(results_module, "PART_IDS", request.param)
    monkeypatch.setattr(watchlist_module, "FOLD_FROM", 2)


def note(*vids: str) -> dict[str, object]:
    return {"action": "GetVpResult", "tasks": {vid: task(vid) for vid in vids}}


def stored(*vids: str) -> dict[str, object]:
    return {**note(*vids), "updated_at": "", "summary": {}}


def counted(summary: Summary, *outcomes: str) -> int:
    return sum(int(str(summary[outcome])) for outcome in outcomes)


def fresh() -> Bucket:
    bucket = Bucket()
    bucket.store(WATCH, ["x", "y", "z", "old"], age=100)
    return bucket


def with_results() -> Bucket:
    bucket = fresh()
    bucket.store(RESULTS, stored("old"), age=100)
    bucket.answered["old"] = task("old")
    return bucket


def with_a_note(age: float) -> Bucket:
    """What a killed sweep has left: a note, and an object that does not have it yet."""
    bucket = fresh()
    bucket.store(RESULTS, stored(), age=100)
    bucket.store(f"{FOUND}2023-killed.json", note("old"), age)
    bucket.answered["old"] = task("old")
    return bucket


def with_old_notes() -> Bucket:
    """The notes of a killed sweep and of a caller who added an id are old enough to be deleted."""
    bucket = with_a_note(KEPT + 1)
    bucket.store(f"{ADDED}2023-caller.json", {"vids": ["old", "w"]}, KEPT + 1)
    return bucket


BUCKETS: dict[str, Callable[[], Bucket]] = {
    "empty": fresh,
    "results": with_results,
    "a note": lambda: with_a_note(60),
    "an old note": lambda: with_a_note(KEPT + 1),
    "old notes": with_old_notes,
}
INNER: dict[str, list[Tasks]] = {"one": [FIRST], "two": [FIRST, NOBODY], "three": [NOBODY, NOBODY, FIRST]}


@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
@pytest.mark.parametrize("outer", [FIRST, SECOND, NOBODY], ids=["first", "second", "nobody"])
@pytest.mark.parametrize("start", BUCKETS.values(), ids=BUCKETS)
def test_sweeps_within_a_sweep_take_nothing_from_it_nor_it_from_them(
    start: Callable[[], Bucket], outer: Tasks, inner: list[Tasks], lag: float
) -> None:
    """At each operation of one sweep, others run from their beginning to their end.

    The next sweep shows all in one object. A part that is overwritten after it was finished is mended when it is looked
    at again to tidy up.
    """
    for number in count():
        bucket = start()
        bucket.lag = lambda: lag

        def others(bucket: Bucket = bucket) -> None:
            for tasks in [*inner, SECOND]:
                sweep(bucket, tasks)

        at = At(number, others)
        sweep(bucket, outer, at)
        for pause in (2 * STALE, *([KEPT] if "parts" in bucket.json(RESULTS) else [])):
            bucket.now += pause
            summary = sweep(bucket, NOBODY)
        assert bucket.final() == bucket.answered
        assert counted(summary, "succeeded", "failed") == len(bucket.answered)
        if not at.fired:
            return


@pytest.mark.parametrize("start", BUCKETS.values(), ids=BUCKETS)
def test_ids_that_are_added_amid_a_sweep_are_asked_about_next(start: Callable[[], Bucket], lag: float) -> None:
    """At each operation of a sweep, two callers add ids and a person writes the watch object."""
    for number in count():
        bucket = start()
        bucket.lag = lambda: lag

        def add(bucket: Bucket = bucket) -> None:
            add_ids(Objects(bucket), "watch/video/", ("new-1", "both"))
            add_ids(Objects(bucket), "watch/video/", ("both", "new-2"))
            bucket.store(WATCH, ["person", "x"])

        at = At(number, add)
        sweep(bucket, SECOND, at)
        if not at.fired:
            return
        bucket.now += KEPT + 1
        for _ in range(2):  # nothing is deleted that is not final
            sweep(bucket, NOBODY)
            bucket.now += 2 * STALE
        sweep(bucket, {vid: task(vid) for vid in ("new-1", "new-2", "both", "person", "x")})
        assert bucket.final().keys() >= {"new-1", "new-2", "both", "person", "x", *bucket.answered}


def late_sweep(bucket: Bucket, tasks: Tasks) -> Callable[[Hook], object]:
    """A sweep whose time may be over before it has written."""

    def work(hook: Hook) -> None:
        with suppress(OutOfTime):
            sweep(bucket, tasks, hook)

    return work


def test_a_stale_writer_never_loses_the_content_of_a_deleted_note() -> None:
    """All invocations last as long as they may, and the stale one is killed right after one of its operations.

    It began a second before the note was written; the one that deletes notes reads while the stale one still writes.
    """
    for start, read, more in ((start, read, more) for start in range(9) for read in range(9) for more in range(4)):
        bucket, stage = fresh(), Stage()
        bucket.store(RESULTS, stored())
        stage.add("stale", late_sweep(bucket, {"y": task("y", 3)}))
        stage.steps("stale", start)
        bucket.now += 1
        sweep(bucket, {"x": task("x")})
        bucket.now += 602
        stage.add("tidy", late_sweep(bucket, {"z": task("z", 3)}))
        stage.steps("tidy", read)
        bucket.now += 294
        stage.steps("stale", more)
        stage.kill("stale")
        bucket.now += 604.5
        stage.finish("tidy")
        sweep(bucket, NOBODY)
        assert "x" in bucket.final(), (start, read, more)


SOME = st.dictionaries(st.sampled_from("uvwxyz"), st.sampled_from([3, 4, 5])).map(
    lambda states: {vid: task(vid, status) for vid, status in states.items()}
)


#: Seconds by which one read may be behind.
LAGS = (0.0, 0.0, 20.0, STALE)


class Interleaving:
    """Sweeps, callers and a person in an order that hypothesis draws, and time that passes between their steps."""

    def __init__(self, draw: st.DataObject) -> None:
        self.bucket, self.stage, self.draw = Bucket(lambda: self.lag), Stage(), draw
        self.lag = 0.0
        self.added: set[str] = set()
        self.began: dict[str, float] = {}
        self.bucket.store(WATCH, list("xyz"), age=100)

    def sweep(self, number: int, tasks: Tasks) -> None:
        self.stage.add(f"sweep-{number}", late_sweep(self.bucket, tasks))

    def caller(self, vid: str) -> None:
        def add(hook: Hook) -> None:
            objects: CosObjects = Objects(self.bucket, hook)
            add_ids(objects, "watch/video/", (vid, "w"))
            self.added |= {vid, "w"}

        self.stage.add(f"caller-{vid}", add)

    def person(self, vids: list[str]) -> None:
        self.stage.add("person", lambda hook: Objects(self.bucket, hook).put(WATCH, vids))

    def play(self) -> None:
        while self.stage.live:
            name = self.draw.draw(st.sampled_from(sorted(self.stage.live)))
            self.began.setdefault(name, self.bucket.now)
            self.lag = self.draw.draw(st.sampled_from(LAGS))
            self.stage.step(name)
            if self.draw.draw(st.integers(0, 9)) == 0:
                self.pass_time()

    def pass_time(self) -> None:
        """Up to the moment at which the first of them has to end."""
        running = [began for name, began in self.began.items() if name in self.stage.live]
        longest = min([began + 895 for began in running], default=self.bucket.now + KEPT)
        self.bucket.now = max(self.bucket.now, longest)


@given(draw=st.data(), answers=st.lists(SOME, min_size=2, max_size=5), person=st.lists(st.sampled_from("xyz")))
def test_in_any_order_nothing_is_lost(draw: st.DataObject, answers: list[Tasks], person: list[str]) -> None:
    play = Interleaving(draw)
    for number, tasks in enumerate(answers):
        play.sweep(number, tasks)
    for vid in "uv":
        play.caller(vid)
    play.person(person)
    play.play()
    bucket = play.bucket
    bucket.lag = lambda: STALE
    for _ in range(4):  # time for parts to be mended and for notes to go
        bucket.now += KEPT + 1
        sweep(bucket, NOBODY)
    assert bucket.final().keys() >= bucket.answered.keys()
    everything = {vid: task(vid) for vid in "uvwxyz"}
    sweep(bucket, everything)
    assert bucket.final().keys() >= play.added | set(person)
