"""An account of the local cloud for the tests of one module, empty before each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.desk import Desk, desk


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One cloud a module; use it through `account`, which leaves it as it was."""
    with desk(tmp_path_factory.mktemp("state")) as opened:
        yield opened


@pytest.fixture
def account(shared_desk: Desk) -> Iterator[Desk]:
    """An account without functions, roles, policies and faults."""
    yield shared_desk
    for things in (shared_desk.cloud.account.functions, shared_desk.cloud.account.roles):
        things.clear()
    shared_desk.cloud.account.policies.clear()
    shared_desk.cloud.scf.denied.clear()
