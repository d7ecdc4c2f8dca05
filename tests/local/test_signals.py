"""Signals while a command of the local cloud runs."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from local.__main__ import main
from local.cloud import Cloud
from tests.support.paths import ROOT

DIRECT = str(ROOT / "events" / "query-video.direct.200.json")


def test_a_second_signal_does_not_interrupt_the_cleanup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, ended = Cloud.stop, []

    async def interrupted(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    async def impatient(cloud: Cloud) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
            for _ in range(10):
                await asyncio.sleep(0)
        await stop(cloud)
        ended.append(cloud)

    monkeypatch.setattr(Cloud, "invoke", interrupted)
    monkeypatch.setattr(Cloud, "stop", impatient)
    # Port 1 is nobody's, so the cloud is a private one.
    assert main(["invoke", "query-video", "--event", DIRECT, "--port", "1", "--state", str(tmp_path)]) == 130
    assert len(ended) == 1
