"""Reads the function URLs back and calls each once: a deployment is done when they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from deploy.errors import DeployError
from deploy.patience import Patience
from deploy.reading import read_urls
from deploy.resources import URL, Trigger, WantedFunction

#: No id at all: the answer is an envelope, and nothing is asked upstream.
QUESTION = {"vids": "?"}
#: Seconds for one answer (a cold start is one of them), between two tries, and for a new address to become known.
TIMEOUT, INTERVAL, BOUND = 35, 1.0, 60.0


class Url(NamedTuple):
    """A function's address; `note` says why it was not called, "" if it answered."""

    alias: str
    url: str
    note: str


def check_urls(functions: tuple[WantedFunction, ...], tokens: Mapping[str, str], patience: Patience) -> Iterator[Url]:
    """Yield the address of each function that has a URL, when it has answered. Raises DeployError when one doesn't."""
    for function in functions:
        for trigger in function.triggers:
            if trigger.kind == URL:
                yield _check(function, trigger, tokens.get(function.name, ""), patience)


def _check(function: WantedFunction, trigger: Trigger, token: str, patience: Patience) -> Url:
    url = next((address for address in read_urls(patience, function.name).values() if address), "")
    if not trigger.setting["EnableExtranet"]:
        return Url(function.alias, url, "not called: it is reachable within Tencent's network only")
    if not url:
        raise DeployError(f"{function.alias} has a URL without an address: look at it in the console")
    if trigger.setting["AuthType"] != "NONE":
        return Url(function.alias, url, "not called: it takes signed requests only")
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname != "127.0.0.1":
        raise DeployError(f"{function.alias}: its URL is not https, so it is not sent the token")
    deadline = patience.clock.now() + BOUND
    while True:
        answer = _call(url, token)
        if not answer:
            return Url(function.alias, url, "")
        if patience.clock.now() > deadline:
            raise DeployError(f"{function.alias} does not answer at {url}: {answer}; make rollback leads back")
        patience.sleep(INTERVAL)


def _call(url: str, token: str) -> str:
    """Call a URL and return what is wrong with the answer, "" if it is an envelope."""
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
