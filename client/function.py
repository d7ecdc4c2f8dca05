"""Asks a deployed function by its URL."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import RequestException, SSLError

from client.envelope import FAILING, QUOTA, OtherFormError, TooManyError, all_unanswered, read_reply
from client.errors import ClientError
from client.outcomes import Outcome, invalid
from shared.invocation import Deadline
from shared.settings import LOOPBACK
from shared.tasks import JOB_IDS, UNANSWERED, VIDEO, VIDS, IdForm, Kind

#: The most ids of a request. GetCtsaudioInfo takes one id per call, so audio takes longer.
VIDEO_IDS, AUDIO_IDS = 500, 100
#: Requests in flight. Each occupies one instance of the function, which itself makes many calls at once.
WORKERS = 4
#: The most attempts in a row without a new outcome, and the first back-off in seconds, which doubles.
ATTEMPTS = 8
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 5.0
#: The longest Retry-After that is followed, in seconds.
LONGEST_RETRY_AFTER = 120.0
#: Seconds to connect, and to wait for bytes: more than a gateway lets a function run.
TIMEOUT = (10.0, 120.0)


class Function:
    """A source that asks a deployed function by its URL. Threads can share it."""

    workers = WORKERS

    def __init__(self, kind: Kind, url: str, token: str = "") -> None:
        """Raises ClientError for a malformed URL, and for a token that no header can carry."""
        self.ids: IdForm = VIDS
        self.size = VIDEO_IDS if kind == VIDEO else AUDIO_IDS
        self._kind = kind
        self._url, self._host = _checked(url)
        self._reached = False
        self._session = requests.Session()
        self._session.auth = _Token(token)
        self._session.mount(self._url, HTTPAdapter(pool_maxsize=WORKERS))

    def outcomes(self, vids: Sequence[str], deadline: Deadline) -> list[Outcome]:
        """Return an outcome for each id. If the function takes fewer ids in one query, later requests have fewer.

        Raises ClientError if it refuses the caller, can't be reached or is another kind of function.
        """
        found: dict[str, Outcome] = {}
        rest = list(vids)
        while rest:
            part = rest[: self.size]
            try:
                found.update(self._patiently(part, deadline))
                rest = rest[len(part) :]
            except TooManyError:
                self.size = min(self.size, len(part) // 2)
            except OtherFormError:
                self.ids = JOB_IDS
                found.update({vid: invalid(vid, JOB_IDS) for vid in rest if not JOB_IDS.matches(vid)})
                rest = [vid for vid in rest if vid not in found]
        return [found[vid] for vid in vids]

    def _patiently(self, vids: Sequence[str], deadline: Deadline) -> dict[str, Outcome]:
        """Ask again about ids that another attempt can answer, as long as attempts bring new outcomes."""
        found: dict[str, Outcome] = {}
        rest, left, backoff = list(vids), ATTEMPTS, FIRST_BACKOFF
        while True:
            outcomes, retry_after = self._attempt(rest)
            found.update((outcome.vid, outcome) for outcome in outcomes)
            again = [outcome.vid for outcome in outcomes if _can_retry(outcome)]
            if len(again) < len(rest):
                left, backoff = ATTEMPTS, FIRST_BACKOFF
            left -= 1
            if not (again and left and deadline.remaining()):
                break
            deadline.pause(max(retry_after, backoff * random.uniform(0.5, 1)))  # noqa: S311 - jitter, not a secret
            rest, backoff = again, min(LONGEST_BACKOFF, 2 * backoff)
        if not self._reached:
            raise ClientError(f"{self._host}: {outcomes[0].row['error_msg']}")
        return found

    def _attempt(self, vids: Sequence[str]) -> tuple[list[Outcome], float]:
        """Make one request: return an outcome for each id, and the seconds that the function asks to wait."""
        try:
            response = self._session.post(self._url, json={"vids": vids}, timeout=TIMEOUT, allow_redirects=False)
        except SSLError as error:
            raise ClientError(f"{self._host} has no certificate that this machine trusts") from error
        except RequestException as error:
            return all_unanswered(vids, FAILING, f"the connection failed ({type(error).__name__})"), 0.0
        self._reached = True
        outcomes = read_reply(self._kind, vids, response.status_code, response.content)
        return outcomes, _seconds(response.headers.get("Retry-After", ""))


class _Token(AuthBase):
    """Sends the token as a header. As an `auth` it keeps requests from using a password from .netrc instead."""

    def __init__(self, token: str) -> None:
        if not re.fullmatch(r"[\x21-\x7e]*", token):
            raise ClientError("--token: a token is ASCII without spaces")
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _can_retry(outcome: Outcome) -> bool:
    return outcome.outcome == UNANSWERED and outcome.row["error_code"] in (QUOTA, FAILING)


def _checked(url: str) -> tuple[str, str]:
    """Return a URL and, for messages, its host. Plain http would reveal the token, so it is for loopback only."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port  # reading the port checks it
    except ValueError as error:
        raise ClientError("--url: is not a URL") from error
    safe = parts.scheme == "https" or (parts.scheme == "http" and LOOPBACK.fullmatch(host))
    if not (safe and host) or "@" in parts.netloc:
        raise ClientError("--url: must be a function's URL: https://… (http only on this machine), no user:password@")
    return url, parts.netloc


def _seconds(retry_after: str) -> float:
    """Return a Retry-After header (a number or a date, RFC 9110) in seconds, 0 if there is none."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - datetime.now(timezone.utc)).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(LONGEST_RETRY_AFTER, max(0.0, seconds))
