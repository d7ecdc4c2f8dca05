"""Turns a YAML file into a Config: merges as the engine does, and collects all problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from local.config.document import ConfigError, Document, Place
from local.config.models import (
    Api,
    FunctionConfig,
    GatewayTrigger,
    Heading,
    Inputs,
    Source,
    TimerTrigger,
    Trigger,
    UrlTrigger,
)
from local.config.parts import WORDS, Parts, keys, within
from local.config.triggers import read_triggers

COMPONENTS = ("multi-scf", "scf")


class Config(BaseModel):
    """A serverless.yml. `folder` is the project's folder, `functions` are by alias.

    `inherited` are the names of variables in `inputs.environments`, which functions without their own list inherit,
    `references` maps the places of variables to what is written there, `notices` are lines about keys that the engine
    ignores or spoils.
    """

    model_config = ConfigDict(frozen=True)

    folder: Path
    component: str
    name: str
    app: str
    stage: str
    region: str
    namespace: str
    source: Source
    functions: dict[str, FunctionConfig]
    triggers: list[Trigger]
    inherited: set[str]
    references: dict[str, str]
    notices: list[str]

    @property
    def role(self) -> str | None:
        """The run role that the functions share, None if there is none or they differ."""
        roles = {function.role for function in self.functions.values()}
        return roles.pop() if len(roles) == 1 else None

    @property
    def apis(self) -> Iterator[Api]:
        """The APIs of all gateways."""
        return (api for trigger in self.triggers if isinstance(trigger, GatewayTrigger) for api in trigger.apis)

    @property
    def urls(self) -> Iterator[UrlTrigger]:
        """The function URLs."""
        return (trigger for trigger in self.triggers if isinstance(trigger, UrlTrigger))

    @property
    def timers(self) -> Iterator[TimerTrigger]:
        """The timers, closed ones included."""
        return (trigger for trigger in self.triggers if isinstance(trigger, TimerTrigger))


def read_config(path: Path, environ: Mapping[str, str]) -> Config:
    """Return what a serverless.yml of component multi-scf or scf describes.

    `${env:NAME}` is taken from `environ`; a key whose variable is not set counts as missing. Raises ConfigError with
    every problem, a line each: file, line number, key.
    """
    document = Document(path, environ)
    if not isinstance(document.value, dict):
        raise ConfigError([f"{path.name} must be a map of keys"])
    component = str(document.value.get("component")).partition("@")[0]
    if component not in COMPONENTS:
        raise ConfigError([document.at(("component",), " must be multi-scf or scf: no other is supported")])
    inputs = document.value.get("inputs", {})
    if not isinstance(inputs, dict):
        raise ConfigError([document.at(("inputs",), WORDS["dict_type"])])
    parts = Parts(document, component)
    top = {key: value for key, value in document.value.items() if key != "inputs"}
    heading = parts.read(Heading, top, within())
    known = {key: value for key, value in inputs.items() if key in keys(Inputs)}
    shared = parts.read(Inputs, known, within("inputs"))
    functions = _read_functions(parts, inputs, heading or Heading(name=""))
    triggers = read_triggers(parts, inputs, functions)
    if parts.problems or heading is None or shared is None:
        raise ConfigError(dict.fromkeys(parts.problems))  # once each: functions inherit a problem of inputs
    return Config(
        folder=path.parent,
        component=component,
        name=heading.name,
        app=heading.app or heading.name,
        stage=heading.stage,
        region=shared.region,
        namespace=shared.namespace,
        source=shared.src,
        functions={alias: function for alias, function in functions.items() if function},
        inherited=_names(inputs.get("environments")),
        triggers=[] if shared.ignore_triggers else triggers,
        references=document.references,
        notices=list(dict.fromkeys(parts.notices)),
    )


def _read_functions(parts: Parts, inputs: Mapping[str, Any], heading: Heading) -> dict[str, FunctionConfig | None]:
    """Return the functions by alias, with None for one that can't be read.

    A function's key replaces that of inputs, lists included: a shallow merge.
    """
    special = keys(Inputs) | {"functions", "triggers", "events"}
    common = {key: value for key, value in inputs.items() if key not in special}
    prefix = "-".join((heading.name, heading.stage, heading.app or heading.name))
    written = _single(inputs, prefix) if parts.component == "scf" else _written(parts, inputs.get("functions"))
    functions: dict[str, FunctionConfig | None] = {}
    for alias, own, place in written:
        if not isinstance(own, dict):
            parts.problem(place, WORDS["dict_type"])
            continue

        def where(inner: Place, own: dict[str, Any] = own, place: Place = place) -> Place:
            return ("inputs", *inner) if inner[0] in common and inner[0] not in own else (*place, *inner)

        value = {"name": f"{prefix}-{alias}", **common, **own, "alias": alias}
        functions[alias] = parts.read(FunctionConfig, value, where)
    return functions


def _names(environments: object) -> set[str]:
    """Return the names in a list of variables."""
    pairs = environments if isinstance(environments, list) else []
    return {str(pair.get("key")) for pair in pairs if isinstance(pair, dict)}


def _single(inputs: Mapping[str, Any], name: str) -> Iterator[tuple[str, object, Place]]:
    """Yield the one function of component scf, `inputs` itself. Its tags are a map, and its handler has a default."""
    own = {"name": inputs.get("name", name), "handler": inputs.get("handler", "index.main_handler")}
    if isinstance(tags := inputs.get("tags"), dict):
        own["tags"] = [{"key": str(key), "value": value} for key, value in tags.items()]
    yield str(own["name"]), own, ("inputs",)


def _written(parts: Parts, given: object) -> Iterator[tuple[str, object, Place]]:
    """Yield each function of multi-scf: alias, own keys, place. In a list, the alias is `key`, else `name`."""
    place: Place = ("inputs", "functions")
    if not given:
        parts.problem(place, " must name the functions")
    elif isinstance(given, dict):
        yield from ((str(alias), own, (*place, alias)) for alias, own in given.items())
    elif isinstance(given, list):
        for number, own in enumerate(given):
            keyless = {key: value for key, value in own.items() if key != "key"} if isinstance(own, dict) else own
            alias = str(own.get("key") or own.get("name", "")) if isinstance(own, dict) else ""
            yield alias, keyless, (*place, number)
    else:
        parts.problem(place, WORDS["dict_type"])
