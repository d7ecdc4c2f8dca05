"""Records as the media API has them, in any number."""

from __future__ import annotations

from typing import Any

from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION, documented

Record = dict[str, Any]


def vid(number: int) -> str:
    """An id of the documented form."""
    return f"{number:032x}{1600000000 + number}"


def video(number: int, **changes: object) -> Record:
    """A video task that has succeeded, with changes."""
    record = documented(VIDEO_ACTION)["data"][0]
    return {**record, "action": VIDEO_ACTION, "vid": vid(number), **changes}


def audio(number: int, **changes: object) -> Record:
    """An audio task that has succeeded, with changes."""
    return {**documented(AUDIO_ACTION)["data"], "action": AUDIO_ACTION, "vid": vid(number), **changes}
