"""Functions that can't be started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.scf import runtime
from local.scf.runtime import Function, Outcome
from tests.support.runtime import (
    invoke_each,
    printed,
    with_function,
)


def refused(handler: str, **changes: Any) -> tuple[int, str, Outcome]:
    """The status and message with which every event is answered."""
    first, second = invoke_each(handler, 1, 2, **changes)
    assert first.error is not None
    assert second.error is not None
    assert first.error["errorMessage"] == second.error["errorMessage"]
    assert first.init_ms is not None
    assert second.init_ms is not None
    assert first.error["requestId"] == first.request_id != second.request_id
    return first.status, str(first.error["errorMessage"]), first


@pytest.mark.parametrize("handler", ["odd", "odd.", ".echo", "pkg.odd.echo", "../odd.echo", "pkg/odd.echo"])
def test_handler_that_is_not_file_dot_function(handler: str) -> None:
    status, message, _ = refused("x.y", spelt=handler)
    assert status == 437
    assert message == f"handler {handler!r} is not of the form <file without .py>.<function>"


def test_missing_entry_file(tmp_path: Path) -> None:
    (tmp_path / "one.py").touch()
    (tmp_path / "two.py").touch()
    (tmp_path / "three.txt").touch()
    status, message, _ = refused("index.main", code_dir=tmp_path)
    assert (status, message) == (437, "no index.py at the root of the code directory, which has one.py, two.py")


def test_missing_entry_file_in_an_empty_directory(tmp_path: Path) -> None:
    assert refused("index.main", code_dir=tmp_path)[1].endswith("which has none")


def test_missing_function() -> None:
    status, message, _ = refused("logs.main_handler")
    assert (status, message) == (437, "no function main_handler in logs.py, which has handler")


def test_handler_not_callable() -> None:
    assert refused("NOT_CALLABLE")[:2] == (437, "NOT_CALLABLE in odd.py is not callable: it is of type str")


def test_syntax_error(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("x = 1\ndef broken(:\n")
    status, message, outcome = refused("index.main", code_dir=tmp_path)
    assert (status, message) == (443, "syntax error in helper.py, line 2: invalid syntax")
    assert outcome.error is not None
    assert "def broken(:" in str(outcome.error["stackTrace"])


def test_missing_dependency() -> None:
    status, message, outcome = refused("needs_missing.handler")
    assert status == 443
    assert message.startswith("needs_missing.py needs a module that can't be found: no_such_package; ")
    assert "the code directory has exits_on_import, logs, " in message
    assert outcome.error is not None
    assert "bootstrap" not in str(outcome.error["stackTrace"])


def test_failing_import() -> None:
    status, message, outcome = refused("raises_on_import.handler")
    assert (status, message) == (443, "importing raises_on_import.py raised RuntimeError: no configuration")
    assert printed(outcome) == ["about to fail"]


def test_exit_while_importing() -> None:
    assert refused("exits_on_import.handler")[:2] == (439, "User process exit when running: exit code 7")


def test_start_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "INIT_TIMEOUT", 1.0)
    status, message, outcome = refused("sleeps_on_import.handler")
    assert (status, message) == (450, "Instance initialization timed out after 1 seconds")
    assert printed(outcome) == ["counting sheep"]


@pytest.mark.parametrize("changes", [{"python": "/no/such/python"}, {"code_dir": Path("/no/such/directory")}])
def test_process_that_cannot_be_started(changes: dict[str, Any]) -> None:
    async def work(function: Function) -> None:
        for _ in range(16 + 1):  # a failure must not use up a slot
            with pytest.raises(OSError, match="/no/such"):
                await function.invoke(None)

    with_function(work, "echo", **changes)
