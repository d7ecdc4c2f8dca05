"""The local media API with a clock that tests set."""

from __future__ import annotations

import pytest

from local.media.service import MediaService
from local.media.tasks import MediaTasks
from tests.support.media import (
    Clock,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> MediaService:
    return MediaService(MediaTasks(clock), clock)
