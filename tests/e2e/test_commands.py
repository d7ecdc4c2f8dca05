"""The command line: run, serve, invoke and fire, as a person types them."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import requests

from local import replay
from local.__main__ import main
from local.state import locked
from tests.support.paths import DOCUMENTS, ROOT

DIRECT = str(ROOT / "events" / "query-video.direct.200.json")
VIDEO = json.loads((DOCUMENTS / "GetVpResult.json").read_text())


@pytest.fixture
def here(tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The environment of a shell in which no local cloud runs."""
    monkeypatch.setenv("LOCAL_PORT", str(free_port))
    monkeypatch.setenv("LOCAL_STATE", str(tmp_path / "state"))
    return free_port


@pytest.fixture
def served(here: int) -> Iterator[subprocess.Popen[str]]:
    """`python -m local serve` in a process of its own, ready."""
    command = [sys.executable, "-m", "local", "serve"]
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == (
            f"ready gateway=http://127.0.0.1:{here} media=http://127.0.0.1:{here + 1}/v2/index.php "
            f"cos=http://127.0.0.1:{here + 2} ci=http://127.0.0.1:{here + 3}\n"
        )
        yield process
        process.kill()


def test_ctrl_c_while_the_command_is_being_loaded_prints_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    command = [sys.executable, "-m", "local", "serve"]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


@pytest.mark.parametrize(("package", "make"), [("local", "serve"), ("client", "run"), ("deploy", "plan")])
def test_a_python_outside_the_environment_is_sent_to_it_in_one_line(package: str, make: str, tmp_path: Path) -> None:
    (tmp_path / "click").symlink_to(Path(click.__file__).parent)  # which many a Python has
    command = [sys.executable, "-S", "-m", package]  # -S: no installed packages
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"use `make {make}`, or .venv/bin/python -m {package} …" in ended.stderr


def test_make_help_names_the_client() -> None:
    command = ["make", "-s", "help", "VENV=there"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "there/bin/python -m client --help" in printed


def test_what_serve_suggests_works(served: subprocess.Popen[str], here: int) -> None:
    assert served.stderr is not None
    hints = dict(re.split(r"  +", served.stderr.readline().strip(), maxsplit=1) for _ in range(5))
    assert list(hints) == ["the console", "an API", "a URL", "an event", "a timer"]
    for name in ("an API", "a URL"):
        _, url = shlex.split(hints[name])
        assert requests.get(url, timeout=30).json()["code"] == 0
    for name in ("an event", "a timer"):
        command = [sys.executable, *shlex.split(hints[name])[1:]]
        environ = {key: value for key, value in os.environ.items() if key != "LOCAL_PORT"}
        subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True)


def test_run_checks_the_promise_of_every_event(here: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 0
    out = capsys.readouterr().out
    events = len([*(ROOT / "events").glob("*.json"), *(ROOT / "events" / "ci").glob("*.json")])
    assert f"{events} of {events} replies are what their events' names promise." in out
    assert json.dumps(VIDEO["data"][0]["result"][0]) in out
    assert "cold start" in out
    assert out.count("\n") <= 150
    assert "media-query/results/video.json" in out


def test_run_reports_a_broken_promise(
    here: int, quick_root: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, name = quick_root(30), "query-video.gateway-bad-id"
    (root / "events").mkdir()
    (root / "events" / f"{name}.200.json").symlink_to(ROOT / "events" / f"{name}.400.json")
    monkeypatch.setattr("local.__main__.ROOT", root)
    assert main(["run"]) == 1
    out = capsys.readouterr().out
    assert "400, promised 200" in out
    assert "0 of 1 replies are what their events' names promise." in out


def test_an_event_whose_name_promises_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"event\.json: a name like"):
        replay.read_promise(path)


def test_invoke_on_a_private_cloud(here: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["invoke", "query-video", "--event", DIRECT]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["data"][0] == VIDEO["data"][0]
    log = printed.err.splitlines()
    assert any(line.startswith("START RequestId:") for line in log)
    assert any(line.startswith("Report RequestId:") for line in log)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["invoke", "query-movie", "--event", DIRECT], "there are: query-video, query-audio"),
        (["invoke", "query-video", "--event", "/none.json"], "'/none.json': No such file or directory"),
        (["invoke", "query-video", "--event", str(ROOT / "README.md")], "is not JSON"),
        (["fire", "collect-video"], "make serve"),
    ],
)
def test_what_can_not_be_done_is_reported_in_one_line(
    here: int, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("local: ")
    assert words in printed.err
    assert printed.err.count("\n") == 1


def test_a_cloud_on_another_port_is_looked_for_by_its_port(
    here: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(tmp_path / "state"):
        assert main(["invoke", "query-video", "--event", DIRECT]) == 2
        private = capsys.readouterr().err
        assert main(["fire", "collect-video"]) == 2
    assert f"nothing on port {here} (LOCAL_PORT), and {tmp_path / 'state'} is in use" in private
    assert f"no local cloud on port {here}" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "x", "65534", "-1"])
def test_a_bad_port_is_refused(port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOCAL_PORT", port)
    assert main(["serve"]) == 2
    assert "LOCAL_PORT" in capsys.readouterr().err


def test_a_function_that_fails_is_exit_1(here: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"Type": "Timer", "TriggerName": "t", "Message": "no id !"}))
    assert main(["invoke", "query-video", "--event", str(event)]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["statusCode"] == 430
    assert "vids" in printed.out


def test_serve_answers_until_it_is_stopped(
    served: subprocess.Popen[str], here: int, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{here}"
    reply = requests.get(f"{url}/query-video", params={"vids": VIDEO["data"][0]["vid"]}, timeout=60)
    assert reply.json() == VIDEO
    assert main(["invoke", "query-video", "--event", DIRECT, "--project", str(ROOT)]) == 0
    assert main(["invoke", "index", "--event", DIRECT, "--project", str(ROOT / "docs")]) == 2
    assert f"this local cloud runs {ROOT}, not {ROOT / 'docs'}; give another --port" in capsys.readouterr().err
    assert main(["fire", "collect-audio"]) == 0
    assert main(["fire", "nothing"]) == 2
    assert "collect-video" in capsys.readouterr().err
    assert main(["serve"]) == 2  # the state is in use
    assert "LOCAL_STATE" in capsys.readouterr().err
    served.send_signal(signal.SIGTERM)
    out, log = served.communicate(timeout=60)
    assert (served.returncode, out) == (0, "")
    assert "  the console   http" in log
    assert "GET /query-video?vids=" in log
    assert "timer collect-audio  200" in log
    assert "START RequestId:" not in log
    assert "local-role-key" not in log


def test_serve_in_this_process(here: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The same code where coverage sees it: the signal comes as soon as the cloud is ready."""
    real_echo = click.echo

    def echo_and_stop(*values: Any, **options: Any) -> None:
        real_echo(*values, **options)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(click, "echo", echo_and_stop)
    assert main(["serve", "-v"]) == 0
    assert capsys.readouterr().out.startswith("ready gateway=")


def test_a_taken_port_is_reported_with_the_setting_to_change(here: int, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", here + 3)):
        assert main(["serve"]) == 2
    assert capsys.readouterr().err == (
        f"local: a port from {here} to {here + 3} is taken; choose others with LOCAL_PORT\n"
    )


def test_a_state_that_can_not_be_written_is_reported_with_the_setting_to_change(
    here: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOCAL_STATE", str(tmp_path / "file" / "state"))
    assert main(["serve"]) == 2
    error = capsys.readouterr().err
    assert "LOCAL_STATE" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_any_signal_ends_it_with_nothing_left_behind(
    served: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    served.send_signal(number)
    served.communicate(timeout=60)
    assert served.returncode == 0
    left = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert [path.name for path in left] == [".lock"]


@pytest.mark.parametrize("command", ["run", "serve", "invoke", "fire", "load-test", "state"])
def test_help_changes_nothing(here: int, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"python -m local {command}" in capsys.readouterr().out
    assert not (tmp_path / "state").exists()


def test_help_names_functions_and_timers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fire", "--help"]) == 0
    assert "timers: collect-video, collect-audio" in capsys.readouterr().out
    assert main(["invoke", "--help"]) == 0
    assert "functions: query-video, query-audio" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["walk"], ["invoke"], ["fire", "--now", "x"]])
def test_what_is_no_command_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().out == ""


def test_an_event_from_standard_input(
    here: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(DIRECT, encoding="utf-8") as event:
        monkeypatch.setattr("sys.stdin", event)
        assert main(["invoke", "query-video", "--event", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["code"] == 0


def test_load_test_prints_its_figures(here: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load-test", "--ids", "200", "--shard-size", "50", "--delay", "0", "--faults", "0.1"]) == 0
    out = capsys.readouterr().out
    assert "200 video ids in 4 shards" in out
    assert "lost: 0, asked again once final: 0" in out


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_load_test_refuses_odd_numbers(here: int, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load-test", "--ids", number]) == 2
    assert "--ids" in capsys.readouterr().err


def test_a_port_on_which_something_else_answers_is_reported(here: int, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", here)) as server:
        answering = threading.Thread(target=_answer_text, args=(server,))
        answering.start()
        assert main(["fire", "collect-video"]) == 2
        answering.join()
    assert "is no local cloud" in capsys.readouterr().err


def _answer_text(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi")
