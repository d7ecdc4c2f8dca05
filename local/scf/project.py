"""Finds what serverless.yml's functions need to run here: their code and a Python interpreter."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from local.config import Config, ConfigError, FunctionConfig, read_config
from local.config.document import Document
from local.config.interpreters import find_python
from local.scf.context import FunctionSpec


class Code(NamedTuple):
    """Where a function's code is.

    `folder` has the entry files at its root; `packages` maps names of packages of the bundle to their folders; `layers`
    are the folders that SCF unpacks to /opt.
    """

    folder: Path
    packages: Mapping[str, Path] = {}
    layers: tuple[Path, ...] = ()


class Interpreter(NamedTuple):
    """A Python interpreter and its options; `difference` says what differs from SCF."""

    path: str
    options: tuple[str, ...] = ()
    difference: str = ""


def locate(config: Config, function: FunctionConfig) -> Code:
    """Return where the code of a function is. Raises ConfigError if it is not in the project.

    A project that builds its bundle from functions/ and shared/, as this checkout does, runs from these two folders.
    """
    root, source = config.folder, config.source.src or "."
    if source == "./bundle" and (root / "functions").is_dir():
        return Code(root / "functions", {"shared": root / "shared"})
    layers = local_layers(config) if function.layers else {}
    folder = root / source / (function.source or "")
    in_bucket = config.source.object is not None and config.source.src is None
    if in_bucket or not folder.is_dir():
        where = f"serverless.yml: {function.alias}"
        raise ConfigError([f"{where}: its code is not in the project: src.src must be an existing folder"])
    return Code(folder.resolve(), {}, tuple(layers[each.name] for each in function.layers if each.name in layers))


def local_layers(config: Config) -> dict[str, Path]:
    """Return the folders of the project's own layers (component `layer`) by name."""
    layers = {}
    for path in sorted(config.folder.glob("*/serverless.yml")):
        document = Document(path, {}).value
        inputs = document.get("inputs") if isinstance(document, dict) else None
        if isinstance(inputs, dict) and document.get("component") == "layer":
            source = inputs.get("src", ".")
            folder = source.get("src", ".") if isinstance(source, dict) else source
            layers[str(inputs.get("name", document.get("name")))] = (path.parent / str(folder)).resolve()
    return layers


def interpreter(function: FunctionConfig, code: Code) -> Interpreter:
    """Return the Python for a function: that of its `runtime` if it is found, else this one.

    From Python 3.7 on, SCF's runtimes bring no libraries, so functions can't import this machine's either. The
    checkout's own functions, and those whose libraries SCF installs (`installDependency`), use this environment's.
    """
    version = function.runtime.removeprefix("Python")
    if code.packages or function.install_dependency:
        own = f"{sys.version_info.major}.{sys.version_info.minor}"
        difference = f"{function.alias} runs on this environment's Python {own} and libraries, not on Python {version}"
        return Interpreter(sys.executable, (), "" if own == version else difference)
    found = find_python(version)
    if found is None:
        return Interpreter(
            sys.executable, ("-S",), f"{function.alias} runs on {sys.version.split()[0]}: no Python {version} found"
        )
    return Interpreter(found, ("-S",))


def read_project(folder: Path, environ: Mapping[str, str]) -> Config:
    """Return the config of a project whose functions can run here. Raises ConfigError."""
    config = read_config(folder / "serverless.yml", environ)
    problems = []
    for function in config.functions.values():
        try:
            locate(config, function)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return config


def differences(config: Config) -> list[str]:
    """Return the differences from the cloud, a sentence each."""
    found = list(config.notices)
    layers = local_layers(config)
    for function in config.functions.values():
        difference = interpreter(function, locate(config, function)).difference
        missing = [layer.name for layer in function.layers if layer.name not in layers]
        found += [difference] if difference else []
        found += [f"{function.alias}: layer {name} is not in the project" for name in missing]
    open_here = [url.function for url in config.urls if url.auth_type != "NONE"]
    found += [f"{name}: its URL asks for CAM signatures in the cloud; here anyone can call it" for name in open_here]
    return found


def function_spec(config: Config, function: FunctionConfig, environment: Mapping[str, str]) -> FunctionSpec:
    """Return the spec of a function for the runtime; `environment` is added to its own variables."""
    code = locate(config, function)
    python = interpreter(function, code)
    return FunctionSpec(
        name=function.alias,
        handler=function.handler,
        code_dir=code.folder,
        timeout=function.timeout,
        memory=function.memory_size,
        environment={**function.environment, **environment},
        namespace=config.namespace,
        runtime=function.runtime,
        python=python.path,
        options=python.options,
        packages=code.packages,
        layers=code.layers,
    )
