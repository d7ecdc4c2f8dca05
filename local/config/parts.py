"""Reads one part of a document into its model, and collects its problems as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import ValidationError

from local.config.document import Document, Place, named
from local.config.models import Part

M = TypeVar("M", bound=Part)
#: Turns a place within a part into its place in the file.
Where = Callable[[Place], Place]

#: Messages by pydantic's error types.
WORDS = {
    "string_type": " must be text: quote it",
    "int_type": " must be a whole number",
    "bool_type": " must be true or false",
    "list_type": " must be a list",
    "dict_type": " must be a map of keys",
    "model_type": " must be a map of keys",
    "missing": " must be given",
}
#: Messages for missing keys.
MISSING = {
    "handler": " must be <file>.<function>, the file at the root of the code",
    "name": " must be a literal: the CLI rejects a file without it",
    "parameters.name": ": a name is needed",
    "function": ": a function that is not in the deploy list",
}
#: Lists that multi-scf drops silently when they are written as maps (0.3.14).
EMPTIED = ("environments", "tags")
#: What happens to keys that look right, by component.
TRAPS = {
    "multi-scf": {
        "environment": "the engine silently empties it; write environments, a list of key and value",
        "serviceName": "the engine overwrites it; write name",
    },
    "scf": {},
}
IGNORED = "the engine knows no such key and ignores it"


class Parts:
    """Collects the problems and notices of one document, a line each."""

    def __init__(self, document: Document, component: str) -> None:
        self.component = component
        self.problems: list[str] = []
        self.notices: list[str] = []
        self._document = document

    def read(self, model: type[M], value: object, where: Where) -> M | None:
        """Return one part, or None if it can't be read; collect its problems and unknown keys."""
        try:
            part = model.model_validate(value)
        except ValidationError as error:
            for each in error.errors(include_url=False):
                self.problem(where(each["loc"]), _words(where(each["loc"]), each))
            return None
        for inner in unknown(part, ()):
            self.ignored(where(inner))
        if self.component == "multi-scf" and "variables" in part.model_fields_set:
            self.ignored(where(("environment",)))
        return part

    def problem(self, place: Place, words: str) -> None:
        """Add a problem."""
        self.problems.append(self._document.at(place, words))

    def ignored(self, place: Place) -> None:
        """Add a notice: the engine ignores or spoils this key."""
        words = TRAPS[self.component].get(str(place[-1]), IGNORED)
        self.notices.append(self._document.at(place, f": {words}"))


def within(*place: str | int) -> Where:
    """Return the mapping of places for a part whose keys stand directly at a place."""
    return lambda inner: (*place, *inner)


def keys(model: type[Part]) -> set[str]:
    """Return the keys of a model, as they are spelled in the file."""
    return {field.alias or name for name, field in model.model_fields.items()} | {*model.others}


def unknown(part: Part, place: Place) -> Iterator[Place]:
    """Yield the places of unknown keys in a part."""
    yield from ((*place, key) for key in part.model_extra or {} if key not in part.others)
    for name, field in type(part).model_fields.items():
        value, inner = getattr(part, name), (*place, field.alias or name)
        if isinstance(value, Part):
            yield from unknown(value, inner)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                if isinstance(item, Part):
                    yield from unknown(item, (*inner, number))


def _words(place: Place, error: Any) -> str:
    kind = error["type"]
    if kind == "missing":
        names = (named(place[-2:]), str(place[-1]))
        return next((MISSING[name] for name in names if name in MISSING), WORDS[kind])
    if kind == "value_error":
        return f" {error['ctx']['error']}"
    words = WORDS.get(kind, " has a form that the engine does not read here")
    if kind == "list_type" and isinstance(error["input"], dict) and place[-1] in EMPTIED:
        return f"{words}: the engine silently empties a map here"
    return words
