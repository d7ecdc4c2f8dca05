"""Cloud Infinite on the wire, against the local one, which refuses whatever is not signed as it should be."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import responses
from requests import PreparedRequest

from local import keys
from local.ci import jobs as ci_jobs
from local.ci.jobs import CiJobs
from local.ci.service import CiService
from local.server import Reply, Request
from shared.backends.base import Answers, ask
from shared.backends.ci.client import MOST_IDS, CloudInfinite
from shared.errors import BadInput, KeysRejected, OutOfTime, QueryError, ReplyTooLarge, Throttled, UpstreamFailed
from shared.invocation import Invocation
from shared.net.client import ATTEMPTS
from shared.net.xml import MAX_XML
from shared.replies.envelope import envelope
from shared.settings import read_settings
from shared.tasks import AUDIO, VIDEO, Kind
from tests.support.record_schema import check_record

CI_HOST = f"{keys.BUCKET}.ci.{keys.REGION}.myqcloud.com"
COS_HOST = f"{keys.BUCKET}.cos.{keys.REGION}.myqcloud.com"
WORDS = "upstream-words http://internal.example"
UNKNOWN = f"j{'0' * 32}"
Turn = Reply | Exception | Callable[[PreparedRequest], Reply]


class Network:
    """The local CI behind the real hosts, after a script of other turns."""

    def __init__(self) -> None:
        self.jobs = CiJobs()
        self.service = CiService(self.jobs)
        self.script: deque[Turn] = deque()
        self.requests: list[PreparedRequest] = []
        self.naps: list[float] = []
        self.invocation = Invocation({"time_limit_in_ms": 60_000, "request_id": "unit"})

    def answer(self, request: PreparedRequest) -> tuple[int, dict[str, Any], bytes] | Exception:
        self.requests.append(request)
        turn = self.script.popleft() if self.script else self._served
        if isinstance(turn, Exception):
            return turn
        reply = turn(request) if callable(turn) else turn
        return reply.status, dict(reply.headers), reply.body

    def _served(self, request: PreparedRequest) -> Reply:
        url = urlsplit(str(request.url))
        headers = {name.lower(): str(value) for name, value in request.headers.items()} | {"host": url.netloc}
        return self.service.handle(Request(str(request.method), url.path, url.query, headers))

    def add(self, *jobs: dict[str, Any]) -> None:
        self.jobs.add({"jobs": list(jobs)})

    def backend(self, **environ: str) -> CloudInfinite:
        role = {
            "TENCENTCLOUD_SECRETID": keys.ROLE.secret_id,
            "TENCENTCLOUD_SECRETKEY": keys.ROLE.secret_key,
            "TENCENTCLOUD_SESSIONTOKEN": keys.ROLE.token,
        }
        bucket = {"COS_BUCKET": keys.BUCKET, "COS_REGION": keys.REGION, "BACKEND": "ci"}
        return CloudInfinite(read_settings({**role, **bucket, **environ}), self.invocation)

    def records(self, kind: Kind, *vids: str, **environ: str) -> dict[str, Any]:
        return dict(self.backend(**environ).records(kind, vids, self.invocation.deadline))

    def paths(self) -> list[str]:
        return [urlsplit(str(request.url)).path for request in self.requests]


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    made = Network()
    monkeypatch.setattr("shared.net.client.Deadline.pause", lambda _, seconds: made.naps.append(seconds))
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for host in (CI_HOST, COS_HOST):
            mock.add_callback(responses.GET, re.compile(f"https://{host}/.*"), callback=made.answer)
        yield made


def refused(status: int, code: str = "", date: str = "") -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{WORDS}</Message><RequestId>r</RequestId></Error>"
    return Reply(status, {"Date": date} if date else {}, body.encode())


def said(*jobs: str, missing: str = "") -> Reply:
    return Reply(200, {}, f"<Response>{''.join(jobs)}{missing}</Response>".encode())


def running(vid: str) -> str:
    return f"<JobsDetail><JobId>{vid}</JobId><State>Running</State></JobsDetail>"


def ids(count: int) -> list[str]:
    return [f"j{number:032x}" for number in range(count)]


@pytest.mark.parametrize("kind", [VIDEO, AUDIO], ids=lambda kind: kind.name)
def test_one_call_asks_about_all(net: Network, kind: Kind) -> None:
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


def test_permanent_keys_send_no_token(net: Network) -> None:
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
def test_only_what_ci_says_is_unknown_is_missing(net: Network, missing: str, silent: bool) -> None:
    net.script.append(said(missing=missing))
    answers = ask(net.backend(), VIDEO, [UNKNOWN], 2, net.invocation.deadline)
    assert answers.missing == ([] if silent else [UNKNOWN])
    assert [error.message for error in answers.failed.values()] == (
        [f"Cloud Infinite did not answer about {UNKNOWN}"] if silent else []
    )


def test_a_job_of_another_kind_costs_its_own_id_only(net: Network) -> None:
    answers = ask(net.backend(), AUDIO, [ci_jobs.SNAPSHOT, ci_jobs.AUDIO_128, UNKNOWN], 2, net.invocation.deadline)
    assert (list(answers.records), answers.missing) == ([ci_jobs.AUDIO_128], [UNKNOWN])
    made = envelope(answers, single=False)
    assert (made["code"], made["missing"]) == (5400, [UNKNOWN])
    assert made["failed"][ci_jobs.SNAPSHOT]["code"] == 4000  # type: ignore[index]
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
def test_refusals(net: Network, turn: Turn, error: type[QueryError], retried: bool) -> None:
    net.script.extend([turn] * ATTEMPTS)
    with pytest.raises(error) as caught:
        net.records(VIDEO, ci_jobs.TRANSCODE)
    assert type(caught.value) is error
    assert len(net.requests) == (ATTEMPTS if retried else 1) == len(net.naps) + 1
    for hidden in (*WORDS.split(), "UnavailableForLegalReasons", CI_HOST, keys.ROLE.secret_id, keys.ROLE.token):
        assert hidden not in caught.value.message


@pytest.mark.parametrize("turn", [turn for turn, _, retried in REFUSALS if retried])
def test_what_may_mend_is_asked_again_and_signed_anew(net: Network, turn: Turn) -> None:
    net.script.append(turn)
    assert net.records(VIDEO, ci_jobs.TRANSCODE)[ci_jobs.TRANSCODE]["status"] == 5
    assert len(net.requests) == 2


def test_the_servers_clock_is_followed(net: Network) -> None:
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
def test_batch_size(net: Network, kind: Kind, environ: dict[str, str], size: int) -> None:
    assert net.backend(**environ).batch_size(kind) == size


def asked(request: PreparedRequest) -> list[str]:
    return urlsplit(str(request.url)).path.removeprefix("/jobs/").split(",")


def test_a_reply_that_is_too_large_is_asked_for_in_halves(net: Network) -> None:
    def bulky(request: PreparedRequest) -> Reply:
        padding = " " * (MAX_XML // 2 - 1000)
        return said(*(running(vid) + padding for vid in asked(request)))

    net.script.extend([bulky] * 9)
    vids = ids(5)
    assert set(net.records(VIDEO, *vids)) == set(vids)
    assert [len(asked(request)) for request in net.requests] == [5, 2, 3, 1, 2]


def test_no_ids(net: Network) -> None:
    with pytest.raises(BadInput, match="vid: give the id"):
        net.backend().without_ids(AUDIO, net.invocation.deadline)


def song(vid: str, user_data: str = "", source: str = ci_jobs.SONG, bucket: str = keys.BUCKET) -> dict[str, Any]:
    place = {"BucketId": bucket, "Region": keys.REGION, "Object": source}
    file = {"Bucket": keys.BUCKET, "Region": keys.REGION, "ObjectName": f"out/{vid}.mp3"}
    operation = {"UserData": user_data, "MediaResult": {"OutputFile": file}}
    return {"JobId": vid, "State": "Success", "Tag": "Transcode", "Input": place, "Operation": operation}


def listed(net: Network, kind: Kind, vids: Sequence[str], **environ: str) -> Any:
    backend = net.backend(**environ)
    answers = ask(backend, kind, vids, 4, net.invocation.deadline)
    assert [*answers.records, *answers.missing, *answers.failed] == list(vids), "each id has its own answer"
    return envelope(answers._replace(records=backend.joined(kind, answers.records)), single=False)["data"]


def paths(record: dict[str, Any]) -> list[str]:
    return [info["path"][5:38] for info in record["result"]["audio"]["info"]]


OLD_VID = "6e50fd43c6f20d56c88d1c1d8f6db2641503390019"
GROUPS: list[tuple[list[dict[str, Any]], list[list[int]]]] = [
    ([{}, {}], [[0, 1]]),
    ([{}, {"source": "other"}, {}], [[0, 2], [1]]),
    ([{}, {"bucket": "other-1"}], [[0], [1]]),
    ([{"user_data": "a"}, {"user_data": "b"}, {"user_data": "a"}, {}], [[0, 2], [1], [3]]),
    ([{"user_data": "a"}, {"user_data": "a", "source": "other"}], [[0], [1]]),
    ([{"bucket": ""}, {"bucket": ""}], [[0], [1]]),  # nobody knows their source
]


@pytest.mark.parametrize(("jobs", "groups"), GROUPS)
def test_audio_jobs_of_one_source_share_a_record(
    net: Network, jobs: list[dict[str, Any]], groups: list[list[int]]
) -> None:
    vids = ids(len(jobs))
    net.add(*(song(vid, **facts) for vid, facts in zip(vids, jobs, strict=True)))
    data = listed(net, AUDIO, vids)
    assert [paths(record) for record in data] == [[vids[number] for number in group] for group in groups]
    assert [record["vid"] for record in data] == [vids[group[0]] for group in groups]
    for record in data:
        check_record(AUDIO, record)


def test_groups_reach_across_batches_and_take_an_old_vid(net: Network) -> None:
    vids = ids(5)
    net.add(*(song(vid, OLD_VID) for vid in vids))
    (record,) = listed(net, AUDIO, vids, BATCH_SIZE="2")
    assert (record["vid"], paths(record)) == (OLD_VID, vids)
    assert len(net.requests) == 3


def test_videos_and_records_by_id_are_never_joined(net: Network) -> None:
    vids = ids(2)
    net.add(*(song(vid) for vid in vids))
    assert [record["vid"] for record in listed(net, VIDEO, vids)] == vids
    assert {vid: paths(record) for vid, record in net.records(AUDIO, *vids).items()} == {vid: [vid] for vid in vids}


def test_joined_keeps_what_it_does_not_know(net: Network) -> None:
    records: dict[str, Any] = {"x": {}, "y": {}}
    assert net.backend().joined(AUDIO, records) == records


def test_source_facts_are_ci_s_media_info(net: Network) -> None:
    record = net.records(AUDIO, ci_jobs.AUDIO_128, CI_SOURCE_INFO="1")[ci_jobs.AUDIO_128]
    assert [record[field] for field in ("size", "duration", "bitrate", "format", "sample_rate", "encoder")] == [
        *(19408560, 170, 911),
        *("flac", 44100, "flac"),
    ]
    check_record(AUDIO, record)
    assert net.paths() == [f"/jobs/{ci_jobs.AUDIO_128}", f"/{ci_jobs.SONG}"]
    assert urlsplit(str(net.requests[1].url)).netloc == COS_HOST
    assert net.requests[1].headers["x-cos-security-token"] == keys.ROLE.token


@pytest.mark.parametrize("turn", [refused(404, "NoSuchKey"), refused(400, "InvalidArgument"), said()])
def test_a_source_that_is_gone_or_no_media_has_no_facts(net: Network, turn: Reply) -> None:
    def first(request: PreparedRequest) -> Reply:
        net.script.append(turn)
        return net._served(request)

    net.script.append(first)
    record = net.records(AUDIO, ci_jobs.AUDIO_128, CI_SOURCE_INFO="1")[ci_jobs.AUDIO_128]
    assert (record["size"], record["status"]) == (None, 5)


def test_a_source_that_can_not_be_asked_about_is_an_error_of_its_id(net: Network) -> None:
    def first(request: PreparedRequest) -> Reply:
        net.script.append(refused(403, "AccessDenied"))
        return net._served(request)

    net.script.append(first)
    answers = ask(net.backend(CI_SOURCE_INFO="1"), AUDIO, [ci_jobs.AUDIO_128], 2, net.invocation.deadline)
    assert isinstance(answers.failed[ci_jobs.AUDIO_128], KeysRejected)


def test_a_source_in_another_bucket_is_not_asked_about(net: Network) -> None:
    (vid,) = ids(1)
    net.add(song(vid, bucket="other-1"))
    assert net.records(AUDIO, vid, CI_SOURCE_INFO="1")[vid]["size"] is None
    assert net.records(VIDEO, vid, CI_SOURCE_INFO="1")[vid]["status"] == 5
    assert len(net.requests) == 2


@pytest.mark.parametrize("vid", [*ids(2), ci_jobs.TRANSCODE])
def test_ids(vid: str) -> None:
    assert CloudInfinite.ids.pattern.fullmatch(vid)


@pytest.mark.parametrize(
    "vid", [OLD_VID, "j", f"j{'A' * 32}", f"{UNKNOWN}0", f"{UNKNOWN}\n", f"{UNKNOWN},", f"J{'0' * 32}"]
)
def test_what_is_no_id(vid: str) -> None:
    assert not CloudInfinite.ids.pattern.fullmatch(vid)


def test_answers_of_nothing(net: Network) -> None:
    assert ask(net.backend(), VIDEO, [], 2, net.invocation.deadline) == Answers({}, [], {})
