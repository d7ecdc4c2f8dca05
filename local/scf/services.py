"""Puts the services of API 3.0 together: SCF, CAM and STS."""

from __future__ import annotations

from collections.abc import Container

from local.scf.account import DEFAULT, LATEST, Account
from local.scf.api import Service
from local.scf.cam import CamActions, caller_identity
from local.scf.functions_api import FunctionActions
from local.scf.invoke_api import Find, InvokeActions
from local.scf.packages import Packages
from local.scf.parameters import ApiError, Parameters, action
from local.scf.triggers_api import TriggerActions
from local.scf.versions_api import VersionActions


def services(account: Account, packages: Packages, invocations: InvokeActions) -> tuple[Service, ...]:
    """Return SCF, CAM and STS of an account."""
    scf = {
        **FunctionActions(account, packages).actions,
        **VersionActions(account).actions,
        **TriggerActions(account).actions,
        **invocations.actions,
    }
    return (
        Service("scf", "2018-04-16", scf, regional=True, denied="UnauthorizedOperation.CAM"),
        Service("cam", "2019-01-16", CamActions(account).actions),
        Service("sts", "2018-08-13", {"GetCallerIdentity": action(Parameters, caller_identity)}),
    )


def finder(served: Container[str], find: Find) -> Find:
    """Return the function that looks functions up for Invoke: deployed ones first, then those `served` from a checkout.

    The latter are found by their alias, with the qualifiers $LATEST and $DEFAULT.
    """

    def found(name: str, namespace: str, qualifier: str) -> str:
        try:
            return find(name, namespace, qualifier)
        except ApiError as error:
            if error.code != "ResourceNotFound.FunctionName" or namespace != "default" or name not in served:
                raise
        if qualifier not in (LATEST, DEFAULT):
            raise ApiError("ResourceNotFound.Qualifier", "functions served from a checkout have no versions")
        return name

    return found
