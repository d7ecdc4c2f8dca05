"""One change of a command goes wrong, each in turn: its answer is lost or wrong, or the account shows it late."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from deploy.api import AccountApi
from deploy.apply import carry_out
from deploy.errors import Refused, Unanswered
from deploy.found import read_account
from deploy.plan import plan_deploy, plan_remove, plan_rollback
from tests.support.account import Answer, MemoryAccount
from tests.support.deployment import PROJECT, Ears, FakeClock, deploy, wanted, wanted_function

FIRST = wanted()
#: The same functions with other settings.
SECOND = wanted(wanted_function("video", A="2"), wanted_function("audio", A="2"))
#: Another code, other settings, another cron; one function gone, one new; another policy.
OTHER = wanted(
    wanted_function("video", bundle="c" * 64, B="c")._replace(triggers=wanted_function("x").triggers),
    wanted_function("picture"),
    policy_document={"version": "2.0", "statement": [{"effect": "deny", "action": ["x"], "resource": ["*"]}]},
)


def deployed() -> MemoryAccount:
    account = MemoryAccount()
    deploy(account, FIRST)
    return account


def deployed_twice() -> MemoryAccount:
    account = deployed()
    deploy(account, SECOND)
    return account


def half_made() -> MemoryAccount:
    """The creation of a function has failed: it must be deleted and created again."""
    account = deployed()
    account.functions[f"{PROJECT}-video"].update(Status="CreateFailed", triggers=[], versions=[], routed="$LATEST")
    return account


def to_other(api: AccountApi) -> None:
    carry_out(lambda: plan_deploy(OTHER, read_account(api, OTHER)), api, Ears())


def back(api: AccountApi) -> None:
    plan = plan_rollback(read_account(api, SECOND))
    carry_out(lambda: plan, api, Ears())


def away(api: AccountApi) -> None:
    carry_out(lambda: plan_remove(SECOND, read_account(api, SECOND)), api, Ears())


Start = Callable[[], MemoryAccount]
Command = Callable[[AccountApi], None]
COMMANDS: dict[str, tuple[Start, Command]] = {
    "first deployment": (MemoryAccount, to_other),
    "another deployment": (deployed, to_other),
    "deployment after a failed creation": (half_made, to_other),
    "rollback": (deployed_twice, back),
    "removal": (deployed_twice, away),
}


class Way(NamedTuple):
    """A change is `done` or not; its answer is the account's own (""), a refusal's code, or "lost".

    For `lag` seconds it is not shown, and later changes are refused as if it had not been made.
    """

    done: bool
    answer: str
    lag: float = 0


WAYS = {
    "not done, not answered": Way(False, "lost"),
    "not done, refused for now": Way(False, "RequestLimitExceeded"),
    "done, not answered": Way(True, "lost"),
    "done, refused for now": Way(True, "RequestLimitExceeded"),
    "done, but in conflict": Way(True, "FailedOperation.OperationConflict"),
    "done, shown late": Way(True, "", lag=1),
    "done, not answered, shown late": Way(True, "lost", lag=1),
}
#: The account shows a change only after the next plans.
VERY_LATE = {
    "shown very late": Way(True, "", lag=9),
    "not answered, shown very late": Way(True, "lost", lag=9),
}


def is_question(action: str) -> bool:
    return action.startswith(("Get", "List", "Head"))


class Disturbed:
    """An account whose change `number`, counted from 1, goes wrong in a way."""

    def __init__(self, account: MemoryAccount, number: int, way: Way) -> None:
        self.account, self.clock = account, FakeClock()
        self.left = number
        self._way, self._late, self._until = way, account, 0.0

    def __call__(self, service: str, action: str, params: Mapping[str, Any]) -> Answer:
        late = self.clock.seconds < self._until
        if is_question(action):
            return (self._late if late else self.account)(service, action, params)
        self.left -= 1
        if self.left == 0:
            return self._go_wrong(service, action, params)
        if late:
            self._late(service, action, params)
        return self.account(service, action, params)

    def _go_wrong(self, service: str, action: str, params: Mapping[str, Any]) -> Answer:
        self._late, self._until = copy.deepcopy(self.account), self.clock.seconds + self._way.lag
        answer = self.account(service, action, params) if self._way.done else {}
        if self._way.answer == "lost":
            raise Unanswered(service, action, "the connection was cut")
        if self._way.answer:
            raise Refused(service, action, self._way.answer, "not now")
        return answer


def undisturbed(start: Start, command: Command) -> tuple[MemoryAccount, int]:
    """The account at the end of a command, and how many changes that takes."""
    account = start()
    before = len(account.log)
    command(AccountApi(account, FakeClock().clock))
    return account, sum(not is_question(action) for action in account.log[before:])


def disturbed(start: Start, command: Command, number: int, way: Way) -> MemoryAccount:
    """The account at the end of a command whose change `number` goes wrong."""
    call = Disturbed(start(), number, way)
    command(AccountApi(call, call.clock.clock))
    assert call.left <= 0
    read_account(AccountApi(call.account, FakeClock().clock), OTHER)  # until nothing is busy
    return call.account


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("start", "command"), COMMANDS.values(), ids=COMMANDS)
def test_whichever_change_goes_wrong_the_end_is_the_same(start: Start, command: Command, way: Way) -> None:
    end, changes = undisturbed(start, command)
    for number in range(1, changes + 1):
        assert disturbed(start, command, number, way).state() == end.state(), number


def served(account: MemoryAccount) -> Answer:
    """What there is, with each version by its content: one that is not shown in time is published again."""
    state = account.state()
    for function in state["functions"].values():
        contents = {version.pop("Version"): str(version) for version in function["versions"]}
        function.update(versions=set(contents.values()), routed=contents.get(function["routed"]))
    return state


@pytest.mark.parametrize("way", VERY_LATE.values(), ids=VERY_LATE)
@pytest.mark.parametrize(("start", "command"), COMMANDS.values(), ids=COMMANDS)
def test_however_late_a_change_is_shown_the_same_is_served(start: Start, command: Command, way: Way) -> None:
    end, changes = undisturbed(start, command)
    for number in range(1, changes + 1):
        assert served(disturbed(start, command, number, way)) == served(end), number
