"""A caller written for the two documents: it knows their URLs and their fields, and nothing of what answers.

    python -m tests.support.callers GATEWAY_URL VIDEO_IDS AUDIO_ID

Ids are separated by commas. It prints what it makes of the answers as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import requests

WAITING, INFO_OBTAINED, PROCESSING, FAILED, SUCCEEDED = 1, 2, 3, 4, 5


def ask(gateway: str, path: str, **query: str) -> Any:
    """The `data` of an envelope whose code says success, as both documents show it."""
    envelope = requests.get(f"{gateway}{path}", params=query, timeout=60).json()
    if envelope["code"] != 0:
        raise SystemExit(f"{envelope['code']} {envelope['codeDesc']}: {envelope['message']}")
    return envelope["data"]


def video_report(gateway: str, vids: list[str]) -> dict[str, list[str]]:
    """By vid, where the pieces of a finished video are: the video document's fields only."""
    report: dict[str, list[str]] = {}
    for record in ask(gateway, "/query-video", vids=",".join(vids)):
        if record["status"] == SUCCEEDED and record["deleted"] == "no":
            report[record["vid"]] = [str(url) for url in record["result"] or []]
        elif record["status"] == FAILED:
            report[record["vid"]] = [f"failed: {record['error_code']} {record['error_msg']}"]
        elif record["status"] == PROCESSING:
            report[record["vid"]] = [f"since {record['create_time']}: {record['finish_time'] or 'not yet'}"]
    return report


def audio_report(gateway: str, vid: str) -> dict[str, Any]:
    """What became of one audio file: the audio document's fields only."""
    record = ask(gateway, "/query-audio", vid=vid)
    audio = (record["result"] or {}).get("audio", {"info": []})
    return {
        "vid": record["vid"],
        "source": f"{record['bucket_name']}-{record['app_id']}{record['url_f0']}",
        "seconds": record["duration"],
        "done": record["status"] == SUCCEEDED and record["error_code"] is None,
        "kilobytes": sum((info["trans_size"] or 0) // 1024 for info in audio["info"]),
        "outputs": [
            f"{info['format']} {info['bitrate']} {info['sample_rate']} {info['path']}" for info in audio["info"]
        ],
        "kept_in": audio.get("dst", {}).get("bucket_name"),
    }


def main(gateway: str, vids: str, vid: str) -> None:
    """Print both reports."""
    report = {"video": video_report(gateway, vids.split(",")), "audio": audio_report(gateway, vid)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
