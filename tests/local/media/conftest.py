"""The local media API with a clock that tests set."""

from __future__ import annotations

import pytest

from local.media.service import MediaService
from local.media.tasks import MediaTasks
from tests.support.clock import Clock
from tests.support.media import NOW


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def tasks(clock: Clock) -> MediaTasks:
    return MediaTasks(clock)


@pytest.fixture
def service(tasks: MediaTasks, clock: Clock) -> MediaService:
    return MediaService(tasks, clock)
