"""Asks about any number of ids: in chunks, several at once, and again until no task is pending."""

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

#: Pauses before pending tasks are asked about again, in seconds. In the documents' examples a clip takes half a minute.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 2.0, 30.0, 1.5
#: After so many failed chunks in a row, each tried several times, asking stops.
GIVE_UP = 20
#: The deadline of a whole list in seconds: none in effect. Each wait for a reply is bounded.
FOREVER = 10 * 365 * 86_400.0


class Source(Protocol):
    """A source of outcomes: a deployed function, the API, or a timer's results."""

    #: The form of its ids.
    ids: IdForm
    #: The most ids of one request, and the most requests in flight.
    size: int
    workers: int

    def outcomes(self, vids: Sequence[str], deadline: Deadline) -> list[Outcome]:
        """Return an outcome for each of up to `size` ids; once the deadline is called off, no other is sent.

        Raises ClientError or QueryError if further requests are pointless.
        """
        ...


def one_round(source: Source, vids: Iterable[str]) -> Iterator[list[Outcome]]:
    """Yield one outcome for each distinct id as they come, a list for each request.

    Raises ClientError if further requests are pointless.
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


def sleep(seconds: float, _: int) -> None:
    """Wait between two rounds."""
    time.sleep(seconds)


def until_settled(
    source: Source, vids: Iterable[str], pause: Callable[[float, int], None] = sleep
) -> Iterator[list[Outcome]]:
    """Yield outcomes as they come; ask about pending tasks again, with growing pauses, until none is pending.

    A pending task that gets no answer in a later round stays pending. `pause` is called with the seconds to wait and
    the number of pending tasks. Raises ClientError.
    """
    asked, again, seconds = list(vids), False, FIRST_PAUSE
    while asked:
        pending = []
        for outcomes in one_round(source, asked):
            unheard = UNANSWERED if again else None
            pending += [outcome.vid for outcome in outcomes if outcome.outcome in (PENDING, unheard)]
            yield [outcome for outcome in outcomes if outcome.outcome != unheard]
        if pending:
            pause(seconds, len(pending))
            seconds = min(LONGEST_PAUSE, seconds * GROWTH)
        asked, again = pending, True


def in_order(vids: Iterable[str], outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """Yield an outcome for each id, in order and with repetitions, as soon as it has come."""
    known: dict[str, Outcome] = {}
    for vid in vids:
        while vid not in known:
            outcome = next(outcomes)
            known[outcome.vid] = outcome
        yield known[vid]
