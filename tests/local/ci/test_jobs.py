"""The jobs of the local Cloud Infinite: all states, changes with time, jobs added by users."""

from __future__ import annotations

from typing import Any

import pytest

from local.ci import jobs as ci_jobs
from local.ci.jobs import STEP, CiJobs
from tests.support.clock import Clock

NAMES = [name for name in vars(ci_jobs) if name.isupper() and str(getattr(ci_jobs, name)).startswith("j")]


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000)


@pytest.fixture
def jobs(clock: Clock) -> CiJobs:
    return CiJobs(clock)


def state(jobs: CiJobs, job_id: str) -> str:
    detail = jobs.find(job_id)
    assert detail is not None
    return str(detail["State"])


def test_there_is_a_job_of_every_state(jobs: CiJobs, clock: Clock) -> None:
    found = {state(jobs, getattr(ci_jobs, name)) for name in NAMES}
    clock.now += STEP
    found.add(state(jobs, ci_jobs.MOVING))
    assert found == {"Submitted", "Running", "Success", "Failed", "Pause", "Cancel"}
    assert jobs.find("j" + "0" * 32) is None


@pytest.mark.parametrize("job_id", [ci_jobs.MOVING, ci_jobs.AUDIO_MOVING])
def test_a_job_moves_with_time(jobs: CiJobs, clock: Clock, job_id: str) -> None:
    seen = []
    for _ in range(4):
        detail = jobs.find(job_id) or {}
        written = "MediaResult" in detail.get("Operation", {})
        seen.append((detail["State"], detail["StartTime"] == "-", detail["EndTime"] == "-", written))
        clock.now += STEP
    finished = ("Success", False, False, True)
    assert seen == [("Submitted", True, True, False), ("Running", False, True, False), finished, finished]


def test_what_is_found_is_a_copy(jobs: CiJobs) -> None:
    detail = jobs.find(ci_jobs.TRANSCODE) or {}
    detail["Input"]["Object"] = detail["State"] = "changed"
    assert jobs.find(ci_jobs.TRANSCODE) != detail
    assert CiJobs().sources is not jobs.sources


def test_steps_are_merged_in_the_order_of_time(jobs: CiJobs, clock: Clock) -> None:
    late, early = {"after": 2, "State": "b"}, {"after": 1, "State": "a", "Operation": {"UserData": "u"}}
    job = {"JobId": "x", "State": "0", "Operation": {"JobLevel": 1}, "timeline": [late, early]}
    assert jobs.add({"jobs": [job]}) == 1
    assert len(job["timeline"]) == 2, "a caller's own object is left as it is"
    clock.now += 1
    assert jobs.find("x") == {"JobId": "x", "State": "a", "Operation": {"JobLevel": 1, "UserData": "u"}}
    clock.now += 1
    assert state(jobs, "x") == "b"
    jobs.add({"jobs": [{"JobId": "x"}]})
    assert jobs.find("x") == {"JobId": "x"}


def test_sources_are_added(jobs: CiJobs) -> None:
    assert jobs.add({"sources": {"a/b.mp3": {"Format": {"Size": 1}}}}) == 0
    assert set(jobs.sources) == {ci_jobs.SONG, "a/b.mp3"}


WRONG: list[tuple[Any, str]] = [
    ([], "an object"),
    ({"jobs": {}}, "jobs: a list"),
    ({"sources": []}, "sources: an object"),
    ({"jobs": [7]}, r"jobs\[0\]: an object"),
    ({"jobs": [{"JobId": "y"}, {}]}, r"jobs\[1\].JobId: a text"),
    ({"jobs": [{"JobId": ""}]}, r"jobs\[0\].JobId: a text"),
    ({"jobs": [{"JobId": "y", "timeline": {}}]}, r"timeline: a list"),
    ({"jobs": [{"JobId": "y", "timeline": [7]}]}, r"timeline\[0\].after: a number"),
    ({"jobs": [{"JobId": "y", "timeline": [{"after": -1}]}]}, r"timeline\[0\].after: a number"),
    ({"jobs": [{"JobId": "y", "timeline": [{"after": True}]}]}, r"timeline\[0\].after: a number"),
    ({"jobs": [{"JobId": "y", "timeline": [{"after": float("nan")}]}]}, r"timeline\[0\].after: a number"),
    ({"jobs": [{"JobId": "y", "timeline": [{"after": 1, "JobId": "z"}]}]}, "keeps its id"),
    ({"jobs": [{"JobId": "y", "a b": 1}]}, "'a b' is not a valid node name"),
    (
        {"jobs": [{"JobId": "y", "Operation": {"Output": [{"Object": "a\x00"}]}}]},
        r"Operation.Output.Object: has a char",
    ),
    ({"jobs": [{"JobId": "y", "timeline": [{"after": 1, "State": "\ud800"}]}]}, r"timeline\[0\].State: has a char"),
    ({"sources": {"k": {"<": 1}}}, "sources.k: '<' is not a valid node name"),
]


@pytest.mark.parametrize(("spec", "message"), WRONG)
def test_a_wrong_job_is_named_and_nothing_is_added(jobs: CiJobs, spec: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jobs.add(spec)
    assert jobs.find("y") is None
    assert set(jobs.sources) == {ci_jobs.SONG}
