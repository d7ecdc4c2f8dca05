"""A job of Cloud Infinite in the shape of the two documents' records. What CI does not tell is null, never invented.

The nodes are those of DescribeMediaJob (COS page 436/49202, CI 460/76913 and its siblings).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote

from shared.errors import BadInput, UpstreamFailed
from shared.tasks import AUDIO, VIDEO, Kind, Status

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Record = dict[str, object]

#: The documents' times are in UTC+8 (audio document: create_time equals the vid's Unix time so read).
ZONE = timezone(timedelta(hours=8))
#: The video document has no status for waiting. A state that no page lists is in progress: nobody may take it as final.
FINAL = {"Failed": Status.FAILED, "Cancel": Status.FAILED, "Success": Status.SUCCEEDED}
STATUSES = {VIDEO.name: FINAL, AUDIO.name: {"Submitted": Status.WAITING, "Pause": Status.WAITING, **FINAL}}
#: Jobs that look at a file and write none, and jobs that write pictures: no record of the kind fits them.
LOOKING = frozenset({"MediaInfo", "VideoTag", "QualityEstimate", "ExtractDigitalWatermark"})
UNFIT = {VIDEO.name: LOOKING, AUDIO.name: LOOKING | {"Animation", "Snapshot", "SmartCover"}}
#: The form of every vid that API 2.0 has issued (task documents): UserData of this form is the vid of an older time.
OLD_VID = re.compile(r"[0-9a-f]{32}[0-9]{10}")
#: Audio streams below it are in kbit/s: pages show 104.047000 and 128000 for the same node. CI's audio templates go
#: from 8 to 1000 kbit/s, lossless ones to some 5000, so the two scales do not meet.
KILOBITS_BELOW = 8000.0


class Place(NamedTuple):
    """An object in COS; each part is None when CI does not tell it. `bucket` is `<name>-<appid>`."""

    bucket: str | None
    region: str | None
    name: str | None

    def url(self) -> str | None:
        """The object's URL, None unless all is known."""
        if not (self.bucket and self.region and self.name):
            return None
        return f"https://{self.bucket}.cos.{self.region}.myqcloud.com/{quote(self.name)}"

    def owner(self) -> Record:
        """The fields of the documents that say whose bucket it is."""
        bucket = re.fullmatch(r"(.+)-([0-9]{1,20})", self.bucket or "")
        return {
            "app_id": int(bucket[2]) if bucket else None,
            "bucket_name": bucket[1] if bucket else self.bucket,
            "bucket_region": self.region,
        }


def to_record(kind: Kind, vid: str, job: Element, source: Element | None = None) -> Record:
    """Return the record of one JobsDetail that was asked for by the id `vid`.

    `source` is the MediaInfo of the source file, for the audio record's facts about it. Raises BadInput for a job of
    another kind, UpstreamFailed for one without a state.
    """
    state, tag = _text(job, "State"), _text(job, "Tag") or _text(job, "Operation/Tag")
    if tag in UNFIT[kind.name]:
        raise BadInput(f"vid, vids: {vid} is a {tag} job, of which there is no {kind.name} record")
    if state is None:
        raise UpstreamFailed(f"Cloud Infinite sent no state of the job {vid}")
    status = STATUSES[kind.name].get(state, Status.PROCESSING)
    places = list(_outputs(job)) if status == Status.SUCCEEDED else []
    place, user_data = source_place(job), _text(job, "Operation/UserData") or ""
    head = {"vid": user_data if OLD_VID.fullmatch(user_data) else vid, **place.owner()}
    tail = {
        "error_code": _text(job, "Code") if state == "Failed" else None,
        "error_msg": _text(job, "Message") if state == "Failed" else None,
        "deleted": "no",
    }
    times = [_time(_text(job, node)) for node in ("CreationTime", "EndTime", "StartTime")]
    if kind == VIDEO:
        ended = {"create_time": times[0], "finish_time": times[1], "status": int(status)}
        urls = [url for url in (output.url() for output in places) if url]
        return {**head, "url": place.url(), **ended, "result": urls or None, **tail}
    return {
        **head,
        **_name(place),
        **_source_facts(place, source),
        "create_time": times[0],
        "update_time": times[1] or times[2],
        "status": int(status),
        **tail,
        "result": _audio_result(job, places),
    }


def join_audio(records: Sequence[Mapping[str, object]]) -> Record:
    """Return one record of several of the same source file, each of a job of its own.

    It is finished when all of them are, and failed when one of them is. Its facts are the first one's.
    """
    statuses = {Status(cast("int", record["status"])) for record in records}
    mixed = len(statuses) > 1 and not statuses <= set(FINAL.values())
    status = Status.PROCESSING if mixed else min(statuses)  # of the final two, failed is the lower
    told = [record for record in records if record["error_code"] and status == Status.FAILED]
    results = [cast("Any", record["result"])["audio"] for record in records if record["result"]]
    info = [output for result in results for output in result["info"]]
    return {
        **records[0],
        "create_time": min(_told(records, "create_time"), default=None),
        "update_time": max(_told(records, "update_time"), default=None),
        "status": int(status),
        "error_code": told[0]["error_code"] if told else None,
        "error_msg": told[0]["error_msg"] if told else None,
        "result": {"audio": {"info": info, "dst": results[0]["dst"]}} if info else None,
    }


def source_place(job: Element) -> Place:
    """Where a job's source file is. The page's table has the bucket as `Bucket`, its samples have `BucketId`."""
    return _place(job, "Input", _text(job, "Input/BucketId") or _text(job, "Input/Bucket"), _text(job, "Input/Object"))


def _place(node: Element, path: str, bucket: str | None, name: str | None) -> Place:
    return Place(bucket, _text(node, f"{path}/Region"), name.removeprefix("/") if name else None)


def _outputs(job: Element) -> Iterator[Place]:
    """Every file that a finished job has written; where CI lists none, what it was told to write."""
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


def _name(place: Place) -> Record:
    owner = place.owner()
    known = owner["app_id"] is not None and place.name
    return {
        "name": f"/{owner['app_id']}/{owner['bucket_name']}/{place.name}" if known else None,
        "url": place.url(),
        "url_f0": f"/{place.name}" if place.name else None,
    }


def _source_facts(place: Place, source: Element | None) -> Record:
    """What the documents' audio record tells of its source file; all null without CI's media info of it."""
    if source is None:
        return dict.fromkeys(("size", "duration", "bitrate", "format", "sample_rate", "encoder"))
    size, seconds = _number(source, "Format/Size"), _number(source, "Format/Duration")
    streams = source.findall("Stream/Audio")[:1]
    rate = _number(source, "Format/Bitrate")
    if rate and size and seconds:
        # Twice what the size makes in kbit/s is not kbit/s.
        rate = rate if rate < 2 * size * 8 / 1000 / seconds else rate / 1000
    elif rate and rate >= KILOBITS_BELOW:
        rate /= 1000
    return {
        "size": _whole(size),
        "duration": _whole(seconds),
        "bitrate": _whole(rate),
        "format": _format(source, place, alone=True),
        "sample_rate": _whole(_agreed(streams, "SampleRate")),
        "encoder": next((_text(stream, "CodecName") for stream in streams), None),
    }


def _audio_result(job: Element, places: Sequence[Place]) -> Record | None:
    if not places:
        return None
    info = [_audio_info(job, place, alone=len(places) == 1) for place in places]
    return {"audio": {"info": info, "dst": places[0].owner()}}


def _audio_info(job: Element, place: Place, *, alone: bool) -> Record:
    """One output. A job has one MediaInfo: of several outputs, it tells only what all its streams agree on."""
    media = job.find("Operation/MediaInfo")
    streams = [] if media is None else media.findall("Stream/Audio")
    if alone:
        streams = streams[:1]
    rate = _agreed(streams, "Bitrate")
    if rate is not None and rate < KILOBITS_BELOW:
        rate *= 1000
    bitrate, form = _whole(rate), None if media is None else _format(media, place, alone=alone)
    codecs = {_text(stream, "CodecName") for stream in streams}
    named = f"{bitrate}_{form}" if bitrate is not None and form else None
    return {
        "bitrate": bitrate,
        "sample_rate": _whole(_agreed(streams, "SampleRate")),
        "format": form,
        "encoder": codecs.pop() if len(codecs) == 1 else None,
        "path": f"/{place.name}" if place.name else None,
        "name": _text(job, "Operation/TemplateName") or named,
        "trans_size": _whole(_number(media, "Format/Size")) if alone and media is not None else None,
    }


def _format(media: Element, place: Place, *, alone: bool) -> str | None:
    """A file's format: FormatName lists all names of a family, `mov,mp4,m4a,…`; the file's own ending picks one."""
    names = _text(media, "Format/FormatName")
    ending = (place.name or "").rpartition(".")[2].lower()
    if names and ending in names.split(","):
        return ending
    return names if alone else None


def _agreed(streams: Sequence[Element], node: str) -> float | None:
    """The number that all streams have at a node."""
    values = {_number(stream, node) for stream in streams}
    return values.pop() if len(values) == 1 else None


def _told(records: Sequence[Mapping[str, object]], field: str) -> list[str]:
    return [str(record[field]) for record in records if record[field] is not None]


def _text(node: Element, path: str) -> str | None:
    """The text of the first node at a path, None when it is absent or empty."""
    return (node.findtext(path) or "").strip() or None


def _number(node: Element, path: str) -> float | None:
    """A plain decimal number, None for anything else: all of CI's numbers are text, and some are `N/A`."""
    text = _text(node, path) or ""
    return float(text) if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", text) else None


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _time(text: str | None) -> str | None:
    """`2022-06-27T15:23:12+0800`, whatever the offset, as the documents write it; `-` means not yet."""
    try:
        moment = datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%S%z").astimezone(ZONE)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")
