"""Imports run one way; what is deployed needs requests alone."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ROOMS = ("functions", "shared", "client", "local", "deploy")
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
#: The functions' modules are imported by these names too: their folder is a root of the bundle.
HANDLERS = {path.stem for path in SOURCES if path.parent.name == "functions"}
#: urllib3 is what requests stands on: some of its errors reach us as they are.
OURS = {"shared", "local", "client"}
#: The settings, what is raised for a wrong one, and the model of serverless.yml.
OPEN_TO_DEPLOY = ("shared.settings.", "shared.errors.Misconfigured.", "local.config.")
DEPLOYED = {*sys.stdlib_module_names, "requests", "urllib3"}


def imported(room: str, source: str) -> Iterator[str]:
    """Yield the full names of what a module of a room imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = {0: "", 1: f"{room}."}.get(node.level, "")
            module = start + (node.module or "")
            yield from (f"{module}.{alias.name}".strip(".").replace("..", ".") for alias in node.names)


def allowed(room: str, name: str) -> bool:
    """Whether a module of a room may import a name."""
    top = name.partition(".")[0]
    if top == "functions" or top in HANDLERS:
        return False
    if room == "local":
        return top != "shared" or f"{name}.".startswith(("shared.signing.", "shared.settings.NAMES."))
    if room == "client":
        return top not in ("local", "deploy", "tests", "benchmarks")
    if room == "deploy":
        return top not in OURS or f"{name}.".startswith(OPEN_TO_DEPLOY)
    return top in DEPLOYED or top == "shared"


def forbidden(room: str, source: str) -> list[str]:
    """Return what a module of a room imports and must not."""
    return [name for name in imported(room, source) if not allowed(room, name)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    assert forbidden(path.relative_to(ROOT).parts[0], path.read_text(encoding="utf-8")) == []


def test_every_room_is_checked() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(ROOMS)
    assert {"query_video", "query_audio"} <= HANDLERS


GOOD = [
    ("functions", "from shared.handler import handle"),
    ("functions", "import json, os.path"),
    ("shared", "from requests.auth import AuthBase\nimport requests.adapters"),
    ("shared", "from shared import errors"),
    ("shared", "from . import errors"),
    ("shared", "from .errors import QueryError"),
    ("client", "import click, rich.console\nfrom shared.settings import read_settings\nfrom client.sheet import Sheet"),
    ("local", "from shared.signing.credentials import Credentials"),
    ("local", "from shared import signing"),
    ("local", "import shared.signing"),
    ("local", "from shared.settings import NAMES"),
    ("local", "import yaml, aiohttp.web\nfrom local.keys import KNOWN\nfrom . import keys"),
    ("deploy", "from shared.settings import read_settings\nfrom shared.errors import Misconfigured"),
    ("deploy", "from local.config import read_config\nimport yaml, click"),
    ("deploy", "from deploy import plan"),
]
BAD = [
    ("client", "from local.keys import KNOWN", "local.keys.KNOWN"),
    ("client", "import query_video", "query_video"),
    ("client", "import deploy", "deploy"),
    ("functions", "import local.keys", "local.keys"),
    ("functions", "import yaml", "yaml"),
    ("functions", "import functions.query_audio", "functions.query_audio"),
    ("functions", "import query_audio", "query_audio"),
    ("functions", "import httpx", "httpx"),
    ("shared", "from functions import query_video", "functions.query_video"),
    ("shared", "import query_video", "query_video"),
    ("shared", "from local.keys import KNOWN", "local.keys.KNOWN"),
    ("shared", "from ..local import keys", "local.keys"),
    ("shared", "def late():\n    import local", "local"),
    ("shared", "if 1:\n    from aiohttp import web", "aiohttp.web"),
    ("shared", "import requests_toolbelt", "requests_toolbelt"),
    ("local", "import shared", "shared"),
    ("local", "from shared import settings", "shared.settings"),
    ("local", "from shared.settings import read_settings", "shared.settings.read_settings"),
    ("local", "from shared import *", "shared.*"),
    ("local", "from shared.errors import QueryError", "shared.errors.QueryError"),
    ("local", "from shared.signing_more import x", "shared.signing_more.x"),
    ("local", "import query_video", "query_video"),
    ("deploy", "from local.scf.timer import next_firing", "local.scf.timer.next_firing"),
    ("deploy", "from shared.signing import tc3", "shared.signing.tc3"),
    ("deploy", "from shared.errors import QueryError", "shared.errors.QueryError"),
    ("deploy", "import query_video", "query_video"),
    ("local", "from functions.query_video import main_handler", "functions.query_video.main_handler"),
]


@pytest.mark.parametrize(("room", "source"), GOOD)
def test_the_check_lets_pass(room: str, source: str) -> None:
    assert forbidden(room, source) == []


@pytest.mark.parametrize(("room", "source", "name"), BAD)
def test_the_check_finds(room: str, source: str, name: str) -> None:
    assert forbidden(room, source) == [name]
