"""Where no Chromium is found the browser tests are left out, and one line says how to get one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import chromium
from tests.support.paths import ROOT


def collected(path: str) -> str:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", "tests/browser"]
    environ = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False).stdout


def test_without_a_chromium_they_are_left_out(tmp_path: Path) -> None:
    output = collected(str(tmp_path))
    assert chromium.HOW_TO_GET_ONE in output
    assert "no tests collected" in output


def test_with_one_they_are_collected(tmp_path: Path) -> None:
    for name in ("chromium", "chromedriver"):
        (tmp_path / name).touch(0o755)
    output = collected(str(tmp_path))
    assert chromium.HOW_TO_GET_ONE not in output
    assert "test_a_thousand_ids" in output


def test_a_browser_without_its_driver_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "google-chrome").touch(0o755)
    assert chromium.find() is None
    (tmp_path / "chromedriver").touch(0o755)
    assert chromium.find() == (str(tmp_path / "google-chrome"), str(tmp_path / "chromedriver"))
