"""A command that is stopped: the file has what came, and the next run asks only about the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest

from client.function import VIDEO_IDS, WORKERS
from tests.client.conftest import FakeFunction, Reply, all_done
from tests.support.paths import ROOT

VIDS = [f"id{number:05}" for number in range(2 * VIDEO_IDS * WORKERS)]


class Halting:
    """Answers until half is answered, then keeps all others waiting."""

    def __init__(self) -> None:
        self.resumed = threading.Event()
        self._lock = threading.Lock()
        self._left = WORKERS

    def __call__(self, vids: list[str]) -> Reply:
        with self._lock:
            self._left -= 1
            halted = self._left < 0
        if halted:
            self.resumed.wait()
        return all_done(vids)


@contextmanager
def started(function: FakeFunction, tmp_path: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, asking a function that halts."""
    source = tmp_path / "ids.txt"
    source.write_text("\n".join(VIDS))
    halting = Halting()
    function.answer = halting
    command = [sys.executable, "-m", "client", "video", str(source), "--url", function.url, *more]
    with (tmp_path / "printed").open("wb") as printed, (tmp_path / "errors").open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=printed, stderr=errors)
    try:
        yield process
    finally:
        halting.resumed.set()
        process.kill()
        process.wait()


def rows(out: Path) -> list[str]:
    """The ids in a file, each row of which is whole."""
    lines = out.read_text("utf-8-sig").splitlines() if out.exists() else []
    assert all(line.count(",") == 8 for line in lines)
    return [line.split(",")[0] for line in lines[1:]]


def run_again(function: FakeFunction, tmp_path: Path, out: Path) -> None:
    """Run the same command to its end; it must ask the rest only, each once."""
    before = rows(out)
    function.answer = all_done
    function.asked.clear()
    command = [sys.executable, "-m", "client", "video", "ids.txt", "--url", function.url, "--out", str(out)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environ, check=True, capture_output=True)
    assert sorted(function.vids) == sorted(set(VIDS) - set(before))
    assert rows(out) == VIDS


def test_a_killed_run_is_continued(function: FakeFunction, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with started(function, tmp_path, "--out", str(out)) as process:
        while not rows(out):
            sleep(0.01)
        process.kill()
        process.wait()
        kept = rows(out)
        assert kept == [vid for vid in VIDS if vid in set(kept)]
        assert 0 < len(kept) <= len(VIDS) // 2
    run_again(function, tmp_path, out)


def test_ctrl_c_keeps_all_that_has_come(function: FakeFunction, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with started(function, tmp_path, "--out", str(out)) as process:
        while len(function.asked) < WORKERS + 1 or not rows(out):
            sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert (tmp_path / "errors").read_text().strip() == "stopped; with --out, the same command continues"
    run_again(function, tmp_path, out)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_ctrl_c_leaves_whole_rows_on_standard_output(function: FakeFunction, tmp_path: Path, form: str) -> None:
    with started(function, tmp_path, "--format", form) as process:
        printed = tmp_path / "printed"
        while len(function.asked) < WORKERS + 1 or not printed.read_bytes():
            sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    lines = printed.read_text("utf-8-sig").split("\n")
    assert lines.pop() == ""
    assert len(lines) >= VIDEO_IDS
    assert all(line.count(",") == 8 for line in lines)
