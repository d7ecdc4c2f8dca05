"""serverless.yml as the local cloud reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.config import Project, ProjectError, read_project
from tests.support.paths import ROOT

MINIMAL = """
component: multi-scf
name: n
inputs:
  runtime: Python3.10
  timeout: 7
  environments:
    - {key: A, value: 1}
    - {key: B, value: "${env:NAME}"}
  functions:
    one: {handler: one.main}
    two:
      handler: two.main
      memorySize: 256
      environments: [{key: C, value: c}]
  triggers:
    - {type: timer, function: one, parameters: {name: tick, cronExpression: "0 0 * * * * *", argument: '{"a":1}'}}
    - {type: apigw, parameters: {name: g, apis: [{path: /one, method: get, function: one}]}}
    - {type: http, function: two, parameters: {}}
"""


def read(tmp_path: Path, text: str, **environ: str) -> Project:
    (tmp_path / "serverless.yml").write_text(text)
    return read_project(tmp_path / "serverless.yml", environ)


def test_functions_inherit_and_replace_what_inputs_say(tmp_path: Path) -> None:
    functions = read(tmp_path, MINIMAL, NAME="name").functions
    assert functions["one"] == ("one.main", 7, 128, "Python3.10", {"A": "1", "B": "name"})
    assert functions["two"] == ("two.main", 7, 256, "Python3.10", {"C": "c"})


def test_a_variable_that_is_not_set_leaves_its_entry_out(tmp_path: Path) -> None:
    assert read(tmp_path, MINIMAL).functions["one"].environment == {"A": "1"}


def test_triggers(tmp_path: Path) -> None:
    project = read(tmp_path, MINIMAL)
    assert project.apis == (("/one", "GET", "one", 15.0),)
    assert project.urls == ("two",)
    assert project.timers == (("tick", "one", "0 0 * * * * *", '{"a":1}', False),)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("inputs: [", "not YAML"),
        ("a: 1", "inputs"),
        ("- 1", "multi-scf"),
        (MINIMAL.replace("function: one, parameters", "function: three, parameters"), "three"),
        (MINIMAL.replace("runtime: Python3.10", "x: y"), "runtime"),
    ],
    ids=["not yaml", "no inputs", "a list", "unknown function", "no runtime"],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ProjectError, match=named):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"none\.yml can't be read"):
        read_project(tmp_path / "none.yml", {})


def test_the_checkout_s_own_file_offers_both_functions_on_every_trigger() -> None:
    project = read_project(ROOT / "serverless.yml", {})
    assert set(project.functions) == {"query-video", "query-audio"}
    assert {api.path: api.function for api in project.apis} == {
        "/query-video": "query-video",
        "/query-audio": "query-audio",
    }
    assert set(project.urls) == set(project.functions)
    assert {timer.function for timer in project.timers if timer.enabled} == set(project.functions)
