"""Fixtures of the tests through real sockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.live import live, shared_ci, shared_cloud
from tests.support.paths import ROOT
from tests.support.ports import free_port

__all__ = ["free_port", "live", "quick_root", "shared_ci", "shared_cloud"]


@pytest.fixture
def quick_root(tmp_path: Path) -> Callable[[int], Path]:
    """A checkout whose functions have another timeout, in seconds."""

    def make(timeout: int) -> Path:
        root = tmp_path / "root"
        root.mkdir()
        for name in ("functions", "shared"):
            (root / name).symlink_to(ROOT / name)
        text = (ROOT / "serverless.yml").read_text()
        assert "timeout: 30" in text
        (root / "serverless.yml").write_text(text.replace("timeout: 30", f"timeout: {timeout}"))
        return root

    return make
