"""The command against the local cloud: thousands of rows, faults, both ways to ask, and each error line."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from client.__main__ import main
from tests.client.conftest import FakeFunction, done, envelope, refusal
from tests.support.live import LiveCloud
from tests.support.paths import ROOT

HEADER = ["备注", "vid", "outcome", "status", "create_time", "finish_time", "result", "error_code", "error_msg", "url"]
COUNT = 5000


class Run(NamedTuple):
    """What a run of the command did."""

    status: int
    out: bytes
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The rows of a CSV on standard output."""
        return list(csv.reader(io.StringIO(self.out.decode("utf-8-sig"), newline="")))


Command = Callable[..., Run]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command in this process, with something on standard input."""

    def command(*arguments: str | Path, stdin: bytes = b"") -> Run:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(_Input(stdin)))
        status = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Run(status, out, err.decode())

    return command


class _Input(io.BytesIO):
    """Standard input that is not a file."""

    def fileno(self) -> int:
        return 0


def vid(number: int) -> str:
    return f"{number:032x}1600000000"


def cell(number: int) -> str:
    """The id of a row: every tenth is malformed, every tenth is its neighbour's once more."""
    kinds = {4: f"=malformed {number}", 6: vid(number - 1)}
    return kinds.get(number % 10, vid(number))


def word(number: int) -> str:
    return {1: "failed", 2: "pending", 3: "missing", 4: "invalid"}.get(number % 10, "succeeded")


@pytest.fixture
def sheet(live: LiveCloud, tmp_path: Path) -> Path:
    """A CSV of 5,000 rows, and the tasks that the API knows."""
    statuses = {"failed": 4, "pending": 3, "succeeded": 5}
    tasks = [done(vid(number), status=statuses[word(number)]) for number in range(COUNT) if word(number) in statuses]
    live.media("tasks", json=tasks)
    path = tmp_path / "ids.csv"
    rows = [HEADER[:2], *([f"=备注 {number}", cell(number)] for number in range(COUNT))]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_thousands_of_rows_come_in_order_from_any_source(live: LiveCloud, sheet: Path, run: Command) -> None:
    live.media("faults", json=[{"kind": "http", "value": 503, "rate": 0.2}])
    by_url = run("video", sheet, "--url", f"{live.cloud.gateway}/query-video")
    assert by_url.status == 0
    head, *rows = by_url.rows
    assert head == HEADER
    assert [row[:3] for row in rows] == [[f"=备注 {n}", cell(n), word(n)] for n in range(COUNT)]
    assert by_url.err == "5000 rows: 3000 succeeded, 500 failed, 500 pending, 500 missing, 500 invalid\n"
    straight = run("video", sheet)
    assert straight == by_url


def test_a_second_run_asks_only_what_is_not_final(live: LiveCloud, sheet: Path, tmp_path: Path, run: Command) -> None:
    out = tmp_path / "out.csv"
    assert run("video", sheet, "--out", out).status == 0
    first, calls = out.read_bytes(), live.media("calls")["GetVpResult"]
    assert run("video", sheet, "--out", out).status == 0
    assert out.read_bytes() == first
    # 500 pending and 500 missing ids, 100 a call
    assert live.media("calls")["GetVpResult"] - calls == 10


def test_audio_goes_the_same_ways(live: LiveCloud, run: Command) -> None:
    document = json.loads((ROOT / "local/media/documents/GetCtsaudioInfo.json").read_text())["data"]
    url = f"{live.cloud.gateway}/query-audio"
    runs = [run("audio", "--ids", f"{document['vid']},nobody", *more) for more in ((), ("--url", url))]
    assert runs[0] == runs[1]
    assert [row[1] for row in runs[0].rows[1:]] == ["succeeded", "missing"]
    assert runs[0].rows[1][4] == document["update_time"]
    other = run("audio", "--ids", document["vid"], "--url", url.replace("audio", "video"))
    assert (other.status, other.rows[1][1]) == (0, "missing")
    assert other.err.splitlines()[1] == "client: none of the ids is known there: is this the URL of query-audio?"


def test_waiting_ends_when_no_task_is_pending(live: LiveCloud, run: Command, pauses: list[float]) -> None:
    live.media("tasks", json=[done("moves", status=3, timeline=[{"after": 0.3, "status": 5}])])
    found = run("video", "--ids", "moves,nobody,no id", "--wait")
    assert [row[1] for row in found.rows[1:]] == ["succeeded", "missing", "invalid"]
    assert pauses[0] == 2.0
    assert found.status == 0


def test_standard_input_is_a_list_or_a_csv(function: FakeFunction, run: Command) -> None:
    assert [row[:2] for row in run("video", "--url", function.url, stdin=b"a\nb\n").rows[1:]] == [
        ["a", "succeeded"],
        ["b", "succeeded"],
    ]
    csv_rows = run("video", "-", "--url", function.url, "--column", "id", stdin=b"n;id\n1;b\n").rows
    assert csv_rows[0][:3] == ["n", "id", "outcome"]
    assert csv_rows[1][:3] == ["1", "b", "succeeded"]


def test_json_lines_and_a_table(function: FakeFunction, run: Command) -> None:
    function.answer = lambda vids: envelope(*(done(vid, error_msg="[red]\x1b[31m\u202e") for vid in vids))
    line = json.loads(run("video", "--ids", "a", "--format", "jsonl", "--url", function.url).out)
    assert (line["vid"], line["outcome"], line["error_msg"]) == ("a", "succeeded", "[red]\x1b[31m\u202e")
    table = run("video", "--ids", "a,b", "--format", "table", "--url", function.url).out.decode()
    assert "[red]\\x1b[31m\\u202e" in table
    assert "succeeded" in table
    assert "create_time" not in table
    assert "\x1b" not in table


def test_what_a_timer_has_collected_is_a_table(live: LiveCloud, run: Command) -> None:
    content = {"action": "GetVpResult", "tasks": {"a": done("a"), "b": done("b", status=4)}, "missing": {"c": ""}}
    live.cloud.store.put("media-query/results/video.json", json.dumps(content).encode(), {})
    collected = run("video", "--results", "results/video.json")
    assert [row[:2] for row in collected.rows[1:]] == [["a", "succeeded"], ["b", "failed"], ["c", "missing"]]
    joined = run("video", "--results", "results/video.json", "--ids", "c,d,a")
    assert [row[:2] for row in joined.rows[1:]] == [["c", "missing"], ["d", "unanswered"], ["a", "succeeded"]]
    assert joined.status == 1


def test_unanswered_rows_make_status_1_and_the_next_run_asks_them(
    function: FakeFunction, run: Command, tmp_path: Path, pauses: list[float]
) -> None:
    out = tmp_path / "out.csv"
    failed = {"b": {"code": 4000, "message": "@refused"}}
    function.script((207, {}, {"code": 5400, "data": [done("a")], "failed": failed}))
    arguments = ("video", "--ids", "a,b", "--out", out, "--url", function.url)
    assert run(*arguments) == Run(1, b"", "2 rows: 1 succeeded, 1 unanswered\n")
    assert "b,unanswered,,,,,4000,'@refused," in out.read_text()
    assert run(*arguments) == Run(0, b"", "2 rows: 2 succeeded\n")
    assert function.asked == [["a", "b"], ["b"]]


def one_line(found: Run, said: str) -> None:
    assert (found.status, found.out) == (2, b"")
    assert found.err.startswith("client: ")
    assert said in found.err
    assert found.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument '{video|audio}'. Choose from: video, audio"),
        (["vidoe"], "'vidoe' is not one of 'video', 'audio'"),
        (["video", "--no-such"], "No such option"),
        (["video", "gone.csv"], "gone.csv: No such file or directory"),
        (["video"], "standard input is empty"),
        (["video", "--ids", " , "], "--ids: no id given"),
        (["video", "ids.csv", "--ids", "a"], "--ids: can't be used with a file or --column"),
        (["video", "ids.csv", "--column", "x"], "ids.csv has no column x; it has note, vid"),
        (["video", "ids.csv"], "without --url the API itself is asked: no credentials"),
        (["video", "ids.csv", "--url", "x"], "--url: must be a function's URL: https://"),
        (["video", "ids.csv", "--url", "https://x.example", "--out", "ids.csv"], "--out: is the input"),
        (["video", "ids.csv", "--url", "https://x.example", "--out", "link.csv"], "--out: is the input"),
        (["video", "ids.csv", "--url", "https://x.example", "--out", "other.csv"], "other.csv has other columns"),
        (["video", "ids.csv", "--url", "https://x.example", "--out", "no/out.csv"], "there is no folder"),
        (
            ["video", "ids.csv", "--url", "https://x.example", "--out", "o", "--format", "table"],
            "--out: must be csv or",
        ),
        (["video", "--results", "results/video.json"], "no credentials"),
        (["video", "--results", "results/video.json", "--wait"], "--wait: can't be used with --results"),
    ],
)
def test_what_can_not_be_done_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Command, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ids.csv").write_text("note,vid\n1,a\n")
    Path("other.csv").write_text("vid,outcome\na,pending\n")
    Path("link.csv").symlink_to("ids.csv")
    one_line(run(*arguments), said)
    assert Path("ids.csv").read_text() == "note,vid\n1,a\n"
    assert Path("other.csv").read_text() == "vid,outcome\na,pending\n"


def test_a_refusal_is_one_line_that_steers_no_terminal(function: FakeFunction, run: Command) -> None:
    function.script(refusal(401, 4100, "a token\n\x1b[2J is needed"))
    one_line(run("video", "--ids", "a", "--url", function.url), "refuses: a token\\x0a\\x1b[2J is needed (--token")


def test_wrong_keys_are_one_line(live: LiveCloud, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "wrong")
    one_line(run("video", "--ids", "a"), "refuses the function's keys")
    monkeypatch.setenv("COS_BUCKET", "")
    one_line(run("video", "--results", "results/video.json"), "COS_BUCKET and COS_REGION must be set")


def test_help_changes_nothing_and_a_reader_that_goes_away_is_no_traceback(function: FakeFunction) -> None:
    def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "client", *arguments]
        return subprocess.run(command, cwd=ROOT, env=dict(os.environ), stderr=subprocess.PIPE, check=False, **options)

    helped = command("--help", stdout=subprocess.PIPE)
    assert helped.returncode == 0
    assert b"MEDIA_QUERY_URL" in helped.stdout
    reading, writing = os.pipe()
    os.close(reading)
    try:
        gone = command("video", "--ids", "a", "--url", function.url, stdout=writing)
    finally:
        os.close(writing)
    assert gone.returncode != 0
    assert b"Traceback" not in gone.stderr
