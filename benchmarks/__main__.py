"""`python -m benchmarks`: measure everything and print it; with WRITE=1 write benchmarks/results.md too."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import cold_start, cold_start_parts, memory, scale, size, sweeps, throughput, warm_query
from benchmarks.machine import description
from benchmarks.server import media_process
from benchmarks.stage import BenchError, Stage, lay_out
from benchmarks.table import Topic, markdown
from deploy.errors import DeployError

RESULTS = Path(__file__).resolve().parent / "results.md"
TOPICS = (size, cold_start, cold_start_parts, warm_query, throughput, memory, scale, sweeps)
INTRODUCTION = """# Benchmarks

`WRITE=1 make bench` writes this file again. What is compared runs by turns in the one run, on the same machine, so that
what else the machine does touches both: the ratio is the result, the absolute numbers are for orientation. A ratio is
the median of the ratios of the pairs; beside it is the range that the middle half of them lies in. The pictures are of
the same run.
"""

DESCRIPTION = """Measure cold start, CPU, throughput, memory and size, each beside a peer, and print the tables. With
WRITE=1 in the environment benchmarks/results.md and its pictures are written too. It takes some minutes and needs a
Python 3.10."""


def main() -> int:
    """Measure, print, and write when WRITE=1; 1 when a bar is missed, 2 when something is missing."""
    argparse.ArgumentParser(prog="python -m benchmarks", description=DESCRIPTION).parse_args()
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            _say("building the bundle and its peers")
            stage = lay_out(Path(work))
            machine = description(stage.python)
            topics = asyncio.run(_measure(stage))
    except (BenchError, DeployError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    parts = (INTRODUCTION, f"{machine}\n- Duration: {minutes} min {seconds} s\n", *map(markdown, topics))
    if os.environ.get("WRITE") == "1":
        RESULTS.write_text("\n".join(parts), encoding="utf-8")
        for chart in (chart for topic in topics for chart in topic.charts):
            (RESULTS.parent / chart.name).write_text(chart.svg, encoding="utf-8")
        _say(f"wrote {RESULTS.name} and its pictures")
    missed = [f"{topic.title}: {row.what}" for topic in topics for row in topic.rows if row.missed]
    _say(f"missed: {'; '.join(missed)}" if missed else "every bar is met")
    return 1 if missed else 0


async def _measure(stage: Stage) -> list[Topic]:
    topics = []
    with media_process(stage.certificate) as media:
        for topic in TOPICS:
            _say(topic.__name__.rpartition(".")[2].replace("_", " "))
            topics.append(await topic.measure(stage, media))
            print(markdown(topics[-1]), flush=True)
    return topics


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
