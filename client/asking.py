"""Asking about any number of ids: in chunks, several at once, and again until no task is pending."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from client.errors import ClientError
from client.outcomes import Outcome, invalid, unanswered
from shared.errors import QueryError
from shared.invocation import Deadline
from shared.net.parallel import each
from shared.tasks import PENDING, UNANSWERED, IdForm, split_ids

#: Seconds until pending tasks are asked about again: a clip takes half a minute or so, as the documents' examples show.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 2.0, 30.0, 1.5
#: Chunks in a row, each tried several times, after which nobody is asked any more.
GIVE_UP = 20
#: Seconds that a whole list may take: more than anybody waits. Each request has a limit of its own.
FOREVER = 10 * 365 * 86_400.0


class Source(Protocol):
    """What is asked: a deployed function, the API, or what a timer has collected."""

    @property
    def ids(self) -> IdForm:
        """What its ids look like."""
        ...

    @property
    def size(self) -> int:
        """How many ids one request asks about."""
        ...

    @property
    def workers(self) -> int:
        """How many requests are in flight."""
        ...

    def outcomes(self, vids: Sequence[str], deadline: Deadline) -> list[Outcome]:
        """An outcome for each of up to `size` ids; whoever stops asking calls the deadline off.

        Raises ClientError or QueryError when it is no use to go on.
        """
        ...


def answers(source: Source, vids: Iterable[str]) -> Iterator[list[Outcome]]:
    """Yield one outcome for each distinct id, as they come, those of a request together.

    Raises ClientError when it is no use to go on.
    """
    valid, rest = split_ids(list(vids), source.ids)
    yield [invalid(str(vid), source.ids) for vid in dict.fromkeys(rest)]
    chunks = [valid[start : start + source.size] for start in range(0, len(valid), source.size)]
    left = dict.fromkeys(valid)
    failures = 0
    for chunk, outcomes in each(chunks, source.outcomes, source.workers, Deadline(time.monotonic() + FOREVER)):
        if isinstance(outcomes, QueryError):
            raise ClientError(outcomes.message) from outcomes
        for vid in chunk:
            del left[vid]
        yield outcomes
        failures = failures + 1 if all(outcome.outcome == UNANSWERED for outcome in outcomes) else 0
        if failures == GIVE_UP:
            last = outcomes[-1].row
            yield [unanswered(vid, last["error_code"], last["error_msg"]) for vid in left]
            return


def sleep(seconds: float, pending: int) -> None:  # noqa: ARG001 - a display would show how many
    """Wait between two rounds."""
    time.sleep(seconds)


def until_settled(
    source: Source, vids: Iterable[str], pause: Callable[[float, int], None] = sleep
) -> Iterator[list[Outcome]]:
    """Yield outcomes as they come, those of pending tasks again after each growing pause, until none is pending.

    A pending task about which no answer comes in a later round stays pending. `pause` is called with the seconds to
    wait and the number of pending tasks. Raises ClientError.
    """
    asked, again, seconds = list(vids), False, FIRST_PAUSE
    while asked:
        pending = []
        for outcomes in answers(source, asked):
            unheard = UNANSWERED if again else None
            pending += [outcome.vid for outcome in outcomes if outcome.outcome in (PENDING, unheard)]
            yield [outcome for outcome in outcomes if outcome.outcome != unheard]
        if pending:
            pause(seconds, len(pending))
            seconds = min(LONGEST_PAUSE, seconds * GROWTH)
        asked, again = pending, True


def in_order(vids: Iterable[str], outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Yield an outcome for each id in the order given, repeated where an id is, as soon as it has come."""
    known: dict[str, Outcome] = {}
    for vid in vids:
        while vid not in known:
            outcome = next(outcomes)
            known[outcome.vid] = outcome
        yield known[vid]
