"""What tests of the deployer start from: something to deploy, a clock that costs no time, ears for what is said."""

from __future__ import annotations

import io
from typing import Any

from deploy.access import Call
from deploy.api import AccountApi, Clock
from deploy.apply import carry_out
from deploy.found import read_account
from deploy.plan import plan_deploy
from deploy.resources import Configuration, Trigger, Wanted, WantedFunction
from deploy.screen import Screen
from deploy.steps import Plan, Step

BUNDLE = "b" * 64
CODE = "the zip in Base64"
PROJECT = "media-dev-app"
URL_SETTING = {"AuthType": "NONE", "EnableExtranet": True, "EnableIntranet": False, "CorsConfig": {}}


class FakeClock:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        """The clock that the code under test takes."""
        return Clock(lambda: self.seconds, self.sleep)


class Ears(Screen):
    """Remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__(io.StringIO(), io.StringIO())
        self.plans: list[Plan] = []
        self.done: list[tuple[str, str, str]] = []
        self.reasons: list[str] = []

    def plan(self, plan: Plan) -> None:
        """Keep a plan."""
        self.plans.append(plan)

    def begin(self, step: Step) -> None:
        """Steps count when they are done."""

    def end(self, step: Step, seconds: float, waited: float) -> None:
        """Keep a step that is done."""
        assert seconds >= waited >= 0
        self.done.append((step.verb, step.kind, step.name))

    def again(self, reason: str) -> None:
        """Keep a reason."""
        self.reasons.append(reason)


def wanted_function(alias: str, bundle: str = BUNDLE, **environment: str) -> WantedFunction:
    """A function with a timer and a URL."""
    return WantedFunction(
        alias=alias,
        name=f"{PROJECT}-{alias}",
        runtime="Python3.10",
        configuration=Configuration(f"what {alias} does", f"{alias}.main", 128, 30, "run", environment or {"A": "b"}),
        bundle=bundle,
        triggers=(
            Trigger("http", "url-trigger", "$DEFAULT", URL_SETTING),
            Trigger("timer", f"collect-{alias}", "$DEFAULT", {"cron": "0 */10 * * * * *"}, "message"),
        ),
    )


def wanted(*functions: WantedFunction, **changes: Any) -> Wanted:
    """What is deployed: two functions unless others are given."""
    document = {"version": "2.0", "statement": [{"effect": "allow", "action": ["x"], "resource": ["*"]}]}
    both = functions or (wanted_function("video"), wanted_function("audio"))
    whole = Wanted(PROJECT, CODE, "media-1250000000", "run", f"run-{PROJECT}", document, both)
    return whole._replace(**changes)


def plan_of(account: Call, want: Wanted) -> Plan:
    """What a deployment would do."""
    return plan_deploy(want, read_account(AccountApi(account, FakeClock().clock), want))


def deploy(account: Call, want: Wanted) -> Ears:
    """Deploy and return what was shown."""
    ears, api = Ears(), AccountApi(account, FakeClock().clock)
    carry_out(lambda: plan_deploy(want, read_account(api, want)), api, ears)
    return ears
