"""Sends requests and waits: for an answer, for a busy function, for a state. Each wait is bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from deploy.access import Call
from deploy.errors import DeployError, NotShown, Refused, Unanswered

#: Seconds between the attempts of an unanswered question.
PAUSES = (0.2, 0.4, 0.8, 1.6, 2.0, 2.0)
#: Seconds between two checks of a function, and the longest that one may be busy, as in tencent-component-toolkit (600
#: times 500 ms).
INTERVAL, LONGEST_BUSY = 0.5, 300.0
#: Statuses that end by themselves (SCF: function status, 583/115197).
BUSY = frozenset({"Creating", "Updating", "Publishing", "Deleting"})


class Clock(NamedTuple):
    """The time in seconds; tests have their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class AccountApi:
    """Sends requests to an account. Questions are repeated, changes are not."""

    def __init__(self, call: Call, clock: Clock) -> None:
        #: Sends one request, once. Raises Refused; Unanswered if the result is unknown.
        self.call = call
        self.clock = clock
        #: Seconds waited so far.
        self.waited = 0.0

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.waited += seconds
        self.clock.sleep(seconds)

    def read(self, service: str, action: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the answer to a question, None if the resource does not exist. Raises Refused, Unanswered."""
        pauses = iter(PAUSES)
        while True:
            try:
                return self.call(service, action, params)
            except (Refused, Unanswered) as error:
                if error.absent:
                    return None
                pause = next(pauses, None)
                if pause is None or not error.patience:
                    raise
            self.sleep(pause)

    def settled(self, function: str, qualifier: str = "$LATEST") -> dict[str, Any] | None:
        """Return GetFunction's answer once the function is not busy, None if it does not exist.

        Raises DeployError if it stays busy.
        """
        deadline = self.clock.now() + LONGEST_BUSY
        while True:
            answer = self.read("scf", "GetFunction", {"FunctionName": function, "Qualifier": qualifier})
            if answer is None or answer.get("Status") not in BUSY:
                return answer
            if self.clock.now() > deadline:
                raise DeployError(
                    f"{function} is still {answer.get('Status')} after {LONGEST_BUSY:.0f} s: look at it in the "
                    "console, then run the same command again"
                )
            self.sleep(INTERVAL)

    def until_active(self, function: str, qualifier: str = "$LATEST") -> None:
        """Wait until the function is active. Raises DeployError with SCF's reason if it fails; NotShown."""
        answer = self.settled(function, qualifier)
        if answer is None:
            raise NotShown(f"{function}:{qualifier} is not there yet")
        if answer["Status"] != "Active":
            reasons = [reason.get("ErrorMessage", "") for reason in answer.get("StatusReasons") or []]
            reason = "; ".join(filter(None, [*reasons, answer.get("StatusDesc")])) or "no reason was given"
            raise DeployError(
                f"{function} is {answer['Status']}: {reason}; correct that, then run the same command again"
            )

    def until_gone(self, function: str) -> None:
        """Wait until the function is deleted. Raises NotShown if it is not."""
        answer = self.settled(function)
        if answer is not None:
            raise NotShown(f"{function} is not deleted yet: it is {answer.get('Status')}")
