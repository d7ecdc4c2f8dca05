"""A watch prefix with damaged objects: which are named, and that they are left as they are."""

from __future__ import annotations

import pytest

from shared.collector import shards
from shared.cos import records
from shared.errors import DamagedObject, Misconfigured
from tests.support.bucket import one_after_the_other
from tests.support.shards import INDEX, Scf, counts, fire, sharded, spreading
from tests.support.wire import task

SUMMARY = "results/video/summary/a.json"

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)


def test_damaged_objects_of_shards_are_named() -> None:
    bucket = sharded({"a.json": b"{", "b.json": ["b"]})
    fire(bucket)[1].run(bucket, {})
    assert fire(bucket)[0]["damaged"] == ["watch/video/a.json"]
    assert fire(bucket)[0]["damaged"] == ["watch/video/a.json"], "the index remembers"


@pytest.mark.parametrize(
    "damaged", [b"{", [], {}, {"summary": None}, {"action": "GetCtsaudioInfo", "summary": counts(1), "next_due": 1e12}]
)
def test_a_damaged_summary_is_named_and_left_and_its_shard_is_swept(damaged: object) -> None:
    """It was once overwritten without a word; one of the other function's was once taken for this one's."""
    bucket = sharded({"a.json": ["a"]})
    bucket.store(SUMMARY, damaged)
    before, tasks = bucket.objects[SUMMARY], {"a": task("a")}
    costs, calls = list[int](), list[str]()
    for _ in range(3):
        summary, scf = fire(bucket, before=lambda method, name: calls.append(f"{method} {name}"))
        scf.run(bucket, tasks)
        costs.append(len(calls))
        calls.clear()
        assert (summary["damaged"], scf.shards, bucket.objects[SUMMARY]) == ([SUMMARY], ["a.json"], before)
    assert costs[1:] == [4, 4], "it is read once"
    assert bucket.final("results/video/a.json") == tasks
    bucket.remove(SUMMARY)
    fire(bucket)[1].run(bucket, tasks)
    assert fire(bucket)[0] == {**counts(1, succeeded=1), **spreading(1)}


def test_a_summary_that_is_removed_between_list_and_read_says_nothing() -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store(SUMMARY, {"summary": counts(1)})

    def remove(method: str, name: str) -> None:
        if (method, name) == ("GET", SUMMARY):
            bucket.remove(SUMMARY)

    assert fire(bucket, before=remove)[0] == spreading(1, due=1, invoked=1)


def test_an_object_of_somebody_else_among_the_summaries_is_no_shard() -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store("results/video/summary/mine.txt", b"mine")
    assert fire(bucket)[1].shards == ["a.json"]


@pytest.mark.parametrize("damaged", [b"{", [], 7, {"action": "GetCtsaudioInfo", "state": {"shards": {}}}])
def test_a_damaged_index_is_named_and_left_and_another_is_kept_beside_it(damaged: object) -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store(INDEX, damaged)
    before, recovered = bucket.objects[INDEX], "results/video.index.recovered.json"
    for _ in range(2):
        summary, scf = fire(bucket)
        assert (summary["damaged"], scf.shards, bucket.objects[INDEX]) == ([INDEX], ["a.json"], before)
        scf.run(bucket, {"a": task("a")})
        assert list(bucket.json(recovered)["shards"]) == ["a.json"]
        bucket.store("watch/video/a.json", ["a", "b"])


def test_when_both_indexes_are_damaged_nothing_is_invoked_or_written() -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store(INDEX, b"{")
    bucket.store("results/video.index.recovered.json", b"{")
    before, scf = dict(bucket.objects), Scf()
    with pytest.raises(DamagedObject, match="recovered"):
        fire(bucket, scf)
    assert (scf.shards, bucket.objects) == ([], before)


@pytest.mark.parametrize("damaged", [{}, {"state": 7}, {"state": {"shards": {"a.json": 7, "../b": {}}}}])
def test_an_index_that_remembers_nothing_usable_is_written_anew(damaged: object) -> None:
    bucket = sharded({"a.json": ["a"]})
    bucket.store(INDEX, damaged)
    assert fire(bucket)[1].shards == ["a.json"]
    assert list(bucket.json(INDEX)["shards"]) == ["a.json"]


@pytest.mark.parametrize("limit", ["values", "bytes"])
def test_an_index_that_could_not_be_read_again_is_not_written(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """It was once written, and every later firing failed on it."""
    bucket = sharded({f"{number:02}.json": ["a"] for number in range(20)})
    fire(bucket)
    stored = bucket.objects[INDEX]
    bucket.store("watch/video/more.json", ["b"])
    if limit == "values":
        monkeypatch.setattr(records, "MOST_VALUES", sum(map(stored.count, (b",", b"[", b"{"))))
    else:
        monkeypatch.setattr(shards, "MAX_OBJECT", len(stored))
    with pytest.raises(Misconfigured, match="watch/video/ has too many shards"):
        fire(bucket)
    assert bucket.objects[INDEX] == stored
