from __future__ import annotations

import _thread
import builtins
import io
import json
import logging
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

import pytest

from local.scf import bootstrap, child
from local.scf.bootstrap import HandlerFault, LogToStderr

HANDLERS = Path(__file__).parent / "handlers"


@pytest.fixture
def code_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A code directory of its own, as an instance finds it; what is imported from there is forgotten again."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def serve(handler: str, *events: object, environ: dict[str, str | None] | None = None) -> tuple[list[Any], bytes]:
    """What the bootstrap answers to events, as pairs of frames, and what goes to the log's descriptor."""
    read, write = os.pipe()
    frames = b""
    for number, event in enumerate(events):
        told = {"context": {"number": number}, "environ": environ or {}, "marker": f"mark{number}"}
        frames += json.dumps(told).encode() + b"\n" + json.dumps(event).encode() + b"\n"
    replies = Path("replies")
    try:
        with replies.open("wb") as sent:
            bootstrap.serve(
                handler, io.BufferedReader(io.BytesIO(frames)), child.Replies(sent, child.CodeFolder([])), write
            )
    finally:
        os.close(write)
        with open(read, "rb") as log:
            logged = log.read()
    lines = [json.loads(line) for line in replies.read_bytes().splitlines()]
    return [(head, value) for head, value in zip(lines[::2], lines[1::2], strict=True)], logged


def test_serve_answers_the_start_and_then_each_event(code_dir: Path) -> None:
    (code_dir / "answers.py").write_text("def main(event, context):\n    return [event, context]\n")
    replies, logged = serve("answers.main", "a", {"b": 1})
    assert [value for _, value in replies] == [None, ["a", {"number": 0}], [{"b": 1}, {"number": 1}]]
    for head, _ in replies:
        assert head.pop("memory_mb") > 1
        assert head.pop("files") == {}
        assert head == {"status": 200, "message": "", "stack": ""}
    assert logged == b"\nmark0\n\nmark1\n"


def test_serve_answers_a_fault_of_the_start_only(code_dir: Path) -> None:
    replies, logged = serve("answers.main", "a")
    assert len(replies) == 1
    assert replies[0][0]["status"] == 437
    assert (replies[0][1], logged) == (None, b"")


def test_environment_comes_with_each_event(code_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code_dir / "environs.py").write_text(
        "import os\ndef main(event, context):\n    return [os.environ.get(n) for n in event]\n"
    )
    monkeypatch.setenv("GONE", "x")
    monkeypatch.setenv("RENEWED", "old")
    names = ["GONE", "RENEWED", "NEVER"]
    replies, _ = serve("environs.main", names, environ={"GONE": None, "RENEWED": "new", "NEVER": None})
    assert replies[1][1] == [None, "new", None]


def test_exit_passes_through_at_import_and_in_a_call(code_dir: Path) -> None:
    (code_dir / "exits.py").write_text("import sys\ndef main(event, context):\n    sys.exit(event)\n")
    (code_dir / "exits_early.py").write_text("raise SystemExit(7)\n")
    with pytest.raises(SystemExit, match="5"):
        serve("exits.main", 5)
    with pytest.raises(SystemExit, match="7"):
        serve("exits_early.main", 5)


@pytest.mark.parametrize(
    ("source", "status", "message"),
    [
        ("import no_such_package", 443, "no_such_package; the code directory has code, package"),
        ("import package.more", 443, "package.more; the code directory has code, package"),
        ("def main(:", 443, "syntax error in code.py, line 1: invalid syntax"),
        ("1 / 0", 443, "importing code.py raised ZeroDivisionError: division by zero"),
        ("from os import nothing_like_it", 443, "importing code.py raised ImportError: cannot import name"),
        ("def b(): ...\ndef a(): ...\nclass C: ...", 437, "no function main in code.py, which has a, b"),
        ("", 437, "no function main in code.py, which has none"),
        ("main = []", 437, "main in code.py is not callable: it is of type list"),
    ],
)
def test_load_names_the_problem(code_dir: Path, source: str, status: int, message: str) -> None:
    (code_dir / "code.py").write_text(source)
    (code_dir / "package").mkdir()
    (code_dir / "package-1.0.dist-info").mkdir()
    (code_dir / "__pycache__").mkdir()
    sys.modules.pop("code", None)
    with pytest.raises(HandlerFault) as caught:
        bootstrap.load("code.main")
    assert caught.value.status == status
    assert message in str(caught.value)
    assert "bootstrap" not in caught.value.stack


@pytest.mark.parametrize("handler", ["", "index", "index.", ".main", "pkg.index.main", "pkg/index.main"])
def test_load_wants_file_dot_function(handler: str) -> None:
    with pytest.raises(HandlerFault, match="is not of the form") as caught:
        bootstrap.load(handler)
    assert caught.value.status == 437


def test_load_takes_any_callable(code_dir: Path) -> None:
    (code_dir / "query-video.py").write_text(
        "class Handler:\n    def __call__(self, event, context):\n        return 1\n"
    )
    with (code_dir / "query-video.py").open("a") as file:
        file.write("main = Handler()\n")
    assert bootstrap.load("query-video.main")(None, {}) == 1


def raiser(error: BaseException) -> Callable[..., object]:
    def handler(event: object, context: object) -> object:
        raise error

    return handler


def test_run_returns_the_value_as_utf8_json() -> None:
    head, value = bootstrap.run(lambda event, context: [event, context], "片", {"a": 1})
    assert (head["status"], value) == (200, '["片", {"a": 1}]'.encode())


@pytest.mark.parametrize("result", [float("inf"), {1}, {(1, 2): 3}, "\udc00", object()])
def test_run_fails_on_what_is_not_json(result: object) -> None:
    head, value = bootstrap.run(lambda event, context: result, None, {})
    assert (head["status"], head["message"], value) == (430, "user code exception caught", b"null")


@pytest.mark.parametrize("error", [ValueError("片段"), KeyboardInterrupt(), GeneratorExit(), RecursionError("deep")])
def test_run_reports_any_exception_from_the_users_first_frame(error: BaseException) -> None:
    head, _ = bootstrap.run(raiser(error), None, {})
    assert head["status"] == 430
    first = str(head["stack"]).splitlines()[1]
    assert __file__ in first
    assert "in handler" in first


def test_run_measures_the_response_in_bytes() -> None:
    limit = bootstrap.MAX_RESPONSE
    assert bootstrap.run(lambda event, context: "片" * (limit // 3), None, {})[0]["status"] == 407
    assert bootstrap.run(lambda event, context: "x" * (limit - 2), None, {})[0]["status"] == 200


def test_stack_is_cut_and_can_be_encoded() -> None:
    head, _ = bootstrap.run(raiser(ValueError("\ud800" + "x" * bootstrap.MAX_TEXT)), None, {})
    stack = str(head["stack"])
    assert "ValueError: \\ud800xxx" in stack
    assert len(stack.encode()) < bootstrap.MAX_TEXT + 10


def test_peak_memory_grows_with_use() -> None:
    before = child.peak_memory_mb()
    ballast = bytearray(os.urandom(1024)) * (int(before + 50) * 1024)
    assert child.peak_memory_mb() >= before + 50
    assert len(ballast) > 50


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1024 * 1024)])
def test_peak_memory_without_proc(monkeypatch: pytest.MonkeyPatch, platform: str, unit: int) -> None:
    import resource

    def missing(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError

    usage = type("Usage", (), {"ru_maxrss": 30 * unit})
    monkeypatch.setattr(builtins, "open", missing)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda who: usage)
    assert child.peak_memory_mb() == 30


def test_flush_output_takes_any_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    raw = io.BytesIO()
    for stand_in in (None, closed, io.TextIOWrapper(raw)):
        monkeypatch.setattr(sys, "stdout", stand_in)
        print("text", file=stand_in) if stand_in and not stand_in.closed else None
        bootstrap.flush_output()
    assert raw.getvalue() == b"text\n"


def test_logging_is_set_up_when_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [LogToStderr, *sys.meta_path])
    assert LogToStderr.find_spec("json", None, None) is None
    spec = LogToStderr.find_spec("logging", None, None)
    assert spec is not None
    assert spec.loader is not None
    assert LogToStderr not in sys.meta_path
    fresh: Any = module_from_spec(spec)
    spec.loader.exec_module(fresh)
    assert fresh.getLogger().level == logging.DEBUG
    assert [handler.stream for handler in fresh.getLogger().handlers] == [sys.stderr]


def test_missing_logging_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [LogToStderr])
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ModuleNotFoundError, match="no logging"):
        LogToStderr.find_spec("logging")


def test_dying_with_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr(os, "killpg", lambda *args: done.append(args))
    monkeypatch.setattr(os, "_exit", done.append)
    read, write = os.pipe()
    os.write(write, b"an event that nobody has read")
    os.close(write)
    bootstrap.die_with_parent(read)
    os.close(read)
    assert done == [(os.getpid(), 9), 1]


@pytest.mark.parametrize("has_logging", [True, False])
def test_program(
    code_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], has_logging: bool
) -> None:
    (code_dir / "prints.py").write_text("def main(event, context):\n    print(event)\n")
    events, send = os.pipe()
    receive, replies = os.pipe()
    started: list[object] = []
    here = str(Path(bootstrap.__file__).parent)
    options = {"packages": {}, "code": [], "debug": 0, "terminal": None}
    program = [bootstrap.__file__, "prints.main", str(events), str(replies), json.dumps(options)]
    monkeypatch.setattr(sys, "path", [here, *sys.path])
    monkeypatch.setattr(sys, "argv", program)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(_thread, "start_new_thread", lambda function, args: started.append((function.__name__, args)))
    root = logging.Logger("a root of the test's own")
    if has_logging:
        monkeypatch.setattr(logging, "getLogger", lambda: root)
    else:
        monkeypatch.delitem(sys.modules, "logging")
    os.set_inheritable(events, True)
    os.write(send, b'{"context": {}, "environ": {}, "marker": "mark"}\n"hello"\n')
    os.close(send)
    runpy.run_path(bootstrap.__file__, run_name="__main__")
    for fd in (events, replies):  # which only the end of the process closes
        assert not os.get_inheritable(fd)
        os.close(fd)
    with open(receive, "rb") as file:
        assert [json.loads(line) for line in file.read().splitlines()][1::2] == [None, None]
    assert capfd.readouterr().out == "hello\n\nmark\n"
    assert here not in sys.path
    assert started == [("die_with_parent", (events,))]
    assert (root.level == logging.DEBUG) is has_logging
    assert (getattr(sys.meta_path[0], "__name__", "") == "LogToStderr") is not has_logging
