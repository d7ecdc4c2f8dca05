"""Jobs of Cloud Infinite as XML, for tests of the records that they become."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, fromstring

from shared.backends.ci.records import to_record
from shared.tasks import AUDIO
from tests.support.paths import ROOT

DATA = ROOT / "tests/shared/backends/ci/data"
SAMPLES = sorted(DATA.glob("*.xml"))
ID = "j8d121820f5e411ec926ef19d53ba9c6f"
HOST = "https://test-123456789.cos.ap-chongqing.myqcloud.com"


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


def outputs(record: Any) -> Any:
    return record["result"]["audio"]["info"]


OLD_VID = "6e50fd43c6f20d56c88d1c1d8f6db2641503390019"


def audio(state: str, created: str = "", ended: str = "", names: tuple[str, ...] = ("x",)) -> dict[str, object]:
    head = f"<Code>{state}</Code><Message>why</Message><CreationTime>{created}</CreationTime><EndTime>{ended}</EndTime>"
    return to_record(AUDIO, ID, job(head, state, written(*names)))
