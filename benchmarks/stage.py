"""The bundles, the peers and the Python that runs them, in one temporary directory."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from benchmarks.server import MediaProcess
from deploy.package import ROOT, build, compile_bundle, find_python
from local import keys
from local.scf.runtime import Function, FunctionSpec, Outcome

PEERS = Path(__file__).resolve().parent / "peers"
LOCKS = ROOT / "requirements"


class BenchError(Exception):
    """Measuring is impossible; the message says what is missing, or the reply of the function that failed."""


class Stage(NamedTuple):
    """Code directories, each a bundle that could be deployed, and the interpreter that runs them.

    `bundle` is ours, `sources` the same without byte code, `probes` the same with the floors and measuring functions
    beside it; `sdk` is the SDK function as pip leaves it, `sdk_compiled` the same with byte code.
    """

    python: str
    archive: Path
    bundle: Path
    sources: Path
    probes: Path
    sdk: Path
    sdk_compiled: Path


def lay_out(work: Path) -> Stage:
    """Build and install everything in `work`. Raises BenchError when there is no Python of the runtime's version."""
    runtime = find_python()
    if runtime is None:
        raise BenchError("no Python 3.10 starts on this machine; install one (pyenv install 3.10)")
    # A virtual environment without pip: an import path of the standard library and nothing else.
    subprocess.run([runtime, "-m", "venv", "--without-pip", str(work / "python")], check=True)
    archive = build(work)
    stage = Stage(
        str(work / "python" / "bin" / "python"),
        archive,
        *(work / name for name in ("bundle", "sources", "probes", "sdk", "sdk_compiled")),
    )
    shutil.copytree(stage.bundle, stage.sources, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(stage.bundle, stage.probes)
    for name in ("bare.py", "only_requests.py", "cpu_blocks.py"):
        shutil.copy(PEERS / name, stage.probes)
    compile_bundle(stage.probes, stage.python)
    _install_sdks(runtime, work / "installer", stage.sdk)
    shutil.copytree(stage.sdk, stage.sdk_compiled)
    compile_bundle(stage.sdk_compiled, stage.python)
    return stage


def _install_sdks(runtime: str, installer: Path, target: Path) -> None:
    """The SDK function as people ship it: the result of `pip install --target`, zipped by the CLI without byte code."""
    subprocess.run([runtime, "-m", "venv", str(installer)], check=True)
    for lock, options in (("build.txt", []), ("peers.txt", ["--no-compile", f"--target={target}"])):
        command = ["sh", str(LOCKS / "install.sh"), str(installer), str(LOCKS / lock), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(done.stderr.strip())
    for cache in list(target.rglob("__pycache__")):
        shutil.rmtree(cache)
    shutil.copy(PEERS / "sdk_query_video.py", target)


def spec(stage: Stage, code_dir: Path, handler: str, media: MediaProcess, **environment: str) -> FunctionSpec:
    """Return a function that asks the media API of the benchmark; its limits are never in the way."""
    settings = {"MEDIA_API_URL": media.api, "COS_BUCKET": keys.BUCKET, "COS_REGION": keys.REGION, **environment}
    return FunctionSpec(handler, handler, code_dir, 900, 3072, settings, python=stage.python)


async def invoke(function: Function, event: object) -> Outcome:
    """Invoke a function. Raises BenchError when it failed or refused."""
    outcome = await function.invoke(event)
    result = outcome.result
    told = result.get("code", result.get("statusCode", 0)) if isinstance(result, dict) else 0
    if not outcome.ok or told not in (0, 200):
        raise BenchError("\n".join(outcome.log))
    return outcome


def function_of(what: FunctionSpec) -> Function:
    """Return the function with the local cloud's run role; close it after use."""
    return Function(what, lambda: keys.ROLE)
