"""Carrying a plan out: after any failure, the next run ends with the same account."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from deploy.access import Call
from deploy.api import LONGEST_BUSY, AccountApi
from deploy.apply import PAUSE, carry_out
from deploy.errors import LONGEST_PASSING, LONGEST_UNKNOWN, DeployError, Refused, Unanswered
from deploy.found import read_account
from deploy.plan import plan_remove
from deploy.resources import Wanted
from tests.support.account import Answer, MemoryAccount
from tests.support.deployment import PROJECT, Ears, FakeClock, deploy, plan_of, wanted, wanted_function

VIDEO = f"{PROJECT}-video"
FIRST = wanted()
#: Another code, another setting, another cron; one function gone, one new.
SECOND = wanted(
    wanted_function("video", bundle="c" * 64, B="c")._replace(triggers=wanted_function("x").triggers),
    wanted_function("picture"),
)


class Killed(BaseException):
    """The deployer's process is gone."""


def kill_at(account: Call, number: int, before: bool) -> Call:
    """An account whose caller dies at its request `number`, just before it or just after it was carried out."""
    asked = [0]

    def call(service: str, action: str, params: Mapping[str, Any]) -> Answer:
        asked[0] += 1
        if asked[0] == number and before:
            raise Killed
        try:
            return account(service, action, params)
        finally:
            if asked[0] == number:
                raise Killed

    return call


def undisturbed(*wants: Wanted) -> MemoryAccount:
    account = MemoryAccount()
    for want in wants:
        deploy(account, want)
    return account


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("start", [[], [FIRST]], ids=["empty", "deployed"])
def test_killed_at_any_request_the_next_finishes_it(start: list[Wanted], before: bool) -> None:
    end = undisturbed(*start, SECOND)
    requests = len(end.log) - len(undisturbed(*start).log)
    assert requests > 30
    for number in range(1, requests + 1):
        account = undisturbed(*start)
        with pytest.raises(Killed):
            deploy(kill_at(account, number, before), SECOND)
        deploy(account, SECOND)
        assert account.state() == end.state(), number


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_removal_that_is_killed_is_finished_too(before: bool) -> None:
    def remove(account: Call) -> None:
        api = AccountApi(account, FakeClock().clock)
        carry_out(lambda: plan_remove(FIRST, read_account(api, FIRST)), api, Ears())

    whole = undisturbed(FIRST)
    asked = len(whole.log)
    remove(whole)
    assert whole.state() == {"functions": {}, "roles": {}, "policies": {}, "buckets": {FIRST.bucket}}
    for number in range(1, len(whole.log) - asked + 1):
        account = undisturbed(FIRST)
        with pytest.raises(Killed):
            remove(kill_at(account, number, before))
        remove(account)
        assert account.state() == whole.state(), number


def lost(account: Call, service: str, action: str, params: Mapping[str, Any]) -> Answer:
    raise Unanswered(service, action, "connection refused")


def reset(account: Call, service: str, action: str, params: Mapping[str, Any]) -> Answer:
    account(service, action, params)
    raise Unanswered(service, action, "ConnectionError")


def refused(code: str) -> Callable[..., Answer]:
    def refuse(account: Call, service: str, action: str, params: Mapping[str, Any]) -> Answer:
        raise Refused(service, action, code, "not now")

    return refuse


WAYS: dict[str, Callable[..., Answer]] = {
    "lost": lost,
    "carried out, answer lost": reset,
    "too many": refused("RequestLimitExceeded"),
}


def unreliable(account: Call, seed: int) -> Call:
    """An account of whose requests one in five fails; writes also find a function busy or in conflict."""
    chance = random.Random(seed)

    def call(service: str, action: str, params: Mapping[str, Any]) -> Answer:
        ways = list(WAYS.values())
        if not action.startswith(("Get", "List", "Head")):
            ways += [refused(f"FailedOperation.{name}") for name in ("FunctionStatusError", "OperationConflict")]
            ways.append(refused("UnauthorizedOperation.FunctionStatus"))
        if chance.random() < 0.2:
            return chance.choice(ways)(account, service, action, params)
        return account(service, action, params)

    return call


@pytest.mark.parametrize("start", [[], [FIRST]], ids=["empty", "deployed"])
def test_with_one_request_in_five_failing_it_ends_in_the_same_account(start: list[Wanted]) -> None:
    end = undisturbed(*start, SECOND)
    for seed in range(30):
        account = undisturbed(*start)
        ears = deploy(unreliable(account, seed), SECOND)
        assert account.state() == end.state(), seed
        assert len(ears.plans) == 1


def test_a_second_run_asks_and_changes_nothing() -> None:
    account = undisturbed(FIRST)
    before = len(account.log)
    assert deploy(account, FIRST).done == []
    assert all(action.startswith(("Get", "List", "Head")) for action in account.log[before:])


def test_a_busy_function_has_its_turn_waited_for() -> None:
    account = undisturbed(FIRST)
    account.functions[VIDEO].update(Status="Updating", busy=3)
    deploy(account, SECOND)
    assert plan_of(account, SECOND).is_empty


def test_a_function_that_stays_busy_is_given_up() -> None:
    account = undisturbed(FIRST)
    account.functions[VIDEO].update(Status="Updating", busy=10**6)
    with pytest.raises(DeployError, match=f"{VIDEO} is still Updating after {LONGEST_BUSY:.0f} s"):
        deploy(account, SECOND)


def test_a_change_that_stays_refused_is_given_up_after_a_minute() -> None:
    account, clock = undisturbed(FIRST), FakeClock()
    account.refuse = {"UpdateFunctionCode": "FailedOperation.UpdateFunctionCode"}
    api = AccountApi(account, clock.clock)
    with pytest.raises(DeployError, match="scf:UpdateFunctionCode was refused: FailedOperation"):
        carry_out(lambda: plan_of(account, SECOND), api, Ears())
    assert LONGEST_PASSING < clock.seconds < LONGEST_PASSING + 10


def test_a_refusal_that_does_not_pass_is_the_end_and_says_so() -> None:
    account = MemoryAccount()
    account.refuse = {"CreateFunction": "LimitExceeded.Function"}
    with pytest.raises(DeployError, match=r"scf:CreateFunction: a quota of the account is full \(LimitExceeded.Func"):
        deploy(account, FIRST)
    account.refuse = {}
    deploy(account, FIRST)
    assert account.state() == undisturbed(FIRST).state()


def test_a_write_that_is_never_answered_is_given_up() -> None:
    account, clock = MemoryAccount(), FakeClock()

    def silent(service: str, action: str, params: Mapping[str, Any]) -> Answer:
        if action == "CreateRole":
            return lost(account, service, action, params)
        return account(service, action, params)

    with pytest.raises(DeployError, match="cam:CreateRole was not answered"):
        carry_out(lambda: plan_of(silent, FIRST), AccountApi(silent, clock.clock), Ears())
    assert account.log.count("PutBucket") == 1
    assert LONGEST_PASSING < clock.seconds < LONGEST_PASSING + 10


def test_resources_deleted_meanwhile_count_as_removed() -> None:
    account = undisturbed(FIRST)
    plan = plan_of(account, SECOND)
    del account.functions[f"{PROJECT}-audio"]
    carry_out(lambda: plan, AccountApi(account, FakeClock().clock), Ears())
    assert set(account.functions) == {VIDEO, f"{PROJECT}-picture"}


def test_a_role_that_lost_its_policy_meanwhile_is_removed() -> None:
    account = undisturbed(FIRST)
    account.refuse = {"DetachRolePolicy": "ResourceNotFound.PolicyIdNotFound"}
    api = AccountApi(account, FakeClock().clock)
    carry_out(lambda: plan_remove(FIRST, read_account(api, FIRST)), api, Ears())
    assert account.roles == {}


@pytest.mark.parametrize(
    ("action", "code"),
    [("DeleteFunction", "UnauthorizedOperation.CAM"), ("UpdateFunctionCode", "ResourceNotFound.Function")],
)
def test_another_refusal_is_not_taken_for_done(action: str, code: str) -> None:
    account = undisturbed(FIRST)
    account.refuse = {action: code}
    with pytest.raises(DeployError, match=f"scf:{action}"):
        deploy(account, SECOND)


def test_a_new_version_is_waited_for() -> None:
    account, asked = MemoryAccount(), set[str]()

    def noting(service: str, action: str, params: Mapping[str, Any]) -> Answer:
        if action == "GetFunction":
            asked.add(params["Qualifier"])
        return account(service, action, params)

    deploy(noting, FIRST)
    assert asked == {"$LATEST", "1"}


def test_after_a_conflict_the_account_is_read_again() -> None:
    """A role that was made while the plan was: the plan is made anew, once."""
    account, clock = MemoryAccount(), FakeClock()
    stale, ears = plan_of(account, FIRST), Ears()
    deploy(account, FIRST)
    plans = [stale, plan_of(account, FIRST)]
    carry_out(lambda: plans.pop(0), AccountApi(account, clock.clock), ears)
    assert plans == []
    assert ears.reasons == ["cos:PutBucket BucketAlreadyOwnedByYou"]
    assert clock.seconds == PAUSE
    with pytest.raises(DeployError, match="cos:PutBucket: COS_BUCKET is taken"):
        carry_out(lambda: stale, AccountApi(account, clock.clock), ears)
    assert LONGEST_UNKNOWN < clock.seconds - PAUSE < LONGEST_UNKNOWN + 10


def test_a_plan_that_never_gets_shorter_is_given_up() -> None:
    """Changes that succeed are no progress if the next plan has them again, as a rollback's has."""
    account, clock = undisturbed(FIRST), FakeClock()
    plan = plan_of(account, wanted(wanted_function("video", A="2")))
    account.refuse = {"PublishVersion": "FailedOperation.PublishVersion"}
    with pytest.raises(DeployError, match="scf:PublishVersion was refused"):
        carry_out(lambda: plan, AccountApi(account, clock.clock), Ears())
    assert account.log.count("UpdateFunctionConfiguration") > 1


@pytest.mark.parametrize("action", ["CreateFunction", "DeleteFunction", "PublishVersion"])
def test_what_the_account_does_not_show_for_long_is_said(action: str) -> None:
    """The change is answered, and questions are answered as before it."""
    account, clock = undisturbed(FIRST), FakeClock()

    def forgetful(service: str, name: str, params: Mapping[str, Any]) -> Answer:
        return {"FunctionVersion": "9"} if name == action else account(service, name, params)

    with pytest.raises(DeployError, match=r"is not (there|deleted) yet.*run the same command again to finish"):
        carry_out(lambda: plan_of(account, SECOND), AccountApi(forgetful, clock.clock), Ears())
    assert LONGEST_UNKNOWN < clock.seconds < LONGEST_UNKNOWN + 30
