"""What a project's functions run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.config import ConfigError
from local.config.interpreters import find_python
from local.scf.project import differences, function_spec, read_project
from tests.support import projects


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """What was found is kept for the process: forget it before and after."""
    find_python.cache_clear()
    yield
    find_python.cache_clear()


def test_a_function_runs_on_the_python_of_its_runtime_where_that_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "bin" / "python3.9"  # older than any that runs these tests
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(python.parent), prepend=":")
    root = projects.multi(tmp_path / "project")
    path = root / "serverless.yml"
    path.write_text(path.read_text().replace("Python3.10", "Python3.9"))
    config = read_project(root, {})
    specs = [function_spec(config, function, {}) for function in config.functions.values()]
    assert {(spec.python, spec.options, spec.runtime) for spec in specs} == {(str(python), ("-S",), "Python3.9")}
    assert not [line for line in differences(config) if "Python" in line]


def test_code_that_is_in_a_bucket_is_not_taken_from_the_folder(tmp_path: Path) -> None:
    root = projects.single(tmp_path / "project")
    path = root / "serverless.yml"
    path.write_text(path.read_text().replace('src: {src: ./src, exclude: [".env"]}', "src: {bucket: b, object: o.zip}"))
    with pytest.raises(ConfigError, match="its code is not in the project"):
        read_project(root, {})
