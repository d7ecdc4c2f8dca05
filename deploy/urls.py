"""Reads the addresses of the function URLs and calls each, until it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from deploy.api import AccountApi
from deploy.errors import DeployError
from deploy.found import read_url
from deploy.resources import URL, Trigger, WantedFunction
from shared.settings import LOOPBACK

#: Not an id: the answer is an envelope, without a call of the API.
QUESTION = {"vids": "?"}
#: Seconds for one answer (a cold start can take one), between two attempts, and for a new address to become known.
TIMEOUT, INTERVAL, BOUND = 35, 1.0, 60.0


class Url(NamedTuple):
    """A function's address; `note` says why it was not called, and is "" if it answered."""

    alias: str
    url: str
    note: str


def check_urls(functions: tuple[WantedFunction, ...], tokens: Mapping[str, str], api: AccountApi) -> Iterator[Url]:
    """Yield the address of each function with a URL once it answers. Raises DeployError if one does not."""
    for function in functions:
        for trigger in function.triggers:
            if trigger.kind == URL:
                yield _check(function, trigger, tokens.get(function.name, ""), api)


def _check(function: WantedFunction, trigger: Trigger, token: str, api: AccountApi) -> Url:
    if not trigger.setting["EnableExtranet"]:
        note = "not called: it can be reached only from Tencent's network"
        return Url(function.alias, read_url(api, function.name), note)
    deadline = api.clock.now() + BOUND
    url = _address(function, api, deadline)
    if trigger.setting["AuthType"] != "NONE":
        return Url(function.alias, url, "not called: it accepts only signed requests")
    if urlsplit(url).scheme != "https" and not LOOPBACK.fullmatch(urlsplit(url).hostname or ""):
        raise DeployError(f"{function.alias}: its URL is not https, so the token is not sent")
    while True:
        answer = _call(url, token)
        if not answer:
            return Url(function.alias, url, "")
        if api.clock.now() > deadline:
            raise DeployError(f"{function.alias} does not answer at {url}: {answer}; make rollback goes back")
        api.sleep(INTERVAL)


def _address(function: WantedFunction, api: AccountApi, deadline: float) -> str:
    """Return the address of a new URL once it is known. Raises DeployError at the deadline."""
    while not (url := read_url(api, function.name)):
        if api.clock.now() > deadline:
            raise DeployError(f"{function.alias} has a URL without an address: look at its triggers in the console")
        api.sleep(INTERVAL)
    return url


def _call(url: str, token: str) -> str:
    """Call a URL; return the problem of the answer, "" if it is an envelope."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        response = requests.get(url, params=QUESTION, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        envelope = response.json()
    except requests.JSONDecodeError:
        return f"HTTP {response.status_code} without an envelope"
    except requests.RequestException as error:
        return type(error).__name__
    if isinstance(envelope, dict) and {"code", "message", "codeDesc"} <= set(envelope):
        return ""
    return f"HTTP {response.status_code}, which is not one of the functions' envelopes"
