"""The bundles, the peers and the Python that runs them, in one temporary directory."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.server import MediaProcess
from deploy.package import ROOT, RUNTIME, build, compile_bundle
from local import keys
from local.config.interpreters import find_python
from local.scf.context import FunctionSpec
from local.scf.runtime import Function, Outcome

PEERS = Path(__file__).resolve().parent / "peers"
LOCKS = ROOT / "requirements"


class BenchError(Exception):
    """Measuring is impossible; the message says what is missing, or the reply of the function that failed."""


class Stage(NamedTuple):
    """Code directories, each a bundle that could be deployed, and the interpreter that runs them.

    `bundle` is ours, `sources` the same without byte code, `probes` the same with measuring functions beside it, `tls`
    the same that trusts `certificate`. `floor` is `requests` as pip installs it, with compiled wheels and byte code,
    `floor_tls` the same that trusts `certificate`. `sdk` is the SDK function as pip leaves it, `sdk_compiled` the same
    with byte code.
    """

    python: str
    archive: Path
    bundle: Path
    sources: Path
    probes: Path
    tls: Path
    floor: Path
    floor_tls: Path
    sdk: Path
    sdk_compiled: Path
    certificate: Path


def lay_out(work: Path) -> Stage:
    """Build and install everything in `work`. Raises BenchError when there is no Python of the runtime's version."""
    runtime = find_python(RUNTIME)
    if runtime is None:
        raise BenchError(f"no Python {RUNTIME} starts on this machine; install one (pyenv install {RUNTIME})")
    # A virtual environment without pip: an import path of the standard library and nothing else.
    subprocess.run([runtime, "-m", "venv", "--without-pip", str(work / "python")], check=True)
    archive = build(work)
    names = ("bundle", "sources", "probes", "tls", "floor", "floor_tls", "sdk", "sdk_compiled", "certificate.pem")
    stage = Stage(str(work / "python" / "bin" / "python"), archive, *(work / name for name in names))
    shutil.copytree(stage.bundle, stage.sources, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(stage.bundle, stage.probes)
    for name in ("bare.py", "cpu_blocks.py"):
        shutil.copy(PEERS / name, stage.probes)
    compile_bundle(stage.probes, stage.python)
    _install_peers(runtime, work / "installer", stage)
    shutil.copytree(stage.sdk, stage.sdk_compiled)
    compile_bundle(stage.sdk_compiled, stage.python)
    _trust(stage)
    return stage


def _install_peers(runtime: str, installer: Path, stage: Stage) -> None:
    """Install `requests` as pip does, and the SDK function as people ship it.

    The latter is the result of `pip install --target`, zipped by the CLI without byte code.
    """
    subprocess.run([runtime, "-m", "venv", str(installer)], check=True)
    install = ["sh", str(LOCKS / "install.sh"), str(installer)]
    _run([*install, str(LOCKS / "build.txt")])
    _run([*install, str(LOCKS / "bundle.txt"), f"--target={stage.floor}"])
    _run([*install, str(LOCKS / "peers.txt"), "--no-compile", f"--target={stage.sdk}"])
    for cache in list(stage.sdk.rglob("__pycache__")):
        shutil.rmtree(cache)
    shutil.copy(PEERS / "sdk_query_video.py", stage.sdk)
    for name in ("only_requests.py", "post_once.py"):
        shutil.copy(PEERS / name, stage.floor)
    _run([stage.python, "-m", "compileall", "-q", str(stage.floor)])


def _trust(stage: Stage) -> None:
    """Make a certificate, by way of the libraries of the SDK function, and code directories that trust it."""
    making = [stage.python, str(PEERS.parent / "certificate.py"), str(stage.certificate), "localhost"]
    _run(making, {"PYTHONPATH": str(stage.sdk)})
    for code, trusting in ((stage.bundle, stage.tls), (stage.floor, stage.floor_tls)):
        shutil.copytree(code, trusting)
        with (trusting / "certifi" / "cacert.pem").open("a") as trusted:
            trusted.write(stage.certificate.read_text())


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    environ = {**os.environ, **environment} if environment else None
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if done.returncode:
        raise BenchError(done.stderr.strip())


def spec(stage: Stage, code_dir: Path, handler: str, media: MediaProcess, **environment: str) -> FunctionSpec:
    """Return a function that asks the media API of the benchmark; its limits are never in the way."""
    services = {"MEDIA_API_URL": media.api, "CI_URL": media.ci}
    settings = {**services, "COS_BUCKET": keys.BUCKET, "COS_REGION": keys.REGION, **environment}
    return FunctionSpec(handler, handler, code_dir, 900, 3072, settings, python=stage.python)


async def invoke(function: Function, event: object) -> Outcome:
    """Invoke a function. Raises BenchError when it failed or refused."""
    outcome = await function.invoke(event)
    result = outcome.result
    status = result.get("code", result.get("statusCode", 0)) if isinstance(result, dict) else 0
    if not outcome.ok or status not in (0, 200):
        raise BenchError("\n".join(outcome.log))
    return outcome


@asynccontextmanager
async def opened(what: FunctionSpec) -> AsyncIterator[Function]:
    """A function with the local cloud's run role, without an instance before the block and after it."""
    function = Function(what, lambda: keys.ROLE)
    try:
        yield function
    finally:
        await function.close()
