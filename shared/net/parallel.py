"""Many calls in flight, within the time."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from shared.errors import OutOfTime, QueryError
from shared.invocation import Deadline

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    items: Sequence[Item], call: Callable[[Item], Result], workers: int, deadline: Deadline
) -> Iterator[tuple[Item, Result | QueryError]]:
    """Yield each item with what `call` returned or the QueryError that it raised, as they come.

    Up to `workers` calls run at once, each in a thread, and at the deadline whatever has not come is yielded as
    OutOfTime. A single call runs in the caller's thread, since a thread would make the commonest query a quarter
    dearer; it watches the deadline itself. Raises any other exception of a call.
    """
    if len(items) == 1:
        yield items[0], _outcome(call, items[0])
        return
    todo = deque(enumerate(items))
    done: queue.SimpleQueue[tuple[int, Result | BaseException]] = queue.SimpleQueue()
    for _ in range(min(workers, len(items))):
        threading.Thread(target=_work, args=(todo, done, call, deadline), daemon=True).start()
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


def _outcome(call: Callable[[Item], Result], item: Item) -> Result | QueryError:
    try:
        return call(item)
    except QueryError as error:
        return error


def _work(
    todo: deque[tuple[int, Item]],
    done: queue.SimpleQueue[tuple[int, Result | BaseException]],
    call: Callable[[Item], Result],
    deadline: Deadline,
) -> None:
    """One worker: call after call until nothing is left to do or the time is over."""
    while deadline.remaining():
        try:
            index, item = todo.popleft()
        except IndexError:  # nothing is left
            return
        try:
            done.put((index, _outcome(call, item)))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            todo.clear()  # nobody will want the rest
            done.put((index, error))
