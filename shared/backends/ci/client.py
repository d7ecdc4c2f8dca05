"""Cloud Infinite: media jobs by id, and the media info of a source file. Error codes become exceptions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.backends.base import Answered, Records
from shared.backends.ci.records import join_audio, source_place, to_record
from shared.errors import BadInput, KeysRejected, QueryError, ReplyTooLarge, Throttled, UpstreamFailed
from shared.invocation import Deadline, Invocation
from shared.net.client import Response, prepare, retrying, send
from shared.net.limiter import Limiter
from shared.net.xml import MAX_XML, error_code, parse_xml
from shared.settings import Settings
from shared.signing.cos import CiAuth, CosAuth
from shared.tasks import AUDIO, JOB_IDS, Kind, Record

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

UPSTREAM = "Cloud Infinite"
#: The most ids in one call. No page gives a maximum. With 50 the path stays below 2 KB, and the reply about usual jobs
#: far below MAX_XML.
MOST_IDS = 50
#: Codes that mean our clock is wrong; the Date header of the reply has the server's time.
CLOCK_CODES = frozenset({"SignatureExpired", "RequestTimeTooSkewed", "Request has expired"})
#: Codes with status 401 or 403 that are about queues and buckets, not keys; codes with status 400 about permissions
#: (error codes, CI 1045/43611).
NOT_OUR_KEYS = frozenset({"MediaBucketAlreadyBinded", "QueueSaturated", "QueuePaused"})
NOT_ALLOWED = frozenset({"ResourceAccessDenied", "CIRoleNotExist"})
#: Codes that a message to the caller may contain, since they help to correct the settings. Others may reveal anything.
NAMED = (
    CLOCK_CODES
    | NOT_OUR_KEYS
    | NOT_ALLOWED
    | frozenset(
        {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "InternalError", "SlowDown"}
    )
)
#: Statuses of COS that mean a source has no media info: it is gone, or no media file.
NO_SOURCE = frozenset({400, 404})


class CloudInfinite:
    """The Cloud Infinite back end. One instance serves one invocation; its calls may run in parallel.

    Each id is a job. In a list of audio jobs, those of one source file with the same UserData, or all without it, share
    one record that has an output for each job: an audio task of API 2.0 had several outputs too.
    """

    ids = JOB_IDS

    def __init__(self, settings: Settings, invocation: Invocation) -> None:
        self._settings = settings
        self._invocation = invocation
        self._limiter = Limiter(settings.concurrency)
        self._auth = CiAuth(settings.credentials, invocation.now)
        self._source_auth = CosAuth(settings.credentials, invocation.now)
        #: By job id: source and UserData, which all jobs of one audio task have in common.
        self._tasks: dict[str, tuple[object, ...]] = {}

    def batch_size(self, kind: Kind) -> int:
        """Return how many ids one call can ask about: one when a call about its source follows each."""
        return 1 if self._asks_sources(kind) else min(self._settings.batch_size, MOST_IDS)

    def records(self, kind: Kind, vids: Sequence[str], deadline: Deadline) -> Answered:
        """Ask about up to `batch_size` jobs; return their records by id, or the error of one that has none.

        An id that CI lists as not existing is left out. Raises a QueryError when CI can't be asked or refuses.
        """
        found: Answered = {}
        unknown: set[str] = set()
        for root in self._jobs(vids, deadline):
            for job in root.findall("JobsDetail"):
                vid = (job.findtext("JobId") or "").strip()
                if vid in vids:
                    found[vid] = self._record(kind, vid, job, deadline)
            for node in root.findall("NonExistJobIds"):  # one node with a list, or one for each id: pages only say text
                unknown.update(re.findall(r"[\w-]+", node.text or ""))
        for vid in vids:
            if vid not in found and vid not in unknown:
                found[vid] = UpstreamFailed(f"{UPSTREAM} did not answer about {vid}")
        return found

    def joined(self, kind: Kind, records: Records) -> Records:
        """Give the audio jobs of one source file with the same UserData, or all without it, one common record."""
        if kind != AUDIO:
            return records
        groups: dict[tuple[object, ...], list[str]] = {}
        for vid in records:
            groups.setdefault(self._tasks.get(vid, (vid,)), []).append(vid)
        shared = dict(records)
        for vids in groups.values():
            if len(vids) > 1:
                shared |= dict.fromkeys(vids, join_audio([records[vid] for vid in vids]))
        return shared

    def without_ids(self, kind: Kind, deadline: Deadline) -> object:  # noqa: ARG002 - as the protocol has it
        """Refuse a query without an id, with BadInput: CI has no call for that."""
        raise BadInput("vid: give the id of a job")

    def _asks_sources(self, kind: Kind) -> bool:
        return kind == AUDIO and self._settings.ci_source_info

    def _jobs(self, vids: Sequence[str], deadline: Deadline) -> Iterator[Element]:
        """The replies about some jobs. A reply that would be too large is asked for in halves."""
        try:
            yield self._ask(f"{self._settings.ci_url}/jobs/{','.join(vids)}", self._auth, deadline)
        except ReplyTooLarge:
            if len(vids) == 1:
                raise
            middle = len(vids) // 2
            yield from self._jobs(vids[:middle], deadline)
            yield from self._jobs(vids[middle:], deadline)

    def _record(self, kind: Kind, vid: str, job: Element, deadline: Deadline) -> Record | QueryError:
        place = source_place(job)
        if place.url():
            self._tasks[vid] = (place, (job.findtext("Operation/UserData") or "").strip())
        try:
            source = None
            if self._asks_sources(kind) and place.name and place.bucket == self._settings.cos_bucket:
                source = self._source(place.name, deadline)
            return to_record(kind, vid, job, source)
        except QueryError as error:
            return error

    def _source(self, name: str, deadline: Deadline) -> Element | None:
        """CI's media info of a source file (GetMediaInfo, COS 436/55672), None when there is none.

        COS's own host answers it. The official client signs it as a request to COS, with COS's token header.
        """
        url = f"{self._settings.cos_url}/{quote(name)}?ci-process=videoinfo"
        try:
            return self._ask(url, self._source_auth, deadline).find("MediaInfo")
        except _NoSource:
            return None

    def _ask(self, url: str, auth: CosAuth, deadline: Deadline) -> Element:
        """GET a `Response`, with retries. Raises a QueryError."""
        request = prepare("GET", url, {})

        def attempt() -> Element:
            with self._limiter.call(deadline):
                self._invocation.count("calls")
                return self._root(send(request, auth, deadline, UPSTREAM, MAX_XML), auth)

        return retrying(attempt, self._invocation, deadline)

    def _root(self, response: Response, auth: CosAuth) -> Element:
        if response.status != 200:
            raise self._error(response, auth)
        root = parse_xml(response.body, UPSTREAM)
        if root.tag == "Error":
            raise self._error(response, auth)
        if root.tag != "Response":
            raise UpstreamFailed(f"{UPSTREAM} answered with another document", retryable=True)
        return root

    def _error(self, response: Response, auth: CosAuth) -> QueryError:
        """The error for a reply. Our clock follows one that finds it wrong."""
        code = error_code(response.body)
        if code in CLOCK_CODES:
            self._invocation.follow(response.headers.get("date", ""))
        if auth is self._source_auth and response.status in NO_SOURCE:
            return _NoSource("no media info")
        return _in_our_words(response.status, code)


class _NoSource(UpstreamFailed):
    """A source has no media info."""


def _in_our_words(status: int, code: str) -> QueryError:
    """The error for a status and a code (error codes, CI 1045/43611)."""
    answer = f"{UPSTREAM} answered {status} {code if code in NAMED else ''}".rstrip()
    if status == 429 or code == "SlowDown":
        return Throttled(f"{UPSTREAM} is over its quota", retryable=True)
    if code in CLOCK_CODES or code in NOT_ALLOWED or (status in (401, 403) and code not in NOT_OUR_KEYS):
        message = f"{answer}: the function's keys or permissions do not allow it"
        return KeysRejected(message, retryable=code in CLOCK_CODES)
    if code == "InvalidArgument":
        return BadInput(f"vid, vids: {UPSTREAM} refuses a parameter")
    return UpstreamFailed(answer, retryable=(status >= 500 and status != 501) or code == "InternalError")
