"""Carries a plan out; plans again from the account's state if a request was not answered."""

from __future__ import annotations

from collections.abc import Callable

from deploy.api import AccountApi
from deploy.errors import Refused, Unanswered
from deploy.screen import Screen
from deploy.steps import PUBLISHED, Plan, Request

#: The most rounds in a row without a change, and seconds between two rounds.
ROUNDS, PAUSE = 6, 1.0


def carry_out(make_plan: Callable[[], Plan], api: AccountApi, screen: Screen) -> None:
    """Make a plan, show it and carry it out; plan again whenever a change was not answered.

    After an interrupted run, the plan has only what is still missing. Raises DeployError.
    """
    plan, idle = make_plan(), 0
    screen.plan(plan)
    while True:
        before = api.changes
        try:
            return _apply(plan, api, screen)
        except (Unanswered, Refused) as error:
            idle = 0 if api.changes > before else idle + 1
            if idle == ROUNDS or (isinstance(error, Refused) and not (error.taken and idle < 2)):
                raise
            screen.again(error.brief)
        api.sleep(PAUSE)
        plan = make_plan()


def _apply(plan: Plan, api: AccountApi, screen: Screen) -> None:
    published: dict[str, str] = {}
    for step in plan.steps:
        if not step.requests:
            continue
        screen.begin(step)
        started, waited = api.clock.now(), api.waited
        for request in step.requests:
            _send(request, api, published)
        screen.end(step, api.clock.now() - started, api.waited - waited)


def _send(request: Request, api: AccountApi, published: dict[str, str]) -> None:
    """Send one request and wait for its effect; `published` has the new versions of this run by function."""
    params, function = dict(request.params), request.params.get("FunctionName", "")
    if params.get("FunctionVersion") == PUBLISHED:
        params["FunctionVersion"] = published[function]
    try:
        answer = api.write(request.service, request.action, params)
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
