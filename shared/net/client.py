"""Signed requests on one warm connection pool, tried again while that makes sense and time allows."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple, TypeVar

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import RequestException, Timeout
from requests.hooks import default_hooks
from urllib3.exceptions import HTTPError, ReadTimeoutError

from shared.errors import OutOfTime, QueryError, ReplyTooLarge, Throttled, UpstreamFailed
from shared.invocation import Deadline, Invocation

#: Attempts at one call in all. With one call in five failing, eight leave 1 in 400,000 unanswered.
ATTEMPTS = 8
#: Seconds: the back-off doubles from the first to the longest; the wait is drawn between half of it and all of it.
FIRST_BACKOFF, LONGEST_BACKOFF = 0.05, 2.0
#: Seconds that one attempt may wait for bytes, so that a hung connection leaves time for another attempt.
ATTEMPT_TIMEOUT = 10.0
#: The largest reply taken, in bytes. A shard's results object is the largest thing read: 5,000 records of a few KB.
MAX_REPLY = 32 * 1024 * 1024
#: Bytes asked for at once.
READ_SIZE = 16 * 1024
#: More connections than this are never kept warm: the most calls in flight that a sweep uses.
POOL_SIZE = 64

T = TypeVar("T")


class Response(NamedTuple):
    """A reply as read from the wire; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@cache
def warm_session() -> HTTPAdapter:
    """Return the connection pool that outlives an invocation.

    It is requests' adapter rather than its Session: proxies from the environment, cookies and redirects must not reach
    a signed request. Retries are off: a resent signature is a replay.
    """
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # SCF's root logger prints DEBUG: two lines a call
    return HTTPAdapter(pool_connections=2, pool_maxsize=POOL_SIZE, max_retries=0)


def prepare(method: str, url: str, headers: Mapping[str, str], body: bytes | str | None = None) -> PreparedRequest:
    """Return an unsigned request, to be signed anew for each attempt.

    `url` is taken as it is: settings are checked when they are read, keys and queries are quoted by whoever asks. What
    requests prepares beside that, cookies and an URL for people, would be done for each call.
    """
    request = PreparedRequest()
    request.method, request.url, request.hooks = method, url, default_hooks()
    request.prepare_headers({"Accept-Encoding": "gzip", **headers})
    request.prepare_body(body, None)
    return request


def send(request: PreparedRequest, auth: AuthBase, deadline: Deadline, upstream: str) -> Response:
    """Sign a copy of the request, send it and read the whole reply, once, before the deadline.

    `upstream` names the other side in messages. Raises OutOfTime or UpstreamFailed; `retryable` says which are worth
    another attempt.
    """
    timeout = min(ATTEMPT_TIMEOUT, deadline.remaining())
    if not timeout:
        raise OutOfTime(f"no time left to ask {upstream}")
    try:
        with warm_session().send(auth(request.copy()), stream=True, timeout=timeout) as response:
            body = _read_body(response, deadline, upstream)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status_code, headers, body)
    except (Timeout, ReadTimeoutError) as error:
        raise OutOfTime(f"{upstream} did not answer in time", retryable=True) from error
    except (RequestException, HTTPError) as error:
        raise UpstreamFailed(f"the connection to {upstream} failed", retryable=True) from error


def _read_body(response: requests.Response, deadline: Deadline, upstream: str) -> bytes:
    """Read a body as its pieces arrive.

    A timeout bounds the wait for each piece only, the deadline all of them: so urllib3's read1, which returns what is
    there, and not iter_content, which waits until a piece is full.
    """
    body = bytearray()
    while piece := response.raw.read1(READ_SIZE, decode_content=True):
        body += piece
        if len(body) > MAX_REPLY:
            raise ReplyTooLarge(f"the reply of {upstream} is larger than {MAX_REPLY} bytes")
        if not deadline.remaining():
            raise OutOfTime(f"{upstream} did not answer in time")
    return bytes(body)


def retrying(attempt: Callable[[], T], invocation: Invocation, deadline: Deadline) -> T:
    """Return what `attempt` returns, called again after a retryable error until attempts or time run out.

    Raises the last error. The wait is jittered, so that calls that failed together do not come back together.
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
            time.sleep(wait)
            backoff = min(LONGEST_BACKOFF, 2 * backoff)
