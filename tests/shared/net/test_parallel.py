"""Many calls in flight: how many, in which order they come, and what happens when they fail or hang."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from shared.errors import OutOfTime, QueryError, UpstreamFailed
from shared.invocation import Deadline
from shared.net.limiter import Limiter
from shared.net.parallel import each
from tests.support.clock import Clock

#: Seconds that no test takes: a test that gets there fails.
NEVER = 60.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deadline(clock: Clock) -> Deadline:
    return Deadline(NEVER, clock)


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What hung calls wait for; the end of the test releases them."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("workers", [1, 2, 7, 100])
@pytest.mark.parametrize("items", [[], [1], range(50), [3, 3, 3]], ids=["none", "one", "many", "equal ones"])
def test_every_item_gets_its_result(items: Sequence[int], workers: int, deadline: Deadline) -> None:
    results = list(each(items, lambda item, _: item * 10, workers, deadline))
    assert Counter(results) == Counter((item, item * 10) for item in items)


@pytest.mark.parametrize(("workers", "expected"), [(1, 1), (3, 3), (6, 6), (100, 6)])
def test_as_many_calls_at_once_as_there_are_workers(workers: int, expected: int, deadline: Deadline) -> None:
    barrier = threading.Barrier(expected)  # lets nobody through before that many calls wait
    assert len(list(each(range(6), lambda *_: barrier.wait(NEVER), workers, deadline))) == 6


@pytest.mark.parametrize("workers", [1, 3, 6])
def test_never_more_calls_at_once_than_workers(workers: int, deadline: Deadline, release: threading.Event) -> None:
    before = set(threading.enumerate())
    results = each(range(20), lambda item, _: item == 0 or release.wait(NEVER), workers, deadline)
    assert next(results) == (0, True)  # by now every worker has started, and none has run out of items
    assert len(set(threading.enumerate()) - before) == workers
    release.set()
    assert len(list(results)) == 19


def test_results_come_as_they_are_ready(deadline: Deadline, release: threading.Event) -> None:
    def call(item: str, _: Deadline) -> bool:
        return item == "fast" or release.wait(NEVER)

    results = each(["slow", "fast"], call, 2, deadline)
    assert next(results) == ("fast", True)
    release.set()
    assert list(results) == [("slow", True)]


def test_a_query_error_costs_its_item_only(deadline: Deadline) -> None:
    failure = UpstreamFailed("m")

    def call(item: int, _: Deadline) -> int:
        if item % 2:
            raise failure
        return item

    assert dict(each(range(4), call, 2, deadline)) == {0: 0, 1: failure, 2: 2, 3: failure}


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_any_other_exception_is_raised_and_ends_the_work(error: BaseException, deadline: Deadline) -> None:
    called = []

    def call(item: int, _: Deadline) -> None:
        called.append(item)
        raise error

    with pytest.raises(type(error)) as raised:
        list(each(range(9), call, 1, deadline))
    assert raised.value is error
    assert called == [0]


def test_hung_calls_are_not_waited_for(clock: Clock, deadline: Deadline, release: threading.Event) -> None:
    def call(item: str, _: Deadline) -> str:
        if item == "hung":
            release.wait(NEVER)
        return item

    results = each(["fast", "hung", "hung"], call, 3, deadline)
    assert next(results) == ("fast", "fast")
    clock.now = NEVER
    rest = list(results)
    assert [item for item, _ in rest] == ["hung", "hung"]
    assert all(isinstance(result, OutOfTime) for _, result in rest)


def test_nothing_is_started_after_the_deadline(clock: Clock, deadline: Deadline, release: threading.Event) -> None:
    """The one worker returns late, when its time is over: what waits behind it is never asked."""
    called: list[int] = []
    started = threading.Event()

    def call(item: int, _: Deadline) -> int:
        called.append(item)
        started.set()
        release.wait(NEVER)
        return item

    results: list[tuple[int, int | QueryError]] = []
    before = set(threading.enumerate())
    reader = threading.Thread(target=lambda: results.extend(each(range(3), call, 1, deadline)))
    reader.start()
    assert started.wait(NEVER)
    clock.now = NEVER
    release.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(NEVER)
    assert called == [0]
    assert [item for item, _ in results] == [0, 1, 2]
    assert [type(result) for _, result in results[1:]] == [OutOfTime, OutOfTime]


def test_without_time_nothing_is_asked(clock: Clock, deadline: Deadline) -> None:
    clock.now = NEVER + 1
    results = list(each([1, 2], lambda *_: pytest.fail("asked"), 2, deadline))
    assert [item for item, _ in results] == [1, 2]
    assert all(isinstance(result, OutOfTime) for _, result in results)


def test_a_reader_that_stops_early_wakes_waiting_calls(deadline: Deadline) -> None:
    """A call that pauses before it asks again, and one that waits for a place: both end, and nothing more is begun."""
    called: list[int] = []
    limiter, before = Limiter(1), set(threading.enumerate())

    def call(item: int, until: Deadline) -> None:
        called.append(item)
        if item == 2:
            with limiter.call(until):
                raise AssertionError("there was a place")
        elif item:
            until.pause(2 * NEVER)

    with limiter.call(deadline):
        for _ in each(range(200), call, 3, deadline):
            while len(called) < 3:
                """Both others are on their way."""
            break
    for thread in set(threading.enumerate()) - before:
        thread.join(NEVER)
        assert not thread.is_alive()
    assert len(called) <= 4


def test_a_deadline_outlives_the_calls_that_were_called_off(deadline: Deadline) -> None:
    for _ in each(range(3), lambda *_: None, 2, deadline):
        break
    assert deadline.remaining() == NEVER


def test_calling_off_reaches_inner_work(deadline: Deadline) -> None:
    with deadline.scope() as scope:
        deadline.call_off()
        assert scope.remaining() == 0


@pytest.mark.parametrize("items", [[0], range(50)], ids=["one", "many"])
def test_an_error_that_is_kept_keeps_no_reply(items: Sequence[int], deadline: Deadline) -> None:
    """A thousand errors about replies of 500 KB once killed an instance of 128 MB."""
    replies: list[weakref.ref[_Reply]] = []

    def parse(reply: _Reply) -> None:
        raise ValueError(reply)

    def call(_: int, __: Deadline) -> None:
        reply = _Reply()
        replies.append(weakref.ref(reply))
        try:
            parse(reply)
        except ValueError as error:
            raise UpstreamFailed("it says nothing") from error

    results = list(each(items, call, 3, deadline))
    assert all(isinstance(result, UpstreamFailed) for _, result in results)
    gc.collect()
    assert len(replies) == len(items)
    assert not any(reply() for reply in replies)


class _Reply:
    """Something large."""
