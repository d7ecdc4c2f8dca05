"""Reads serverless.yml, and checks it for what Tencent's deploy engine would refuse or silently spoil.

The engine is component multi-scf 0.3.14 with tencent-component-toolkit 2.27.6. Each message says what would happen,
because the engine often says nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.errors import DeployError
from local.config import Api, Config, ConfigError, FunctionConfig, GatewayTrigger, TimerTrigger, UrlTrigger, read_config
from local.config.models import RESERVED

MAX_BYTES, MAX_NAME, MAX_TRIGGERS = 4096, 60, 10
#: A value that is one variable. Inside a longer text, the CLI replaces an unset variable by 'undefined'.
REFERENCE = re.compile(r"\$\{env:(\w+)\}")
#: The fields of a function that the deployer sends to SCF; others must have their default.
SENT = {
    *("alias", "name", "handler", "runtime", "type", "source", "description", "memory_size", "timeout", "role"),
    *("environments", "variables"),
}
OTHERS = "dist/serverless.yml is for Tencent's own CLI, which may support it"


def read_checked(root: Path, environ: Mapping[str, str]) -> Config:
    """Return the serverless.yml of a checkout. Raises DeployError for what a deploy engine would refuse or spoil."""
    path = root / "serverless.yml"
    try:
        config = read_config(path, environ)
    except ConfigError as error:
        raise DeployError(*error.problems) from error
    problems = check_for_deploy(config, root / "functions")
    if problems:
        raise DeployError(*(f"{path.name}: {problem}" for problem in problems))
    return config


def check_for_deploy(config: Config, functions: Path) -> list[str]:
    """Return the problems of a config, a sentence each; `functions` is the folder of the entry files."""
    return [*config.notices, *_rules(config, functions)]


def unsupported(config: Config) -> Iterator[str]:
    """Yield what the deployer does not send to SCF, so that nothing is dropped silently."""
    if config.namespace != "default":
        yield f"inputs.namespace: only default is deployed; {OTHERS}"
    if config.role is None:
        yield f"role: the functions must share one run role; {OTHERS}"
    for alias, function in config.functions.items():
        for key in function.model_dump(by_alias=True, exclude_defaults=True, exclude_none=True, exclude=SENT):
            yield f"{alias}: {key} is not deployed; {OTHERS}"
        if not all(character.isalnum() or character in " ,.\n" for character in function.description):
            yield f"{alias}: description can have only letters, digits, blanks, commas and full stops"


def _size(environment: Mapping[str, str]) -> int:
    """Return the bytes of the variables; a function can have 4 KB."""
    return sum(len(f"{key}{value}".encode()) for key, value in environment.items())


def _rules(config: Config, functions: Path) -> Iterator[str]:
    if config.component != "multi-scf":
        yield "component must be multi-scf"
    for key in ("name", "app", "stage"):
        if key in config.references or not getattr(config, key):
            yield f"{key} must be a literal: the CLI applies its defaults before it resolves variables"
    yield from _source(config)
    for function in config.functions.values():
        yield from _function(function, config, functions)
        yield from _environment(function, config.inherited)
    if any(_size(function.environment) > MAX_BYTES for function in config.functions.values()):
        yield f"environments are over {MAX_BYTES} bytes together, SCF's limit"
    yield from _triggers(config)
    for place, text in config.references.items():
        if not REFERENCE.fullmatch(text):
            yield f"{place}: only a whole value of the form ${{env:NAME}} is resolved safely"


def _source(config: Config) -> Iterator[str]:
    if config.source.src != "./bundle":
        yield "inputs.src.src must be ./bundle, which is beside dist/serverless.yml"
    if ".env" not in config.source.exclude:
        yield "inputs.src.exclude must list .env: the browser login writes keys into it"
    if any("pyc" in pattern for pattern in config.source.exclude):
        yield "inputs.src.exclude drops the byte code: every cold start would compile its imports"


def _function(function: FunctionConfig, config: Config, functions: Path) -> Iterator[str]:
    alias = function.alias
    file, _, name = function.handler.partition(".")
    if not name.isidentifier() or not (functions / f"{file}.py").is_file():
        yield f"{alias}: handler must be <file>.<function>, the file at the root of the bundle"
    if function.source is not None:
        yield f"{alias}: src gives the function a zip of its own, without shared/"
    if not function.role and "inputs.role" not in config.references:
        yield f"{alias}: role is missing: without a run role the function gets no temporary keys"
    elif "qcs::" in (function.role or ""):
        yield f"{alias}: role must be the role's name, not its resource description"
    if "timeout" not in function.model_fields_set:
        yield f"{alias}: timeout must be given: the default is 3 seconds"
    if not re.fullmatch(rf"[A-Za-z][\w-]{{0,{MAX_NAME - 2}}}[A-Za-z0-9]", function.name, re.ASCII):
        yield (f"{alias}: {function.name} is no valid name: a letter first, a letter or digit last, at most {MAX_NAME}")


def _environment(function: FunctionConfig, inherited: set[str]) -> Iterator[str]:
    alias = function.alias
    for key, times in sorted(Counter(pair.key for pair in function.environments).items()):
        if not re.fullmatch(r"[A-Za-z]\w*", key, re.ASCII) or key.startswith(RESERVED):
            yield f"{alias}: {key} can't be set: letters, digits, '_', and no reserved prefix"
        if times > 1:
            yield f"{alias}: {key} is given twice"
    lost = inherited - {pair.key for pair in function.environments}
    if lost:
        yield f"{alias}: its own environments replace those of inputs, so {', '.join(sorted(lost))} would be lost"


def _triggers(config: Config) -> Iterator[str]:
    for trigger in config.triggers:
        if isinstance(trigger, TimerTrigger):
            yield from _timer(trigger)
        elif isinstance(trigger, UrlTrigger):
            yield from _url(trigger)
        else:
            yield from _gateway(trigger, config.functions)
    single = [trigger for trigger in config.triggers if not isinstance(trigger, GatewayTrigger)]
    for (kind, function), times in sorted(Counter((each.kind, each.function) for each in single).items()):
        if times > MAX_TRIGGERS:
            yield f"{function}: more than {MAX_TRIGGERS} triggers of type {kind}"
    for (function, name), times in sorted(Counter((each.function, each.name) for each in config.timers).items()):
        if times > 1:
            yield f"timer {name}: the name must be unique within {function}"


def _timer(timer: TimerTrigger) -> Iterator[str]:
    name = timer.name
    if not re.fullmatch(rf"[A-Za-z][\w-]{{0,{MAX_NAME - 1}}}", name, re.ASCII):
        yield f"timer {name}: a name is needed, letters, digits, '-', '_', a letter first, {MAX_NAME} at most"
    if not timer.enabled:
        yield f"timer {name}: enable must be true: left out, the timer is closed"
    if len(timer.message.encode()) > MAX_BYTES:
        yield f"timer {name}: argument must be text of at most {MAX_BYTES} bytes"


def _url(url: UrlTrigger) -> Iterator[str]:
    if not (url.net_config.enable_extranet or url.net_config.enable_intranet):
        yield "http: netConfig must enable extranet or intranet: both are off by default, the URL would be unreachable"
    if "auth_type" not in url.model_fields_set or url.auth_type not in ("NONE", "CAM"):
        yield "http: authType must be given, NONE or CAM: the default is NONE, which is public"
    if not url.qualifier:
        yield "http: qualifier must be written: updates look the URL up by the raw value"


def _gateway(trigger: GatewayTrigger, functions: Mapping[str, FunctionConfig]) -> Iterator[str]:
    if not trigger.name:
        yield "apigw: name must be given: the default is serverless"
    for api in trigger.apis:
        yield from _api(api, functions[api.function].timeout)


def _api(api: Api, timeout: int) -> Iterator[str]:
    if api.timeout <= timeout:
        yield f"apigw {api.path}: serviceTimeout must be above the function's timeout, or the gateway times out first"
    if not api.integrated:
        yield (
            f"apigw {api.path}: isIntegratedResponse must be true, here and in the gateway's console, for the engine "
            "drops it: else the body of every reply is the whole return value"
        )
