"""The jobs of the local Cloud Infinite: one in every state, one that changes with time, and those that users add."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from local import keys
from local.cos.replies import NOT_XML
from local.media.timeline import Record as Node
from local.media.timeline import Timeline, read_timeline

#: Invented ids of the documented form, `j` and 32 hex digits.
TRANSCODE = f"j{'cafef00d' * 4}"
SEGMENT = f"j{'5e9ed000' * 4}"
MOVING = f"j{'feedf00d' * 4}"
SNAPSHOT = f"j{'0badcafe' * 4}"
FAILED = f"j{'deadbeef' * 4}"
CANCELLED = f"j{'defaced0' * 4}"
PAUSED = f"j{'decade00' * 4}"
AUDIO_128 = f"j{'c0ffee00' * 4}"
AUDIO_320 = f"j{'c0ffee01' * 4}"
AUDIO_MOVING = f"j{'badc0de0' * 4}"

#: The nodes of a JobsDetail (DescribeMediaJob, COS 436/49202).
NODES = (
    *("Code", "Message", "JobId", "State", "Progress", "CreationTime", "StartTime", "EndTime", "QueueId", "Tag"),
    *("Input", "Operation"),
)
#: Seconds between two steps of the job that changes: long enough to see, short enough to wait for.
STEP = 10
CREATED, STARTED, ENDED = (f"2024-05-06T07:08:{second}+0800" for second in ("09", "10", "30"))
#: What differs from a finished job in one that changes, at its start and after a step.
SUBMITTED = {"State": "Submitted", "Progress": "0", "StartTime": "-", "EndTime": "-"}
RUNNING = {"after": STEP, "State": "Running", "Progress": "50", "StartTime": STARTED}
#: MediaInfo of the audio jobs' source: the nodes of GetMediaInfo (COS 436/55672), bitrates in kbit/s as in its sample.
SONG = "input/song.flac"
SOURCES: dict[str, Node] = {
    SONG: {
        "Format": {"Bitrate": "911.200000", "Duration": "170.400000", "FormatName": "flac", "Size": "19408560"},
        "Stream": {"Audio": {"CodecName": "flac", "SampleRate": "44100", "Bitrate": "911.200000"}},
    }
}


class CiJobs:
    """All jobs by id, and the media info of objects by key. The demo jobs start when this object is created."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.sources = copy.deepcopy(SOURCES)
        self._clock = clock
        self._jobs: dict[str, Timeline] = {}
        self.add({"jobs": [*_videos(), *_audios()]})

    def find(self, job_id: str) -> Node | None:
        """Return a fresh copy of a job's JobsDetail as it is now, or None for an unknown job."""
        job = self._jobs.get(job_id)
        return job.at(self._clock()) if job else None

    def listed(self) -> dict[str, object]:
        """Return every job and source in the form that `add` takes, with the steps still to come."""
        now = self._clock()
        return {"jobs": [job.spec(now) for job in self._jobs.values()], "sources": self.sources}

    def add(self, spec: object) -> int:
        """Add or replace jobs, all or none, and return how many. They start now.

        `spec` is `{"jobs": [job, …], "sources": {key: MediaInfo}}`, either can be left out. A job is a JobsDetail as
        JSON, `{"JobId": …, "State": …, "Input": {…}, …}`: a list stands for a node that is repeated, null for an empty
        one. It can have a `timeline`, a list of `{"after": seconds, …nodes}`; each step is merged into the job after
        that time. Raises ValueError naming what is wrong.
        """
        if not isinstance(spec, Mapping):
            raise ValueError("an object with jobs, sources or both is needed")
        listed, sources = spec.get("jobs", []), spec.get("sources", {})
        if not isinstance(listed, list) or not isinstance(sources, Mapping):
            raise ValueError("jobs: a list is needed, sources: an object is needed")
        parsed = [_parse(f"jobs[{index}]", job, self._clock()) for index, job in enumerate(listed)]
        for key, info in sources.items():
            _check(f"sources.{key}", info)
        self._jobs.update({job.record["JobId"]: job for job in parsed})
        self.sources.update(copy.deepcopy(dict(sources)))
        return len(parsed)


def _parse(where: str, spec: object, now: float) -> Timeline:
    job = read_timeline(where, spec, "JobId", NODES, now)
    _check(where, job.record)
    for number, step in enumerate(job.steps):
        _check(f"{where}.timeline[{number}]", step.fields)
    return job


def _check(where: str, value: object) -> None:
    """Raise ValueError for a value that can't become XML nodes."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name):
                raise ValueError(f"{where}: {name!r} is not a valid node name")
            _check(f"{where}.{name}", inner)
    elif isinstance(value, list):
        for inner in value:
            _check(where, inner)
    elif NOT_XML.search(str(value)):
        raise ValueError(f"{where}: has a character that XML does not allow")


def _job(job_id: str, tag: str, source: str, **nodes: Any) -> Node:
    """A finished job without outputs, the nodes in the order of DescribeMediaJob's sample (COS 436/49202)."""
    finished: Node = {
        "Code": "Success",
        "Message": None,
        "JobId": job_id,
        "State": "Success",
        "Progress": "100",
        "CreationTime": CREATED,
        "StartTime": STARTED,
        "EndTime": ENDED,
        "QueueId": f"p{'0' * 32}",
        "Tag": tag,
        "Input": {"BucketId": keys.BUCKET, "Object": source, "Region": keys.REGION},
    }
    return finished | nodes


def _written(*names: str) -> Node:
    return {"MediaResult": {"OutputFile": {"Bucket": keys.BUCKET, "Region": keys.REGION, "ObjectName": list(names)}}}


def _output(name: str) -> Node:
    return {"Output": {"Region": keys.REGION, "Bucket": keys.BUCKET, "Object": name}}


def _videos() -> list[Node]:
    done = {"after": 2 * STEP, "State": "Success", "Progress": "100", "EndTime": ENDED}
    clip, written = _output("output/clip.mp4"), _written("output/clip.mp4")
    pieces = _output("output/piece-${Number}") | _written(*(f"output/piece-{number}.mp4" for number in range(3)))
    # Names of snapshots are those below a prefix (callback of snapshot jobs, CI 1045; the page's sample has six).
    stills = _written("0.jpg", "1.jpg")
    stills["MediaResult"]["OutputFile"]["ObjectPrefix"] = "output/still-"
    # FAILED's Code is one of the error table's (CI 1045/43611); its Message is invented.
    failure = {"State": "Failed", "Code": "ResourceDownloadFailed", "Message": "the source file can not be read"}
    return [
        _job(TRANSCODE, "Transcode", "input/film.mp4", Operation=clip | written),
        _job(SEGMENT, "Segment", "input/film.mp4", Operation=pieces),
        _job(SNAPSHOT, "Snapshot", "input/film.mp4", Operation=_output("output/still-${Number}.jpg") | stills),
        _job(FAILED, "Transcode", "input/gone.mp4", Operation=clip, **failure),
        _job(CANCELLED, "Transcode", "input/film.mp4", Operation=clip, State="Cancel"),
        _job(PAUSED, "Transcode", "input/film.mp4", Operation=clip, State="Pause", Progress="30", EndTime="-"),
        {
            **_job(MOVING, "Concat", "input/film.mp4", Operation=clip, **SUBMITTED),
            "timeline": [RUNNING, {**done, "Operation": written}],
        },
    ]


def _audios() -> list[Node]:
    def outcome(kilobits: int, size: int) -> Node:
        name = f"output/song-{kilobits}.mp3"
        stream = {"CodecName": "mp3", "SampleRate": "44100", "Bitrate": f"{kilobits}.000000"}
        media = {"Format": {"FormatName": "mp3", "Size": str(size), "Duration": "170.400000"}}
        return {"MediaInfo": {**media, "Stream": {"Audio": stream}}, **_output(name), **_written(name)}

    done = {"after": 2 * STEP, "State": "Success", "EndTime": ENDED, "Operation": outcome(64, 1363200)}
    return [
        _job(AUDIO_128, "Transcode", SONG, Operation=outcome(128, 2726400)),
        _job(AUDIO_320, "Transcode", SONG, Operation=outcome(320, 6816000)),
        {**_job(AUDIO_MOVING, "Transcode", "input/talk.wav", **SUBMITTED), "timeline": [RUNNING, done]},
    ]
