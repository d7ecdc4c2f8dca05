"""Peak memory of an instance."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.server import MediaProcess
from benchmarks.stage import Stage, invoke, opened, spec
from benchmarks.table import Bar, Topic, against
from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION

#: MB that one query may take.
MOST = 40
IDS, TIMES = 1000, 3
NOTE = (
    f"The most memory an instance held (VmHWM), in MB, for one gateway event that asks about {IDS} ids, the most that "
    f"one HTTP query may have, against {MOST} MB: SCF's smallest function has 64. The interpreter and the shim's "
    "bootstrap are part of it, as the last rows show."
)


async def measure(stage: Stage, media: MediaProcess) -> Topic:
    """Ask new instances about many ids."""
    videos, audios = _event(media.add_tasks(VIDEO_ACTION, IDS)), _event(media.add_tasks(AUDIO_ACTION, IDS))
    contenders = {
        f"{IDS} video ids": (stage.bundle, "query_video.main_handler", videos),
        f"{IDS} audio ids": (stage.bundle, "query_audio.main_handler", audios),
        "only `import requests`": (stage.floor, "only_requests.main_handler", {}),
        "no import at all": (stage.probes, "bare.main_handler", {}),
    }
    rows = []
    for what, (code_dir, handler, event) in contenders.items():
        peaks = [await _peak(stage, media, code_dir, handler, event) for _ in range(TIMES)]
        rows.append(against(what, peaks, MOST, "MB", Bar(1) if code_dir == stage.bundle else None))
    return Topic("Memory", f"{NOTE} {TIMES} instances each.", rows)


def _event(vids: list[str]) -> dict[str, object]:
    return {"httpMethod": "POST", "headers": {}, "body": json.dumps({"vids": vids})}


async def _peak(stage: Stage, media: MediaProcess, code_dir: Path, handler: str, event: object) -> float:
    async with opened(spec(stage, code_dir, handler, media)) as function:
        return (await invoke(function, event)).memory_mb
