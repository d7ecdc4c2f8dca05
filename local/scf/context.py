"""What a function gets from SCF: its process's options, its environment variables and its context."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from local import keys
from local.scf.child import HOME
from shared.signing.credentials import Credentials


class FunctionSpec(NamedTuple):
    """A function to run: `timeout` is in seconds, `memory` in MB.

    `python` is the interpreter, with `options`; `packages` maps names of packages to their folders; `layers` are the
    folders that SCF unpacks to /opt. With a `debug` port, each instance waits there for a debugger, and there is no
    time limit; with a `terminal`, a descriptor, breakpoint() works there.
    """

    name: str
    handler: str
    code_dir: Path
    timeout: int
    memory: int
    environment: Mapping[str, str]
    namespace: str = "default"
    runtime: str = "Python3.10"
    python: str = sys.executable
    version: str = "$LATEST"
    options: tuple[str, ...] = ()
    packages: Mapping[str, Path] = {}
    layers: tuple[Path, ...] = ()
    debug: int = 0
    terminal: int | None = None


def event_variables(credentials: Credentials | None, trigger: str) -> dict[str, str | None]:
    """Return the environment variables that can differ between events; None for one that is not set."""
    secret_id, secret_key, token = credentials or (None, None, None)
    return {
        "TENCENTCLOUD_SECRETID": secret_id,
        "TENCENTCLOUD_SECRETKEY": secret_key,
        "TENCENTCLOUD_SESSIONTOKEN": token or None,
        "TRIGGER_SRC": "timer" if trigger == "timer" else None,
    }


def bootstrap_options(spec: FunctionSpec) -> dict[str, object]:
    """Return the OPTIONS of `bootstrap`."""
    return {
        "packages": {name: str(folder) for name, folder in spec.packages.items()},
        "code": [str(folder) for folder in (spec.code_dir, *spec.packages.values(), *spec.layers)],
        "debug": spec.debug,
        "debugpy": _debugpy_folder() if spec.debug else "",
        "adapter": sys.executable,
        "terminal": spec.terminal,
    }


def _debugpy_folder() -> str:
    """Return the folder of debugpy here: the function can run on another interpreter."""
    found = find_spec("debugpy")
    if found is None or found.origin is None:
        raise OSError("debugpy is not installed: type pip install debugpy")
    return str(Path(found.origin).parent.parent)


def environ(spec: FunctionSpec, variables: Mapping[str, str | None]) -> dict[str, str]:
    """Return all environment variables of a new instance (SCF page Environment variables); none are inherited.

    The function's variables override those of SCF's machines, but not those that SCF reserves.
    """
    machine = {
        "HOME": HOME,
        "LANG": "en_US.UTF8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONDONTWRITEBYTECODE": "x",
        "PYTHONPATH": ":".join(map(str, (spec.code_dir, *spec.layers, "/opt"))),
        # SCF's clock is in UTC without this variable; this machine's need not be.
        "TZ": "UTC",
        "USER": "qcloud",
    }
    reserved = {
        "PWD": str(spec.code_dir),
        "SCF_FUNCTIONNAME": spec.name,
        "SCF_FUNCTIONVERSION": spec.version,
        "SCF_NAMESPACE": spec.namespace,
        "SCF_RUNTIME": spec.runtime,
        "TENCENTCLOUD_APPID": keys.APP_ID,
        "TENCENTCLOUD_REGION": keys.REGION,
        "TENCENTCLOUD_RUNENV": "SCF",
        "TENCENTCLOUD_TZ": "UTC",
        "TENCENTCLOUD_UIN": keys.UIN,
        "USER_CODE_ROOT": f"{spec.code_dir}/",
    }
    every = {**machine, **spec.environment, **reserved, **variables}
    return {name: value for name, value in every.items() if value is not None}


def context(spec: FunctionSpec, request_id: str) -> dict[str, object]:
    """Return the handler's second argument (SCF page Basic concepts)."""
    environment = {**spec.environment, "SCF_NAMESPACE": spec.namespace}
    pairs = [f"{name}={value}" for name, value in environment.items()]
    return {
        "memory_limit_in_mb": spec.memory,
        "time_limit_in_ms": spec.timeout * 1000,
        "request_id": request_id,
        "environment": json.dumps(environment, ensure_ascii=False),
        # The sample on that page has SCF_NAMESPACE twice, so readers must accept it.
        "environ": ";".join((*pairs, pairs[-1])),
        "function_version": spec.version,
        "function_name": spec.name,
        "namespace": spec.namespace,
        "tencentcloud_region": keys.REGION,
        "tencentcloud_appid": keys.APP_ID,
        "tencentcloud_uin": keys.UIN,
    }
