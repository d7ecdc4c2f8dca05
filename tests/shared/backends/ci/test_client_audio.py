"""Audio jobs of one source, which share a record, and the media info of sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest
from requests import PreparedRequest

from local import keys
from local.ci import jobs as ci_jobs
from local.server import Reply
from shared.backends.base import ask
from shared.errors import KeysRejected
from shared.replies.envelope import envelope
from shared.tasks import AUDIO, VIDEO, Kind
from tests.support.ci_wire import COS_HOST, CiNetwork, ids, refused, said
from tests.support.job_xml import OLD_VID
from tests.support.record_schema import check_record


def song(vid: str, user_data: str = "", source: str = ci_jobs.SONG, bucket: str = keys.BUCKET) -> dict[str, Any]:
    place = {"BucketId": bucket, "Region": keys.REGION, "Object": source}
    file = {"Bucket": keys.BUCKET, "Region": keys.REGION, "ObjectName": f"out/{vid}.mp3"}
    operation = {"UserData": user_data, "MediaResult": {"OutputFile": file}}
    return {"JobId": vid, "State": "Success", "Tag": "Transcode", "Input": place, "Operation": operation}


def listed(net: CiNetwork, kind: Kind, vids: Sequence[str], **environ: str) -> Any:
    backend = net.backend(**environ)
    answers = ask(backend, kind, vids, 4, net.invocation.deadline)
    assert [*answers.records, *answers.missing, *answers.failed] == list(vids), "each id has its own answer"
    return envelope(answers._replace(records=backend.joined(kind, answers.records)), single=False)["data"]


def paths(record: dict[str, Any]) -> list[str]:
    return [info["path"][5:38] for info in record["result"]["audio"]["info"]]


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
    net: CiNetwork, jobs: list[dict[str, Any]], groups: list[list[int]]
) -> None:
    vids = ids(len(jobs))
    net.add(*(song(vid, **facts) for vid, facts in zip(vids, jobs, strict=True)))
    data = listed(net, AUDIO, vids)
    assert [paths(record) for record in data] == [[vids[number] for number in group] for group in groups]
    assert [record["vid"] for record in data] == [vids[group[0]] for group in groups]
    for record in data:
        check_record(AUDIO, record)


def test_groups_reach_across_batches_and_take_an_old_vid(net: CiNetwork) -> None:
    vids = ids(5)
    net.add(*(song(vid, OLD_VID) for vid in vids))
    (record,) = listed(net, AUDIO, vids, BATCH_SIZE="2")
    assert (record["vid"], paths(record)) == (OLD_VID, vids)
    assert len(net.requests) == 3


def test_videos_and_records_by_id_are_never_joined(net: CiNetwork) -> None:
    vids = ids(2)
    net.add(*(song(vid) for vid in vids))
    assert [record["vid"] for record in listed(net, VIDEO, vids)] == vids
    assert {vid: paths(record) for vid, record in net.records(AUDIO, *vids).items()} == {vid: [vid] for vid in vids}


def test_joined_keeps_records_of_other_instances(net: CiNetwork) -> None:
    records: dict[str, Any] = {"x": {}, "y": {}}
    assert net.backend().joined(AUDIO, records) == records


def test_source_facts_are_ci_s_media_info(net: CiNetwork) -> None:
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
def test_a_source_that_is_gone_or_not_media_has_no_media_info(net: CiNetwork, turn: Reply) -> None:
    def first(request: PreparedRequest) -> Reply:
        net.script.append(turn)
        return net.served(request)

    net.script.append(first)
    record = net.records(AUDIO, ci_jobs.AUDIO_128, CI_SOURCE_INFO="1")[ci_jobs.AUDIO_128]
    assert (record["size"], record["status"]) == (None, 5)


def test_a_source_that_can_not_be_asked_about_is_an_error_of_its_id(net: CiNetwork) -> None:
    def first(request: PreparedRequest) -> Reply:
        net.script.append(refused(403, "AccessDenied"))
        return net.served(request)

    net.script.append(first)
    answers = ask(net.backend(CI_SOURCE_INFO="1"), AUDIO, [ci_jobs.AUDIO_128], 2, net.invocation.deadline)
    assert isinstance(answers.failed[ci_jobs.AUDIO_128], KeysRejected)


@pytest.mark.parametrize("source", [{"bucket": "other-1"}, {"source": ""}], ids=["another bucket", "no name"])
def test_a_source_that_can_not_be_ours_is_not_asked_about(net: CiNetwork, source: dict[str, str]) -> None:
    (vid,) = ids(1)
    net.add(song(vid, **source))
    assert net.records(AUDIO, vid, CI_SOURCE_INFO="1")[vid]["size"] is None
    assert net.records(VIDEO, vid, CI_SOURCE_INFO="1")[vid]["status"] == 5
    assert len(net.requests) == 2
