"""What a sweep leaves room for: time to ask after a comparison, and pending ids in the head."""

from __future__ import annotations

import pytest

from shared.collector import results as module
from shared.collector.results import Results
from shared.collector.watchlist import END, Listing, Progress
from tests.support.bucket import RESULTS, Bucket, Run, one_after_the_other
from tests.support.results import load_part, storing
from tests.support.wire import task

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)

SECOND = "results/video.0002.json"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_IDS", 5)


def test_a_comparison_leaves_half_of_the_time_for_asking() -> None:
    bucket = Bucket()
    vids = [f"id{number:02}" for number in range(23)]
    first = Results(storing(bucket), RESULTS)
    first.load(Run(bucket).deadline)
    first.follow(Listing(vids, Progress("old", END), whole=True), Run(bucket).deadline)
    for part in first.due(Run(bucket).deadline):
        first.save_part(part)
    first.save(first.counts())

    def wait(method: str, name: str) -> None:
        bucket.now += 1

    run = Run(bucket, 12)
    results = Results(storing(bucket, wait, run=run), RESULTS)
    results.load(run.deadline)
    reading = run.deadline.earlier(run.write_margin)
    left = reading.remaining()
    results.follow(Listing(vids, Progress("new", END), whole=True), reading)
    assert left / 2 - 2 < reading.remaining() <= left / 2


@pytest.mark.parametrize(("settled", "gathered"), [("ab", False), ("abc", True)])
def test_a_full_head_takes_in_a_pending_id_only_if_half_of_it_is_settled(
    monkeypatch: pytest.MonkeyPatch, settled: str, gathered: bool
) -> None:
    monkeypatch.setattr(module, "PENDING_FRACTION", 1)
    bucket = Bucket()
    results = Results(storing(bucket), RESULTS)
    results.load(Run(bucket).deadline)
    results.head.take([*"abcde"])
    results.head.record({vid: task(vid) for vid in settled})
    part = load_part(bucket, name=SECOND)
    part.take(["x"])
    results.gather(part)
    assert ("x" in results.head.pending, "x" in part.pending) == (gathered, not gathered)
