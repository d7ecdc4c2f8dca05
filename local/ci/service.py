"""Cloud Infinite on one machine: media jobs by id and the media info of an object, signatures checked."""

from __future__ import annotations

import base64
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping

from local import keys
from local.ci.jobs import CiJobs
from local.cos.operations import check_emulated
from local.cos.replies import XML_HEADERS, CosError, answered, xml
from local.cos.signature import check_signature
from local.cos.target import Target, bucket_of, target_of
from local.faults import Faulty
from local.server import Handler, Reply, Request, Route, bare_host, json_reply, takes_json

JOBS_PATH = "/_local/jobs"
#: The session token of a request to CI: the official clients' header, no page names it (cos-python-sdk-v5).
TOKEN = "x-ci-security-token"  # noqa: S105 - a header's name
#: HTTP status by code (error codes, CI 1045/43611). The pages' messages are sentences; those here are invented.
ERRORS = {
    "InvalidArgument": 400,
    "InvalidHost": 400,
    "ResourceNotFound": 400,
    "ResourceAccessDenied": 400,
    "CIRoleNotExist": 400,
    "MissingAuthorization": 401,
    "InvalidAuthorization": 401,
    "SecretidNotExist": 401,
    "SignatureExpired": 401,
    "AccessDenied": 403,
    "QueueSaturated": 403,
    "InvalidUrl": 404,
    "SlowDown": 429,
    "UnavailableForLegalReasons": 451,
    "InternalError": 500,
    "NotImplemented": 501,
    "ServiceUnavailable": 503,
}
REFUSED = "The request is refused."
#: CI's codes for COS's signature errors. The mapping is invented: no page gives it.
SIGNATURE_ERRORS = {
    "InvalidAccessKeyId": "SecretidNotExist",
    "Request has expired": "SignatureExpired",
    "RequestTimeTooSkewed": "SignatureExpired",
    "SignatureDoesNotMatch": "AccessDenied",
    "AccessDenied": "InvalidAuthorization",
}


#: Paths of CI's other operations (API overview, CI 1045): they exist, but are not emulated.
OTHERS = re.compile(
    "/jobs|/(queue|template|workflow|workflowexecution|inventoryjob|mediabucket|picbucket|[a-z]+_jobs|[a-z]+_queue)(/.*)?"
)


class CiError(CosError):
    """A refused request; `code` is one of ERRORS, `detail` replaces the default message."""


class CiService:
    """The CI of one bucket; `calls` counts requests by action, refused ones included.

    It answers for the bucket's own CI host and for any host that is not Tencent's, as on loopback. `clock` gives Unix
    time in seconds.
    """

    def __init__(self, jobs: CiJobs, clock: Callable[[], float] = time.time) -> None:
        self.calls: Counter[str] = Counter()
        self._jobs = jobs
        self.routes = (
            Route("POST", JOBS_PATH, takes_json(lambda spec: {"jobs": jobs.add(spec)})),
            Route("GET", JOBS_PATH, lambda _: json_reply(jobs.listed())),
        )
        self._clock = clock

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        try:
            target = target_of(request)
            if "ci-process" in target.query:
                return answered(lambda: self._media_info(target), request, self._clock())
            return _reply(self._describe(target))
        except CiError as error:
            return self.error(error.code, error.detail or REFUSED)
        except CosError:  # text that is not UTF-8 can't be signed; the code is invented
            return self.error("InvalidArgument")

    def error(self, code: str, detail: str = REFUSED) -> Reply:
        """Return the reply for a code of CI's table; InternalError for any other.

        Unlike COS's, CI's errors have no Resource (1045/43611).
        """
        code = code if code in ERRORS else "InternalError"
        request_id = _request_id()
        nodes = {"Code": code, "Message": detail, "RequestId": request_id, "TraceId": request_id}
        return Reply(ERRORS[code], _headers(request_id), xml("Error", nodes))

    def _describe(self, request: Target) -> dict[str, object]:
        """Answer DescribeMediaJob (COS 436/49202): several ids separated by commas, unknown ones named at the end.

        The page shows one id; NonExistJobIds and the official client's parameter text imply several. Here there is no
        maximum, jobs come in the order asked, and each unknown id has a node of its own; no page says any of that.
        """
        self.calls["DescribeMediaJob" if request.path.startswith("/jobs/") else "other"] += 1
        self._check_signature(request)
        if request.method != "GET":
            # POST /jobs makes jobs; here POST /_local/jobs does.
            raise CiError("NotImplemented", f"{request.method} is not emulated by the local CI.")
        asked = re.fullmatch(r"/jobs/([^/]+)", request.path)
        if asked is None and OTHERS.fullmatch(request.path):
            raise CiError("NotImplemented", f"GET {request.path[:64]} is not emulated by the local CI.")
        # The code for other buckets' hosts is invented. The official client that is given an IP sends the bucket's COS
        # host to CI (cos_client.py, get_host).
        host = bare_host(request.headers.get("host", "")).replace(".ci.", ".cos.")
        if bucket_of(host) not in (None, (keys.BUCKET, keys.REGION)):
            raise CiError("InvalidHost")
        if asked is None:
            raise CiError("InvalidUrl")
        job_ids = asked[1].split(",")
        if not all(job_ids):
            raise CiError("InvalidArgument")
        found = {job_id: self._jobs.find(job_id) for job_id in job_ids}
        return {
            "JobsDetail": [detail for detail in found.values() if detail is not None],
            "NonExistJobIds": [job_id for job_id, detail in found.items() if detail is None],
        }

    def _media_info(self, request: Target) -> Reply:
        """Answer GetMediaInfo (COS 436/55672): it goes to the COS host, so signatures and errors are COS's."""
        self.calls["GetMediaInfo"] += 1
        check_signature(request, self._clock())
        if request.method != "GET" or request.query["ci-process"] != "videoinfo":
            what = f"{request.method} with ci-process={request.query['ci-process'][:64]}"
            raise CosError("NotImplemented", f"{what} is not emulated by the local CI.")
        check_emulated("GetMediaInfo", request)
        info = self._jobs.sources.get(request.key)
        if info is None:
            raise CosError("NoSuchKey")
        return _reply({"MediaInfo": info})

    def _check_signature(self, request: Target) -> None:
        if "authorization" not in request.headers and "q-signature" not in request.query:
            raise CiError("MissingAuthorization")
        try:
            check_signature(request, self._clock(), TOKEN)
        except CosError as error:
            raise CiError(SIGNATURE_ERRORS[error.code]) from error


def cos_and_ci(cos: Faulty, ci: Faulty) -> Handler:
    """Return the handler of COS's port: it passes requests with CI's host or query on to CI, which has a port too."""

    async def handle(request: Request) -> Reply:
        is_ci_host = ".ci." in "." + bare_host(request.headers.get("host", ""))
        asks_ci = "ci-process=videoinfo" in request.query.split("&")
        return await (ci if is_ci_host or asks_ci else cos).handle(request)

    return handle


def _reply(nodes: Mapping[str, object]) -> Reply:
    return Reply(200, _headers(_request_id()), xml("Response", nodes))


def _headers(request_id: str) -> dict[str, str]:
    return {**XML_HEADERS, "Server": "tencent-ci", "x-ci-request-id": request_id}


def _request_id() -> str:
    return base64.b64encode(secrets.token_hex(16).encode()).decode()
