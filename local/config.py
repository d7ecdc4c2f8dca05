"""Reads serverless.yml: the functions and triggers that the local cloud offers are those that are deployed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml


class ProjectError(Exception):
    """serverless.yml can't be used; the message names the place."""


class FunctionConfig(NamedTuple):
    """One function: its handler string, timeout in seconds, memory in MB and environment."""

    handler: str
    timeout: int
    memory: int
    runtime: str
    environment: Mapping[str, str]


class Api(NamedTuple):
    """One API of the gateway trigger; `method` may be ANY, `timeout` is the gateway's own in seconds."""

    path: str
    method: str
    function: str
    timeout: float


class Timer(NamedTuple):
    """One timer trigger."""

    name: str
    function: str
    cron: str
    message: str
    enabled: bool


class Project(NamedTuple):
    """What serverless.yml describes."""

    functions: Mapping[str, FunctionConfig]
    apis: tuple[Api, ...]
    urls: tuple[str, ...]
    timers: tuple[Timer, ...]


def read_project(path: Path, environ: Mapping[str, str]) -> Project:
    """Return the project of a serverless.yml of `component: multi-scf`.

    `${env:NAME}` is taken from `environ`, as the CLI does before it uploads; a variable that is not set leaves its
    entry out. Raises ProjectError.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        inputs = document["inputs"]
        functions = {alias: _function(inputs, spec, environ) for alias, spec in inputs["functions"].items()}
        triggers = [(trigger["type"], trigger) for trigger in inputs["triggers"]]
        return Project(
            functions=functions,
            apis=tuple(_known(api, functions) for kind, t in triggers if kind == "apigw" for api in _apis(t)),
            urls=tuple(t["function"] for kind, t in triggers if kind == "http"),
            timers=tuple(_known(_timer(t), functions) for kind, t in triggers if kind == "timer"),
        )
    except OSError as error:
        raise ProjectError(f"{path} can't be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ProjectError(f"{path} is not YAML: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ProjectError(f"{path} is not what component multi-scf needs: {error!r}") from error


def _function(inputs: Mapping[str, Any], spec: Mapping[str, Any], environ: Mapping[str, str]) -> FunctionConfig:
    """A key given on a function replaces the one of inputs, lists included: the engine's merge is shallow."""
    merged = {**inputs, **spec}
    entries = {entry["key"]: _resolved(str(entry["value"]), environ) for entry in merged.get("environments") or []}
    return FunctionConfig(
        handler=merged["handler"],
        timeout=int(merged.get("timeout", 3)),
        memory=int(merged.get("memorySize", 128)),
        runtime=merged["runtime"],
        environment={key: value for key, value in entries.items() if value is not None},
    )


def _resolved(value: str, environ: Mapping[str, str]) -> str | None:
    whole = re.fullmatch(r"\$\{env:(\w+)\}", value)
    return environ.get(whole.group(1)) if whole else value


def _apis(trigger: Mapping[str, Any]) -> list[Api]:
    """The gateway's APIs. Its default back-end timeout is 15 s."""
    return [
        Api(api["path"], api["method"].upper(), api["function"], float(api.get("serviceTimeout", 15)))
        for api in trigger["parameters"]["apis"]
    ]


def _timer(trigger: Mapping[str, Any]) -> Timer:
    """A timer. Without `enable` the engine leaves it closed."""
    parameters = trigger["parameters"]
    return Timer(
        name=parameters["name"],
        function=trigger["function"],
        cron=parameters["cronExpression"],
        message=parameters.get("argument") or "",
        enabled=parameters.get("enable") is True,
    )


def _known(trigger: Any, functions: Mapping[str, FunctionConfig]) -> Any:
    if trigger.function not in functions:
        raise ProjectError(f"serverless.yml: trigger function {trigger.function!r} is not one of its functions")
    return trigger
