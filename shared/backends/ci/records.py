"""A job of Cloud Infinite as a record of the two documents. What CI does not know is null, never invented.

The nodes are those of DescribeMediaJob (COS page 436/49202, CI 460/76913 and its siblings).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote

from shared.errors import BadInput, UpstreamFailed
from shared.net.json_text import JsonObject
from shared.tasks import AUDIO, VIDEO, Kind, Record, Status

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: The documents' times are in UTC+8 (audio document: read that way, create_time equals the Unix time in the vid).
ZONE = timezone(timedelta(hours=8))
#: The video document has no status for waiting. A state that no page lists counts as in progress, never as final.
FINAL = {"Failed": Status.FAILED, "Cancel": Status.FAILED, "Success": Status.SUCCEEDED}
STATUSES = {VIDEO: FINAL, AUDIO: {"Submitted": Status.WAITING, "Pause": Status.WAITING, **FINAL}}
#: Jobs that only inspect a file, and jobs that write pictures: they fit no record of the kind.
LOOKING = frozenset({"MediaInfo", "VideoTag", "QualityEstimate", "ExtractDigitalWatermark"})
UNFIT = {VIDEO: LOOKING, AUDIO: LOOKING | {"Animation", "Snapshot", "SmartCover"}}
#: The form of every vid that API 2.0 has issued (task documents). UserData of this form is the vid before migration.
OLD_VID = re.compile(r"[0-9a-f]{32}[0-9]{10}")
#: A bit rate below it is in kbit/s, else in bit/s: pages show 104.047000 and 128000 for the same node. CI's audio
#: templates go from 8 to 1000 kbit/s, lossless ones to some 5000, so the two scales do not overlap.
KILOBITS_BELOW = 8000.0


class Place(NamedTuple):
    """An object in COS. A part that CI leaves out is None. `bucket` is `<name>-<appid>`."""

    bucket: str | None
    region: str | None
    name: str | None

    def url(self) -> str | None:
        """Return the object's URL, None unless all parts are known."""
        if not (self.bucket and self.region and self.name):
            return None
        return f"https://{self.bucket}.cos.{self.region}.myqcloud.com/{quote(self.name)}"

    def owner(self) -> JsonObject:
        """Return the documents' fields for the bucket and its owner."""
        bucket = re.fullmatch(r"(.+)-([0-9]{1,20})", self.bucket or "")
        return {
            "app_id": int(bucket[2]) if bucket else None,
            "bucket_name": bucket[1] if bucket else self.bucket,
            "bucket_region": self.region,
        }


def to_record(kind: Kind, vid: str, job: Element, source: Element | None = None) -> JsonObject:
    """Return the record of one JobsDetail, whose id is `vid`.

    `source` is the MediaInfo of the source file, for the audio record's fields about it. Raises BadInput for a job of
    another kind, UpstreamFailed for one without a state.
    """
    state, tag = _text(job, "State"), _text(job, "Tag") or _text(job, "Operation/Tag")
    if tag in UNFIT[kind]:
        raise BadInput(f"vid, vids: {vid} is a {tag} job, of which there is no {kind.name} record")
    if state is None:
        raise UpstreamFailed(f"Cloud Infinite sent no state of the job {vid}")
    status = STATUSES[kind].get(state, Status.PROCESSING)
    outputs = list(_outputs(job)) if status == Status.SUCCEEDED else []
    place, user_data = source_place(job), _text(job, "Operation/UserData") or ""
    identity = {"vid": user_data if OLD_VID.fullmatch(user_data) else vid, **place.owner()}
    created, ended, started = (_time(_text(job, node)) for node in ("CreationTime", "EndTime", "StartTime"))
    failure = {
        "error_code": _text(job, "Code") if state == "Failed" else None,
        "error_msg": _text(job, "Message") if state == "Failed" else None,
        "deleted": "no",
    }
    if kind == VIDEO:
        urls = [url for url in (output.url() for output in outputs) if url]
        progress = {"create_time": created, "finish_time": ended, "status": int(status)}
        return {**identity, "url": place.url(), **progress, "result": urls or None, **failure}
    return {
        **identity,
        **_name(place),
        **_source_facts(place, source),
        "create_time": created,
        "update_time": ended or started,
        "status": int(status),
        **failure,
        "result": _audio_result(job, outputs),
    }


def join_audio(records: Sequence[Record]) -> JsonObject:
    """Return one record for several jobs of the same source file, from the record of each.

    It is final when all jobs are, and failed when one of those is. The other fields are those of the first record.
    """
    statuses = {Status(cast("int", record["status"])) for record in records}
    mixed = len(statuses) > 1 and not statuses <= set(FINAL.values())
    status = Status.PROCESSING if mixed else min(statuses)  # of the final two, failed is the lower
    failed = [record for record in records if record["error_code"] and status == Status.FAILED]
    results = [cast("Any", record["result"])["audio"] for record in records if record["result"]]
    info = [output for result in results for output in result["info"]]
    return {
        **records[0],
        "create_time": min(_present(records, "create_time"), default=None),
        "update_time": max(_present(records, "update_time"), default=None),
        "status": int(status),
        "error_code": failed[0]["error_code"] if failed else None,
        "error_msg": failed[0]["error_msg"] if failed else None,
        "result": {"audio": {"info": info, "dst": results[0]["dst"]}} if info else None,
    }


def source_place(job: Element) -> Place:
    """Return where a job's source file is. The page's table calls the bucket `Bucket`, its samples `BucketId`."""
    return _place(job, "Input", _text(job, "Input/BucketId") or _text(job, "Input/Bucket"), _text(job, "Input/Object"))


def _place(node: Element, path: str, bucket: str | None, name: str | None) -> Place:
    return Place(bucket, _text(node, f"{path}/Region"), name.removeprefix("/") if name else None)


def _outputs(job: Element) -> Iterator[Place]:
    """Every file that a finished job has written; when CI lists none, the file that the job was to write."""
    listed = [place for file in job.iter() if file.tag in ("OutputFile", "SpriteOutputFile") for place in _files(file)]
    if listed:
        yield from listed
        return
    for node in ("Object", "AuObject"):
        name = _text(job, f"Operation/Output/{node}")
        if name and "${" not in name:  # else a pattern like out-${Number}, not a name
            yield _place(job, "Operation/Output", _text(job, "Operation/Output/Bucket"), name)


def _files(file: Element) -> Iterator[Place]:
    """The objects of one OutputFile. Snapshot jobs give names below an ObjectPrefix, others whole names."""
    prefix = _text(file, "ObjectPrefix") or ""
    for node in file.findall("ObjectName"):
        if name := (node.text or "").strip():
            yield _place(file, ".", _text(file, "Bucket"), name if name.startswith(prefix) else prefix + name)


def _name(place: Place) -> JsonObject:
    owner = place.owner()
    known = owner["app_id"] is not None and place.name
    return {
        "name": f"/{owner['app_id']}/{owner['bucket_name']}/{place.name}" if known else None,
        "url": place.url(),
        "url_f0": f"/{place.name}" if place.name else None,
    }


def _source_facts(place: Place, source: Element | None) -> JsonObject:
    """The audio record's fields about the source file; all null without CI's media info of it."""
    if source is None:
        return dict.fromkeys(("size", "duration", "bitrate", "format", "sample_rate", "encoder"))
    size, seconds = _number(source, "Format/Size"), _number(source, "Format/Duration")
    streams = source.findall("Stream/Audio")[:1]
    rate = _number(source, "Format/Bitrate")
    if rate and size and seconds:
        # A rate of twice the average in kbit/s must be in bit/s.
        rate = rate if rate < 2 * size * 8 / 1000 / seconds else rate / 1000
    elif rate and rate >= KILOBITS_BELOW:
        rate /= 1000
    return {
        "size": _whole(size),
        "duration": _whole(seconds),
        "bitrate": _whole(rate),
        "format": _format(_text(source, "Format/FormatName"), place, alone=True),
        "sample_rate": _whole(_agreed(streams, "SampleRate")),
        "encoder": next((_text(stream, "CodecName") for stream in streams), None),
    }


def _audio_result(job: Element, outputs: Sequence[Place]) -> JsonObject | None:
    if not outputs:
        return None
    info = [_audio_info(job, output, alone=len(outputs) == 1) for output in outputs]
    return {"audio": {"info": info, "dst": outputs[0].owner()}}


def _audio_info(job: Element, place: Place, *, alone: bool) -> JsonObject:
    """One output. A job has one MediaInfo for all outputs, so with several only what all streams agree on is used."""
    media = "Operation/MediaInfo"
    streams = job.findall(f"{media}/Stream/Audio")[: 1 if alone else None]
    rate = _agreed(streams, "Bitrate")
    if rate is not None and rate < KILOBITS_BELOW:
        rate *= 1000
    bitrate, form = _whole(rate), _format(_text(job, f"{media}/Format/FormatName"), place, alone=alone)
    codecs = {_text(stream, "CodecName") for stream in streams}
    named = f"{bitrate}_{form}" if bitrate is not None and form else None
    return {
        "bitrate": bitrate,
        "sample_rate": _whole(_agreed(streams, "SampleRate")),
        "format": form,
        "encoder": codecs.pop() if len(codecs) == 1 else None,
        "path": f"/{place.name}" if place.name else None,
        "name": _text(job, "Operation/TemplateName") or named,
        "trans_size": _whole(_number(job, f"{media}/Format/Size")) if alone else None,
    }


def _format(names: str | None, place: Place, *, alone: bool) -> str | None:
    """A file's format. CI names all of a family, `mov,mp4,m4a,…`; the file's extension picks one."""
    ending = (place.name or "").rpartition(".")[2].lower()
    if names and ending in names.split(","):
        return ending
    return names if alone else None


def _agreed(streams: Sequence[Element], node: str) -> float | None:
    """The number at a node, None unless all streams have the same."""
    values = {_number(stream, node) for stream in streams}
    return values.pop() if len(values) == 1 else None


def _present(records: Sequence[Record], field: str) -> list[str]:
    return [str(record[field]) for record in records if record[field] is not None]


def _text(node: Element, path: str) -> str | None:
    """The text of the first node at a path, None when it is absent or empty."""
    return (node.findtext(path) or "").strip() or None


def _number(node: Element, path: str) -> float | None:
    """A plain decimal number, None for anything else: CI's numbers are text, and some are `N/A`."""
    text = _text(node, path) or ""
    return float(text) if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text) else None


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _time(text: str | None) -> str | None:
    """A time like `2022-06-27T15:23:12+0800`, with any offset, in the documents' form. `-` means not yet: None."""
    try:
        moment = datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%S%z").astimezone(ZONE)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")
