"""Builds dist/bundle and dist/bundle.zip: the code that SCF runs.

SCF's code directory is read-only and writes no byte code, so the bundle brings its own, compiled by the runtime's minor
version. It is not checked against the source at import (unchecked hashes), since nothing can change there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from deploy.errors import DeployError
from local.config.interpreters import find_python

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "bundle.txt"
#: SCF's newest documented Python (583/11061), the runtime of serverless.yml.
RUNTIME = "3.10"
#: The folder that SCF unpacks the code to: it appears in stack traces, and byte code is compiled for it.
CODE_DIR = "/var/user"
#: The endings of our own files in the bundle: code, and the page that a module reads.
SHIPPED = (".py", ".html")
#: Parts of wheels that nothing in the bundle reads; certifi installs its tests.
NOT_NEEDED = ("*.dist-info", "__pycache__", "bin", "tests", "py.typed", "*.pyi")
#: Optional modules, whose import would take a sixth of a cold start: a library that guesses encodings (optional in
#: requests since 2.32), and urllib3's code for its extras `socks` and `h2`, which are not installed. Of `http2`, its
#: connections use only `probe`, which is found without an `__init__.py` too (PEP 420).
OPTIONAL = (
    "charset_normalizer",
    *("urllib3/contrib/socks.py", "urllib3/http2/__init__.py", "urllib3/http2/connection.py"),
)


def build(dist: Path) -> Path:
    """Build `bundle/` and `bundle.zip` in `dist`, byte for byte the same each time, and return the zip's path.

    Without a Python 3.10 there is no byte code, and a line on stderr says so. Raises DeployError.
    """
    bundle, archive = dist / "bundle", dist / "bundle.zip"
    shutil.rmtree(bundle, ignore_errors=True)
    archive.unlink(missing_ok=True)
    install_dependencies(bundle)
    for pattern in (*NOT_NEEDED, *OPTIONAL):
        for path in list(bundle.rglob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    copy_sources(ROOT / "functions", bundle)
    copy_sources(ROOT / "shared", bundle / "shared")
    python = find_python(RUNTIME)
    if python:
        compile_bundle(bundle, python)
    else:
        print(
            f"deploy: no Python {RUNTIME} starts on this machine, so the bundle has no byte code and every cold start "
            f"compiles its imports; install one (pyenv install {RUNTIME}), then: make package",
            file=sys.stderr,
        )
    write_zip(bundle, archive)
    return archive


def install_dependencies(bundle: Path) -> None:
    """Install the locked dependencies with checked hashes, as pure Python, which runs on all machines of SCF.

    What pip says is printed only if it fails: its warnings are about this machine, not about the bundle.
    """
    if not LOCK.is_file():
        raise DeployError(f"{LOCK.relative_to(ROOT)} is missing; make it with: make lock")
    options = ["--require-hashes", "--no-deps", "--no-compile", "--only-binary=:all:", "--platform=any"]
    target = ["--implementation=py", "--abi=none", f"--python-version={RUNTIME}", f"--target={bundle}"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options, *target]
    installing = subprocess.run([*command, "-r", str(LOCK)], check=False, stderr=subprocess.PIPE, text=True)
    if installing.returncode:
        print(installing.stderr, file=sys.stderr, end="")
        raise DeployError("pip could not install requirements/bundle.txt; see its messages above")


def copy_sources(source: Path, target: Path) -> None:
    """Copy a folder's Python files and pages, and nothing else."""
    for path in (path for path in source.rglob("*") if path.suffix in SHIPPED):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def compile_bundle(bundle: Path, python: str) -> None:
    """Compile the whole bundle. Raises DeployError if that fails.

    A fixed hash seed keeps the order of set constants, and so the bytes, the same; other PYTHON variables are dropped.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [python, "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash", "-s", str(bundle)]
    compiling = subprocess.run(
        [*command, "-p", CODE_DIR, str(bundle)], check=False, env={**environ, "PYTHONHASHSEED": "0"}
    )
    if compiling.returncode:
        raise DeployError("the bundle does not compile; see Python's messages above")


def write_zip(bundle: Path, target: Path) -> None:
    """Write the bundle's files, sorted, with a fixed time and the modes that SCF needs (readable by all)."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in (path for path in sorted(bundle.rglob("*")) if path.is_file()):
            info = zipfile.ZipInfo(path.relative_to(bundle).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
