"""Reads .env strictly: a line with an open quote could otherwise drop a token and make a URL public."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from deploy.errors import DeployError


def read_environment(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a .env file (if there is one) and of the environment, which wins.

    A variable of the file without a value counts as not set. Nothing is expanded. Raises DeployError with the number of
    each malformed line, never its content.
    """
    bindings = list(parse_stream(StringIO(_text(path))))
    problems = [
        f"{path.name}: line {_line(binding)}: {problem}"
        for binding in bindings
        if (problem := _problem(binding)) is not None
    ]
    names = Counter(binding.key for binding in bindings if binding.key)
    problems += [f"{path.name}: {name} is given twice" for name in sorted(names) if names[name] > 1]
    if problems:
        raise DeployError(*problems)
    return {**{binding.key: binding.value for binding in bindings if binding.key and binding.value}, **environ}


def switch(environ: Mapping[str, str], name: str) -> bool:
    """Return whether a variable is 1; 0 and not set mean no. Raises DeployError for anything else."""
    value = environ.get(name) or "0"
    if value not in ("0", "1"):
        raise DeployError(f"{name} must be 1 or 0")
    return value == "1"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DeployError(f"{path.name} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DeployError(f"{path.name} is not UTF-8: save it as UTF-8 text") from error


def _problem(binding: Binding) -> str | None:
    if binding.error:
        return "can't be read: write NAME=value, and close every quote"
    if binding.key and binding.value is None:
        return f"{binding.key} has no '=': write {binding.key}=value"
    if any(not character.isprintable() for character in (binding.key or "") + (binding.value or "")):
        return f"{binding.key} holds a line end or another control character: close every quote"
    return None


def _line(binding: Binding) -> int:
    """Return the line number of a statement; the parser counts the blank lines above it as its own."""
    text = binding.original.string
    return binding.original.line + len(text) - len(text.lstrip("\r\n"))
