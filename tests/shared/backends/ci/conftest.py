"""What the tests of Cloud Infinite start from."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import responses

from tests.support.ci_wire import CI_HOST, COS_HOST, CiNetwork


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Iterator[CiNetwork]:
    """A network in which only Cloud Infinite and COS answer, and naps that take no time."""
    made = CiNetwork()
    monkeypatch.setattr("shared.net.client.Deadline.pause", lambda _, seconds: made.naps.append(seconds))
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for host in (CI_HOST, COS_HOST):
            mock.add_callback(responses.GET, re.compile(f"https://{host}/.*"), callback=made.answer)
        yield made
