"""Jobs of Cloud Infinite as records: the official pages' samples, each rule, and anything that CI might send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.backends.ci.records import join_audio, to_record
from shared.errors import BadInput, QueryError, UpstreamFailed
from shared.tasks import AUDIO, VIDEO, Kind, is_final
from tests.support.record_schema import check_record

DATA = Path(__file__).parent / "data"
SAMPLES = sorted(DATA.glob("*.xml"))
ID = "j8d121820f5e411ec926ef19d53ba9c6f"
HOST = "https://test-123456789.cos.ap-chongqing.myqcloud.com"
OLD_VID = "6e50fd43c6f20d56c88d1c1d8f6db2641503390019"
TOLD = "<Bucket>o-7</Bucket><Region>s</Region>"
KINDS = pytest.mark.parametrize("kind", [VIDEO, AUDIO], ids=lambda kind: kind.name)


def sample(name: str) -> Element:
    """The first job of a sample: the nodes and values of an official page."""
    job = fromstring((DATA / f"{name}.xml").read_text("utf-8")).find("JobsDetail")
    assert job is not None
    return job


def job(text: str = "", state: str = "Success", operation: str = "", source: str = "a/b.mp3") -> Element:
    """A job of the tests' own."""
    place = f"<Input><BucketId>m-1-125</BucketId><Region>r</Region><Object>{source}</Object></Input>"
    return fromstring(f"<JobsDetail><State>{state}</State>{place}{text}<Operation>{operation}</Operation></JobsDetail>")


def written(*names: str, more: str = "") -> str:
    objects = "".join(f"<ObjectName>{name}</ObjectName>" for name in names)
    return f"<MediaResult><OutputFile><Bucket>o-7</Bucket><Region>s</Region>{objects}{more}</OutputFile></MediaResult>"


def media(bitrate: str = "", *, names: str = "", size: str = "", extra: str = "", more: str = "") -> str:
    stream = f"<Audio><Bitrate>{bitrate}</Bitrate><SampleRate>44100</SampleRate><CodecName>mp3</CodecName></Audio>"
    facts = f"<Format><FormatName>{names}</FormatName><Size>{size}</Size>{more}</Format>"
    return f"<MediaInfo>{facts}<Stream>{stream}{extra}</Stream></MediaInfo>"


def outputs(record: Any) -> list[dict[str, Any]]:
    return record["result"]["audio"]["info"]  # type: ignore[no-any-return]


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
    ids=["quoted", "prefix", "told to write", "a pattern", "nowhere", "no name", "nothing"],
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
    told = "<Code>E</Code><Message>M</Message>"
    records = [to_record(kind, ID, job(told, state, written("x"))) for kind in (VIDEO, AUDIO)]
    assert tuple(record["status"] for record in records) == statuses
    error = ("E", "M") if state == "Failed" else (None, None)
    assert {(record["error_code"], record["error_msg"]) for record in records} == {error}
    assert [record["result"] is not None for record in records] == [state == "Success"] * 2


@KINDS
def test_a_job_without_a_state_is_no_record(kind: Kind) -> None:
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


@pytest.mark.parametrize(
    ("bitrate", "bits"),
    [("128", 128000), ("128000", 128000), ("104.047000", 104047), ("7999.9", 7999900), ("8000", 8000), ("0", 0)]
    + [(text, None) for text in ("", "N/A", "-1", "1e3", "nan", "inf", "1_0", "१", "9" * 16)],
)  # fmt: skip
def test_output_bitrates_are_in_bits(bitrate: str, bits: int | None) -> None:
    (info,) = outputs(to_record(AUDIO, ID, job(operation=written("x.mp3") + media(bitrate, names="mp3"))))
    assert info["bitrate"] == bits
    assert info["name"] == (None if bits is None else f"{bits}_mp3")


@pytest.mark.parametrize(
    ("name", "names", "form"),
    [("x.m4a", "mov,mp4,m4a", "m4a"), ("x.M4A", "mov,mp4,m4a", "m4a"), ("x", "mp3", "mp3"), ("x.mp3", "", None)],
)
def test_the_format_is_one_of_a_family(name: str, names: str, form: str | None) -> None:
    (info,) = outputs(to_record(AUDIO, ID, job(operation=written(name) + media(names=names))))
    assert (info["format"], info["path"]) == (form, f"/{name}")


def test_a_template_names_its_output() -> None:
    operation = written("x.mp3") + media("128") + "<TemplateName>high</TemplateName>"
    assert outputs(to_record(AUDIO, ID, job(operation=operation)))[0]["name"] == "high"


def test_without_media_info_an_output_has_a_path_only() -> None:
    (info,) = outputs(to_record(AUDIO, ID, job(operation=written("x.mp3"))))
    assert {name for name, value in info.items() if value is not None} == {"path"}


def test_of_several_outputs_only_what_holds_for_all_is_told() -> None:
    record = to_record(AUDIO, ID, sample("finished-voice-separate"))
    assert [info["path"] for info in outputs(record)] == ["/output/audio.mp3", "/output/backgroud.mp3"]
    for info in outputs(record):
        assert (info["bitrate"], info["sample_rate"], info["encoder"]) == (128000, 44100, "mp3")
        assert (info["format"], info["trans_size"]) == ("mp3", None), "whose size it is, CI does not say"
    other = "<Audio><Bitrate>64</Bitrate><SampleRate>44100</SampleRate><CodecName>aac</CodecName></Audio>"
    mixed = job(operation=written("x.mp3", "y.aac") + media("128", names="aac", size="5", extra=other))
    assert [list(info.values())[:4] for info in outputs(to_record(AUDIO, ID, mixed))] == [
        [None, 44100, None, None],
        [None, 44100, "aac", None],
    ]


def test_the_first_stream_speaks_for_a_single_output() -> None:
    other = "<Audio><Bitrate>64</Bitrate><SampleRate>8000</SampleRate><CodecName>aac</CodecName></Audio>"
    (info,) = outputs(to_record(AUDIO, ID, job(operation=written("x.mp3") + media("128", extra=other))))
    assert (info["bitrate"], info["sample_rate"], info["encoder"]) == (128000, 44100, "mp3")


@pytest.mark.parametrize(
    ("more", "size", "kilobits"),
    [
        ("<Bitrate>16869.432000</Bitrate><Duration>129.2</Duration>", "272441346", 16869),  # the page's sample
        ("<Bitrate>16869432</Bitrate><Duration>129.2</Duration>", "272441346", 16869),
        ("<Bitrate>187</Bitrate>", "", 187),
        ("<Bitrate>187000</Bitrate><Duration>0</Duration>", "4113874", 187),
        ("<Duration>170</Duration>", "4113874", None),
    ],
)
def test_source_facts(more: str, size: str, kilobits: int | None) -> None:
    source = fromstring(media("187.0", names="mp3", size=size, more=more))
    record = to_record(AUDIO, ID, job(), source)
    assert record["bitrate"] == kilobits
    assert record["size"] == (int(size) if size else None)
    assert (record["format"], record["sample_rate"], record["encoder"]) == ("mp3", 44100, "mp3")
    check_record(AUDIO, record)


def test_a_source_that_is_no_audio() -> None:
    record = to_record(AUDIO, ID, job(), fromstring("<MediaInfo><Stream/></MediaInfo>"))
    assert {record[field] for field in ("size", "duration", "bitrate", "format", "sample_rate", "encoder")} == {None}


def audio(state: str, created: str = "", ended: str = "", names: tuple[str, ...] = ("x",)) -> dict[str, object]:
    told = f"<Code>{state}</Code><Message>why</Message><CreationTime>{created}</CreationTime><EndTime>{ended}</EndTime>"
    return to_record(AUDIO, ID, job(told, state, written(*names)))


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["Success", "Success"], 5),
        (["Success", "Failed"], 4),
        (["Cancel", "Success"], 4),
        (["Submitted", "Pause"], 1),
        (["Submitted", "Success"], 3),
        (["Running", "Failed"], 3),
        (["Auditing", "Success", "Failed"], 3),
    ],
)
def test_a_joined_record_is_final_when_all_jobs_are(states: list[str], status: int) -> None:
    joined = join_audio([audio(state) for state in states])
    assert joined["status"] == status
    failed = status == 4 and "Failed" in states
    assert (joined["error_code"], joined["error_msg"]) == (("Failed", "why") if failed else (None, None))
    assert (joined["result"] is not None) == ("Success" in states)
    check_record(AUDIO, joined)


def test_a_joined_record_has_all_outputs_and_the_whole_time() -> None:
    early, late = "2022-06-27T15:00:00+0800", "2022-06-27T16:00:00+0800"
    records = [audio("Success", late, early, ("x", "y")), audio("Success", early, late, ("z",)), audio("Cancel")]
    joined = join_audio(records)
    assert [info["path"] for info in outputs(joined)] == ["/x", "/y", "/z"]
    assert (joined["create_time"], joined["update_time"]) == ("2022-06-27 15:00:00", "2022-06-27 16:00:00")


NAMES = ["JobId", "Code", "Message", "State", "Tag", "CreationTime", "StartTime", "EndTime", "Input", "Operation"]
NAMES += ["BucketId", "Bucket", "Region", "Object", "Output", "AuObject", "UserData", "TemplateName", "MediaInfo"]
NAMES += ["MediaResult", "OutputFile", "SpriteOutputFile", "ObjectName", "ObjectPrefix", "Format", "Stream", "Audio"]
NAMES += ["Bitrate", "Size", "Duration", "SampleRate", "CodecName", "FormatName"]
TEXTS = [
    "Success",
    "Failed",
    "Running",
    "Pause",
    "Cancel",
    "Gone",
    "Snapshot",
    "-",
    "a-125",
    "a${Number}",
    "x/y.mp3",
    "/",
]
TEXTS += ["128", "128000", "1.5", "-3", "1e999", "NaN", "9" * 400, "2022-06-27T15:23:12+0800", "9999-12-31T23:59:59Z"]
TEXT = st.sampled_from(TEXTS) | st.text(max_size=12)
NODES = st.recursive(
    st.tuples(st.sampled_from(NAMES), TEXT),
    lambda inner: st.tuples(st.sampled_from(NAMES), st.lists(inner, max_size=6)),
    max_leaves=25,
)
#: Jobs as CI makes them, with any node missing, repeated or odd; and with any nodes anywhere.
SHAPE: dict[str, Any] = {
    "": ["State", "Tag", "Code", "Message", "CreationTime", "StartTime", "EndTime"],
    "Input": ["BucketId", "Region", "Object"],
    "Operation": ["UserData", "TemplateName"],
    "Operation/Output": ["Bucket", "Region", "Object", "AuObject"],
    "Operation/MediaResult/OutputFile": ["Bucket", "Region", "ObjectName", "ObjectName", "ObjectPrefix"],
    "Operation/MediaInfo/Format": ["Bitrate", "Size", "Duration", "FormatName"],
    "Operation/MediaInfo/Stream/Audio": ["Bitrate", "SampleRate", "CodecName"],
}


@st.composite
def details(draw: st.DrawFn) -> Element:
    root = Element("JobsDetail")
    for path, leaves in SHAPE.items():
        node = root
        for name in filter(None, path.split("/")):
            found = node.find(name)
            node = SubElement(node, name) if found is None else found
        for leaf in leaves:
            for text in draw(st.lists(TEXT, max_size=2)):
                SubElement(node, leaf).text = text
    return root


def built(spec: Any) -> Element:
    name, inside = spec
    node = Element(name)
    if isinstance(inside, str):
        node.text = inside
    else:
        node.extend([built(inner) for inner in inside])
    return node


@given(
    kind=st.sampled_from([VIDEO, AUDIO]),
    detail=details() | st.lists(NODES, max_size=8).map(lambda specs: built(("JobsDetail", specs))),
    source=st.none() | NODES.map(built),
)
def test_any_job_is_a_record_or_an_error(kind: Kind, detail: Element, source: Element | None) -> None:
    try:
        record = to_record(kind, ID, detail, source)
    except QueryError:
        return
    check_record(kind, record)
    state = (detail.findtext("State") or "").strip()
    assert is_final(record) == (state in ("Success", "Failed", "Cancel")), state
    assert record["status"] in ((3, 4, 5) if kind == VIDEO else (1, 3, 4, 5))
    assert (record["error_code"] is None and record["error_msg"] is None) or state == "Failed"
    if kind == AUDIO:
        joined = join_audio([record, json.loads(json.dumps(record)), audio("Running")])
        check_record(AUDIO, joined)
        assert not is_final(joined)
