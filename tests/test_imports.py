"""Imports run one way: between the folders of the tree, and inside shared from the upper floors to the lower ones."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

#: The floors of shared, the highest first. A module imports its own floor and the floors below it. One query goes down
#: from the handler to the wire; what a reply is made of stands above what the answers come from.
FLOORS = (
    "shared.handler",
    "shared.replies",
    "shared.collector",
    "shared.backends",
    "shared.cos",
    "shared.net",
    "shared.events",
    "shared.settings",
    "shared.signing",
    "shared.tasks",
    "shared.invocation",
    "shared.errors",
)
#: What each folder may import of the others. Of its own folder, and of packages, it may import anything.
OPEN = {
    "functions": ("shared",),
    "shared": ("shared",),
    "client": ("shared",),
    "local": ("shared.signing", "shared.settings.NAMES"),
    "deploy": ("shared.settings", "shared.errors.Misconfigured", "local.config"),
}
FOLDERS = ("functions", "shared", "client", "local", "deploy")
SOURCES = [path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
#: The functions' modules have these names too: their folder is a root of the bundle.
HANDLERS = {path.stem for path in SOURCES if path.parts[0] == "functions"}
OURS = {*OPEN, *HANDLERS, "tests", "benchmarks"}
#: What deployed code may import beside ours. requests is built on urllib3, and some of its errors reach us unchanged.
DEPLOYED = {*sys.stdlib_module_names, "requests", "urllib3"}


def module_of(path: Path) -> str:
    """The full name of a module by its path in the tree."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path, source: str) -> Iterator[str]:
    """Yield the full names of what a module imports, in functions and under conditions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = path.parts[: len(path.parts) - node.level] if node.level else ()
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, start: str) -> bool:
    """Whether a full name is `start` or something in it."""
    return f"{name}.".startswith(f"{start}.")


def floor(name: str) -> int:
    """The number of a name's floor in shared, 0 for the highest."""
    return next(number for number, start in enumerate(FLOORS) if within(name, start))


def allowed(path: Path, name: str) -> bool:
    """Whether a module may import a name."""
    folder, top = path.parts[0], name.partition(".")[0]
    if top not in OURS:
        return folder not in ("functions", "shared") or top in DEPLOYED
    if folder == "shared" and top == "shared":
        return name.count(".") > 0 and floor(module_of(path)) <= floor(name)
    return (top == folder and folder != "functions") or any(within(name, start) for start in OPEN[folder])


def forbidden(path: Path, source: str) -> list[str]:
    """Return what a module imports and must not."""
    return [name for name in imported(path, source) if not allowed(path, name)]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_run_one_way(path: Path) -> None:
    assert forbidden(path, (ROOT / path).read_text(encoding="utf-8")) == []


def test_every_module_is_checked() -> None:
    assert {path.parts[0] for path in SOURCES} == set(FOLDERS)
    assert {"query_video", "query_audio"} <= HANDLERS
    assert {".".join(module_of(path).split(".")[:2]) for path in SOURCES if path.parts[0] == "shared"} == {
        "shared",
        *FLOORS,
    }


def test_shared_has_at_most_twelve_entries() -> None:
    entries = [path.name for path in (ROOT / "shared").iterdir() if not path.name.startswith("__")]
    assert len(entries) <= 12, entries


GOOD = [
    ("functions/query_video.py", "from shared.handler import handle"),
    ("functions/query_video.py", "import json, os.path"),
    ("shared/signing/cos.py", "from requests.auth import AuthBase\nimport requests.adapters"),
    ("shared/signing/cos.py", "from shared.signing.credentials import Credentials\nfrom . import credentials"),
    ("shared/net/client.py", "from shared import errors\nfrom shared.errors import QueryError"),
    ("shared/net/client.py", "from ..errors import QueryError"),
    ("shared/collector/sweep.py", "from shared.cos.objects import CosObjects\nfrom shared.backends import base"),
    ("client/asking.py", "import click, rich.console\nfrom shared.settings import read_settings\nimport client.sheet"),
    ("local/cos/service.py", "from shared.signing.credentials import Credentials\nfrom shared import signing"),
    ("local/cos/service.py", "from shared.settings import NAMES"),
    ("local/cos/service.py", "import yaml, aiohttp.web\nfrom local.keys import KNOWN\nfrom . import store"),
    ("deploy/plan.py", "from shared.settings import read_settings\nfrom shared.errors import Misconfigured"),
    ("deploy/plan.py", "from local.config import read_config\nfrom deploy import package\nimport yaml"),
]
BAD = [
    ("functions/query_video.py", "import local.keys", "local.keys"),
    ("functions/query_video.py", "import yaml", "yaml"),
    ("functions/query_video.py", "import functions.query_audio", "functions.query_audio"),
    ("functions/query_video.py", "import query_audio", "query_audio"),
    ("shared/handler.py", "from functions import query_video", "functions.query_video"),
    ("shared/handler.py", "import query_video", "query_video"),
    ("shared/handler.py", "import shared", "shared"),
    ("shared/handler.py", "from client.sheet import Sheet", "client.sheet.Sheet"),
    ("shared/handler.py", "from ..local import keys", "local.keys"),
    ("shared/handler.py", "def late():\n    import local", "local"),
    ("shared/handler.py", "if 1:\n    from aiohttp import web", "aiohttp.web"),
    ("shared/handler.py", "import requests_toolbelt", "requests_toolbelt"),
    ("shared/collector/sweep.py", "from shared.replies.table import to_csv", "shared.replies.table.to_csv"),
    ("shared/backends/api2.py", "from shared import handler", "shared.handler"),
    ("shared/cos/objects.py", "def late():\n    from shared.backends import base", "shared.backends.base"),
    ("shared/net/client.py", "from ..cos import objects", "shared.cos.objects"),
    ("shared/signing/api2.py", "from shared.settings import Settings", "shared.settings.Settings"),
    ("shared/errors.py", "from shared import invocation", "shared.invocation"),
    ("client/asking.py", "from local.keys import KNOWN", "local.keys.KNOWN"),
    ("client/asking.py", "import query_video", "query_video"),
    ("client/asking.py", "import deploy", "deploy"),
    ("local/cos/service.py", "import shared", "shared"),
    ("local/cos/service.py", "from shared import settings", "shared.settings"),
    ("local/cos/service.py", "from shared.settings import read_settings", "shared.settings.read_settings"),
    ("local/cos/service.py", "from shared import *", "shared.*"),
    ("local/cos/service.py", "from shared.errors import QueryError", "shared.errors.QueryError"),
    ("local/cos/service.py", "from shared.signing_more import x", "shared.signing_more.x"),
    ("local/cos/service.py", "import query_video", "query_video"),
    ("local/cos/service.py", "from functions.query_video import main_handler", "functions.query_video.main_handler"),
    ("deploy/plan.py", "from local.scf.timer import next_firing", "local.scf.timer.next_firing"),
    ("deploy/plan.py", "from shared.signing import tc3", "shared.signing.tc3"),
    ("deploy/plan.py", "from shared.errors import QueryError", "shared.errors.QueryError"),
    ("deploy/plan.py", "import query_video", "query_video"),
]


@pytest.mark.parametrize(("path", "source"), GOOD)
def test_the_check_accepts(path: str, source: str) -> None:
    assert forbidden(Path(path), source) == []


@pytest.mark.parametrize(("path", "source", "name"), BAD)
def test_the_check_finds(path: str, source: str, name: str) -> None:
    assert forbidden(Path(path), source) == [name]
