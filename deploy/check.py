"""Checks serverless.yml against what the deploy engine accepts, and against what it accepts but silently spoils.

Facts: component multi-scf 0.3.14 and tencent-component-toolkit 2.27.6, which deploy it. Each rule says what happens
when it is broken, because the engine often says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.schema import PARAMETERS, SERVERLESS, misfits
from local.config import ProjectError
from local.scf.timer import CRON_ZONE, next_firing

#: The engine's own names; a user's key must not begin with them.
RESERVED = ("SCF_", "QCLOUD_", "TENCENTCLOUD_")
RUNTIMES = ("Python3.7", "Python3.9", "Python3.10")
MAX_BYTES, MAX_NAME, MAX_TRIGGERS = 4096, 60, 10
CRON_FIELDS = 7
#: A value that the CLI replaces as a whole; inside a longer text an unset variable becomes the text 'undefined'.
REFERENCE = re.compile(r"\$\{env:(\w+)\}")

Document = Mapping[str, Any]


def problems(document: object, functions: Path) -> list[str]:
    """Return what is wrong with a serverless.yml, a sentence each; `functions` is the folder of the entry files.

    Wrong keys and types come alone: the rules can't be read from a document that isn't of the engine's form.
    """
    return _form(document) or list(_rules(document, functions))  # type: ignore[arg-type] # it is of the form


def _form(document: object) -> list[str]:
    found = list(misfits(document, SERVERLESS, "serverless.yml"))
    if found:
        return found
    inputs = document.get("inputs") or {}  # type: ignore[attr-defined] # the form says that it is a map
    for number, trigger in enumerate(inputs.get("triggers", [])):
        kind, parameters = trigger.get("type"), trigger.get("parameters", {})
        if kind not in PARAMETERS:
            found.append(f"trigger type {kind} is not one of {', '.join(PARAMETERS)}")
        else:
            found.extend(misfits(parameters, PARAMETERS[kind], f"triggers[{number}].parameters"))
    return found


def _rules(document: Document, functions: Path) -> Iterator[str]:
    if document.get("component") != "multi-scf":
        yield "component must be multi-scf"
    for key in ("name", "app", "stage"):
        if not document.get(key) or "${" in document[key]:
            yield f"{key} must be a literal: the CLI applies its defaults before it resolves variables"
            return
    inputs = document.get("inputs") or {}
    if not inputs.get("functions"):
        yield "inputs.functions must name the functions"
    yield from _inputs(inputs)
    for alias in inputs.get("functions", {}):
        yield from _function(document, alias, functions)
    yield from _triggers(inputs)
    yield from _variables(document)


def _inputs(inputs: Document) -> Iterator[str]:
    source = inputs.get("src", {})
    if source.get("src") != "./bundle":
        yield "inputs.src.src must be ./bundle: that is what lies beside the file that is deployed"
    if ".env" not in source.get("exclude", []):
        yield "inputs.src.exclude must list .env: the browser login writes keys into it"
    if any("pyc" in pattern for pattern in source.get("exclude", [])):
        yield "inputs.src.exclude leaves the byte code out: every cold start would compile its imports"
    if not inputs.get("role"):
        yield "inputs.role is missing: without a run role the function gets no temporary keys"
    elif "qcs::" in inputs["role"]:
        yield "inputs.role must be the role's name, not its resource description"


def _function(document: Document, alias: str, functions: Path) -> Iterator[str]:
    inputs = document["inputs"]
    own = inputs["functions"][alias]
    merged = {**inputs, **own}
    file, _, name = merged.get("handler", "").partition(".")
    if not name.isidentifier() or not (functions / f"{file}.py").is_file():
        yield f"{alias}: handler must be <file>.<function>, the file at the root of the bundle"
    if merged.get("runtime") not in RUNTIMES:
        yield f"{alias}: runtime must be one of {', '.join(RUNTIMES)}: the default is Node.js"
    if merged.get("type", "event") != "event":
        yield f"{alias}: type must be event: a web function gets no events"
    if "src" in own:
        yield f"{alias}: src gives the function a zip of its own, without shared/"
    memory = merged.get("memorySize", 128)
    if memory != 64 and (memory % 128 or not 128 <= memory <= 3072):
        yield f"{alias}: memorySize must be 64 or a multiple of 128 up to 3072 (MB)"
    if not 1 <= merged.get("timeout", 0) <= 900:
        yield f"{alias}: timeout must be given, 1 to 900 (seconds): the default is 3"
    cloud_name = own.get("name") or "-".join((document["name"], document["stage"], document["app"], alias))
    if not re.fullmatch(rf"[A-Za-z][\w-]{{0,{MAX_NAME - 2}}}[A-Za-z0-9]", cloud_name, re.ASCII):
        yield f"{alias}: {cloud_name} is no function name: a letter first, a letter or digit last, {MAX_NAME} at most"
    yield from _environments(alias, inputs, own)


def _environments(alias: str, inputs: Document, own: Document) -> Iterator[str]:
    entries = own.get("environments", inputs.get("environments", []))
    if not all({"key", "value"} <= set(entry) for entry in entries):
        yield f"{alias}: each of environments needs a key and a value"
        return
    keys = [entry["key"] for entry in entries]
    for key in sorted(set(keys)):
        if not re.fullmatch(r"[A-Za-z]\w*", key, re.ASCII) or key.startswith(RESERVED):
            yield f"{alias}: {key} can't be set: letters, digits, '_', and no reserved prefix"
        if keys.count(key) > 1:
            yield f"{alias}: {key} is given twice"
    if size(entries) > MAX_BYTES:
        yield f"{alias}: environments are over {MAX_BYTES} bytes"
    lost = {entry["key"] for entry in inputs.get("environments", [])} - set(keys)
    if lost:
        yield f"{alias}: its own environments replace those of inputs, so {', '.join(sorted(lost))} would be lost"


def size(entries: Iterable[Document]) -> int:
    """Return how many bytes of the function's 4 KB the entries of `environments` take."""
    return sum(len(f"{entry['key']}{entry['value']}".encode()) for entry in entries)


def _triggers(inputs: Document) -> Iterator[str]:
    checks = {"timer": _timer, "http": _url, "apigw": _gateway}
    triggers, timers = list[tuple[str, str]](), list[tuple[str, str]]()
    for trigger in inputs.get("triggers", []):
        kind, function, parameters = trigger["type"], trigger.get("function", ""), trigger.get("parameters", {})
        if kind != "apigw" and function not in inputs.get("functions", {}):
            yield f"{kind}: function {function} is not in the deploy list"
        yield from checks[kind](parameters, inputs)
        triggers.append((kind, function))
        if kind == "timer":
            timers.append((function, parameters.get("name", "")))
    for kind, function in sorted(set(triggers)):
        if triggers.count((kind, function)) > MAX_TRIGGERS:
            yield f"{function}: more than {MAX_TRIGGERS} triggers of type {kind}"
    for function, name in sorted(set(timers)):
        if timers.count((function, name)) > 1:
            yield f"timer {name}: the name must be unique within {function}"


def _timer(parameters: Document, _: Document) -> Iterator[str]:
    name, cron = parameters.get("name", ""), parameters.get("cronExpression", "")
    if not re.fullmatch(rf"[A-Za-z][\w-]{{0,{MAX_NAME - 1}}}", name, re.ASCII):
        yield f"timer {name}: a name is needed, letters, digits, '-', '_', a letter first, {MAX_NAME} at most"
    if len(cron.split()) != CRON_FIELDS:
        yield f"timer {name}: cronExpression must have seven fields: second minute hour day month week year"
    else:
        try:
            next_firing(cron, datetime.now(CRON_ZONE))
        except ProjectError as error:
            yield f"timer {name}: {error}"
    if not parameters.get("enable"):
        yield f"timer {name}: enable must be true: left out, the timer is closed"
    if len(parameters.get("argument", "").encode()) > MAX_BYTES:
        yield f"timer {name}: argument must be text of at most {MAX_BYTES} bytes"


def _url(parameters: Document, _: Document) -> Iterator[str]:
    network = parameters.get("netConfig", {})
    if not (network.get("enableExtranet") or network.get("enableIntranet")):
        yield "http: netConfig must enable extranet or intranet: both are off by default, the URL would be unreachable"
    if parameters.get("authType") not in ("NONE", "CAM"):
        yield "http: authType must be said, NONE or CAM: the default is NONE, which is public"
    if not parameters.get("qualifier"):
        yield "http: qualifier must be written: updates look the URL up by the raw value"


def _gateway(parameters: Document, inputs: Document) -> Iterator[str]:
    if not parameters.get("name"):
        yield "apigw: name must be given, else the service is called serverless"
    for api in parameters.get("apis", []):
        path, function = api.get("path"), api.get("function")
        if function not in inputs.get("functions", {}):
            yield f"apigw {path}: function {function} is not in the deploy list"
            continue
        timeout = {**inputs, **inputs["functions"][function]}.get("timeout", 3)
        if api.get("serviceTimeout", 15) <= timeout:
            yield f"apigw {path}: serviceTimeout must be above the function's timeout, else the gateway gives up first"


def _variables(value: object) -> Iterator[str]:
    """Of all variable sources the CLI resolves `${env:NAME}` only."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _variables(item)
    elif isinstance(value, list):
        for item in value:
            yield from _variables(item)
    elif isinstance(value, str) and "${" in value and not REFERENCE.fullmatch(value):
        yield f"{value}: only a whole value of the form ${{env:NAME}} is resolved safely"
