"""Size of the bundle."""

from __future__ import annotations

from pathlib import Path

from benchmarks.server import MediaProcess
from benchmarks.stage import Stage
from benchmarks.table import Bar, Topic, against

#: MB that the zip may have.
LIMIT = 1.6
MB = 1e6


async def measure(stage: Stage, _: MediaProcess) -> Topic:
    """Add up files."""
    note = f"MB (10⁶ bytes) of what is uploaded, against {LIMIT} MB, and of what SCF unpacks, against the SDK function."
    sdk = _size(stage.sdk)
    rows = [
        against("dist/bundle.zip", [stage.archive.stat().st_size / MB], LIMIT, "MB", Bar(1)),
        against("unpacked, with byte code", [_size(stage.bundle)], sdk, "MB"),
        against("unpacked, without byte code", [_size(stage.sources)], sdk, "MB"),
    ]
    return Topic("Bundle", note, rows)


def _size(directory: Path) -> float:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / MB
