"""Finds a Python interpreter for a runtime."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

#: The oldest Python that can run a function here (local/scf/bootstrap.py).
OLDEST = (3, 7)


@cache
def find_python(version: str) -> str | None:
    """Return an interpreter of a minor version, like 3.10, None if none starts.

    It tries this one, one on the PATH (which can be a shim that does not start), then pyenv's.
    """
    if tuple(map(int, version.split("."))) < OLDEST:
        return None
    name, pyenv = f"python{version}", Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [sys.executable, shutil.which(name), *sorted(map(str, pyenv.glob(f"versions/*/bin/{name}")))]
    return next((python for python in candidates if python and _is(python, version)), None)


def _is(python: str, version: str) -> bool:
    code = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:  # a broken link, or a program for another machine
        return False
