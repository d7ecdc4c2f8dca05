"""What the tests of shared/ start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.wire import Network, network


@pytest.fixture
def net() -> Iterator[Network]:
    """A network, a clock and an environment of the test's own."""
    with network() as made:
        yield made
