"""requirements/environment.sh and install.sh: what is pinned and nothing else, or one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "requirements"


def sh(script: str, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a script with pip cut off from every index but those of `settings`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment = kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"} | settings
    command = ["sh", str(SCRIPTS / script), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def stub(path: Path, cases: str) -> Path:
    """Make a python3 that looks at `cases` before it does what this Python does; its environments have no pip."""
    path.write_text(
        f'#!/bin/sh\ncase "$*" in\n{cases}\n'
        f'*"-m venv"*) shift 2; exec {sys.executable} -m venv --without-pip "$@";;\n'
        f'*) exec {sys.executable} "$@";;\nesac\n'
    )
    path.chmod(0o755)
    return path


def wheel(folder: Path, name: str, needs: str = "") -> str:
    """Put version 1.0 of a package into a folder and return its pin."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"{name}==1.0 --hash=sha256:{sha256(path.read_bytes()).hexdigest()}\n"


def packages(venv: Path) -> set[str]:
    return {path.name.partition("-")[0] for path in venv.glob("lib/python*/site-packages/*.dist-info")}


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    venv = tmp_path_factory.mktemp("installing") / "venv"
    assert sh("environment.sh", venv, sys.executable).returncode == 0
    return venv


def test_a_python_that_does_not_exist(tmp_path: Path) -> None:
    done = sh("environment.sh", tmp_path / "venv", "/nowhere/python3")
    assert done.returncode == 1
    hint = "name one that is 3.10 or newer: make PYTHON=/path/to/python3.12 run"
    assert done.stderr == f"There is no Python at '/nowhere/python3'; {hint}\n"


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ("*) exit 127;;", "'{}' does not start; name one"),
        ("*assert*) exit 1;; *version_info*) echo 3.9.18; exit;;", "'{}' is Python 3.9.18, which is too old; name one"),
        (
            "*ensurepip*) exit 1;;",
            "'{}' lacks venv or ensurepip; on Debian and Ubuntu: apt-get install python3-venv; or",
        ),
        ("*'-m venv'*) echo one; echo no space left; exit 1;;", "'{}' could not make {}/venv: no space left\n"),
    ],
)
def test_a_python_that_will_not_do(cases: str, message: str, tmp_path: Path) -> None:
    python = stub(tmp_path / "python3", cases)
    done = sh("environment.sh", tmp_path / "venv", python)
    assert done.returncode == 1
    assert done.stderr.startswith(message.format(python, tmp_path))
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "venv" / ".python").exists()


def test_a_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    done = sh("environment.sh", tmp_path, sys.executable)
    assert done.returncode == 1
    assert "is not a virtual environment; name another folder: make VENV=.venv-new run" in done.stderr
    assert (tmp_path / "thesis.txt").exists()


def test_an_environment_made_by_hand_is_kept(venv: Path) -> None:
    (venv / ".python").unlink()
    done = sh("environment.sh", venv, sys.executable, "given")
    assert (done.returncode, done.stderr) == (0, "")
    assert (venv / ".python").exists()


@pytest.mark.parametrize("harm", ["gone", "unfinished", "without pip"])
def test_an_unusable_environment_is_made_again(harm: str, tmp_path: Path) -> None:
    venv, python = tmp_path / "venv", stub(tmp_path / "python3", "")
    assert sh("environment.sh", venv, python).returncode == 0
    (venv / "old").touch()
    if harm == "gone":
        (venv / "bin" / "python").unlink()
    elif harm == "unfinished":
        (venv / ".unfinished").touch()
    else:
        (venv / ".python").unlink()
    done = sh("environment.sh", venv, python)
    assert done.returncode == 0
    assert done.stderr.startswith(f"{venv} is made again, with {python} (3.")
    assert not (venv / "old").exists()


@pytest.mark.parametrize(("given", "kept"), [("", True), ("given", False)])
def test_another_python_makes_it_again_when_it_was_asked_for(given: str, kept: bool, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    assert sh("environment.sh", venv, stub(tmp_path / "python3", "")).returncode == 0
    (venv / "old").touch()
    other = stub(tmp_path / "other", "*base_prefix*) echo /opt/other 3 13 0; exit;;")
    assert sh("environment.sh", venv, other, given).returncode == 0
    assert (venv / "old").exists() is kept


def test_a_package_outside_the_lock_is_not_installed(venv: Path, tmp_path: Path) -> None:
    inner = wheel(tmp_path, "inner")
    lock = tmp_path / "lock.txt"
    lock.write_text(outer := wheel(tmp_path, "outer", needs="Requires-Dist: inner\n"))
    done = sh("install.sh", venv, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert done.returncode == 1
    assert "its pins do not fit together: outer 1.0 requires inner, which is not installed." in done.stderr
    assert "outer" in packages(venv)
    assert "inner" not in packages(venv)
    assert not (venv / ".unfinished").exists()

    lock.write_text(outer + inner)
    done = sh("install.sh", venv, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert packages(venv) >= {"outer", "inner"}


def test_another_file_than_the_pinned_one_is_refused(venv: Path, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    wheel(tmp_path, "other")
    lock.write_text(f"other==1.0 --hash=sha256:{'0' * 64}\n")
    done = sh("install.sh", venv, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert done.returncode == 1
    assert "serves another file than the pinned one" in done.stderr
    assert "other" not in packages(venv)


def test_without_a_network(venv: Path, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"absent==1.0 --hash=sha256:{'0' * 64}\n")
    done = sh("install.sh", venv, lock, PIP_INDEX_URL="http://127.0.0.1:0/simple", PIP_RETRIES="1")
    assert done.returncode == 1
    assert done.stderr == (
        f"{lock} is not installed: no package index answers; connect to the network or name a mirror in PIP_INDEX_URL, "
        f"then run make again (pip's own words: {venv}/install.log)\n"
    )


def test_pips_own_error_is_shown_when_it_is_another(venv: Path, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"absent==1.0 --hash=sha256:{'0' * 64}\n")
    done = sh("install.sh", venv, lock, PIP_NO_INDEX="1")
    assert done.stderr == (
        f"{lock} is not installed: ERROR: No matching distribution found for absent==1.0 "
        f"(pip's own words: {venv}/install.log)\n"
    )
