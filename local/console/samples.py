"""The sample events of a project: the files of its `events/`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode


class Sample(NamedTuple):
    """An event and its file; the file's name begins with the function's."""

    path: Path
    event: Any

    @property
    def function(self) -> str:
        """The function that the event is for."""
        return self.path.stem.partition(".")[0]


def read_samples(root: Path) -> list[Sample]:
    """Return a project's samples by file name, without files that are not JSON."""
    samples = []
    for path in sorted((root / "events").glob("*.json")):
        with suppress(OSError, ValueError):
            samples.append(Sample(path, json.loads(path.read_text("utf-8"))))
    return samples


def sample_query(samples: list[Sample], function: str, path: str) -> str:
    """Return the query, with `?`, of a function's first sample for a GET of this path; "" if there is none.

    Samples have names like `query-video.gateway-get.200`: function, case, and the promised HTTP status.
    """
    for name, event in samples:
        if name.stem.startswith(f"{function}.") and name.stem.endswith("-get.200") and isinstance(event, dict):
            query = event.get("queryString")
            if event.get("httpMethod") == "GET" and event.get("path") == path and isinstance(query, dict) and query:
                return f"?{urlencode(query, doseq=True, safe=',')}"
    return ""
