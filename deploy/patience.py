"""Requests that wait: for an answer, for their turn, for a function to settle. Each wait is bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from deploy.access import Call
from deploy.errors import DeployError, Refused, Unanswered

#: Seconds between the tries of a question that was not answered.
PAUSES = (0.2, 0.4, 0.8, 1.6, 2.0, 2.0)
#: Seconds between two looks at a function, and the longest wait for it: tencent-component-toolkit's 600 times 500 ms.
INTERVAL, BOUND = 0.5, 300.0
#: Statuses that pass by themselves (SCF: function status, 583/115197).
BUSY = frozenset({"Creating", "Updating", "Publishing", "Deleting"})


class Clock(NamedTuple):
    """Time, in seconds; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Patience:
    """A way to an account that waits. Questions are repeated; a change is sent again only if it was refused."""

    def __init__(self, call: Call, clock: Clock | None = None) -> None:
        self._call = call
        self.clock = clock or Clock()
        #: How many changes were carried out.
        self.changes = 0
        #: Seconds waited so far: for answers, for turns, for functions to settle.
        self.waited = 0.0

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.waited += seconds
        self.clock.sleep(seconds)

    def read(self, service: str, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a question, asked again when none comes. Raises Refused, Unanswered."""
        for pause in PAUSES:
            try:
                return self._call(service, action, params)
            except Unanswered:
                self.sleep(pause)
            except Refused as refusal:
                if not refusal.passing or refusal.absent:
                    raise
                self.sleep(pause)
        return self._call(service, action, params)

    def write(self, service: str, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a change when its turn comes. Raises Refused; Unanswered when it may have been carried out."""
        deadline = self.clock.now() + BOUND
        while True:
            try:
                answer = self._call(service, action, params)
            except Refused as refusal:
                if not refusal.passing or self.clock.now() > deadline:
                    raise
                self.sleep(INTERVAL)
            else:
                self.changes += 1
                return answer

    def settled(self, function: str, qualifier: str = "$LATEST") -> dict[str, Any] | None:
        """Return GetFunction's answer once the function is not busy, None when there is none.

        Raises DeployError when it stays busy.
        """
        deadline = self.clock.now() + BOUND
        while True:
            try:
                answer = self.read("scf", "GetFunction", {"FunctionName": function, "Qualifier": qualifier})
            except Refused as refusal:
                if refusal.absent:
                    return None
                raise
            if answer.get("Status") not in BUSY:
                return answer
            if self.clock.now() > deadline:
                raise DeployError(
                    f"{function} is still {answer.get('Status')} after {BOUND:.0f} s: look at it in the console, "
                    "then do the same again"
                )
            self.sleep(INTERVAL)

    def until_active(self, function: str, qualifier: str = "$LATEST") -> None:
        """Wait until the function is active. Raises DeployError with SCF's reason when it fails."""
        answer = self.settled(function, qualifier) or {"Status": "gone"}
        if answer["Status"] != "Active":
            reasons = [reason.get("ErrorMessage", "") for reason in answer.get("StatusReasons") or []]
            said = "; ".join(filter(None, [*reasons, answer.get("StatusDesc")])) or "no reason was given"
            raise DeployError(f"{function} is {answer['Status']}: {said}; mend that, then do the same again")

    def until_gone(self, function: str) -> None:
        """Wait until the function is deleted. Raises DeployError when it isn't."""
        answer = self.settled(function)
        if answer is not None:
            raise DeployError(f"{function} could not be deleted: it is {answer.get('Status')}")
