"""The bundle alone, as SCF has it: its folder is all there is to import from, and nothing is written there."""

from __future__ import annotations

import asyncio
import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from deploy.package import RUNTIME
from local import replay
from local.cloud import Bundle
from tests.support import bundles
from tests.support.paths import ROOT

VERSION = "import sys; print(*sys.version_info[:2], sep='.')"


def bare_python(folder: Path) -> str:
    """Make an environment in which nothing is installed and return its interpreter."""
    subprocess.run([bundles.PYTHON, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin" / "python")


def run(python: str, code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-c", code], cwd=cwd, env={}, capture_output=True, text=True, check=False)


def snapshot(folder: Path) -> dict[str, str]:
    """Every file and folder below, with what is in it. Root may write anywhere, so modes alone prove nothing."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


def make_read_only(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def make_writable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)


def test_the_bundle_alone_serves_every_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = tmp_path / "code"
    with zipfile.ZipFile(bundles.build(tmp_path / "dist")) as archive:
        archive.extractall(code)
    python = bare_python(tmp_path / "python")
    version = run(python, VERSION, tmp_path).stdout.strip()
    if version != RUNTIME:
        with capsys.disabled():
            print(f"\nNo Python {RUNTIME} starts on this machine: the bundle was run on {version}.")
    assert "No module named 'requests'" in run(python, "import requests", tmp_path).stderr

    before, screen = snapshot(code), io.StringIO()
    make_read_only(code)
    try:
        kept = asyncio.run(replay.run(ROOT, tmp_path / "state", Console(file=screen), bundle=Bundle(code, python)))
    finally:
        make_writable(code)
    assert kept, screen.getvalue()
    events = len([*(ROOT / "events").glob("*.json"), *(ROOT / "events" / "ci").glob("*.json")])
    assert events
    assert f"{events} of {events} replies" in screen.getvalue()
    assert snapshot(code) == before
