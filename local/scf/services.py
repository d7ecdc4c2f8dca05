"""Puts the services of API 3.0 together: SCF, CAM and STS."""

from __future__ import annotations

from local.scf.account import Account
from local.scf.actions import actions_on
from local.scf.api import Service
from local.scf.cam_policies import POLICY_ACTIONS
from local.scf.cam_roles import ROLE_ACTIONS, GetCallerIdentity
from local.scf.functions_api import FUNCTION_ACTIONS
from local.scf.invoke_api import InvokeActions
from local.scf.triggers_api import TRIGGER_ACTIONS
from local.scf.versions_api import VERSION_ACTIONS


def services(account: Account, invocations: InvokeActions) -> tuple[Service, ...]:
    """Return SCF, CAM and STS of an account."""
    scf = actions_on(account, *FUNCTION_ACTIONS, *VERSION_ACTIONS, *TRIGGER_ACTIONS)
    return (
        Service("scf", "2018-04-16", {**scf, **invocations.actions}, regional=True, denied="UnauthorizedOperation.CAM"),
        Service("cam", "2019-01-16", actions_on(account, *ROLE_ACTIONS, *POLICY_ACTIONS)),
        Service("sts", "2018-08-13", actions_on(account, GetCallerIdentity)),
    )
