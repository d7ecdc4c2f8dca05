"""SCF's actions on versions and aliases; looks up qualifiers.

Requests, replies and codes are those of tencentcloud-sdk-python-scf (v20180416, models.py and errorcodes.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from local.scf.account import DEFAULT, LATEST, Account, Alias, Function, Settings, Version
from local.scf.function_parameters import Description, Named
from local.scf.parameters import Action, Answer, ApiError, Page, Parameters, action

#: The most versions of a function (quota limits, 583/11637).
MAX_VERSIONS = 1000


class PublishVersion(Named):
    """Parameters of PublishVersion."""

    description: Description = ""


class ListVersions(Named, Page):
    """Parameters of ListVersionByFunction."""

    order_by: Literal["AddTime", "ModTime"] = "AddTime"


class Weight(Parameters):
    """The share of calls, 0 to 1, of an additional version."""

    version: str
    weight: Annotated[float, Field(ge=0, le=1, strict=False)]


class Routing(Parameters):
    """The additional version of an alias."""

    not_emulated = ("AddtionVersionMatchs",)
    additional_version_weights: list[Weight] = Field(default_factory=list)


class GetAlias(Named):
    """Parameters of GetAlias and DeleteAlias."""

    name: str


class WriteAlias(GetAlias):
    """Parameters of CreateAlias and UpdateAlias."""

    function_version: str
    description: Description | None = None
    routing_config: Routing | None = None


class ListAliases(Named):
    """Parameters of ListAliases; offset and limit are strings."""

    function_version: str | None = None
    offset: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")] = "0"
    limit: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")] = "20"


class VersionActions:
    """SCF's actions on versions and aliases."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.actions: Mapping[str, Action] = {
            "PublishVersion": action(PublishVersion, self._publish),
            "ListVersionByFunction": action(ListVersions, self._list_versions),
            "CreateAlias": action(WriteAlias, self._create_alias),
            "UpdateAlias": action(WriteAlias, self._update_alias),
            "DeleteAlias": action(GetAlias, self._delete_alias),
            "GetAlias": action(GetAlias, self._get_alias),
            "ListAliases": action(ListAliases, self._list_aliases),
        }

    def _publish(self, given: PublishVersion) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        function.demand("FailedOperation.PublishVersion")
        if len(function.versions) >= MAX_VERSIONS:
            raise ApiError("LimitExceeded.FunctionVersions", f"a function can have {MAX_VERSIONS} versions")
        number, settings = str(function.next_version), function.settings
        function.next_version += 1
        until = self._account.until()
        function.versions[number] = Version(
            settings=settings, description=given.description, add_time=self._account.now(), ready_at=until
        )
        function.begin("Publishing", until)
        return {
            "FunctionVersion": number,
            "CodeSize": settings.code_size,
            "MemorySize": settings.memory_size,
            "Description": given.description,
            "Handler": settings.handler,
            "Timeout": settings.timeout,
            "Runtime": settings.runtime,
            "Namespace": "default",
        }

    def _list_versions(self, given: ListVersions) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        latest = {
            "Version": LATEST,
            "Description": function.settings.description,
            "AddTime": function.add_time,
            "ModTime": function.mod_time,
            "Status": function.status,
        }
        published = [
            {
                "Version": number,
                "Description": version.description,
                "AddTime": version.add_time,
                "ModTime": version.add_time,
                "Status": "Active" if self._ready(version) else "Publishing",
            }
            for number, version in function.versions.items()
        ]
        ordered = [latest, *(published[::-1] if given.order == "DESC" else published)]
        page = given.of(ordered)
        names = [item["Version"] for item in page]
        return {"FunctionVersion": names, "Versions": page, "TotalCount": len(ordered)}

    def _create_alias(self, given: WriteAlias) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", given.name) and given.name != DEFAULT:
            raise ApiError("InvalidParameterValue.Name", "an alias has 1 to 64 letters, digits, - and _")
        if given.name == DEFAULT or given.name in function.aliases:
            raise ApiError("ResourceInUse.Alias", f"alias {given.name} exists")
        now = self._account.now()
        fresh = Alias(name=given.name, function_version=LATEST, add_time=now, mod_time=now)
        function.aliases[given.name] = self._routed(function, fresh, given)
        return {}

    def _update_alias(self, given: WriteAlias) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        function.aliases[given.name] = self._routed(function, alias_of(function, given.name), given)
        return {}

    def _routed(self, function: Function, alias: Alias, given: WriteAlias) -> Alias:
        """Return the alias with the changes of a request. Raises ApiError for a missing or unfinished version."""
        weights = alias.weights
        if given.routing_config is not None:
            weights = {item.version: item.weight for item in given.routing_config.additional_version_weights}
        if len(weights) > 1 or given.function_version in weights:
            raise ApiError("InvalidParameterValue.RoutingConfig", "one version other than the main one can be added")
        for name in (given.function_version, *weights):
            version = function.versions.get(name)
            if name != LATEST and version is None:
                raise ApiError("ResourceNotFound.FunctionVersion", f"there is no version {name[:64]!a}")
            if version is not None and not self._ready(version):
                raise ApiError("FailedOperation.FunctionVersionStatusNotActive", f"version {name} is Publishing")
        update: dict[str, object] = {
            "function_version": given.function_version,
            "weights": weights,
            "mod_time": self._account.now(),
        }
        if given.description is not None:
            update["description"] = given.description
        return alias.model_copy(update=update)

    def _delete_alias(self, given: GetAlias) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        if given.name == DEFAULT:
            raise ApiError("InvalidParameterValue.Alias", f"{DEFAULT} can't be deleted")
        alias_of(function, given.name)
        if any(trigger.qualifier == given.name for trigger in function.triggers):
            # No code is documented for an alias with triggers.
            raise ApiError("FailedOperation.DeleteAlias", "the alias has triggers")
        del function.aliases[given.name]
        return {}

    def _get_alias(self, given: GetAlias) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        return _shown(alias_of(function, given.name))

    def _list_aliases(self, given: ListAliases) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        names = [DEFAULT, *(name for name in function.aliases if name != DEFAULT)]
        aliases = [alias_of(function, name) for name in names]
        found = [
            _shown(alias)
            for alias in aliases
            if given.function_version in (None, alias.function_version, *alias.weights)
        ]
        first = int(given.offset)
        return {"Aliases": found[first : first + int(given.limit)], "TotalCount": len(found)}

    def _ready(self, version: Version) -> bool:
        return self._account.clock() >= version.ready_at


def alias_of(function: Function, name: str) -> Alias:
    """Return an alias; $DEFAULT always exists, at first with $LATEST. Raises ApiError."""
    if name == DEFAULT and name not in function.aliases:
        return Alias(name=DEFAULT, function_version=LATEST, add_time=function.add_time, mod_time=function.add_time)
    if name not in function.aliases:
        raise ApiError("ResourceNotFound.Alias", f"there is no alias {name[:64]!a}")
    return function.aliases[name]


def settings_of(function: Function, qualifier: str) -> tuple[str, Settings]:
    """Return the version that a qualifier (version or alias) stands for, and its settings as last written.

    Raises ApiError.
    """
    if qualifier == DEFAULT or qualifier in function.aliases:
        qualifier = alias_of(function, qualifier).function_version
    if qualifier == LATEST:
        return LATEST, function.settings
    if qualifier not in function.versions:
        raise ApiError("ResourceNotFound.Qualifier", f"there is no version or alias {qualifier[:64]!a}")
    return qualifier, function.versions[qualifier].settings


def _shown(alias: Alias) -> dict[str, object]:
    weights = [{"Version": version, "Weight": weight} for version, weight in alias.weights.items()]
    return {
        "Name": alias.name,
        "FunctionVersion": alias.function_version,
        "Description": alias.description,
        "RoutingConfig": {"AdditionalVersionWeights": weights, "AddtionVersionMatchs": []},
        "AddTime": alias.add_time,
        "ModTime": alias.mod_time,
    }
