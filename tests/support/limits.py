"""A limiter that shows what it has seen of each call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import Throttled
from shared.invocation import Deadline
from shared.net.limiter import Limiter


def watched(seen: list[str]) -> type[Limiter]:
    """A class of limiters that add to `seen` what they have seen: a call that was throttled, or answered."""

    class Watched(Limiter):
        @contextmanager
        def call(self, deadline: Deadline) -> Iterator[None]:
            with super().call(deadline):
                try:
                    yield
                except Throttled:
                    seen.append("throttled")
                    raise
                seen.append("answered")

    return Watched
