"""Any job of Cloud Infinite becomes a record of the documents' schema, or an error."""

from __future__ import annotations

import json
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from hypothesis import given
from hypothesis import strategies as st

from shared.backends.ci.records import join_audio, to_record
from shared.errors import QueryError
from shared.tasks import AUDIO, VIDEO, Kind, is_final
from tests.support.job_xml import ID, audio
from tests.support.record_schema import check_record

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
