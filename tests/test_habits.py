"""The gate is one script and lint is one command: a person, a hook and a workflow call the same."""

from __future__ import annotations

import os
import re
from typing import Any

import yaml

from tests.support.paths import ROOT


def read_yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_hook_runs_what_make_lint_runs() -> None:
    (repository,) = read_yaml(".pre-commit-config.yaml")["repos"]
    (hook,) = repository["hooks"]
    assert repository["repo"] == "local"
    assert hook["entry"] == "make lint"
    assert not hook["pass_filenames"]


def test_the_workflow_calls_the_one_script_on_the_oldest_and_the_newest_python() -> None:
    steps = read_yaml(".github/workflows/ci.yml")["jobs"]["gate"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    options = {step["uses"].partition("@")[0]: step["with"] for step in steps if "uses" in step}
    assert options["actions/checkout"]["fetch-depth"] == 1
    assert options["actions/setup-python"]["python-version"].split() == ["3.10", "3.x"]


def test_the_newest_changes_stand_first() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+)$", text, re.MULTILINE)
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert released[0] == version[1]
    assert released == sorted(released, key=lambda one: [int(part) for part in one.split(".")], reverse=True)
