"""The bundle that `make package` builds, from its second step on; the first, pip's, with a wheel made here."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from deploy import commands, package
from deploy.__main__ import run
from deploy.errors import DeployError
from tests.support import bundles
from tests.support.paths import ROOT

#: Prints, for each file of byte code below the working directory: its path, its flags, and the path of the source
#: that each code object in it names.
READ_BYTE_CODE = """
import importlib.util, marshal, pathlib, types
def names(code):
    yield code.co_filename
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names(constant)
for path in pathlib.Path().rglob("*.pyc"):
    data = path.read_bytes()
    assert data[:4] == importlib.util.MAGIC_NUMBER
    print(path, int.from_bytes(data[4:8], "little"), *set(names(marshal.loads(data[16:]))))
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the bundle has been built."""
    folder = tmp_path_factory.mktemp("dist")
    bundles.build(folder)
    return folder


def python(*arguments: str, cwd: Path) -> str:
    command = [bundles.PYTHON, "-I", "-S", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout


def test_two_builds_are_the_same_to_the_byte(
    dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    previous = os.umask(0o077)
    request.addfinalizer(lambda: os.umask(previous))
    again = bundles.build(tmp_path / "a longer name")
    assert again.read_bytes() == (dist / "bundle.zip").read_bytes()


def test_it_holds_the_functions_and_their_dependencies_and_nothing_else(dist: Path) -> None:
    bundle = dist / "bundle"
    locked = {"certifi", "idna", "requests", "urllib3"}
    assert {path.name for path in bundle.iterdir()} == {
        *("query_video.py", "query_audio.py", "shared", "__pycache__"),
        *locked,
    }
    assert {path.name for path in (bundle / "shared").glob("*.py")} == {
        path.name for path in (ROOT / "shared").glob("*.py")
    }
    names = {part for path in bundle.rglob("*") for part in path.relative_to(bundle).parts}
    assert not names & {"tests", "local", "deploy", ".env", "bin", "py.typed"}
    assert not {name for name in names if name.endswith((".so", ".pyi", ".dist-info"))}


def test_the_bundle_has_no_trace_of_this_machine(dist: Path) -> None:
    places = [str(place).encode() for place in (ROOT, dist)]
    for path in (dist / "bundle").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [place for place in places if place in content], path


def test_every_module_has_byte_code_that_is_never_checked(dist: Path) -> None:
    bundle = dist / "bundle"
    lines = [line.split() for line in python("-c", READ_BYTE_CODE, cwd=bundle).splitlines()]
    sources = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*.py")}
    assert len(lines) == len(sources) > 50
    # 0b01: by hash, 0b10 would be: compare it with the source (PEP 552).
    assert {flags for _, flags, *_ in lines} == {"1"}
    assert {named for _, _, *names in lines for named in names} == {f"/var/user/{source}" for source in sources}


def test_byte_code_stays_valid_wherever_and_whenever_it_is_unpacked(dist: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(dist / "bundle.zip") as archive:
        archive.extractall(tmp_path)
    for source in tmp_path.rglob("*.py"):
        source.write_text("raise SystemExit('compiled from its source')")
        os.utime(source, (0, 0))
    code = "import sys; sys.path.insert(0, '.'); import query_video, query_audio; print(query_video.main_handler)"
    assert python("-c", code, cwd=tmp_path).startswith("<function main_handler")


def test_the_zip_is_readable_by_all_and_begins_at_the_root(dist: Path) -> None:
    with zipfile.ZipFile(dist / "bundle.zip") as archive:
        entries = archive.infolist()
        assert archive.testzip() is None
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    names = [entry.filename for entry in entries]
    assert names == sorted(names, key=lambda name: name.split("/"))
    assert {"query_video.py", "query_audio.py", "certifi/cacert.pem", "shared/__init__.py"} <= set(names)
    assert (dist / "bundle.zip").stat().st_size < 1.6e6


def test_byte_code_is_that_of_the_runtime_of_serverless_yml() -> None:
    inputs = yaml.safe_load((ROOT / "serverless.yml").read_text())["inputs"]
    assert inputs["runtime"] == f"Python{package.RUNTIME}"


def test_without_the_runtime_s_python_it_says_so_and_ships_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(package, "install_dependencies", bundles.install_from_here)
    monkeypatch.setattr(package, "find_python", lambda _: None)
    package.build(tmp_path)
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        names = archive.namelist()
    assert "query_video.py" in names
    assert not [name for name in names if name.endswith(".pyc")]
    said = capfd.readouterr().err
    assert "no Python 3.10 starts" in said
    assert "make package" in said
    assert said.count("\n") == 1


def make_wheel(folder: Path, module: str) -> str:
    """Make the wheel of `tiny` 1.0, with a command and a module of this text, and return its hash."""
    entries = {
        "tiny/__init__.py": module,
        "tiny/py.typed": "",
        "tiny/tests/__init__.py": "",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
    }
    record = "tiny-1.0.dist-info/RECORD"
    lines = [f"{name},sha256={_digest(text)},{len(text)}" for name, text in entries.items()]
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in {**entries, record: "\n".join([*lines, f"{record},,"])}.items():
            wheel.writestr(name, text)
    return hashlib.sha256((folder / "tiny-1.0-py3-none-any.whl").read_bytes()).hexdigest()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def lock(folder: Path, requirement: str) -> Path:
    """Write a lock whose packages are found in the folder and nowhere else."""
    path = folder / "bundle.txt"
    path.write_text(f"--no-index\n--find-links {folder}\n{requirement}\n")
    return path


def test_pip_installs_what_the_lock_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "gone"))  # pip warns about it
    digest = make_wheel(tmp_path, "def main(): pass\n")
    monkeypatch.setattr(package, "LOCK", lock(tmp_path, f"tiny==1.0 --hash=sha256:{digest}"))
    dist = tmp_path / "dist"
    (dist / "bundle" / "left over").mkdir(parents=True)
    monkeypatch.setattr(package, "find_python", lambda _: bundles.PYTHON)
    package.build(dist)
    bundle = dist / "bundle"
    assert {path.name for path in bundle.iterdir()} == {
        *("query_video.py", "query_audio.py", "shared", "tiny", "__pycache__"),
    }
    assert {path.name for path in (bundle / "tiny").iterdir()} == {"__init__.py", "__pycache__"}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("requirement", ["tiny==1.0", "tiny==1.0 --hash=sha256:" + 64 * "0"], ids=["none", "wrong"])
def test_no_package_without_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], requirement: str
) -> None:
    make_wheel(tmp_path, "")
    monkeypatch.setattr(package, "LOCK", lock(tmp_path, requirement))
    (tmp_path / "bundle.zip").write_bytes(b"of an earlier build")
    with pytest.raises(DeployError, match=r"pip could not install requirements/bundle\.txt"):
        package.build(tmp_path)
    assert not (tmp_path / "bundle.zip").exists()
    assert "hash" in capfd.readouterr().err.lower()


def test_a_missing_lock_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "ROOT", tmp_path)
    monkeypatch.setattr(package, "LOCK", tmp_path / "requirements" / "bundle.txt")
    with pytest.raises(DeployError, match=r"requirements/bundle\.txt is missing; make it with: make lock"):
        package.install_dependencies(tmp_path / "bundle")


def test_what_does_not_compile_is_no_bundle(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.py").write_text("def (:\n")
    with pytest.raises(DeployError, match="does not compile"):
        package.compile_bundle(tmp_path, bundles.PYTHON)
    assert "broken.py" in capfd.readouterr().out


def test_only_sources_are_copied(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "part").mkdir(parents=True)
    for name in ("a.py", "part/b.py", ".env", "a.py~", "part/notes.md"):
        (source / name).write_text(name)
    package.copy_sources(source, tmp_path / "copy")
    copied = (path for path in (tmp_path / "copy").rglob("*") if path.is_file())
    assert {path.relative_to(tmp_path / "copy").as_posix() for path in copied} == {"a.py", "part/b.py"}


def test_the_command_builds_in_dist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for room in ("functions", "shared"):
        shutil.copytree(ROOT / room, tmp_path / room)
    shutil.copy(ROOT / "serverless.yml", tmp_path)
    monkeypatch.setattr(package, "ROOT", tmp_path)
    monkeypatch.setattr(package, "install_dependencies", bundles.install_from_here)
    assert run(commands.package, tmp_path, {}, as_json=False) == 0
    assert (tmp_path / "dist" / "serverless.yml").is_file()
    size = (tmp_path / "dist" / "bundle.zip").stat().st_size
    assert f"dist/bundle.zip: {size / 1e6:.2f} MB" in capsys.readouterr().out


def test_the_command_says_in_a_line_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "functions").symlink_to(ROOT / "functions")
    shutil.copy(ROOT / "serverless.yml", tmp_path)
    monkeypatch.setattr(package, "ROOT", tmp_path)
    monkeypatch.setattr(package, "LOCK", tmp_path / "bundle.txt")
    assert run(commands.package, tmp_path, {}, as_json=False) == 2
    assert capsys.readouterr().err == "deploy: bundle.txt is missing; make it with: make lock\n"
    (tmp_path / ".env").write_text('API_TOKEN="open')
    assert run(commands.package, tmp_path, {}, as_json=False) == 2
    assert capsys.readouterr().err == "deploy: .env: line 1: can't be read: write NAME=value, and close every quote\n"
