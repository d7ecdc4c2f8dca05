"""Sweeps that are killed, or interleaved with each other, operation by operation."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.support.bucket import Hook


class Killed(BaseException):
    """The instance is gone."""


class At:
    """A hook that does something once, at one operation."""

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        self.fired = False
        self._left, self._action = number, action

    def __call__(self, method: str, name: str) -> None:
        self._left -= 1
        if self._left == -1:
            self.fired = True
            self._action()


def die() -> None:
    """End as a killed instance does: nothing that catches errors catches this."""
    raise Killed


class Stage:
    """Work in threads of which one goes on at a time, from one operation to the next."""

    def __init__(self) -> None:
        self._parked = threading.Semaphore(0)
        self._go: dict[str, threading.Semaphore] = {}
        self._killed: set[str] = set()
        self._failed: list[BaseException] = []
        self.live: list[str] = []

    def add(self, name: str, work: Callable[[Hook], object]) -> None:
        """Take on some work, which gets its hook; it does not begin yet."""
        self._go[name] = threading.Semaphore(0)
        self.live.append(name)
        threading.Thread(target=self._run, args=(name, work), daemon=True).start()

    def _run(self, name: str, work: Callable[[Hook], object]) -> None:
        try:
            self._wait(name)
            work(lambda _method, _name: self._pause(name))
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by step
            self._failed.append(error)
        finally:
            self.live.remove(name)
            self._parked.release()

    def _pause(self, name: str) -> None:
        self._parked.release()
        self._wait(name)

    def _wait(self, name: str) -> None:
        self._go[name].acquire()
        if name in self._killed:
            raise Killed

    def step(self, name: str) -> None:
        """Let one go on to its next operation, or to its end."""
        if name in self.live:
            self._go[name].release()
            self._parked.acquire()
        if self._failed:
            raise self._failed.pop()

    def steps(self, name: str, number: int) -> None:
        """Let one go on for so many operations, if it has as many."""
        for _ in range(number):
            self.step(name)

    def finish(self, name: str) -> None:
        """Let one go on to its end."""
        while name in self.live:
            self.step(name)

    def kill(self, name: str) -> None:
        """End one where it is."""
        self._killed.add(name)
        self.step(name)
