"""The Python function for scripts."""

from __future__ import annotations

import pytest

import client
from client import ClientError, ask
from tests.client.conftest import FakeFunction, done, envelope, refusal
from tests.support.live import LiveCloud


def test_outcomes_come_in_the_order_asked(function: FakeFunction) -> None:
    function.answer = lambda vids: envelope(*(done(vid, extra=[1]) for vid in sorted(vids, reverse=True)))
    outcomes = list(ask("video", ["b", " a ", "b", "no id"], url=function.url, token="t"))
    assert [outcome.vid for outcome in outcomes] == ["b", "a", "b", "no id"]
    assert [outcome.outcome for outcome in outcomes] == ["succeeded", "succeeded", "succeeded", "invalid"]
    assert outcomes[0].record == done("b", extra=[1])
    assert outcomes[0].row["result"] == "http://results.example/b.mp4"
    assert outcomes[3].record is None
    assert function.headers[0]["Authorization"] == "Bearer t"


def test_the_environment_names_the_function(function: FakeFunction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_QUERY_URL", function.url)
    monkeypatch.setenv("MEDIA_QUERY_TOKEN", "from-the-environment")
    assert [outcome.outcome for outcome in ask("video", iter(["a"]))] == ["succeeded"]
    assert function.headers[0]["Authorization"] == "Bearer from-the-environment"


def test_waiting_yields_only_what_is_settled(function: FakeFunction, pauses: list[float]) -> None:
    function.script(envelope(done("a", status=3), done("b")), envelope(done("a", status=3)), envelope(done("a")))
    outcomes = list(ask("video", ["a", "b"], url=function.url, wait=True))
    assert [outcome.outcome for outcome in outcomes] == ["succeeded", "succeeded"]
    assert function.asked == [["a", "b"], ["a"], ["a"]]
    assert pauses == [2.0, 3.0]


def test_without_a_url_the_api_is_asked(live: LiveCloud) -> None:
    live.media("tasks", json=[{"vid": "an-audio", "status": 4, "action": "GetCtsaudioInfo"}])
    assert [outcome.outcome for outcome in ask("audio", ["an-audio", "nobody"])] == ["failed", "missing"]


def test_errors_are_raised_where_ask_is_called() -> None:
    with pytest.raises(ClientError, match="without --url the API itself is asked: no credentials"):
        ask("video", ["a"])
    with pytest.raises(ClientError, match="--url"):
        ask("video", ["a"], url="nonsense")


def test_a_refusal_is_raised_by_the_iterator(function: FakeFunction) -> None:
    function.script(refusal(401, 4100, "a token is needed"))
    with pytest.raises(ClientError, match="a token is needed"):
        next(ask("video", ["a"], url=function.url))


def test_what_scripts_import_is_named() -> None:
    assert all(hasattr(client, name) for name in client.__all__)
