"""A sweep that is killed at any moment: the old object or the new one, and the next sweep makes up for it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import pytest

from shared.cos.journal import KEPT
from shared.tasks import Record
from tests.support.bucket import (  # fmt: skip
    ADDED,
    FOUND,
    RESULTS,
    WATCH,
    Bucket,
    nothing,
    one_after_the_other,
    sweep,
)
from tests.support.interleaving import At, Killed, die
from tests.support.wire import task

# Thousands of sweeps reach no line that the tests of each module do not, and counting lines takes longer than sweeping.
pytestmark = [pytest.mark.usefixtures(one_after_the_other.__name__), pytest.mark.no_cover]

Tasks = Mapping[str, Record]
TASKS: Tasks = {"x": task("x"), "y": task("y", 4), "z": task("z", 3)}
OLD = {"action": "GetVpResult", "updated_at": "", "summary": {}, "tasks": {"old": task("old"), "z": task("z", 1)}}


def fresh() -> Bucket:
    """A watch object, old results, and the notes of a caller and of a killed sweep, which may go."""
    bucket = Bucket()
    bucket.store(WATCH, ["x", "z", "old", "unknown"])
    bucket.store(RESULTS, OLD)
    bucket.store(f"{ADDED}2023-caller.json", {"vids": ["old"]}, KEPT + 1)
    bucket.store(f"{ADDED}2023-other.json", {"vids": ["y"]}, 60)
    for vid in ("old", "lost"):
        bucket.store(f"{FOUND}2023-{vid}.json", {"action": "GetVpResult", "tasks": {vid: task(vid)}}, KEPT + 1)
    return bucket


def settled(bucket: Bucket, tasks: Tasks) -> dict[str, bytes]:
    """All that lies in the bucket once sweeps have had the time to tidy up."""
    for _ in range(3):
        sweep(bucket, tasks)
        bucket.now += KEPT + 1
    return {name: body for name, body in bucket.objects.items() if name != RESULTS}


def without_state(bucket: Bucket) -> dict[str, object]:
    """What people read of the results."""
    return {name: value for name, value in bucket.json(RESULTS).items() if name != "state"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_next_sweep_reaches_the_results_of_an_undisturbed_one(moment: str) -> None:
    undisturbed = fresh()
    old = undisturbed.objects[RESULTS]
    summary = sweep(undisturbed, TASKS)
    new = undisturbed.objects[RESULTS]
    assert old != new
    expected, kept = without_state(undisturbed), settled(undisturbed, TASKS)
    for number in count():
        bucket, at = fresh(), At(number, die)
        try:
            sweep(bucket, TASKS, *((at, nothing) if moment == "before" else (nothing, at)))
        except Killed:
            assert bucket.objects[RESULTS] in (old, new)
        assert (sweep(bucket, TASKS), without_state(bucket)) == (summary, expected)
        assert settled(bucket, TASKS) == kept
        if not at.fired:
            return


def test_the_notes_of_a_killed_sweep_are_not_asked_about_again() -> None:
    def die_once_noted(method: str, name: str) -> None:
        if (method, name.startswith(FOUND)) == ("PUT", True):
            die()

    bucket = fresh()
    with pytest.raises(Killed):
        sweep(bucket, TASKS, nothing, die_once_noted)
    assert bucket.final() == {"old": task("old")}
    assert sweep(bucket, {})["succeeded"] == 2
    assert bucket.final() == {"old": task("old"), "lost": task("lost"), "x": task("x"), "y": task("y", 4)}
