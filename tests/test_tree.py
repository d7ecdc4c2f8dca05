"""House rules that a linter does not know: short modules and functions, no private name of another module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MODULE_LINES, FUNCTION_LINES = 300, 40
FOLDERS = ("functions", "shared", "client", "deploy", "local", "benchmarks", "tests")
#: Tencent's client has no public way to close its connections.
OF_THE_SDK = "client.request.conn._session"


def modules(*folders: str) -> list[Path]:
    """The modules of some folders, by their path in the tree."""
    return [path.relative_to(ROOT) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


MODULES = modules(*FOLDERS)


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def long_functions(tree: ast.Module) -> Iterator[str]:
    """Yield the names of functions that are too long, docstring included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{node.name}: {length} lines"


def is_private(name: str) -> bool:
    """Whether a name begins with one underscore."""
    return name.startswith("_") and not name.startswith("__")


def defined(tree: ast.Module) -> set[str]:
    """The private names that a module defines: functions, classes, variables, attributes of `self`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return set(filter(is_private, found))


def private_of_others(tree: ast.Module, ours: set[str]) -> Iterator[str]:
    """Yield where a module uses a private name of ours that it does not define itself."""
    foreign = ours - defined(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in foreign:
            inherited = ast.unparse(node.value) in ("self", "cls", "super()")
            if not inherited and ast.unparse(node) != OF_THE_SDK:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom):
            yield from (f"line {node.lineno}: {alias.name}" for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setattr"):
            texts = [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
            yield from (f"line {node.lineno}: {text}" for text in texts if text.rpartition(".")[2] in foreign)


@cache
def private_names() -> set[str]:
    """The private names that the modules of this tree define. Those of libraries are not ours to judge."""
    return {name for path in MODULES for name in defined(parsed(path))}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_modules_and_functions_are_short(path: Path) -> None:
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= MODULE_LINES
    assert list(long_functions(parsed(path))) == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[0] == "tests"], ids=str)
def test_a_test_uses_no_private_name_of_another_module(path: Path) -> None:
    assert list(private_of_others(parsed(path), private_names())) == []


def test_the_checks_find_violations() -> None:
    long = "def short():\n    pass\ndef long():\n" + "    pass\n" * FUNCTION_LINES
    assert list(long_functions(ast.parse(long))) == ["long: 41 lines"]
    code = (
        "from shared.x import _late\napi._limiter.call()\nself._limiter\nrow._replace()\nmine = _own = 1\nmine._own\n"
        "patch.setattr(api, '_limiter', 0)\npatch.setattr('local.x._limiter', 0)\npatch.setattr(os, '_exit', 0)\n"
    )
    found = sorted(private_of_others(ast.parse(code), {"_limiter", "_own"}))
    assert found == ["line 1: _late", "line 2: api._limiter", "line 7: _limiter", "line 8: local.x._limiter"]
    assert defined(ast.parse("class _A:\n    def _f(self):\n        self._x = _y = 1\n")) == {"_A", "_f", "_x", "_y"}
    assert {"_limiter", "_lock"} <= private_names()
