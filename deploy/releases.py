"""Releases: which published versions of the functions belong together, and how to go back.

A deployment that changes a function publishes a version of it and routes the function's default alias there; functions
that did not change keep their version. Each version's description names its release and the release that was live
before it, so that a rollback never leads to a release that was rolled back itself. All this is stored in the account
only: the next run finishes an interrupted deployment or rollback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from deploy.errors import DeployError
from deploy.resources import FoundFunction, Version, WantedFunction


class Choice(NamedTuple):
    """The target of a function's traffic: the version `number`, or, if that is 0, one to publish as `release`."""

    number: int
    release: int
    after: int


def choose(pairs: Sequence[tuple[WantedFunction, FoundFunction | None]]) -> dict[str, Choice]:
    """Return the target of each function's traffic by name; new versions all get the same release.

    The live version stays if it is as wanted. Otherwise the newest version is taken if it is: an interrupted deployment
    has published it, or it was rolled back.
    """
    chosen: dict[str, Choice] = {}
    for wanted, found in pairs:
        newest = max(found.versions, key=lambda version: version.number, default=None) if found else None
        for version in (found.live if found else None, newest):
            if version and version.digest == wanted.digest:
                chosen.setdefault(wanted.name, Choice(version.number, version.release, version.after))
    everything = [found for _, found in pairs if found]
    now, waiting = current(everything), max((choice.release for choice in chosen.values()), default=0)
    known = max((version.release for found in everything for version in found.versions), default=0)
    release = waiting if waiting > now else known + 1
    return {wanted.name: chosen.get(wanted.name, Choice(0, release, now)) for wanted, _ in pairs}


def current(functions: Iterable[FoundFunction]) -> int:
    """Return the live release, 0 before the first."""
    return max((version.release for function in functions if (version := function.live)), default=0)


def previous(functions: Sequence[FoundFunction]) -> tuple[int, dict[str, Version]]:
    """Return the release before the live one, and its version of each function by name.

    Functions that did not exist then are left out. Raises DeployError if there is no release before.
    """
    now = current(functions)
    target = next(_ancestors(functions, now), 0)
    if not target:
        raise DeployError(
            "there is no release to go back to: "
            + (f"release {now} is the oldest that still exists" if now else "nothing of this project is deployed")
        )
    line = {target, *_ancestors(functions, target)}
    then: dict[str, Version] = {}
    for function in functions:
        known = [version for version in function.versions if version.release in line]
        if known:
            then[function.name] = max(known, key=lambda version: (version.release, version.number))
    return target, then


def _ancestors(functions: Sequence[FoundFunction], release: int) -> Iterator[int]:
    """Yield the releases before one, newest first, as far as their versions exist."""
    before = {version.release: version.after for function in functions for version in function.versions}
    while (release := before.get(release, 0)) in before:
        yield release
