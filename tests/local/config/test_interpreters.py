"""Interpreters are looked for in the order that is written down, and tried."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.config.interpreters import find_python

#: Newer than 3.9, as every Python that runs these tests.
PYTHON = sys.executable


def found(version: str = "3.10") -> str | None:
    """Look anew: what was found is kept for the process."""
    find_python.cache_clear()
    return find_python(version)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine on which no interpreter starts."""
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    yield tmp_path
    find_python.cache_clear()


def put(path: Path, script: str) -> str:
    path.parent.mkdir(parents=True)
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


def test_a_python_is_looked_for_here_then_on_the_path_then_in_pyenv(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found() is None
    installed = put(nowhere / "pyenv/versions/3.10.1/bin/python3.10", "#!/bin/sh\n")
    shim = nowhere / "bin" / "python3.10"
    put(shim, "#!/bin/sh\nexit 127\n")  # as pyenv's shim does when no 3.10 is selected
    assert found() == installed
    shim.write_text("#!/bin/sh\n")
    assert found() == str(shim)
    monkeypatch.setattr(sys, "executable", installed)
    assert found() == installed


def test_a_broken_program_is_not_a_python(nowhere: Path) -> None:
    put(nowhere / "bin" / "python3.10", "#!/nowhere/to/be/found\n")
    assert found() is None


def test_another_version_is_not_the_python(nowhere: Path) -> None:
    put(nowhere / "bin" / "python3.9", f'#!/bin/sh\nexec {PYTHON} "$@"\n')
    assert found("3.9") is None
