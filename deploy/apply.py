"""Carries a plan out; plans again from the account's state if a request was not answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deploy.api import Api
from deploy.errors import Refused, Unanswered
from deploy.screen import Screen
from deploy.steps import Later, Plan, Request

#: The most rounds in a row without a change, and seconds between two rounds.
ROUNDS, PAUSE = 6, 1.0


def carry_out(make_plan: Callable[[], Plan], api: Api, bundle: str, screen: Screen) -> None:
    """Make a plan, show it and carry it out; plan again whenever a change was not answered.

    `bundle` is the code's zip in Base64. After an interrupted run, the plan has only what is still missing. Raises
    DeployError.
    """
    plan, idle = make_plan(), 0
    screen.plan(plan)
    while True:
        before = api.changes
        try:
            return _apply(plan, api, bundle, screen)
        except (Unanswered, Refused) as error:
            idle = 0 if api.changes > before else idle + 1
            if idle == ROUNDS or (isinstance(error, Refused) and not (error.taken and idle < 2)):
                raise
            screen.again(error.brief)
        api.sleep(PAUSE)
        plan = make_plan()


def _apply(plan: Plan, api: Api, bundle: str, screen: Screen) -> None:
    published: dict[str, str] = {}
    for step in plan.steps:
        if not step.requests:
            continue
        screen.begin(step)
        started, waited = api.clock.now(), api.waited
        for request in step.requests:
            _carry_out(request, api, {Later.BUNDLE: bundle}, published)
        screen.end(step, api.clock.now() - started, api.waited - waited)


def _carry_out(request: Request, api: Api, known: Mapping[Later, str], published: dict[str, str]) -> None:
    function = request.params.get("FunctionName", "")
    values = {**known, Later.VERSION: published.get(function, "")}
    try:
        answer = api.write(request.service, request.action, _filled(request.params, values))
    except Refused as refusal:
        if not (refusal.absent and request.action.startswith(("Delete", "Detach"))):
            raise
        answer = {}  # it is already gone
    qualifier = "$LATEST"
    if request.action == "PublishVersion":
        qualifier = published[function] = answer["FunctionVersion"]
    if request.wait == "active":
        api.until_active(function, qualifier)
    elif request.wait == "gone":
        api.until_gone(function)


def _filled(value: Any, values: Mapping[Later, str]) -> Any:
    """Return a request's parameters with the values that are only known now; lists have none."""
    if isinstance(value, Later):
        return values[value]
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    return value
