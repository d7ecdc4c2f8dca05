"""A bundle without the network: its dependencies are those that are installed here, in the same pinned versions."""

from __future__ import annotations

import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from unittest.mock import patch

from deploy import package
from local.config.interpreters import find_python

#: Compiled here for this machine's Python. The wheels that the real build takes have none.
COMPILED = {".so", ".pyc"}


def install_from_here(bundle: Path) -> None:
    """Copy each locked package to the bundle, metadata and all, as pip would install its pure-Python wheel."""
    for name, version in re.findall(r"^([\w-]+)==([\w.]+)", package.LOCK.read_text(), re.MULTILINE):
        installed = metadata.distribution(name)
        assert installed.version == version, f"{name} {installed.version} is installed, {version} is locked"
        for file in installed.files or ():
            if ".." not in file.parts and file.suffix not in COMPILED:
                target = bundle / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)


#: The runtime's Python, or the one that runs the tests where there is no other.
PYTHON = find_python(package.RUNTIME) or sys.executable


def build(dist: Path) -> Path:
    """Build a bundle in `dist` and return the zip's path."""
    with patch.multiple(package, install_dependencies=install_from_here, find_python=lambda _: PYTHON):
        return package.build(dist)
