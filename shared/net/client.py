"""Signed requests on one warm connection pool, with retries within a deadline."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple, TypeVar

import requests
from requests import PreparedRequest
from requests.auth import AuthBase
from requests.exceptions import RequestException, Timeout
from requests.hooks import default_hooks
from urllib3.exceptions import HTTPError, ReadTimeoutError

from shared.errors import OutOfTime, QueryError, ReplyTooLarge, Throttled, UpstreamFailed
from shared.invocation import Deadline, Invocation
from shared.net.connections import BoundedAdapter, attempt

#: The most attempts at one call. When one call in five fails, eight attempts leave 1 in 400,000 unanswered.
ATTEMPTS = 8
#: Seconds. The back-off doubles from the first to the longest; each wait is drawn between half of it and all of it.
FIRST_BACKOFF, LONGEST_BACKOFF = 0.05, 2.0
#: Seconds that one attempt may wait for bytes, so that there is time for another when a connection hangs.
ATTEMPT_TIMEOUT = 10.0
#: Bytes of one read.
READ_SIZE = 16 * 1024

T = TypeVar("T")


class Response(NamedTuple):
    """A reply: status, headers whose names are found in any case, decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@cache
def warm_session() -> BoundedAdapter:
    """Return the connection pool that outlives an invocation.

    It is an adapter and not a Session of requests: proxies from the environment, cookies and redirects must not affect
    a signed request.
    """
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # SCF's root logger prints DEBUG, which is two lines a call
    return BoundedAdapter()


def prepare(method: str, url: str, headers: Mapping[str, str], body: bytes | str | None = None) -> PreparedRequest:
    """Return an unsigned request, to be signed anew for each attempt.

    `url` is used unchanged: the settings have been checked, and the caller has quoted keys and queries. What requests
    would prepare besides, such as cookies, costs time on each call and is left out.
    """
    request = PreparedRequest()
    request.method, request.url, request.hooks = method, url, default_hooks()
    request.prepare_headers({"Accept-Encoding": "gzip", **headers})
    request.prepare_body(body, None)
    return request


def send(request: PreparedRequest, auth: AuthBase, deadline: Deadline, upstream: str, most: int) -> Response:
    """Sign a copy of the request, send it once, and return the reply of at most `most` bytes, before the deadline.

    `upstream` is the name of the service in messages. Raises OutOfTime, UpstreamFailed or ReplyTooLarge, whose
    `retryable` says whether another attempt may succeed.
    """
    timeout = min(ATTEMPT_TIMEOUT, deadline.remaining())
    if not timeout:
        raise OutOfTime(f"no time left to ask {upstream}")
    signed = auth(request.copy())
    try:
        with (
            attempt(deadline, ATTEMPT_TIMEOUT),
            warm_session().send(signed, stream=True, timeout=timeout) as response,
        ):
            return Response(response.status_code, response.headers, _read_body(response, most, upstream))
    except (RequestException, HTTPError) as error:
        if isinstance(error, (Timeout, ReadTimeoutError)) or not deadline.remaining():
            raise OutOfTime(f"{upstream} did not answer in time", retryable=True) from error
        raise UpstreamFailed(f"the connection to {upstream} failed", retryable=True) from error


def _read_body(response: requests.Response, most: int, upstream: str) -> bytes:
    """Read a body piece by piece, and stop as soon as it is too large."""
    body = bytearray()
    while piece := response.raw.read1(READ_SIZE, decode_content=True):
        body += piece
        if len(body) > most:
            body.clear()  # who catches the error may go on with it in hand
            raise ReplyTooLarge(f"the reply of {upstream} is larger than {most} bytes")
    return bytes(body)


def retrying(attempt: Callable[[], T], invocation: Invocation, deadline: Deadline) -> T:
    """Return what `attempt` returns. Call it again after a retryable error until attempts or time run out.

    Raises the last error. The wait is random, so that calls that failed together do not come back together.
    """
    backoff, left = FIRST_BACKOFF, ATTEMPTS
    while True:
        try:
            return attempt()
        except QueryError as error:
            wait = backoff * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
            left -= 1
            if not (error.retryable and left and wait < deadline.remaining()):
                raise
            invocation.count("retries")
            if isinstance(error, Throttled):
                invocation.count("throttles")
            deadline.pause(wait)
            backoff = min(LONGEST_BACKOFF, 2 * backoff)
