"""Cloud Infinite on the wire, against the local one, which refuses whatever is not signed as it should be."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests import PreparedRequest

from local import keys
from local.ci import jobs as ci_jobs
from local.ci.service import CiService
from local.server import Reply
from shared.backends.base import Answers, ask
from shared.backends.ci.client import MOST_IDS
from shared.errors import BadInput, KeysRejected, OutOfTime, QueryError, ReplyTooLarge, Throttled, UpstreamFailed
from shared.net.client import ATTEMPTS
from shared.net.xml import MAX_XML
from shared.replies.envelope import envelope
from shared.tasks import AUDIO, JOB_IDS, VIDEO, Kind
from tests.support.ci_wire import CI_HOST, UNKNOWN, WORDS, CiNetwork, Turn, ids, refused, running, said
from tests.support.job_xml import OLD_VID
from tests.support.limits import watched
from tests.support.record_schema import check_record


@pytest.mark.parametrize("kind", [VIDEO, AUDIO], ids=lambda kind: kind.name)
def test_one_call_asks_about_all(net: CiNetwork, kind: Kind) -> None:
    asked = [ci_jobs.FAILED, UNKNOWN, ci_jobs.TRANSCODE]
    found = net.records(kind, *asked)
    assert net.paths() == [f"/jobs/{','.join(asked)}"]
    assert {vid: record["status"] for vid, record in found.items()} == {ci_jobs.FAILED: 4, ci_jobs.TRANSCODE: 5}
    for record in found.values():
        check_record(kind, record)
    sent = net.requests[0].headers
    assert sent["x-ci-security-token"] == keys.ROLE.token
    assert "x-cos-security-token" not in sent
    assert "x-ci-security-token" in sent["Authorization"]


def test_permanent_keys_send_no_token(net: CiNetwork) -> None:
    found = net.records(VIDEO, ci_jobs.PAUSED, SECRET_ID=keys.PERMANENT.secret_id, SECRET_KEY=keys.PERMANENT.secret_key)
    assert found[ci_jobs.PAUSED]["status"] == 3
    assert not [name for name in net.requests[0].headers if "token" in name]


@pytest.mark.parametrize(
    ("missing", "silent"),
    [
        (f"<NonExistJobIds>{UNKNOWN}</NonExistJobIds>", False),
        (f"<NonExistJobIds>x,{UNKNOWN} </NonExistJobIds>", False),
        (f"<NonExistJobIds/><NonExistJobIds>{UNKNOWN}</NonExistJobIds>", False),
        ("<NonExistJobIds/>", True),
        ("", True),
        ("<JobsDetail/>", True),
        (running(ids(2)[1]), True),
    ],
)
def test_only_ids_that_ci_lists_as_unknown_are_missing(net: CiNetwork, missing: str, silent: bool) -> None:
    net.script.append(said(missing=missing))
    answers = ask(net.backend(), VIDEO, [UNKNOWN], 2, net.invocation.deadline)
    assert answers.missing == ([] if silent else [UNKNOWN])
    assert [error.message for error in answers.failed.values()] == (
        [f"Cloud Infinite did not answer about {UNKNOWN}"] if silent else []
    )


def test_a_job_of_another_kind_costs_its_own_id_only(net: CiNetwork) -> None:
    answers = ask(net.backend(), AUDIO, [ci_jobs.SNAPSHOT, ci_jobs.AUDIO_128, UNKNOWN], 2, net.invocation.deadline)
    assert (list(answers.records), answers.missing) == ([ci_jobs.AUDIO_128], [UNKNOWN])
    made: Any = envelope(answers, single=False)
    assert (made["code"], made["missing"]) == (5400, [UNKNOWN])
    assert made["failed"][ci_jobs.SNAPSHOT]["code"] == 4000
    with pytest.raises(BadInput, match="is a Snapshot job, of which there is no audio record"):
        envelope(ask(net.backend(), AUDIO, [ci_jobs.SNAPSHOT], 2, net.invocation.deadline), single=True)


REFUSALS = [
    (refused(400, "InvalidArgument"), BadInput, False),
    (refused(200, "InvalidArgument"), BadInput, False),
    (refused(400, "InvalidHost"), UpstreamFailed, False),
    (refused(400, "CIRoleNotExist"), KeysRejected, False),
    (refused(400, "ResourceAccessDenied"), KeysRejected, False),
    (refused(401, "SecretidNotExist"), KeysRejected, False),
    (refused(403, "AccessDenied"), KeysRejected, False),
    (refused(403, "QueueSaturated"), UpstreamFailed, False),
    (refused(403), KeysRejected, False),
    (refused(404, "InvalidUrl"), UpstreamFailed, False),
    (refused(451, "UnavailableForLegalReasons"), UpstreamFailed, False),
    (refused(501, "NotImplemented"), UpstreamFailed, False),
    (Reply(302, {"Location": "https://x.example"}), UpstreamFailed, False),
    (refused(401, "SignatureExpired"), KeysRejected, True),
    (refused(429, "SlowDown"), Throttled, True),
    (refused(200, "SlowDown"), Throttled, True),
    (refused(500, "InternalError"), UpstreamFailed, True),
    (refused(200, "InternalError"), UpstreamFailed, True),
    (refused(503, "ServiceUnavailable"), UpstreamFailed, True),
    (Reply(502, {}, b"<html>"), UpstreamFailed, True),
    (Reply(200, {}, b"{}"), UpstreamFailed, True),
    (Reply(200, {}, b"<Response><JobsDetail>"), UpstreamFailed, True),
    (Reply(200, {}, b"<html/>"), UpstreamFailed, True),
    (Reply(200, {}, b"<!DOCTYPE a><Response/>"), UpstreamFailed, False),
    (Reply(200, {}, b"<Response>" + b" " * MAX_XML + b"</Response>"), ReplyTooLarge, False),
    (requests.ConnectionError(WORDS), UpstreamFailed, True),
    (requests.ReadTimeout(WORDS), OutOfTime, True),
]


@pytest.mark.parametrize(("turn", "error", "retried"), REFUSALS)
def test_refusals(net: CiNetwork, turn: Turn, error: type[QueryError], retried: bool) -> None:
    net.script.extend([turn] * ATTEMPTS)
    with pytest.raises(error) as caught:
        net.records(VIDEO, ci_jobs.TRANSCODE)
    assert type(caught.value) is error
    assert len(net.requests) == (ATTEMPTS if retried else 1) == len(net.naps) + 1
    for hidden in (*WORDS.split(), "UnavailableForLegalReasons", CI_HOST, keys.ROLE.secret_id, keys.ROLE.token):
        assert hidden not in caught.value.message


@pytest.mark.parametrize("turn", [turn for turn, _, retried in REFUSALS if retried])
def test_a_retry_is_signed_anew(net: CiNetwork, turn: Turn) -> None:
    net.script.append(turn)
    assert net.records(VIDEO, ci_jobs.TRANSCODE)[ci_jobs.TRANSCODE]["status"] == 5
    assert len(net.requests) == 2


@pytest.mark.parametrize("turn", [turn for turn, error, _ in REFUSALS if error is Throttled])
def test_the_limiter_sees_a_throttled_call(net: CiNetwork, monkeypatch: pytest.MonkeyPatch, turn: Turn) -> None:
    """It once saw a call end well, and took the error only afterwards: it never held back."""
    seen: list[str] = []
    monkeypatch.setattr("shared.backends.ci.client.Limiter", watched(seen))
    net.script.append(turn)
    net.records(VIDEO, ci_jobs.TRANSCODE)
    assert seen == ["throttled", "answered"]


def test_the_servers_clock_is_followed(net: CiNetwork) -> None:
    net.service = CiService(net.jobs, clock=lambda: 2_000_000_000)
    late = net.service.error("SignatureExpired")
    net.script.append(late._replace(headers={**late.headers, "Date": formatdate(2_000_000_000, usegmt=True)}))
    assert net.records(VIDEO, ci_jobs.TRANSCODE)[ci_jobs.TRANSCODE]["status"] == 5


@pytest.mark.parametrize(
    ("kind", "environ", "size"),
    [
        (VIDEO, {}, MOST_IDS),
        (AUDIO, {}, MOST_IDS),
        (VIDEO, {"BATCH_SIZE": "7"}, 7),
        (VIDEO, {"CI_SOURCE_INFO": "1"}, MOST_IDS),
        (AUDIO, {"CI_SOURCE_INFO": "1"}, 1),
    ],
)
def test_batch_size(net: CiNetwork, kind: Kind, environ: dict[str, str], size: int) -> None:
    assert net.backend(**environ).batch_size(kind) == size


def asked(request: PreparedRequest) -> list[str]:
    return urlsplit(str(request.url)).path.removeprefix("/jobs/").split(",")


def test_a_reply_that_is_too_large_is_asked_for_in_halves(net: CiNetwork) -> None:
    def bulky(request: PreparedRequest) -> Reply:
        padding = " " * (MAX_XML // 2 - 1000)
        return said(*(running(vid) + padding for vid in asked(request)))

    net.script.extend([bulky] * 9)
    vids = ids(5)
    assert set(net.records(VIDEO, *vids)) == set(vids)
    assert [len(asked(request)) for request in net.requests] == [5, 2, 3, 1, 2]


def test_no_ids(net: CiNetwork) -> None:
    with pytest.raises(BadInput, match="vid: give the id"):
        net.backend().without_ids(AUDIO, net.invocation.deadline)


@pytest.mark.parametrize("vid", [*ids(2), ci_jobs.TRANSCODE])
def test_ids(vid: str) -> None:
    assert JOB_IDS.matches(vid)


@pytest.mark.parametrize(
    "vid", [OLD_VID, "j", f"j{'A' * 32}", f"{UNKNOWN}0", f"{UNKNOWN}\n", f"{UNKNOWN},", f"J{'0' * 32}"]
)
def test_invalid_ids(vid: str) -> None:
    assert not JOB_IDS.matches(vid)


def test_answers_of_nothing(net: CiNetwork) -> None:
    assert ask(net.backend(), VIDEO, [], 2, net.invocation.deadline) == Answers({}, [], {})
