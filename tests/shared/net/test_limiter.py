"""How many calls may be in flight: halved when one is throttled, grown again while none is."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import OutOfTime, Throttled, UpstreamFailed
from shared.invocation import Deadline
from shared.net.limiter import Limiter
from tests.support.clock import Clock

BUSY = Throttled("busy", retryable=True)


def ahead() -> Deadline:
    """A deadline that never comes, by a clock that stands still."""
    return Deadline(3600, Clock())


def over() -> Deadline:
    return Deadline(0, Clock())


def places(limiter: Limiter) -> int:
    """How many calls may be in flight now; none of them changes the limit before all are counted."""
    with ExitStack() as stack:
        count = 0
        with suppress(OutOfTime):
            while True:
                stack.enter_context(limiter.call(over()))
                count += 1
        stack.pop_all()  # as if they never landed: the limiter is not used any more
    return count


def after(most: int, calls: str) -> Limiter:
    """A limiter after calls one at a time: throttled ones are T."""
    limiter = Limiter(most)
    for call in calls:
        with suppress(Throttled), limiter.call(ahead()):
            if call == "T":
                raise BUSY
    return limiter


@pytest.mark.parametrize(
    ("most", "calls", "expected"),
    [
        (16, "", 16),
        (16, "....", 16),
        (16, "T", 8),
        (16, "TT", 4),
        (16, "TTTT", 1),
        (16, "TTTTTTTT", 1),
        (16, "T........", 8),  # eight calls are a little less than a round, since the limit grows meanwhile
        (16, "T.........", 9),
        (16, "TTTT.", 2),
        (16, "TTTT..", 2),
        (16, "TTTT...", 2),
        (16, "TTTT....", 3),
        (16, "T" + "." * 200, 16),
        (5, "T", 2),
        (1, "T", 1),
        (1, "...", 1),
        (2, "TT..T..", 2),
    ],
)
def test_the_limit(most: int, calls: str, expected: int) -> None:
    assert places(after(most, calls)) == expected


@given(most=st.integers(1, 64), calls=st.text("T.", max_size=80))
def test_the_limit_stays_within_its_bounds(most: int, calls: str) -> None:
    assert 1 <= places(after(most, calls)) <= most


@pytest.mark.parametrize(
    "error", [UpstreamFailed("failed"), OutOfTime("late"), ZeroDivisionError(), KeyboardInterrupt()]
)
def test_a_call_that_fails_otherwise_gives_its_place_back_and_halves_nothing(error: BaseException) -> None:
    limiter = Limiter(3)
    for _ in range(5):
        with pytest.raises(type(error)), limiter.call(ahead()):
            raise error
    assert places(limiter) == 3


def test_a_throttled_call_is_still_raised() -> None:
    with pytest.raises(Throttled) as caught, Limiter(1).call(ahead()):
        raise BUSY
    assert caught.value is BUSY


def test_without_a_free_place_before_the_deadline_a_call_is_out_of_time() -> None:
    limiter = Limiter(2)
    with limiter.call(over()), limiter.call(over()), pytest.raises(OutOfTime), limiter.call(over()):
        raise AssertionError("there was a third place")
    with limiter.call(over()):
        """Both places are free again, and nobody has taken the third."""
    assert places(limiter) == 2


def test_calls_that_were_in_flight_before_a_limit_was_halved_are_waited_for() -> None:
    limiter = Limiter(4)
    with ExitStack() as three:
        for _ in range(3):
            three.enter_context(limiter.call(ahead()))
        with suppress(Throttled), limiter.call(ahead()):
            raise BUSY
        with pytest.raises(OutOfTime), limiter.call(over()):
            raise AssertionError("three are in flight, two are allowed")
    assert places(limiter) == 2, "they had begun before it was halved, so that they landed says nothing"


def burst(limiter: Limiter, size: int, throttled: int) -> None:
    """Calls in flight together, the first of which are throttled."""
    calls = [limiter.call(ahead()) for _ in range(size)]
    for call in calls:
        call.__enter__()
    for call in calls[:throttled]:
        assert not call.__exit__(Throttled, BUSY, None), "the exception goes on"
    for call in calls[throttled:]:
        call.__exit__(None, None, None)


def clean_round(limiter: Limiter) -> int:
    """As many calls as there are places, none of them throttled; how many."""
    count = 0
    with ExitStack() as stack, suppress(OutOfTime):
        while True:
            stack.enter_context(limiter.call(over()))
            count += 1
    return count


@pytest.mark.parametrize("throttled", [1, 5, 16])
def test_a_burst_halves_the_limit_once_and_sixteen_clean_rounds_bring_it_back(throttled: int) -> None:
    limiter = Limiter(16)
    burst(limiter, 16, throttled)
    rounds = [clean_round(limiter) for _ in range(16)]
    assert rounds[0] == 8
    assert rounds == sorted(rounds), "it only grows"
    assert places(limiter) == 16


def test_the_next_burst_halves_it_again() -> None:
    limiter = Limiter(16)
    burst(limiter, 16, throttled=16)
    burst(limiter, 8, throttled=8)
    assert places(limiter) == 4


def test_a_waiting_call_starts_when_another_ends() -> None:
    limiter, waiting, done = Limiter(1), threading.Event(), threading.Event()

    class Telling(Deadline):
        def remaining(self) -> float:
            waiting.set()
            return super().remaining()

    def work() -> None:
        with limiter.call(Telling(3600, Clock())):
            done.set()

    thread = threading.Thread(target=work, daemon=True)
    with limiter.call(ahead()):
        thread.start()
        assert waiting.wait(60)
        assert not done.is_set()
    assert done.wait(60)
    thread.join(60)


@pytest.mark.parametrize("throttled_share", [0, 2, 3])
@pytest.mark.parametrize("most", [1, 3, 8])
def test_many_threads_keep_to_the_limit_and_none_is_left_waiting(most: int, throttled_share: int) -> None:
    """More threads than places, all begun at once: a lost wake-up would leave one waiting for an hour."""
    limiter, start, lock = Limiter(most), threading.Barrier(16), threading.Lock()
    flying, highest, landed = 0, 0, 0

    def work(number: int) -> None:
        nonlocal flying, highest, landed
        start.wait()
        for turn in range(30):
            with suppress(Throttled), limiter.call(ahead()):
                with lock:
                    flying += 1
                    highest = max(highest, flying)
                with lock:
                    flying -= 1
                    landed += 1
                if throttled_share and (number + turn) % throttled_share == 0:
                    raise BUSY

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert (landed, flying) == (16 * 30, 0)
    assert 1 <= highest <= most
    assert 1 <= places(limiter) <= most
