"""The results of a large watch list: what one object can't hold lies in parts, each id in exactly one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

from shared.collector import part as part_module
from shared.collector import results as module
from shared.collector.results import Results
from shared.collector.watchlist import END, Listing, Progress
from shared.cos.journal import KEPT, STALE
from shared.errors import OutOfTime
from shared.tasks import Record
from tests.support.bucket import RESULTS, Bucket, Hook, Run, nothing, one_after_the_other
from tests.support.results import load_part, noted, stored, storing
from tests.support.wire import task

pytestmark = pytest.mark.usefixtures(one_after_the_other.__name__)

MANY = [f"id{number:02}" for number in range(23)]
FIRST, SECOND = "results/video.0001.json", "results/video.0002.json"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_IDS", 5)


def run_of(
    bucket: Bucket,
    vids: Iterable[str] | None = None,
    found: Mapping[str, Record] | None = None,
    before: Hook = nothing,
    limit: float = 900.0,
) -> Results:
    """A sweep: it follows a list, learns these records of whatever is due, and writes."""
    run = Run(bucket, limit)
    results = Results(storing(bucket, before, run=run), RESULTS)
    results.load(run.deadline)
    reading = run.deadline.earlier(run.write_margin)
    if vids is not None:
        results.follow(Listing(list(vids), Progress(str(vids), END), whole=True), reading)
    for part in results.due(reading):
        part.record({vid: record for vid, record in (found or {}).items() if vid in part.pending})
        part.tidy(reading)
        results.save_part(part)
    results.save(results.counts())
    return results


def all_done(vids: Iterable[str]) -> dict[str, Record]:
    return {vid: task(vid) for vid in vids}


def lying(bucket: Bucket) -> list[list[str]]:
    """The ids in the head and in each part, as a reader of the objects finds them."""
    names = [RESULTS, *bucket.json(RESULTS).get("parts", [])]
    return [sorted(load_part(bucket, name=name).ids()) for name in names]


def slow(bucket: Bucket) -> Hook:
    """Each operation takes a second."""

    def wait(method: str, name: str) -> None:
        bucket.now += 1

    return wait


def test_a_part_that_reads_show_as_it_was_before_stays_due_as_it_was_written() -> None:
    """Its ids were watched again in the part, but never asked about: the head took the old part's word for it."""
    bucket = Bucket()
    running = {vid: task(vid, 3) for vid in MANY}
    for vids in (MANY, MANY[-3:]):
        run_of(bucket, vids, running)
    bucket.now += KEPT
    bucket.lag = lambda: STALE
    run_of(bucket, MANY)
    bucket.now += KEPT
    assert run_of(bucket, found=all_done(MANY)).counts()["succeeded"] == len(MANY)


def test_a_list_that_is_too_long_for_one_object_is_kept_in_several() -> None:
    bucket = Bucket()
    results = run_of(bucket, MANY, all_done(MANY))
    objects = lying(bucket)
    assert sorted(vid for vids in objects for vid in vids) == MANY, "each in exactly one"
    assert max(map(len, objects)) <= 5
    assert bucket.json(RESULTS)["parts"] == [f"results/video.000{number}.json" for number in range(1, 5)]
    assert (results.counts()["watched"], results.counts()["succeeded"]) == (23, 23)
    assert bucket.json(RESULTS)["summary"] == results.counts()
    assert bucket.final() == all_done(MANY)


def test_a_part_is_an_object_that_people_can_read() -> None:
    bucket = Bucket()
    run_of(bucket, MANY, all_done(MANY))
    part = bucket.json(FIRST)
    assert list(part) == ["action", "updated_at", "missing", "tasks", "state"]
    assert (part["action"], part["tasks"]) == ("GetVpResult", all_done(MANY[:5]))


def test_records_that_are_too_large_for_one_object_move_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A results object of 44 MB was once written, and then no sweep could read it again."""
    monkeypatch.setattr(module, "PART_IDS", 1000)
    monkeypatch.setattr(part_module, "PART_BYTES", 5000)
    monkeypatch.setattr(part_module, "BATCH_BYTES", 2000)
    bucket = Bucket()
    records: dict[str, Record] = {vid: task(vid, url="x" * 900) for vid in MANY}
    run_of(bucket, MANY, {vid: records[vid] for vid in MANY[:15]})
    run_of(bucket, None, records)
    assert sorted(vid for vids in lying(bucket) for vid in vids) == MANY
    assert bucket.final() == records
    assert max(map(len, bucket.objects.values())) <= 5000
    assert run_of(bucket).counts()["succeeded"] == 23


def test_a_part_in_which_all_is_final_is_not_read_again() -> None:
    bucket = Bucket()
    run_of(bucket, MANY, all_done(MANY[1:]))
    bucket.now += KEPT
    run_of(bucket)
    calls: list[str] = []
    results = run_of(bucket, before=lambda method, name: calls.append(f"{method} {name}"))
    assert [call for call in calls if "video.0" in call] == [f"GET {FIRST}", "LIST results/video.0001.found/"]
    assert (results.counts()["succeeded"], results.counts()["pending"]) == (22, 1)
    assert [name for name in bucket.objects if ".found/" in name] == [], "and its notes are gone"


def test_an_edited_list_drops_and_adds_in_every_part() -> None:
    bucket = Bucket()
    run_of(bucket, MANY, all_done(MANY[:10]))
    results = run_of(bucket, [*MANY[:3], *MANY[8:12], "new"])
    assert results.counts() == {**results.counts(), "watched": 8, "succeeded": 5, "pending": 3}
    assert len(bucket.final()) == 10, "the records stay"
    results = run_of(bucket, MANY)
    assert results.counts() == {**results.counts(), "watched": 23, "succeeded": 10, "pending": 13}
    assert Counter(vid for vids in lying(bucket) for vid in vids) == Counter(MANY), "but for what has none"


@pytest.mark.parametrize("damaged", [b"", b"{", 7, {"action": "GetCtsaudioInfo", "tasks": {}}], ids=str)
def test_a_damaged_part_is_named_and_costs_the_same_at_each_sweep(damaged: object) -> None:
    bucket = Bucket()
    run_of(bucket, MANY)
    bucket.store(SECOND, damaged)
    costs, calls = list[int](), list[tuple[str, str]]()
    for _ in range(4):
        results = run_of(bucket, before=lambda method, name: calls.append((method, name)))
        costs.append(len(calls))
        calls.clear()
        assert results.damaged == [SECOND]
        assert results.counts()["watched"] == 23
    assert len(set(costs)) == 1
    assert bucket.objects[SECOND] == (damaged if isinstance(damaged, bytes) else bucket.objects[SECOND])
    assert run_of(bucket, [*MANY, "new"]).damaged == [SECOND], "once, though it is read twice"
    run_of(bucket, None, all_done(MANY))
    assert len(bucket.objects[SECOND]) < 60, "it is left as it is"


def test_a_new_part_is_never_put_over_an_object_of_somebody_else() -> None:
    bucket = Bucket()
    bucket.store(FIRST, ["mine"])
    run_of(bucket, MANY[:8], all_done(MANY))
    assert (bucket.json(FIRST), bucket.json(RESULTS)["parts"]) == (["mine"], [SECOND])
    assert sorted(vid for vids in lying(bucket) for vid in vids) == MANY[:8]


def test_a_part_that_a_killed_sweep_has_begun_is_gone_on_with() -> None:
    bucket = Bucket()
    bucket.store(FIRST, stored(task("old")))
    bucket.store("results/video.0001.found/1.json", noted(task("older")))
    run_of(bucket, MANY[:8])
    assert load_part(bucket, name=FIRST).tasks.keys() == {"old", "older"}
    assert lying(bucket)[1] == ["id00", "id01", "id02", "id03", "id04", "old", "older"]


def test_a_part_that_is_not_there_to_be_read_yet_waits() -> None:
    """COS does not promise that a read shows what was just written."""
    bucket = Bucket()
    run_of(bucket, MANY[:8])
    before = bucket.objects[FIRST]
    bucket.remove(FIRST)
    results = run_of(bucket, None, all_done(MANY))
    assert (results.counts()["watched"], results.counts()["pending"], FIRST in bucket.objects) == (8, 5, False)
    bucket.store(FIRST, before)
    assert run_of(bucket, None, all_done(MANY)).counts()["succeeded"] == 8


def test_an_id_in_two_objects_becomes_one() -> None:
    bucket = Bucket()
    run_of(bucket, MANY[:8], all_done(["id06"]))
    part = load_part(bucket, name=FIRST)
    part.take(["id06"])
    part.save()
    results = run_of(bucket)
    assert lying(bucket) == [["id05", "id07"], ["id00", "id01", "id02", "id03", "id04", "id06"]]
    assert (results.counts()["watched"], results.counts()["succeeded"]) == (8, 1)


def test_who_writes_a_part_last_says_last_when_it_is_due() -> None:
    bucket = Bucket()
    run_of(bucket, MANY[:8])
    run = Run(bucket)
    slow = Results(storing(bucket, run=run), RESULTS)
    slow.load(run.deadline)
    _, part = slow.due(run.deadline)
    run_of(bucket, None, all_done(MANY))
    part.record({"id00": task("id00", 3)})
    slow.save_part(part)
    slow.save(slow.counts())
    assert bucket.json(RESULTS)["state"]["parts"][FIRST]["next_due"] == 0
    assert run_of(bucket).counts()["succeeded"] == 8


def test_the_parts_take_turns_when_time_runs_out() -> None:
    bucket = Bucket()
    run_of(bucket, MANY)

    turns = []
    for _ in range(5):
        run = Run(bucket, 9.5)
        results = Results(storing(bucket, slow(bucket), run=run), RESULTS)
        results.load(run.deadline)
        turns.append([part.name for part in results.due(run.deadline.earlier(2))])
        results.save({})
    parts = [f"results/video.000{number}.json" for number in range(1, 5)]
    assert turns == [
        [RESULTS, *parts[:3]],
        [parts[3], RESULTS, *parts[:2]],
        [*parts[2:], RESULTS, parts[0]],
        parts[1:],
        [RESULTS, *parts[:3]],
    ]


def test_a_list_that_can_not_be_compared_with_all_parts_at_once_is_compared_with_the_others_later() -> None:
    """An id whose part could not be read in time may be asked about again, but none is watched that is not listed."""
    bucket = Bucket()
    run_of(bucket, MANY, all_done(MANY))

    places = [run_of(bucket, MANY[:2], before=slow(bucket), limit=12).progress for _ in range(3)]
    assert places == [Progress(str(MANY), END), *[Progress(str(MANY[:2]), END)] * 2]
    parts = [load_part(bucket, name=name) for name in [RESULTS, *bucket.json(RESULTS)["parts"]]]
    assert {vid for part in parts for vid in part.watched()} == {*MANY[:2]}
    assert bucket.final() == all_done(MANY)


def test_new_ids_wait_until_every_part_was_asked_for_them() -> None:
    bucket = Bucket()
    run_of(bucket, MANY)

    first = run_of(bucket, [*MANY, "new"], before=slow(bucket), limit=9)
    assert first.counts()["watched"] == 23
    assert run_of(bucket, [*MANY, "new"]).counts()["watched"] == 24
    assert Counter(vid for vids in lying(bucket) for vid in vids) == Counter([*MANY, "new"])


def test_a_comparison_is_not_continued_by_another_version() -> None:
    """Both ways: one under the name that earlier versions read lost ids of the list after a rollback."""
    bucket = Bucket()
    run_of(bucket, MANY)

    run_of(bucket, [*MANY, "new"], before=slow(bucket), limit=9)
    head = bucket.json(RESULTS)
    assert "compared" not in head["state"]
    head["state"]["compared"] = {"version": head["state"].pop("comparison")["version"], "found": "ffffff"}
    bucket.store(RESULTS, head)
    run_of(bucket, [*MANY, "new"])
    assert Counter(vid for vids in lying(bucket) for vid in vids) == Counter([*MANY, "new"])


def test_a_read_that_lasts_until_the_time_is_over_costs_its_part_the_turn_and_no_more() -> None:
    bucket = Bucket()
    run_of(bucket, MANY)

    def hang(method: str, name: str) -> None:
        if name == SECOND:
            bucket.now += 895
            raise OutOfTime("COS does not answer")

    run = Run(bucket)
    results = Results(storing(bucket, hang, run=run), RESULTS)
    results.load(run.deadline)
    assert [part.name for part in results.due(run.deadline.earlier(10))] == [RESULTS, FIRST]
    results.save({})
    run = Run(bucket)
    results = Results(storing(bucket, run=run), RESULTS)
    results.load(run.deadline)
    assert next(results.due(run.deadline)).name == SECOND


def test_a_head_beside_a_damaged_one_has_parts() -> None:
    bucket = Bucket()
    bucket.store(RESULTS, b"{")
    run_of(bucket, MANY)
    assert bucket.json("results/video.recovered.json")["parts"][0] == FIRST
