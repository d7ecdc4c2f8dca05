"""`python -m benchmarks`: what is measured, printed and written; the measuring itself is left out."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.__main__ import main
from benchmarks.charts import Chart
from benchmarks.table import Bar, Topic, against


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the results. One topic is measured, which misses its bar."""

    async def measure(*_: object) -> Topic:
        rows = [against("large", [2.0], 1.0, "MB", Bar(1.1))]
        return Topic("Size", "", rows, charts=(Chart("size.svg", "Size", "<svg/>"),))

    replaced = {
        "lay_out": lambda _: SimpleNamespace(certificate=None, python="python3.10"),
        "description": lambda _: "- A machine",
        "media_process": nullcontext,
        "TOPICS": [SimpleNamespace(__name__="benchmarks.size", measure=measure)],
        "RESULTS": tmp_path / "results.md",
    }
    for name, value in replaced.items():
        monkeypatch.setattr(f"benchmarks.__main__.{name}", value)
    monkeypatch.setattr("sys.argv", ["benchmarks"])
    monkeypatch.delenv("WRITE", raising=False)
    return tmp_path


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("everything", 2)])
def test_help_and_unknown_arguments_measure_nothing(
    argument: str, status: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", argument])
    monkeypatch.setenv("WRITE", "1")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    assert "large" not in capsys.readouterr().out
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("write", "written"), [("", set()), ("1", {"results.md", "size.svg"})])
def test_results_are_printed_and_written_only_when_asked_for(
    write: str,
    written: set[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WRITE", write)
    assert main() == 1, "a bar is missed"
    assert "large" in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == written
