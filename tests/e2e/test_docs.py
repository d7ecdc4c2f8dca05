"""Every page is held to the code: what it names is there, what it tells people to type works."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from itertools import takewhile
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from shared.settings import NAMES, read_settings
from tests.e2e.test_readme import possible_errors
from tests.support.documents import Document, read, spans, without_comments
from tests.support.live import LiveCloud
from tests.support.paths import ROOT

#: Files of this checkout that code names: in a span, or in a command.
FOLDERS = "functions|shared|client|local|deploy|events|tests|benchmarks|requirements"
FILE = re.compile(rf"(?<![\w./<])(?:{FOLDERS})/[\w./-]+\.\w+")
SETTING = re.compile(r"[A-Z][A-Z_]+")
COMMAND = re.compile(r"python -m (client|local|deploy)((?: [^\s`;|)]+)*)")
CURL = re.compile(r"^curl .*http://127\.0\.0\.1:90.*$", re.MULTILINE)

PAGES = [
    "README.md",
    "README.zh-CN.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")),
]
every_page = pytest.mark.parametrize("page", [read(name) for name in PAGES], ids=PAGES)


@every_page
def test_links_lead_somewhere(page: Document) -> None:
    for link in page.links():
        name, _, anchor = link.partition("#")
        target = page.path.parent / name if name else page.path
        assert target.exists(), link
        if anchor:
            assert anchor in read(str(target.resolve().relative_to(ROOT))).anchors(), link


@every_page
def test_files_that_are_named_are_there(page: Document) -> None:
    assert [name for name in FILE.findall(page.code()) if not (ROOT / name).exists()] == []


@every_page
def test_make_knows_the_targets_named(page: Document) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", page.code())) <= targets


@every_page
def test_codes_are_those_that_callers_get(page: Document) -> None:
    pairs = {(int(code), int(status)) for code, status in re.findall(r"\b(\d{4})/(\d{3})\b", page.prose)}
    assert pairs <= {*possible_errors(), (5400, 207)}


def test_every_page_can_be_found_from_the_readme() -> None:
    found, left = set[str](), ["README.md"]
    while left:
        name = left.pop()
        found.add(name)
        page = read(name)
        ways = {(page.path.parent / link.partition("#")[0]).resolve() for link in page.links()}
        names = {str(way.relative_to(ROOT)) for way in ways if way.suffix == ".md"}
        left += names - found
    assert set(PAGES) <= found


def commands() -> set[tuple[str, str]]:
    """Each module with what is typed behind it, on any page."""
    code = "\n".join(without_comments(read(name).code()) for name in PAGES)
    return set(COMMAND.findall(code))


def help_of(module: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The help of a command, whose name is as many of the words before the first option as it knows."""
    names = list(takewhile(lambda word: re.fullmatch("[a-z][a-z-]*", word), words))
    main = importlib.import_module(f"{module}.__main__").main
    for count in range(len(names), -1, -1):
        if main([*names[:count], "--help"]) == 0:
            return " ".join([*names[:count], capsys.readouterr().out])
    raise AssertionError(f"{module} has no help")


@pytest.mark.parametrize(("module", "typed"), sorted(commands()))
def test_commands_that_are_shown_exist(module: str, typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = typed.split()
    help_text = help_of(module, words, capsys)
    assert words[:1] == [word for word in words[:1] if word in help_text.split()]
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= set(re.findall(r"--[a-z-]+", help_text))


def test_calls_of_the_local_cloud_that_are_shown_are_answered(live: LiveCloud) -> None:
    lines = [line for name in PAGES for line in CURL.findall(without_comments(read(name).shell()))]
    assert len(lines) > 8
    for line in lines:
        reply = curl(live, line)
        assert reply.status_code == (400 if "../x" in line else 200), (line, reply.text)
        assert reply.headers["Content-Type"].startswith("application/json"), line


def curl(live: LiveCloud, line: str) -> requests.Response:
    """Do what a curl command does, on a cloud with other ports."""
    words = shlex.split(line)[1:]
    body = words[words.index("-d") + 1] if "-d" in words else None
    method = "POST" if body is not None or "POST" in words else "GET"
    url = next(urlsplit(word) for word in words if word.startswith("http://"))
    cloud = live.cloud
    base = {9000: cloud.gateway, 9001: cloud.media, 9002: cloud.cos, 9003: cloud.ci}[url.port or 0]
    place = f"http://{urlsplit(base).netloc}{url.path}"
    return requests.request(method, place, params=url.query, data=body, timeout=60)


def named_settings() -> set[str]:
    """The variables that the functions' settings are read from, as the code spells them."""
    tree = ast.parse((ROOT / "shared/settings.py").read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {text for text in texts if SETTING.fullmatch(text)}


def settings_table(page: str, number: int = 0) -> list[list[str]]:
    tables = [table for table in read(page).tables() if table[0] == ["name", "default", "meaning"]]
    return tables[number][2:]


def test_the_table_of_settings_has_every_setting_and_no_other() -> None:
    listed = [name for row in settings_table("docs/settings.md") for name in spans(row[0])]
    assert sorted(listed) == sorted(NAMES)
    assert named_settings() == set(NAMES)


def test_the_defaults_are_those_of_the_code() -> None:
    environ = {"SECRET_ID": "x", "SECRET_KEY": "x", "COS_BUCKET": "bucket-1", "COS_REGION": "region"}
    settings: dict[str, Any] = read_settings(environ)._asdict()
    defaults = {row[0].strip("`"): spans(row[1])[0] for row in settings_table("docs/settings.md") if spans(row[1])}
    assert len(defaults) > 10
    for name, default in defaults.items():
        value = settings[name.lower()]
        filled = default.replace("{bucket}", "bucket-1").replace("{region}", "region")
        assert filled == str(int(value) if isinstance(value, bool) else value), name


def test_the_table_of_cloud_infinite_says_the_same_defaults() -> None:
    (table,) = [table for table in read("docs/cloud-infinite.md").tables() if table[0][0] == "setting"]
    everywhere = {row[0]: row[1] for row in settings_table("docs/settings.md")}
    assert {row[0]: row[1] for row in table[2:]}.items() <= everywhere.items()


def test_the_glossary_is_in_order() -> None:
    (table,) = read("docs/glossary.md").tables()
    words = [row[0] for row in table[2:]]
    assert words == sorted(words)
    assert len(words) > 25
