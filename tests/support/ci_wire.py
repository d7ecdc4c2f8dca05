"""Cloud Infinite as the unit tests know it: it refuses what the official client would not have signed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest

from local import keys
from local.ci.jobs import CiJobs
from local.ci.service import CiService
from local.server import Reply, Request
from shared.backends.ci.client import CloudInfinite
from shared.invocation import Invocation
from shared.settings import read_settings
from shared.tasks import Kind

Turn = Reply | Exception | Callable[[PreparedRequest], Reply]
CI_HOST = f"{keys.BUCKET}.ci.{keys.REGION}.myqcloud.com"
COS_HOST = f"{keys.BUCKET}.cos.{keys.REGION}.myqcloud.com"
WORDS = "upstream-words http://internal.example"
UNKNOWN = f"j{'0' * 32}"


class CiNetwork:
    """The local CI behind the real hosts, after a script of other turns."""

    def __init__(self) -> None:
        self.jobs = CiJobs()
        self.service = CiService(self.jobs)
        self.script: deque[Turn] = deque()
        self.requests: list[PreparedRequest] = []
        self.naps: list[float] = []
        self.invocation = Invocation({"time_limit_in_ms": 60_000, "request_id": "unit"})

    def answer(self, request: PreparedRequest) -> tuple[int, dict[str, Any], bytes] | Exception:
        self.requests.append(request)
        turn = self.script.popleft() if self.script else self.served
        if isinstance(turn, Exception):
            return turn
        reply = turn(request) if callable(turn) else turn
        return reply.status, dict(reply.headers), reply.body

    def served(self, request: PreparedRequest) -> Reply:
        url = urlsplit(str(request.url))
        headers = {name.lower(): str(value) for name, value in request.headers.items()} | {"host": url.netloc}
        return self.service.handle(Request(str(request.method), url.path, url.query, headers))

    def add(self, *jobs: dict[str, Any]) -> None:
        self.jobs.add({"jobs": list(jobs)})

    def backend(self, **environ: str) -> CloudInfinite:
        role = {
            "TENCENTCLOUD_SECRETID": keys.ROLE.secret_id,
            "TENCENTCLOUD_SECRETKEY": keys.ROLE.secret_key,
            "TENCENTCLOUD_SESSIONTOKEN": keys.ROLE.token,
        }
        bucket = {"COS_BUCKET": keys.BUCKET, "COS_REGION": keys.REGION, "BACKEND": "ci"}
        return CloudInfinite(read_settings({**role, **bucket, **environ}), self.invocation)

    def records(self, kind: Kind, *vids: str, **environ: str) -> dict[str, Any]:
        return dict(self.backend(**environ).records(kind, vids, self.invocation.deadline))

    def paths(self) -> list[str]:
        return [urlsplit(str(request.url)).path for request in self.requests]


def refused(status: int, code: str = "", date: str = "") -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{WORDS}</Message><RequestId>r</RequestId></Error>"
    return Reply(status, {"Date": date} if date else {}, body.encode())


def said(*jobs: str, missing: str = "") -> Reply:
    return Reply(200, {}, f"<Response>{''.join(jobs)}{missing}</Response>".encode())


def running(vid: str) -> str:
    return f"<JobsDetail><JobId>{vid}</JobId><State>Running</State></JobsDetail>"


def ids(count: int) -> list[str]:
    return [f"j{number:032x}" for number in range(count)]
