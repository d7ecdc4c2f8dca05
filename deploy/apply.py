"""Carries a plan out; plans again from the account's state if a request was not answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from deploy.errors import DeployError, Refused, Unanswered, explain
from deploy.patience import Patience
from deploy.steps import Later, Plan, Request, Step

#: The most rounds in a row without a change, and seconds between two rounds.
ROUNDS, PAUSE = 6, 1.0


class Show(Protocol):
    """Shows the progress."""

    def plan(self, plan: Plan) -> None:
        """Show the plan."""

    def begin(self, step: Step) -> None:
        """Show that a step begins."""

    def end(self, step: Step, seconds: float, waited: float) -> None:
        """Show that a step is done, with its duration and the waiting time in it."""

    def again(self, reason: str) -> None:
        """Show why the account is read again."""


def carry_out(make_plan: Callable[[], Plan], patience: Patience, bundle: str, show: Show) -> None:
    """Make a plan, show it and carry it out; plan again whenever a change was not answered.

    `bundle` is the code's zip in Base64. After an interrupted run, the plan has only what is still missing. Raises
    DeployError; Refused or Unanswered if the account can't be read.
    """
    shown, idle = False, 0
    while True:
        before = patience.changes
        plan = make_plan()
        if not shown:
            show.plan(plan)
            shown = True
        try:
            _apply(plan, patience, bundle, show)
        except (Unanswered, Refused) as error:
            idle = 0 if patience.changes > before else idle + 1
            if idle == ROUNDS or (isinstance(error, Refused) and not (error.taken and idle < 2)):
                raise DeployError(explain(error)) from error
            show.again(str(error))
            patience.sleep(PAUSE)
        else:
            return


def _apply(plan: Plan, patience: Patience, bundle: str, show: Show) -> None:
    published: dict[str, str] = {}
    for step in plan.steps:
        if not step.requests:
            continue
        show.begin(step)
        started, waited = patience.clock.now(), patience.waited
        for request in step.requests:
            _carry_out(request, patience, {Later.BUNDLE: bundle}, published)
        show.end(step, patience.clock.now() - started, patience.waited - waited)


def _carry_out(request: Request, patience: Patience, known: Mapping[Later, str], published: dict[str, str]) -> None:
    function = request.params.get("FunctionName", "")
    values = {**known, Later.VERSION: published.get(function, "")}
    try:
        answer = patience.write(request.service, request.action, _filled(request.params, values))
    except Refused as refusal:
        if not (refusal.absent and request.action.startswith(("Delete", "Detach"))):
            raise
        answer = {}  # it is already gone
    qualifier = "$LATEST"
    if request.action == "PublishVersion":
        qualifier = published[function] = answer["FunctionVersion"]
    if request.wait == "active":
        patience.until_active(function, qualifier)
    elif request.wait == "gone":
        patience.until_gone(function)


def _filled(value: Any, values: Mapping[Later, str]) -> Any:
    """Return a request's parameters with the values that are only known now."""
    if isinstance(value, Later):
        return values[value]
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    return value
