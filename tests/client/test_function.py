"""Asking a deployed function: which codes are asked again, and which are final."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from client.errors import ClientError
from client.function import ATTEMPTS, Function
from shared.tasks import AUDIO, VIDEO
from tests.client.conftest import BROKEN, FakeFunction, Reply, all_done, done, envelope, refusal, some_time

JOB = f"j{1:032x}"


def outcomes(function: FakeFunction, vids: list[str], kind: Any = VIDEO, token: str = "") -> dict[str, str]:
    found = Function(kind, function.url, token).outcomes(vids, some_time())
    assert [outcome.vid for outcome in found] == vids
    return {
        outcome.vid: f"{outcome.outcome} {outcome.row['error_code']} {outcome.row['error_msg']}" for outcome in found
    }


def test_an_answer_has_records_missing_ids_and_failed_ones(function: FakeFunction, pauses: list[float]) -> None:
    failed = {"c": {"code": 4000, "message": "no such thing"}, "d": {"code": 4100, "message": "keys"}}
    _, headers, body = envelope(done("a", status=4, error_code=122, error_msg="bad"), missing=["b"], failed=failed)
    function.script((207, headers, {**body, "code": 5400}))
    assert outcomes(function, ["a", "b", "c", "d"]) == {
        "a": "failed 122 bad",
        "b": "missing  ",
        "c": "unanswered 4000 no such thing",
        "d": "unanswered 4100 keys",
    }
    assert len(function.asked) == 1
    assert pauses == []


def test_what_failed_is_asked_again_and_nothing_else(function: FakeFunction, pauses: list[float]) -> None:
    failed = {"b": {"code": 6000, "message": "x"}, "c": {"code": 4400, "message": "y"}}
    function.script(
        (207, {}, {"code": 5400, "data": [done("a")], "failed": failed}),
        (207, {}, {"code": 5400, "data": [done("c")], "failed": {"b": failed["b"]}}),
    )
    assert set(outcomes(function, ["a", "b", "c"]).values()) == {"succeeded  "}
    assert function.asked == [["a", "b", "c"], ["b", "c"], ["b"]]
    assert len(pauses) == 2


def test_attempts_that_bring_nothing_end(function: FakeFunction, pauses: list[float]) -> None:
    function.answer = lambda _: refusal(502, 6000, "the API fails")
    assert outcomes(function, ["a"]) == {"a": "unanswered 6000 the API fails"}
    assert len(function.asked) == ATTEMPTS
    for pause, longest in zip(pauses, (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0), strict=True):
        assert longest / 2 <= pause <= longest


def test_attempts_end_when_the_deadline_is_cancelled(function: FakeFunction, pauses: list[float]) -> None:
    deadline = some_time()

    def called_off(_: list[str]) -> Reply:
        deadline.call_off()
        return refusal(502, 6000)

    function.answer = called_off
    assert [outcome.outcome for outcome in Function(VIDEO, function.url).outcomes(["a"], deadline)] == ["unanswered"]
    assert len(function.asked) == 1


def test_attempts_that_bring_something_go_on(function: FakeFunction, pauses: list[float]) -> None:
    vids = [f"id{number}" for number in range(3 * ATTEMPTS)]

    def one_each(asked: list[str]) -> Reply:
        failed = {vid: {"code": 6000, "message": "out of time"} for vid in asked[1:]}
        return 207, {}, {"code": 5400, "data": [done(asked[0])], "failed": failed}

    function.answer = one_each
    assert set(outcomes(function, vids).values()) == {"succeeded  "}


@pytest.mark.parametrize(("code", "status"), [(4400, 429), (6000, 504)])
def test_retry_after_is_kept_to(function: FakeFunction, pauses: list[float], code: int, status: int) -> None:
    later = format_datetime(datetime.now(timezone.utc) + timedelta(hours=1), usegmt=True)
    waits = ["7", "nonsense", later, "-3"]
    function.script(*(refusal(status, code, headers={"Retry-After": wait}) for wait in waits))
    assert outcomes(function, ["a"]) == {"a": "succeeded  "}
    assert (pauses[0], pauses[2]) == (7, 120)
    assert max(pauses[1], pauses[3]) < 1


@pytest.mark.parametrize(
    "spoiled", [(500, {}, b"<html>"), (502, {}, b""), (429, {}, b"slow"), (200, {}, {"errorCode": 433})]
)
def test_a_reply_without_an_envelope_is_tried_again(
    function: FakeFunction, pauses: list[float], spoiled: Reply
) -> None:
    function.script(spoiled, spoiled)
    assert outcomes(function, ["a"]) == {"a": "succeeded  "}
    assert len(function.asked) == 3


def test_the_error_of_a_killed_function_is_reported(function: FakeFunction, pauses: list[float]) -> None:
    function.answer = lambda _: (200, {}, {"errorCode": 433, "errorMessage": "Invoking task timed out"})
    assert outcomes(function, ["a"]) == {"a": "unanswered 6000 Invoking task timed out"}


@pytest.mark.parametrize(
    "refused", [(413, {}, b""), refusal(413, 4000), refusal(400, 4000, "vids: over 6 MB; ask for fewer ids, or …")]
)
def test_a_function_that_takes_fewer_ids_gets_fewer(function: FakeFunction, refused: Reply) -> None:
    function.answer = lambda vids: refused if len(vids) > 3 else all_done(vids)
    vids = [f"id{number}" for number in range(10)]
    assert set(outcomes(function, vids).values()) == {"succeeded  "}
    assert [len(asked) for asked in function.asked] == [10, 5, 2, 2, 2, 2, 2]


def test_a_reply_too_large_for_one_id_is_reported(function: FakeFunction) -> None:
    function.answer = lambda _: refusal(413, 4000, "too large")
    assert outcomes(function, ["a"]) == {"a": "unanswered 4000 too large"}


def test_all_unknown_is_missing(function: FakeFunction) -> None:
    function.script(refusal(404, 5000))
    assert outcomes(function, ["a", "b"]) == {"a": "missing  ", "b": "missing  "}


def test_ids_that_are_not_jobs_are_reported_and_jobs_are_asked(function: FakeFunction) -> None:
    words = "a job id: 'j' and 32 hexadecimal digits, in lower case"
    function.script(refusal(400, 4000, f"vids: number 1 is not an id ({words})"))
    assert outcomes(function, ["old", JOB]) == {"old": f"invalid  not an id ({words})", JOB: "succeeded  "}
    assert function.asked == [["old", JOB], [JOB]]


def test_an_id_that_shares_a_record_is_asked_again(function: FakeFunction, pauses: list[float]) -> None:
    function.script(envelope(done("a")))
    assert set(outcomes(function, ["a", "b"], AUDIO).values()) == {"succeeded  "}
    assert function.asked == [["a", "b"], ["b"]]


def test_records_that_name_an_older_vid_are_those_of_the_jobs_asked(
    function: FakeFunction, pauses: list[float]
) -> None:
    """Such a job once had no answer, however often it was asked about."""
    shared = envelope(done("old-1"), done("c"))
    function.script(envelope(done("old"), done("c"), missing=["b"]), shared, envelope(done("old-1")))
    assert outcomes(function, ["a", "b", "c"]) == {"a": "succeeded  ", "b": "missing  ", "c": "succeeded  "}
    assert set(outcomes(function, ["a", "b", "c"], AUDIO).values()) == {"succeeded  "}
    assert function.asked == [["a", "b", "c"]] * 2 + [["b"]]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (refusal(401, 4100, "a token is needed"), "refuses: a token is needed (--token, or MEDIA_QUERY_TOKEN)"),
        (refusal(502, 4100, "keys"), "refuses: keys"),
        ((500, {}, {"code": 6000, "message": "COS_URL is no URL", "codeDesc": "Misconfigured"}), "COS_URL is no URL"),
        ((404, {}, b"not here"), "HTTP 404 without an envelope: is this the URL of query-video?"),
        ((200, {}, b"<html>"), "HTTP 200 without an envelope"),
        ((200, {}, []), "HTTP 200 without an envelope"),
        ((302, {"Location": "https://elsewhere.example/"}, b""), "HTTP 302 without an envelope"),
    ],
)
def test_further_requests_are_pointless(function: FakeFunction, reply: Reply, said: str) -> None:
    function.script(reply)
    with pytest.raises(ClientError) as caught:
        outcomes(function, ["a"])
    assert said in str(caught.value)
    assert len(function.asked) == 1


def test_a_refused_connection_is_reported(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ClientError, match=f"^127.0.0.1:{port}: the connection failed"):
        Function(VIDEO, f"http://127.0.0.1:{port}/").outcomes(["a"], some_time())
    assert len(pauses) == ATTEMPTS - 1


def test_a_connection_that_breaks_later_leaves_ids_unanswered(function: FakeFunction, pauses: list[float]) -> None:
    source = Function(VIDEO, function.url)
    source.outcomes(["a"], some_time())
    function.answer = lambda _: BROKEN
    assert [outcome.row["error_code"] for outcome in source.outcomes(["b"], some_time())] == ["6000"]


def test_the_token_is_sent_and_a_netrc_is_not(
    function: FakeFunction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    outcomes(function, ["a"], token="t0ken")
    outcomes(function, ["a"])
    assert [headers.get("Authorization") for headers in function.headers] == ["Bearer t0ken", None]


@pytest.mark.parametrize("token", ["two words", "ключ", "a\nb"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ClientError, match=r"--token"):
        Function(VIDEO, "https://function.example/", token)


@pytest.mark.parametrize(
    "url",
    ["function.example", "http://function.example/", "https://", "https://[", "https://a:b@c/", "ftp://127.0.0.1/"],
)
def test_a_url_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match=r"--url"):
        Function(VIDEO, url)
