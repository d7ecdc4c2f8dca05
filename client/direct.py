"""Asks the API directly, with the settings that a deployed function has."""

from __future__ import annotations

import time
from collections.abc import Sequence

from client.errors import ClientError
from client.outcomes import Outcome, answered, missing, unanswered
from shared.backends.base import ask, open_work
from shared.errors import KeysRejected
from shared.invocation import LONGEST_LIMIT, Deadline, Invocation
from shared.tasks import Kind

#: The most seconds for one request, retries included.
TIME_LIMIT = 60.0


class Api:
    """A source that asks the configured back end. Threads can share it."""

    def __init__(self, kind: Kind) -> None:
        """Raises Misconfigured."""
        work = open_work(kind, Invocation({"time_limit_in_ms": LONGEST_LIMIT * 1000}))
        self._backend = work.backend
        self._kind = kind
        self.ids = work.backend.ids
        self.size = work.backend.batch_size(kind)
        self.workers = work.settings.concurrency

    def outcomes(self, vids: Sequence[str], deadline: Deadline) -> list[Outcome]:
        """Return an outcome for each id, with one call. Raises ClientError if the API refuses the keys."""
        limit = Deadline(time.monotonic() + TIME_LIMIT)
        with deadline.calling(limit.call_off):
            answers = ask(self._backend, self._kind, vids, 1, limit)
        for error in answers.failed.values():
            if isinstance(error, KeysRejected):
                raise ClientError(error.message)
        records = self._backend.joined(self._kind, answers.records)
        return [
            *(answered(self._kind, vid, record) for vid, record in records.items()),
            *map(missing, answers.missing),
            *(unanswered(vid, str(error.code), error.message) for vid, error in answers.failed.items()),
        ]
