"""Sweeps: rate and memory of one shard, a million ids over several instances, and sweeps with kills and faults."""

from __future__ import annotations

from benchmarks.server import MediaProcess
from benchmarks.stage import BenchError, Stage
from benchmarks.table import Bar, Row, Topic, against
from deploy.package import ROOT
from local import load_test
from local.cloud import Bundle

#: Seconds by which each reply is late, and the calls in flight, of the one shard whose rate is measured.
DELAY, IN_FLIGHT, IDS, TIMES = 0.05, 32, 3000, 3
#: Outputs of an audio task: with as many as people order, records are the longest that were seen.
OUTPUTS = 3
#: SCF's list prices in mainland China: yuan for 10,000 invocations, and for a GB of memory used for a second.
YUAN_PER_10K, YUAN_PER_GBS = 0.0133, 0.00011108
MEMORY_GB = 128 / 1024
MILLION = load_test.Order("video", 1_000_000, 5000, delay=0.05, faults=0.05, instances=4, concurrency=16)
SHARD = MILLION._replace(ids=5000, delay=0.01, faults=0, instances=1)
KILLED = MILLION._replace(ids=50_000, shard_size=1000, delay=0.1, faults=0, kills=50)
FAULTY = load_test.Order("audio", 3000, 500, delay=0, faults=0.2, instances=4, concurrency=16)
NOTE = (
    "The bundle on Python 3.10 on the local cloud: a timer's event, the shards' invocations through SCF's Invoke API, "
    "the media API and COS. Media API, COS and gateway are one Python process on the same two cores as the instances. "
    "Duration and memory of a shard are those of its first sweep, in which nothing is known yet, as SCF's Report line "
    "tells them; a later sweep reads the results again."
)


async def measure(stage: Stage, media: MediaProcess) -> Topic:  # noqa: ARG001 - sweeps have a media API of their own
    """Sweep one shard, then many."""
    order = SHARD._replace(kind="audio", ids=IDS, shard_size=IDS, delay=DELAY, concurrency=IN_FLIGHT)
    audio = [await _swept(stage, order) for _ in range(TIMES)]
    ideal = IDS * DELAY / IN_FLIGHT
    rows = [
        against(
            f"{IDS} audio ids, {DELAY * 1000:.0f} ms a call, {IN_FLIGHT} in flight",
            [IDS / (figures.outcomes[1].duration_ms / 1000) for figures in audio],
            IDS / ideal,
            "ids/s",
            Bar(0.92, at_least=True),
        ),
        against("the same, peak memory", [figures.outcomes[1].memory_mb for figures in audio], 50, "MB", Bar(1)),
        await _memory(stage, SHARD, 60),
        await _memory(stage, SHARD._replace(kind="audio", outputs=OUTPUTS), 60),
    ]
    million, killed, faulty = [await _swept(stage, order) for order in (MILLION, KILLED, FAULTY)]
    if million.repeated:
        raise BenchError(f"{million.repeated} ids were asked about again once final")
    lists = (
        _list("A million ids, 5% of all calls failing in six ways", million, _cost(million)),
        _list(f"Up to {KILLED.kills} instances killed with SIGKILL at random moments", killed),
        _list("20% of all calls failing in six ways", faulty),
    )
    return Topic("Sweeps", "\n\n".join((NOTE, *lists)), rows)


async def _memory(stage: Stage, order: load_test.Order, most: float) -> Row:
    figures = await _swept(stage, order)
    outputs = f" with {order.outputs} outputs each" if order.outputs > 1 else ""
    what = f"a shard of {order.ids} {order.kind} tasks{outputs}, peak of all its sweeps"
    return against(what, [max(outcome.memory_mb for outcome in figures.outcomes)], most, "MB", Bar(1))


async def _swept(stage: Stage, order: load_test.Order) -> load_test.Figures:
    """Sweep to the end. Raises BenchError when anything was lost."""
    bundle, state = Bundle(stage.bundle, stage.python), stage.archive.parent / "state"
    figures = await load_test.run(ROOT, state, order, lambda _: None, bundle)
    if figures.lost:
        raise BenchError(f"{figures.lost} of {order.ids} ids have not the result that they should")
    return figures


def _cost(figures: load_test.Figures) -> str:
    """The cost of the invocations on SCF, with the time of waiting for the API, without free tier and traffic."""
    seconds = sum(outcome.duration_ms for outcome in figures.outcomes) / 1000
    yuan = len(figures.outcomes) / 10_000 * YUAN_PER_10K + seconds * MEMORY_GB * YUAN_PER_GBS
    return (
        f"on SCF: {seconds:.0f} s of 128 MB in {len(figures.outcomes)} invocations, ¥{yuan:.4f} at ¥{YUAN_PER_10K} for "
        f"10,000 invocations and ¥{YUAN_PER_GBS} a GBs"
    )


def _list(what: str, figures: load_test.Figures, *more: str) -> str:
    return "\n".join((f"{what}:", "", *(f"- {line}" for line in (*figures.lines(), *more))))
