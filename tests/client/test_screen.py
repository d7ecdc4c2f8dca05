"""The table, the progress bar and the summary in a terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from client.forms import OURS
from client.outcomes import Outcome, answered, missing
from client.screen import UNLIMITED, Table, progress, summary
from client.sheet import Sheet, sheet_of
from shared.tasks import VIDEO
from tests.client.conftest import FakeFunction, done, envelope
from tests.support.paths import ROOT


class Terminal(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard error a terminal of 100 columns: in the test itself, since pytest sets its own before that."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def outcomes(**statuses: int) -> list[Outcome]:
    return [answered(VIDEO, vid, done(vid, status=status)) for vid, status in statuses.items()]


def test_a_bar_fills_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    with progress(4, waits=False) as bar:
        bar.add(outcomes(a=5, b=3, c=4))
        bar.add([missing("d")])
    assert "100%" in terminal.getvalue()


def test_while_waiting_the_bar_counts_settled_ids_and_shows_pending_ones(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    terminal = at_a_terminal(monkeypatch)
    with progress(4, waits=True) as bar:
        bar.add(outcomes(a=5, b=3, c=4, d=3))
        bar.pause(3.0, 2)
    assert " 50%" in terminal.getvalue()
    assert "2 pending, asked again every 3 s" in terminal.getvalue()
    assert pauses == [3.0]


def test_there_is_no_bar_elsewhere(capfd: pytest.CaptureFixture[str], pauses: list[float]) -> None:
    with progress(4, waits=True) as bar:
        bar.add(outcomes(a=5))
        bar.pause(3.0, 2)
    assert capfd.readouterr() == ("", "")
    assert pauses == [3.0]


def test_a_table_has_the_callers_columns_and_those_of_ours_that_say_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    stream = io.StringIO()
    table = Table(stream, Sheet(["no\x07te", "vid"], [["[b]\x1b[2J", "a"], ["", "b"], ["", "c"]], 1))
    table.start()
    table.add({"a": outcomes(a=4)[0].row, "c": missing("c").row})
    table.close()
    lines = stream.getvalue().splitlines()
    assert lines[1].replace("┃", " ").split() == ["no\\x07te", "vid", "outcome", "status", "result"]
    assert "[b]\\x1b[2J" in lines[3]
    assert len(lines) == 6


def test_a_table_in_a_file_is_as_wide_as_it_needs() -> None:
    stream = io.StringIO()
    table = Table(stream, sheet_of(["a"]))
    table.add({"a": {**outcomes(a=5)[0].row, "result": "x" * 500}})
    table.close()
    assert "x" * 500 in stream.getvalue()
    assert max(map(len, stream.getvalue().splitlines())) < UNLIMITED


def test_the_sum_names_what_there_is() -> None:
    assert summary(["failed", "succeeded", "failed"]) == "3 rows: 1 succeeded, 2 failed"
    assert summary(["pending"]) == "1 row: 1 pending"
    assert summary(["", ""]) == "2 rows: none answered"


def test_at_a_terminal_a_coloured_table_comes_and_no_ids_are_waited_for(function: FakeFunction, tmp_path: Path) -> None:
    function.answer = lambda vids: envelope(*(done(vid, status=4, error_msg="bad") for vid in vids))
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "NO_COLOR": ""}

    def command(*arguments: str) -> tuple[int, str]:
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "client", "video", "--url", function.url, *arguments],
            cwd=ROOT, env=environ, stdin=follower, stdout=follower, stderr=follower,
        )  # fmt: skip
        os.close(follower)
        shown = b""
        try:
            while piece := os.read(leader, 65536):
                shown += piece
        except OSError:  # Linux says so when the other side has closed
            pass
        finally:
            os.close(leader)
        return process.wait(), shown.decode()

    status, shown = command("--ids", "a,b")
    assert status == 0
    assert re.search(r"\x1b\[31mfailed", shown)
    assert "2 rows: 2 failed" in shown
    assert all(name in shown for name in OURS[:2])
    status, shown = command()
    assert (status, shown) == (2, "client: no ids: name a file, or give --ids A,B or standard input\r\n")
