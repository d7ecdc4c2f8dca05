"""What an action of API 3.0 is: its parameters, and what it does to the account.

Parameters, replies and error codes are those of tencentcloud-sdk-python-scf (v20180416), -cam (v20190116) and -sts
(v20180813): models.py, and errorcodes.py, where the comment above a code is its meaning.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

from local.scf.api.account import LATEST, Account, Function
from local.scf.api.parameters import Action, Answer, ApiError, Parameters, action, rule


class AccountAction(Parameters):
    """An action with its parameters as fields; the class has the action's name.

    `_run` carries it out and returns the fields of its reply. It raises ApiError, OSError.
    """

    @abstractmethod
    def _run(self, account: Account) -> Answer: ...


def actions_on(account: Account, *actions: type[AccountAction]) -> dict[str, Action]:
    """Return actions on an account by name."""
    return {each.__name__: action(each, lambda given: given._run(account)) for each in actions}


class Named(Parameters):
    """The parameters of every action on a function."""

    function_name: Annotated[str, rule(bool, "is a name", "MissingParameter")]
    namespace: str = "default"


class Qualified(Named):
    """The parameters of an action on one version or alias."""

    qualifier: str = LATEST


class FunctionAction(Named, AccountAction):
    """An action on a function, carried out by `_run_on`.

    With a `busy`, the function must be in one of the states `possible`; in another, `busy` is the code of the refusal.
    """

    busy: ClassVar[str] = ""
    possible: ClassVar[tuple[str, ...]] = ("Active", "UpdateFailed")

    def _run(self, account: Account) -> Answer:
        function = account.function(self.function_name, self.namespace)
        if self.busy and function.status not in self.possible:
            raise ApiError(self.busy, f"the function is {function.status}: wait until it is Active")
        return self._run_on(function, account)

    @abstractmethod
    def _run_on(self, function: Function, account: Account) -> Answer: ...
