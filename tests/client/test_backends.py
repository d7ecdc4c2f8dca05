"""The API and Cloud Infinite give the same rows, through a function and directly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest

from client import Outcome, ask
from local import keys
from local.ci import jobs
from tests.support.live import LiveCloud, shared_ci

__all__ = ["ci", "shared_ci"]


@pytest.fixture
def ci(shared_ci: LiveCloud, monkeypatch: pytest.MonkeyPatch) -> LiveCloud:
    """That cloud, and an environment in which the client asks Cloud Infinite itself."""
    for name, value in {
        "BACKEND": "ci",
        "SECRET_ID": "AKIDLOCALEXAMPLE",
        "SECRET_KEY": "local-secret-key",
        "COS_BUCKET": keys.BUCKET,
        "COS_REGION": keys.REGION,
        "COS_URL": shared_ci.cloud.cos,
        "CI_URL": shared_ci.cloud.ci,
    }.items():
        monkeypatch.setenv(name, value)
    return shared_ci


def rows(outcomes: Iterator[Outcome]) -> list[dict[str, str]]:
    return [outcome.row for outcome in outcomes]


@pytest.mark.parametrize(
    ("kind", "vids", "words"),
    [
        ("video", [jobs.TRANSCODE, "an-old-vid", jobs.FAILED, f"j{0:032x}"], "succeeded invalid failed missing"),
        ("audio", [jobs.AUDIO_128, jobs.AUDIO_320, jobs.AUDIO_128], "succeeded succeeded succeeded"),
    ],
)
def test_jobs_of_cloud_infinite(
    ci: LiveCloud, pauses: list[float], kind: Literal["video", "audio"], vids: list[str], words: str
) -> None:
    by_url = rows(ask(kind, vids, url=f"{ci.cloud.gateway}/query-{kind}"))
    assert [row["outcome"] for row in by_url] == words.split()
    straight = rows(ask(kind, vids))
    assert [row["outcome"] for row in straight] == words.split()
    assert straight[0] == by_url[0]
