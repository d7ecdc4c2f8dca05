"""Reads what is pinned in requirements/ and finds what a lock leaves open."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import NamedTuple, cast

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# Where make runs: uv resolves for every system, pip installs on these.
SYSTEMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "aarch64"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
)
# The needs of a pinned release: name and version in, Requires-Dist out; None when they can't be read here.
Needs = Callable[[str, str], "list[Requirement] | None"]


class Pin(NamedTuple):
    """One release of a lock, by its canonical name, with the marker of where it is installed and its hashes."""

    name: str
    version: str
    marker: Marker | None
    hashes: tuple[str, ...]

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Tell whether pip installs it there."""
        return self.marker is None or self.marker.evaluate(environment)


def read(lock: Path) -> list[Pin]:
    """Return the pins of a lock. Raises ValueError for a line that is not `name==version`, with or without a marker."""
    return list(_pins(lock.read_text(encoding="utf-8")))


def _pins(text: str) -> Iterator[Pin]:
    lines = re.sub(r"\\\n", " ", re.sub(r"^ *#.*\n", "", text, flags=re.M)).splitlines()
    for line in filter(str.strip, lines):
        stated, *hashes = re.split(r"\s+--hash=", line.strip())
        requirement = Requirement(stated)
        pinned = re.fullmatch(r"==([^*]+)", str(requirement.specifier))
        if pinned is None or requirement.url:
            raise ValueError(f"{stated} is not an exact pin")
        yield Pin(canonicalize_name(requirement.name), pinned[1], requirement.marker, tuple(hashes))


@cache  # each is looked up once for every Python and system
def installed(name: str, version: str) -> list[Requirement] | None:
    """Return the needs of a release that is installed in just this version."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    return list(map(Requirement, found.requires or ())) if found.version == version else None


def this_environment() -> dict[str, str]:
    """Return what markers see here."""
    return cast("dict[str, str]", default_environment())


def environments() -> Iterator[dict[str, str]]:
    """Yield what markers see on each supported Python and system."""
    for python, system in product(PYTHONS, SYSTEMS):
        yield this_environment() | {"python_version": python, "python_full_version": f"{python}.1"} | system


def holes(pins: Iterable[Pin], needs: Needs) -> set[str]:
    """Return what the pins leave open, a sentence each: needs that no pin of the same environment satisfies."""
    pins = list(pins)
    return {hole for environment in environments() for hole in _holes(pins, needs, environment)}


def _holes(pins: list[Pin], needs: Needs, environment: Mapping[str, str]) -> Iterator[str]:
    """Follow the needs from every pin, and from every extra that a need asks for, until nothing new comes up."""
    here = {pin.name: pin for pin in pins if pin.applies(environment)}
    waiting = [(name, "") for name in here]
    followed = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for need in needs(name, here[name].version) or ():
            if need.marker and not need.marker.evaluate({**environment, "extra": extra}):
                continue
            pin = here.get(canonicalize_name(need.name))
            if pin is None or not need.specifier.contains(pin.version, prereleases=True):
                asking = f"{name}[{extra}]" if extra else name
                state = f"is {pin.version}" if pin else "is not pinned"
                python = environment["python_version"]
                yield f"{asking} needs {need.name}{need.specifier}, which {state} (Python {python})"
                continue
            asked = {(pin.name, canonicalize_name(wanted)) for wanted in need.extras} - followed
            followed |= asked
            waiting.extend(asked)
