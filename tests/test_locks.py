"""The locks of requirements/ are complete: pip resolves nothing, so a package that they leave out is not installed.

The needs of a release are read from its installed metadata, so those of pins for another Python can't be seen here
(tomli is for 3.10 only, say). CI runs this file on 3.10 and on the default Python: each sees the half that it installs.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomli
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tests.support.locks import Pin, environments, holes, installed, read, this_environment

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
every_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)


def pins(text: str, tmp_path: Path) -> list[Pin]:
    lock = tmp_path / "lock.txt"
    lock.write_text(text, encoding="utf-8")
    return read(lock)


def wanted(group: str) -> list[Requirement]:
    """What pyproject.toml asks for in a group, those that it includes too; `bundle` is the project's own needs."""
    found: list[Requirement] = []
    for entry in PROJECT["project"]["dependencies"] if group == "bundle" else PROJECT["dependency-groups"][group]:
        found += [Requirement(entry)] if isinstance(entry, str) else wanted(entry["include-group"])
    return found


def test_there_is_a_lock_for_each_group() -> None:
    assert {lock.stem for lock in LOCKS} == {"bundle", *PROJECT["dependency-groups"]}


@every_lock
def test_whatever_a_pin_needs_is_pinned_beside_it(lock: Path) -> None:
    assert holes(read(lock), installed) == set()


@every_lock
def test_the_needs_of_each_pin_for_this_python_can_be_read(lock: Path) -> None:
    # Otherwise the test above would pass over it. Other locks than dev have the same versions, see below.
    here = [pin for pin in read(lock) if pin.applies(this_environment())]
    assert [pin.name for pin in here if installed(pin.name, pin.version) is None] == []


@every_lock
def test_every_requirement_of_pyproject_is_pinned(lock: Path) -> None:
    locked = read(lock)
    for environment in environments():
        here = {pin.name: pin.version for pin in locked if pin.applies(environment)}
        for need in wanted(lock.stem):
            assert here[canonicalize_name(need.name)] in need.specifier


@every_lock
def test_every_pin_has_hashes(lock: Path) -> None:
    for pin in read(lock):
        assert pin.hashes, pin.name
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", found) for found in pin.hashes), pin.name


@every_lock
def test_a_lock_names_no_registry(lock: Path) -> None:
    # An option line like --index-url is no pin, so that reading the lock refuses it.
    assert "://" not in lock.read_text(encoding="utf-8")


def test_the_locks_agree() -> None:
    # make run, then make test: the second must not exchange what the first has installed.
    versions: dict[str, set[str]] = {}
    for pin in read(ROOT / "requirements" / "dev.txt"):
        versions.setdefault(pin.name, set()).add(pin.version)
    for lock in LOCKS:
        for pin in read(lock):
            assert pin.version in versions.get(pin.name, {pin.version}), f"{lock.name}: {pin.name}"


def test_a_need_that_is_not_pinned_is_found(tmp_path: Path) -> None:
    locked = pins("outer==1.0 --hash=sha256:0\n", tmp_path)
    needs = {"outer": [Requirement("Inner_Part>=2; python_version < '3.11'")]}
    assert holes(locked, lambda name, _: needs.get(name)) == {
        "outer needs Inner_Part>=2, which is not pinned (Python 3.10)"
    }


def test_a_need_of_an_extra_that_is_not_pinned_is_found(tmp_path: Path) -> None:
    # pytest-cov asks for coverage[toml], and that for tomli on Python 3.10: the hole that once stopped every install.
    locked = pins("pytest-cov==7.1.0\ncoverage==7.16.2\n", tmp_path)
    needs = {
        "pytest-cov": [Requirement("coverage[toml]>=7")],
        "coverage": [Requirement('tomli; python_full_version <= "3.11.0a6" and extra == "toml"')],
    }
    assert holes(locked, lambda name, _: needs.get(name)) == {
        "coverage[toml] needs tomli, which is not pinned (Python 3.10)"
    }


def test_an_extra_that_nobody_asks_for_needs_nothing(tmp_path: Path) -> None:
    locked = pins("coverage==7.16.2\n", tmp_path)
    assert holes(locked, lambda *_: [Requirement("tomli; extra == 'toml'")]) == set()


def test_a_pin_for_another_python_fills_no_hole(tmp_path: Path) -> None:
    locked = pins("outer==1.0\ninner==2.0 ; python_full_version < '3.14'\n", tmp_path)
    needs = {"outer": [Requirement("inner")], "inner": []}
    assert holes(locked, lambda name, _: needs[name]) == {"outer needs inner, which is not pinned (Python 3.14)"}


def test_a_pin_that_is_too_old_is_found(tmp_path: Path) -> None:
    locked = pins(
        "outer==1.0\ninner==1.9 ; sys_platform == 'darwin'\ninner==2.0 ; sys_platform != 'darwin'\n", tmp_path
    )
    needs = {"outer": [Requirement("inner>=2; python_version == '3.12'")], "inner": []}
    assert holes(locked, lambda name, _: needs[name]) == {"outer needs inner>=2, which is 1.9 (Python 3.12)"}


@pytest.mark.parametrize("line", ["outer>=1.0", "outer==1.*", "outer", "outer==1.0,<2", "outer @ file:///outer.whl"])
def test_an_inexact_pin_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not an exact pin"):
        pins(line, tmp_path)


@pytest.mark.parametrize("line", ["--index-url http://127.0.0.1/simple", "-r other.txt", "./outer.whl"])
def test_a_lock_has_pins_only(line: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequirement):
        pins(line, tmp_path)
