"""The fields that callers and timers fill in: ids, object names, choices. Each is checked before it is used."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.errors import BadInput
from shared.settings import is_safe_key
from shared.tasks import IdForm

#: The parameters of a query, wherever they came from. A value may be any JSON value until a function here has read it.
Params = Mapping[str, object]

#: How API 2.0 spells the members of an array.
MEMBER = re.compile(r"vids\.(0|[1-9][0-9]{0,8})")


def read_choice(params: Params, field: str, choices: tuple[str, str]) -> str:
    """Return the value of a field that has two choices, empty if it is left out. Raises BadInput."""
    value = params.get(field) or ""
    if not isinstance(value, str) or value not in ("", *choices):
        raise BadInput(f"{field}: must be {choices[0]} or {choices[1]}, or left out")
    return value


def read_members(params: Params) -> object:
    """Return `vids`, or the array that API 2.0 spells vids.0, vids.1 and so on, or None. Raises BadInput."""
    vids, members = params.get("vids"), [name for name in params if name.startswith("vids.")]
    if not members:
        return vids
    if vids is not None:
        raise BadInput("vids: give vids, or vids.0, vids.1 and so on, not both")
    if not all(MEMBER.fullmatch(name) for name in members):
        raise BadInput("vids: after vids. comes a whole number without leading zeros, of nine digits at most")
    return [params[name] for name in sorted(members, key=lambda name: int(name[5:]))]


def read_ids(given: object, field: str, form: IdForm) -> tuple[str, ...]:
    """Return the ids of a field in the order given: a list, or text separated by commas. Raises BadInput."""
    found: list[str] = []
    for value in given if isinstance(given, list) else [given]:
        parts = filter(None, map(str.strip, value.split(","))) if isinstance(value, str) else [value]
        for part in parts:
            if not form.matches(part):
                raise BadInput(f"{field}: number {len(found) + 1} is not an id ({form.words})")
            found.append(part)
    return tuple(found)


def read_name(params: Params, field: str, default: str) -> str:
    """Return the name of an object under the prefix, or of a folder there, which ends with `/`. Raises BadInput."""
    name = default if params.get(field) is None else params[field]
    if not isinstance(name, str) or not is_safe_key(name.removesuffix("/")):
        raise BadInput(f"{field}: must be a path of letters, digits, '_', '-', '.' and '/', without '..'")
    return name
