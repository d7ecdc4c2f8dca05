"""Other people's projects on the local cloud: served from their own files, and followed as they change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.__main__ import main
from local.config import ConfigError
from local.scf.project import differences, read_project
from tests.support import projects
from tests.support.live import LiveCloud, live_cloud


@pytest.fixture
def greeter(tmp_path: Path) -> Iterator[LiveCloud]:
    with live_cloud(tmp_path / "state", projects.single(tmp_path / "project")) as live:
        yield live


def edit(live: LiveCloud, name: str, old: str, new: str) -> None:
    """Change a file of the project as an editor does."""
    path = live.cloud.root / "src" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def is_cold(live: LiveCloud) -> bool:
    outcome = live.cloud.feed.kept[-1].outcome
    assert outcome is not None
    return outcome.init_ms is not None


def test_a_project_of_component_scf_is_served(greeter: LiveCloud) -> None:
    assert greeter.get("/hello/ann").text == "hello, ann"
    assert greeter.get("/hello/a%20b").text == "hello, a b"
    assert greeter.get("/hello/ann/x").status_code == 404
    assert greeter.post("/hello/ann").status_code == 405
    assert greeter.get("/raw").json()["body"] == "hello, nobody", "pass-through: the whole value is the body"
    assert greeter.fire("tick").result == "tock"


def test_files_of_events_that_are_no_json_are_left_out(greeter: LiveCloud) -> None:
    folder = greeter.cloud.root / "events"
    folder.mkdir()
    (folder / "greeter.bad.json").write_bytes(b"{\xff")
    (folder / "greeter.good.json").write_text('{"a": 1}')
    samples = greeter.get("/_local/project").json()["samples"]
    assert samples == [{"name": "greeter.good", "function": "greeter", "event": {"a": 1}}]


def test_a_project_of_component_multi_scf_is_served(tmp_path: Path) -> None:
    with live_cloud(tmp_path / "state", projects.multi(tmp_path / "project")) as live:
        listed = live.get("/list")
        assert (listed.text, listed.headers["X-Items"]) == ("tea, cup", "2")
        assert live.get("/price/tea").json() == {"item": "tea", "price": 2, "currency": "CNY"}
        assert live.get("/_url/price/").json()["price"] == 2


def test_an_edit_is_in_the_next_invocation(greeter: LiveCloud) -> None:
    assert greeter.get("/hello/ann").text == "hello, ann"
    assert is_cold(greeter)
    greeter.get("/hello/ann")
    assert not is_cold(greeter)
    edit(greeter, "words.py", '", "', '"; "')
    assert greeter.get("/hello/ann").text == "hello; ann"
    assert is_cold(greeter)


def test_an_edit_leaves_the_other_function_warm(tmp_path: Path) -> None:
    with live_cloud(tmp_path / "state", projects.multi(tmp_path / "project")) as live:
        live.get("/list")
        live.get("/price/tea")
        (tmp_path / "project" / "layer" / "python" / "rates.py").write_text("RATE = 30\n")
        live.get("/list")
        assert not is_cold(live)
        assert live.get("/price/tea").json()["price"] == 30


def test_a_syntax_error_is_answered_and_gone_with_the_next_save(greeter: LiveCloud) -> None:
    greeter.get("/hello/ann")
    edit(greeter, "words.py", "def greet(", "def greet((")
    broken = greeter.get("/hello/ann").json()
    assert broken["statusCode"] == 443
    assert "syntax error in words.py, line 1" in broken["errorMessage"]
    assert str(greeter.cloud.root / "src" / "index.py") in broken["stackTrace"], "the file of the project"
    edit(greeter, "words.py", "def greet((", "def greet(")
    assert greeter.get("/hello/ann").text == "hello, ann"


@pytest.mark.parametrize(
    "change",
    [
        "open('new', 'w')",
        "open(__file__, 'a')",
        "os.open('new', os.O_CREAT | os.O_WRONLY)",
        "os.remove(__file__)",
        "os.rename('/tmp/none', 'new')",
        "os.mkdir('new')",
        "os.symlink('/tmp', 'new.py')",
        "os.link('/etc/hostname', 'new.py')",
        "os.utime(__file__)",
        "__import__('pathlib').Path(__file__).with_name('new').write_text('x')",
    ],
)
def test_the_code_folder_can_not_be_written(greeter: LiveCloud, change: str) -> None:
    before = sorted(path.name for path in (greeter.cloud.root / "src").iterdir())
    edit(greeter, "index.py", "    if event", f"    {change}\n    if event")
    failed = greeter.get("/hello/ann").json()
    assert "Read-only file system" in failed["stackTrace"]
    assert failed["stackTrace"].count("File ") <= 3, "no frame of the local cloud's own"
    assert [path.name for path in sorted((greeter.cloud.root / "src").iterdir()) if path.suffix == ".py"] == before


def test_tmp_can_be_written(greeter: LiveCloud, tmp_path: Path) -> None:
    edit(greeter, "index.py", "    if event", f"    open({str(tmp_path / 'x')!r}, 'w').close()\n    if event")
    assert greeter.get("/hello/ann").status_code == 200
    assert (tmp_path / "x").exists()


def test_a_function_has_as_many_descriptors_as_on_scf(greeter: LiveCloud) -> None:
    edit(
        greeter,
        "index.py",
        "    body =",
        "    import resource\n    name = str(resource.getrlimit(resource.RLIMIT_NOFILE))\n    body =",
    )
    assert greeter.get("/hello/ann").text == "hello, (1024, 1024)"


def test_libraries_of_this_machine_are_not_there(greeter: LiveCloud) -> None:
    edit(greeter, "index.py", "import words", "import requests")
    assert "needs a module that can't be found: requests" in greeter.get("/hello/ann").json()["errorMessage"]


def test_what_differs_from_the_cloud_is_noted(tmp_path: Path) -> None:
    root = projects.multi(tmp_path / "project")
    path = root / "serverless.yml"
    text = path.read_text().replace("name: rates", "name: other").replace("Python3.10", "Python3.6")
    path.write_text(text.replace("parameters: {netConfig", "parameters: {authType: CAM, netConfig"))
    found = "\n".join(differences(read_project(root, os.environ)))
    assert "price: layer other is not in the project" in found
    assert "no Python 3.6 found" in found
    assert "price: its URL asks for CAM signatures" in found


def test_code_that_is_not_in_the_project_is_reported(tmp_path: Path) -> None:
    root = projects.multi(tmp_path / "project")
    path = root / "serverless.yml"
    path.write_text(path.read_text().replace("src: list", "src: lost"))
    with pytest.raises(ConfigError, match="list: its code is not in the project"):
        read_project(root, {})


def test_each_problem_of_a_project_is_a_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "component: scf\nname: a\ninputs: {runtime: Nodejs18.15, image: {}}\n"
    (tmp_path / "serverless.yml").write_text(text)
    assert main(["serve", "--project", str(tmp_path), "--state", str(tmp_path / "state")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["local:", "local:"]
    assert "inputs.image" in "".join(lines)
