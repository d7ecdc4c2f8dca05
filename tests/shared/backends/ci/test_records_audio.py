"""What an audio record says of its source, its outputs and jobs that share it."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from shared.backends.ci.records import join_audio, to_record
from shared.tasks import AUDIO
from tests.support.job_xml import ID, audio, job, media, outputs, sample, written
from tests.support.record_schema import check_record


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


def test_several_outputs_show_only_what_all_have_in_common() -> None:
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


def test_a_single_output_is_described_by_its_first_stream() -> None:
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
