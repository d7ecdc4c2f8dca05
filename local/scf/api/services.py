"""Puts the services of API 3.0 together: SCF, CAM and STS."""

from __future__ import annotations

from collections.abc import Mapping

from local.scf.api.account import Account
from local.scf.api.actions import actions_on
from local.scf.api.front import Service
from local.scf.api.functions import FUNCTION_ACTIONS
from local.scf.api.invocations import invoke_actions
from local.scf.api.policies import POLICY_ACTIONS
from local.scf.api.roles import ROLE_ACTIONS, GetCallerIdentity
from local.scf.api.triggers import TRIGGER_ACTIONS
from local.scf.api.versions import VERSION_ACTIONS
from local.scf.asynchronous import Asynchronous


def services(account: Account, served: Mapping[str, str], asynchronous: Asynchronous) -> tuple[Service, ...]:
    """Return SCF, CAM and STS of an account; `served` and `asynchronous` are those of `invoke_actions`."""
    scf = actions_on(account, *FUNCTION_ACTIONS, *VERSION_ACTIONS, *TRIGGER_ACTIONS)
    scf |= invoke_actions(account, served, asynchronous)
    return (
        Service("scf", "2018-04-16", scf, regional=True, denied="UnauthorizedOperation.CAM"),
        Service("cam", "2019-01-16", actions_on(account, *ROLE_ACTIONS, *POLICY_ACTIONS)),
        Service("sts", "2018-08-13", actions_on(account, GetCallerIdentity)),
    )
