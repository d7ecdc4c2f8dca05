"""A YAML file as plain values, with line numbers, and with variables resolved as Tencent's CLI does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

#: The place of a value: the keys and list indexes that lead to it.
Place = tuple[str | int, ...]

VARIABLE = re.compile(r"\$\{([^}]*)\}")
#: Stands in a longer text for an environment variable that is not set (CLI src/libs/utils/basic.js).
UNDEFINED = "undefined"
#: Variables that the deploy engine takes from the document itself.
OWN = ("name", "app", "stage")


class ConfigError(Exception):
    """serverless.yml can't be used; each of `problems` names file, line and key, but no value."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class Unset:
    """The value of a variable that is not set."""


UNSET = Unset()


class Resolved(str):
    """A text that came from a variable: it can stand for a number or a boolean."""

    __slots__ = ()


class Document:
    """A YAML file: `value` is its content, `references` maps the places of variables to what is written there.

    Raises ConfigError if the file can't be read, is not YAML, repeats a key or has an unknown variable.
    """

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.file = path.name
        self.references: dict[str, str] = {}
        self._environ = environ
        self._lines: dict[Place, int] = {}
        self._own: dict[str, object] = {}
        self._problems: list[str] = []
        self.value = self._read(path)
        if self._problems:
            raise ConfigError(self._problems)

    def at(self, place: Place, problem: str) -> str:
        """Return a problem as one line: file, line number of the place or of its nearest parent, place, problem."""
        near = place
        while near and near not in self._lines:
            near = near[:-1]
        line = f":{self._lines[near]}" if near else ""
        return f"{self.file}{line}: {named(place)}{problem}"

    def _read(self, path: Path) -> Any:
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
            if isinstance(node, yaml.MappingNode):
                self._own = {key.value: item.value for key, item in node.value if isinstance(item, yaml.ScalarNode)}
            return self._resolve(node, ()) if node else None
        except OSError as error:
            raise ConfigError([f"{path} can't be read: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise ConfigError([f"{path} is not YAML: it is not UTF-8"]) from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            raise ConfigError([f"{path.name}{line}: not YAML: {getattr(error, 'problem', 'unreadable')}"]) from error
        except RecursionError as error:
            raise ConfigError([f"{path.name} can't be read: it is nested too deep, or an alias has itself"]) from error

    def _resolve(self, node: yaml.Node, place: Place) -> Any:
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._resolve(item, (*place, number)) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._map(node, place)
        try:
            value = yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError):  # an unknown tag; a date or a number that does not exist
            self._problems.append(self.at(place, " is no value that YAML knows"))
            return UNSET
        return self._text(value, place) if isinstance(value, str) and "${" in value else value

    def _map(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                line = f":{key.start_mark.line + 1}"
                raise ConfigError([f"{self.file}{line}: {named(place)} has a key that is no text"])
            inner = (*place, key.value)
            self._lines[inner] = key.start_mark.line + 1
            if key.value in seen:
                self._problems.append(self.at(inner, " is given twice"))
            seen.add(key.value)
        yaml.SafeLoader("").flatten_mapping(node)
        mapping = {}
        for key, item in node.value:
            value = self._resolve(item, (*place, key.value))
            if value is not UNSET or key.value == "value":  # an environment variable without a value
                mapping[key.value] = value
        return mapping

    def _text(self, text: str, place: Place) -> object:
        """Resolve a text with variables: of the environment, or one of the document's own three."""
        self.references[named(place)] = text
        whole = VARIABLE.fullmatch(text)
        if whole and whole[1].startswith("env:"):
            return Resolved(self._environ[whole[1][4:]]) if whole[1][4:] in self._environ else UNSET
        return Resolved(VARIABLE.sub(lambda found: self._variable(found[1], place), text))

    def _variable(self, name: str, place: Place) -> str:
        if name.startswith("env:"):
            return self._environ.get(name[4:], UNDEFINED)
        if name in OWN and place[0] not in OWN:
            return str(self._own.get(name, "dev" if name == "stage" else self._own.get("name", "")))
        self._problems.append(self.at(place, ": only a whole value of the form ${env:NAME} is resolved safely"))
        return ""


def named(place: Place) -> str:
    """Return a place in the usual notation: inputs.triggers[0].parameters."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")
