"""Calls in parallel until a deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from shared.errors import OutOfTime, QueryError
from shared.invocation import Deadline

#: Seconds to wait for calls that were called off. Their sockets are shut, so they end at once.
JOINED = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")
Done = queue.SimpleQueue[tuple[int, Result | BaseException]]


def each(
    items: Sequence[Item], call: Callable[[Item, Deadline], Result], workers: int, deadline: Deadline
) -> Iterator[tuple[Item, Result | QueryError]]:
    """Yield each item with what `call` returned, or the QueryError that it raised, in the order of completion.

    Up to `workers` calls run at once, each in a thread. Items without a result at the deadline are yielded with
    OutOfTime. Any other exception of a call is raised here. `call` gets the item and a deadline, which is called off
    when the reader stops early or an exception is raised: no thread and no connection outlives the reading. A single
    call runs in the caller's thread, since a thread would make the commonest query a quarter dearer.
    """
    if len(items) == 1:
        yield items[0], _outcome(call, items[0], deadline)
        return
    todo, done, threads = deque(enumerate(items)), Done[Result](), list[threading.Thread]()
    try:
        with deadline.scope() as scope:
            for _ in range(min(workers, len(items))):
                thread = threading.Thread(target=_work, args=(todo, done, call, scope), daemon=True)
                thread.start()
                threads.append(thread)
            yield from _collected(items, done, scope)
    finally:
        until = time.monotonic() + JOINED
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))


def _collected(
    items: Sequence[Item], done: Done[Result], deadline: Deadline
) -> Iterator[tuple[Item, Result | QueryError]]:
    waiting = dict(enumerate(items))
    while waiting:
        try:
            index, result = done.get(timeout=deadline.remaining())
        except queue.Empty:
            break
        if isinstance(result, BaseException) and not isinstance(result, QueryError):
            raise result
        yield waiting.pop(index), result
    for item in waiting.values():
        yield item, OutOfTime("no answer in time")


def _outcome(call: Callable[[Item, Deadline], Result], item: Item, deadline: Deadline) -> Result | QueryError:
    try:
        return call(item, deadline)
    except QueryError as error:
        # Without the frames that it came through: an error kept for each of many calls would keep their replies.
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)


def _work(
    todo: deque[tuple[int, Item]], done: Done[Result], call: Callable[[Item, Deadline], Result], deadline: Deadline
) -> None:
    """One worker: make calls until no item or no time is left."""
    while deadline.remaining():
        try:
            index, item = todo.popleft()
        except IndexError:  # no item is left
            return
        try:
            done.put((index, _outcome(call, item, deadline)))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            todo.clear()  # the reader gets this error instead of the rest
            done.put((index, error))
