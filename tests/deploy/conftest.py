"""Fixtures of the deployer's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkout import Checkout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout that can be deployed."""
    return Checkout(tmp_path / "root", monkeypatch)
