"""What a cold start is made of, by what its imports take."""

from __future__ import annotations

import json
import re
import subprocess

from benchmarks.charts import bar_chart
from benchmarks.server import MediaProcess
from benchmarks.stage import BenchError, Stage
from benchmarks.table import Topic, compared, quartiles
from local import keys
from local.media.tasks import VIDEO_ACTION

ROUNDS = 15
#: One query; the last line is the milliseconds that it took after the import of its function.
ONE_QUERY = """
import sys, json, time
import query_video
started = time.perf_counter()
query_video.main_handler(json.loads(sys.argv[1]), {"request_id": "r", "time_limit_in_ms": 30000})
print((time.perf_counter() - started) * 1000)
"""
IMPORT = re.compile(r"import time: +([0-9]+) \| +[0-9]+ \| *(\S+)")
START, QUERY = "Python itself", "the query itself"
#: Names of packages, by what is shown of them; what is none of them is the standard library.
PACKAGES = {
    "requests": "requests, certifi, idna",
    "certifi": "requests, certifi, idna",
    "idna": "requests, certifi, idna",
    "urllib3": "urllib3",
    "query_video": "functions/ and shared/",
    "shared": "functions/ and shared/",
}
LIBRARY = "standard library"
NOTE = (
    "Milliseconds of one query in a process of its own, as `python -X importtime` tells: what the modules of each "
    "package take, without those that they import. Most of the standard library's are imported by requests and "
    f"urllib3. To measure it makes each module some 50 µs slower. Medians of {ROUNDS} rounds; the reference is the sum."
)


async def measure(stage: Stage, media: MediaProcess) -> Topic:
    """Run the query again and again, and sort what it imports."""
    vids = media.add_tasks(VIDEO_ACTION, 1)
    rounds = [_parts(stage, media, vids) for _ in range(ROUNDS + 1)][1:]
    sums = [float(sum(parts.values())) for parts in rounds]
    series = {name: [parts[name] for parts in rounds] for name in rounds[0]}
    rows = [compared(name, took, sums, "ms") for name, took in series.items()]
    medians = {name: quartiles(took).median for name, took in series.items()}
    chart = bar_chart("cold-start-parts.svg", "What a cold start is made of", medians, "ms", ours="functions/")
    return Topic("What a cold start is made of", NOTE, rows, charts=(chart,))


def _parts(stage: Stage, media: MediaProcess, vids: list[str]) -> dict[str, float]:
    """Milliseconds of one round, by part."""
    own = {"SECRET_ID": keys.PERMANENT.secret_id, "SECRET_KEY": keys.PERMANENT.secret_key}
    command = [stage.python, "-X", "importtime", "-c", ONE_QUERY, json.dumps({"vids": vids})]
    done = subprocess.run(
        command,
        cwd=stage.bundle,
        env={"MEDIA_API_URL": media.api, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or '"code": 0' not in done.stdout:
        raise BenchError(f"the query failed: {done.stdout}{done.stderr[-2000:]}")
    return sorted_out(done.stderr, float(done.stdout.splitlines()[-1]))


def sorted_out(import_times: str, query_ms: float) -> dict[str, float]:
    """Return milliseconds by part: from what `-X importtime` prints, and of a query, whose imports are among them."""
    imports = [(name, int(took) / 1000) for took, name in IMPORT.findall(import_times)]
    names = [name for name, _ in imports]
    started, function = names.index("site") + 1, names.index("query_video") + 1
    parts = dict.fromkeys((START, LIBRARY, *PACKAGES.values()), 0.0)
    for number, (name, took) in enumerate(imports):
        parts[START if number < started else PACKAGES.get(name.partition(".")[0], LIBRARY)] += took
    return {**parts, QUERY: max(0.0, query_ms - sum(took for _, took in imports[function:]))}
