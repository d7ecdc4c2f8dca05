"""Sends requests and waits: for an answer, for a busy function, for a state. Each wait is bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from deploy.access import Call
from deploy.errors import DeployError, Refused, Unanswered

#: Seconds between the attempts of an unanswered question.
PAUSES = (0.2, 0.4, 0.8, 1.6, 2.0, 2.0)
#: Seconds between two checks of a function, and the longest that one may be busy, as in tencent-component-toolkit (600
#: times 500 ms).
INTERVAL, LONGEST_BUSY = 0.5, 300.0
#: The longest that a change may be refused, in seconds: its function is not busy, so what passes is what SCF does not
#: know everywhere yet, such as a new role. SCF has the same codes for states that do not pass.
LONGEST_REFUSED = 60.0
#: Statuses that end by themselves (SCF: function status, 583/115197).
BUSY = frozenset({"Creating", "Updating", "Publishing", "Deleting"})


class Clock(NamedTuple):
    """The time in seconds; tests have their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class AccountApi:
    """Sends requests to an account. Questions are repeated; a change is sent again only if it was refused."""

    def __init__(self, call: Call, clock: Clock) -> None:
        self._call = call
        self.clock = clock
        #: The number of changes carried out.
        self.changes = 0
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
                return self._call(service, action, params)
            except (Refused, Unanswered) as error:
                if error.absent:
                    return None
                pause = next(pauses, None)
                if pause is None or not error.passing:
                    raise
            self.sleep(pause)

    def write(self, service: str, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a change, again if the refusal is one that passes.

        Raises Refused; Unanswered if the result is unknown.
        """
        deadline = self.clock.now() + LONGEST_REFUSED
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
        """Wait until the function is active. Raises DeployError with SCF's reason if it fails."""
        answer = self.settled(function, qualifier) or {"Status": "gone"}
        if answer["Status"] != "Active":
            reasons = [reason.get("ErrorMessage", "") for reason in answer.get("StatusReasons") or []]
            reason = "; ".join(filter(None, [*reasons, answer.get("StatusDesc")])) or "no reason was given"
            raise DeployError(
                f"{function} is {answer['Status']}: {reason}; correct that, then run the same command again"
            )

    def until_gone(self, function: str) -> None:
        """Wait until the function is deleted. Raises DeployError if it is not."""
        answer = self.settled(function)
        if answer is not None:
            raise DeployError(f"{function} could not be deleted: it is {answer.get('Status')}")
