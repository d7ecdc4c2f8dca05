"""What every test starts from: an environment without our settings, and hypothesis without a stop-watch."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from unittest.mock import patch

import hypothesis
import pytest

from local.keys import BUCKET, REGION, ROLE
from shared import settings
from tests.support import chromium

#: The settings of the functions, the client and the local cloud.
SETTINGS = {*settings.NAMES, "MEDIA_QUERY_URL", "MEDIA_QUERY_TOKEN", "LOCAL_PORT", "LOCAL_STATE", "GATEWAY"}

# A shell lets what runs in the background ignore Ctrl-C, and its children too: tests that send it would wait for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples on a busy machine take as long as they take.
hypothesis.settings.register_profile("unhurried", hypothesis.settings.get_profile("default"), deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_report_header() -> list[str]:
    """Say what is left out where no browser is found."""
    return [] if chromium.find() else [f"no Chromium, so no browser tests; to get one: {chromium.HOW_TO_GET_ONE}"]


def _matters(name: str) -> bool:
    return name in SETTINGS or name.startswith("TENCENTCLOUD_") or name.lower().endswith("_proxy")


@pytest.fixture(autouse=True)
def _clean_environment() -> Iterator[None]:
    """Nothing that changes what the code does comes from outside a test, and nothing leaves it."""
    with patch.dict(os.environ):
        for name in filter(_matters, list(os.environ)):
            del os.environ[name]
        yield


@pytest.fixture
def local_environment() -> Callable[..., dict[str, str]]:
    """Make the environment that SCF gives a function of the local cloud, with changes: its role's keys, its bucket."""

    def environment(**changes: str) -> dict[str, str]:
        role = {
            "TENCENTCLOUD_SECRETID": ROLE.secret_id,
            "TENCENTCLOUD_SECRETKEY": ROLE.secret_key,
            "TENCENTCLOUD_SESSIONTOKEN": ROLE.token,
        }
        return {**role, "COS_BUCKET": BUCKET, "COS_REGION": REGION, **changes}

    return environment
