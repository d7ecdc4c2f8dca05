"""Carries a plan out; plans again from the account's state after a passing failure."""

from __future__ import annotations

from collections.abc import Callable

from deploy.api import AccountApi
from deploy.errors import DeployError, Refused
from deploy.screen import Screen
from deploy.steps import PUBLISHED, Plan, Request

#: Seconds before the next plan, so that the account shows what it has done; longer if that changes nothing.
PAUSE = 2.0


def carry_out(make_plan: Callable[[], Plan], api: AccountApi, screen: Screen) -> None:
    """Make a plan, show it and carry it out; plan again after every change whose result is unknown or that was refused.

    No change is sent twice in between: it may have been carried out. The next plan has only what is still missing.
    Raises DeployError if that stays the same for as long as the error's cause may last.
    """
    plan, idle = make_plan(), 0.0
    screen.plan(plan)
    missing = plan.size
    while True:
        try:
            return _apply(plan, api, screen)
        except DeployError as error:
            if idle >= error.patience:
                raise
            screen.again(error.brief)
        pause = max(PAUSE, idle)
        api.sleep(pause)
        idle += pause
        plan = make_plan()
        if plan.size < missing:
            missing, idle = plan.size, 0.0


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
        answer = api.call(request.service, request.action, params)
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
