"""Jobs of Cloud Infinite as records: the official pages' samples, each rule, and anything that CI might send."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from shared.backends.ci.records import to_record
from shared.errors import BadInput, UpstreamFailed
from shared.tasks import AUDIO, VIDEO, Kind
from tests.support.job_xml import HOST, ID, OLD_VID, SAMPLES, job, sample, written
from tests.support.record_schema import check_record

TOLD = "<Bucket>o-7</Bucket><Region>s</Region>"
KINDS = pytest.mark.parametrize("kind", [VIDEO, AUDIO], ids=lambda kind: kind.name)


@KINDS
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_official_sample_fits_the_documents(kind: Kind, path: Path) -> None:
    jobs = fromstring(path.read_text("utf-8")).findall("JobsDetail")
    assert jobs
    for detail in jobs:
        tag = detail.findtext("Tag") or detail.findtext("Operation/Tag")
        if kind == AUDIO and tag in ("Animation", "Snapshot", "SmartCover"):
            with pytest.raises(BadInput, match=f"is a {tag} job"):
                to_record(kind, ID, detail)
        else:
            check_record(kind, to_record(kind, ID, detail))


def test_a_video_record() -> None:
    assert to_record(VIDEO, ID, sample("describe-transcode-success")) == {
        "vid": ID,
        "app_id": 123456789,
        "bucket_name": "test",
        "bucket_region": "ap-chongqing",
        "url": f"{HOST}/input/demo.mp4",
        "create_time": "2022-06-27 15:23:12",
        "finish_time": "2022-06-27 15:24:33",
        "status": 5,
        "result": [f"{HOST}/output/out.mp4"],
        "error_code": None,
        "error_msg": None,
        "deleted": "no",
    }


def test_an_audio_record() -> None:
    record = to_record(AUDIO, ID, sample("describe-transcode-success"))
    assert record == {
        "vid": ID,
        "app_id": 123456789,
        "bucket_name": "test",
        "bucket_region": "ap-chongqing",
        "name": "/123456789/test/input/demo.mp4",
        "url": f"{HOST}/input/demo.mp4",
        "url_f0": "/input/demo.mp4",
        **dict.fromkeys(("size", "duration", "bitrate", "format", "sample_rate", "encoder")),
        "create_time": "2022-06-27 15:23:12",
        "update_time": "2022-06-27 15:24:33",
        "status": 5,
        "error_code": None,
        "error_msg": None,
        "deleted": "no",
        "result": {
            "audio": {
                "info": [
                    {
                        "bitrate": 104047,
                        "sample_rate": 44100,
                        "format": "mp4",
                        "encoder": "aac",
                        "path": "/output/out.mp4",
                        "name": "104047_mp4",
                        "trans_size": 1424687,
                    }
                ],
                "dst": {"app_id": 123456789, "bucket_name": "test", "bucket_region": "ap-chongqing"},
            }
        },
    }


RESULTS = {
    "describe-transcode-running": None,
    "create-segment-mp4": None,
    "finished-animation": ["output/animation.gif"],
    "finished-smart-cover": [f"output/smartcover-{number}.jpg" for number in range(5)],
    "finished-snapshot": [*(f"output/snapshot-{number}.jpg" for number in range(6)), "output/sprite-0.jpg"],
    "finished-concat": ["output/concat.mp4"],
    "finished-voice-separate": ["output/audio.mp3", "output/backgroud.mp3"],
}


@pytest.mark.parametrize(("name", "names"), RESULTS.items())
def test_every_output_file_is_a_result(name: str, names: list[str] | None) -> None:
    found = to_record(VIDEO, ID, sample(name))["result"]
    assert found == (names and [f"{HOST}/{name}" for name in names])


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        (written("a b/音.mp4", "/c"), ["a%20b/%E9%9F%B3.mp4", "c"]),
        (written("p-0.jpg", "1.jpg", more="<ObjectPrefix>p-</ObjectPrefix>"), ["p-0.jpg", "p-1.jpg"]),
        (f"<Output>{TOLD}<Object>x</Object><AuObject>y</AuObject></Output>", ["x", "y"]),
        (f"<Output>{TOLD}<Object>x-${{Number}}</Object></Output>", None),
        ("<Output><Object>x</Object></Output>", None),
        (written(""), None),
        ("", None),
    ],
    ids=["quoted", "prefix", "named in the job", "a pattern", "nowhere", "no name", "nothing"],
)
def test_results(operation: str, result: list[str] | None) -> None:
    found = to_record(VIDEO, ID, job(operation=operation))["result"]
    assert found == (result and [f"https://o-7.cos.s.myqcloud.com/{name}" for name in result])


STATES = {
    "Submitted": (3, 1),
    "Running": (3, 3),
    "Pause": (3, 1),
    "Success": (5, 5),
    "Failed": (4, 4),
    "Cancel": (4, 4),
}


@pytest.mark.parametrize(("state", "statuses"), [*STATES.items(), ("Auditing", (3, 3)), ("success", (3, 3))])
def test_states(state: str, statuses: tuple[int, int]) -> None:
    failure = "<Code>E</Code><Message>M</Message>"
    records = [to_record(kind, ID, job(failure, state, written("x"))) for kind in (VIDEO, AUDIO)]
    assert tuple(record["status"] for record in records) == statuses
    error = ("E", "M") if state == "Failed" else (None, None)
    assert {(record["error_code"], record["error_msg"]) for record in records} == {error}
    assert [record["result"] is not None for record in records] == [state == "Success"] * 2


@KINDS
def test_a_job_without_a_state_is_refused(kind: Kind) -> None:
    with pytest.raises(UpstreamFailed, match=f"no state of the job {ID}"):
        to_record(kind, ID, fromstring("<JobsDetail/>"))


@KINDS
@pytest.mark.parametrize("tag", ["MediaInfo", "VideoTag", "QualityEstimate", "ExtractDigitalWatermark"])
def test_a_job_that_writes_nothing_has_no_record(kind: Kind, tag: str) -> None:
    with pytest.raises(BadInput, match=f"vid, vids: {ID} is a {tag} job"):
        to_record(kind, ID, job(f"<Tag>{tag}</Tag>"))


TIMES = [
    ("2022-06-27T15:23:12+0800", "2022-06-27 15:23:12"),
    ("2022-06-27T15:23:12+08:00", "2022-06-27 15:23:12"),
    ("2022-06-27T15:23:12Z", "2022-06-27 23:23:12"),
    ("2022-06-27T15:23:12-0700", "2022-06-28 06:23:12"),
    ("0001-01-01T00:00:00+1400", None),
    ("0001-01-02T00:00:00Z", "0001-01-02 08:00:00"),
    ("2022-06-27T15:23:12", None),
    ("-", None),
    ("", None),
    ("soon", None),
]


@pytest.mark.parametrize(("text", "time"), TIMES)
def test_times(text: str, time: str | None) -> None:
    nodes = "".join(f"<{node}>{text}</{node}>" for node in ("CreationTime", "EndTime"))
    video, audio = (to_record(kind, ID, job(nodes)) for kind in (VIDEO, AUDIO))
    assert [video["create_time"], video["finish_time"]] == [time] * 2
    assert [audio["create_time"], audio["update_time"]] == [time] * 2


def test_the_update_of_a_running_job_is_its_start() -> None:
    detail = job("<StartTime>2022-06-27T15:23:12+0800</StartTime><EndTime>-</EndTime>", "Running")
    assert to_record(AUDIO, ID, detail)["update_time"] == "2022-06-27 15:23:12"
    assert to_record(VIDEO, ID, detail)["finish_time"] is None


AB = "<BucketId>a-b-125</BucketId>"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (f"{AB}<Region>r</Region><Object>/x/y</Object>", (125, "a-b", "r", "/125/a-b/x/y", "/x/y")),
        ("<Bucket>a-125</Bucket><Object>x</Object>", (125, "a", None, "/125/a/x", "/x")),
        ("<BucketId>plain</BucketId><Object>x</Object>", (None, "plain", None, None, "/x")),
        ("<BucketId>a-125</BucketId>", (125, "a", None, None, None)),
        ("", (None, None, None, None, None)),
    ],
)
def test_the_source(place: str, expected: tuple[object, ...]) -> None:
    detail = fromstring(f"<JobsDetail><State>Running</State><Input>{place}</Input></JobsDetail>")
    record = to_record(AUDIO, ID, detail)
    assert tuple(record[field] for field in ("app_id", "bucket_name", "bucket_region", "name", "url_f0")) == expected
    assert record["url"] == ("https://a-b-125.cos.r.myqcloud.com/x/y" if expected[2] else None)


@KINDS
@pytest.mark.parametrize(
    "data", [OLD_VID, f" {OLD_VID} ", "This is my data.", "prod", "", OLD_VID[1:], OLD_VID.upper()]
)
def test_user_data_that_is_a_vid_is_the_vid(kind: Kind, data: str) -> None:
    record = to_record(kind, ID, job(operation=f"<UserData>{data}</UserData>"))
    assert record["vid"] == (OLD_VID if data.strip() == OLD_VID else ID)
