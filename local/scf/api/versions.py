"""SCF's actions on versions and aliases; looks up qualifiers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from local.scf.api.account import DEFAULT, LATEST, Account, Alias, Function, Settings, Version
from local.scf.api.actions import FunctionAction
from local.scf.api.function_parameters import Description
from local.scf.api.parameters import Answer, ApiError, Page, Parameters, matching

#: The most versions of a function (quota limits, 583/11637).
MAX_VERSIONS = 1000


class PublishVersion(FunctionAction):
    """Keep what $LATEST is now as a version."""

    busy = "FailedOperation.PublishVersion"
    possible = ("Active",)
    description: Description = ""

    def _run_on(self, function: Function, account: Account) -> Answer:
        if len(function.versions) >= MAX_VERSIONS:
            raise ApiError("LimitExceeded.FunctionVersions", f"a function can have {MAX_VERSIONS} versions")
        number, settings = str(function.next_version), function.settings
        function.next_version += 1
        function.versions[number] = Version(
            settings=settings,
            description=self.description,
            add_time=account.now(),
            ready_at=account.begin(function, "Publishing"),
        )
        return {
            **settings.model_dump(by_alias=True, include={"code_size", "memory_size", "handler", "timeout", "runtime"}),
            "FunctionVersion": number,
            "Description": self.description,
            "Namespace": "default",
        }


class ListVersionByFunction(FunctionAction, Page):
    """List $LATEST, then the versions in the order of their numbers."""

    order_by: Literal["AddTime", "ModTime"] = "AddTime"

    def _run_on(self, function: Function, account: Account) -> Answer:
        latest = {
            **function.model_dump(by_alias=True, include={"add_time", "mod_time", "status"}),
            "Version": LATEST,
            "Description": function.settings.description,
        }
        published = [
            {
                "Version": number,
                "Description": version.description,
                "AddTime": version.add_time,
                "ModTime": version.add_time,
                "Status": "Active" if _ready(account, version) else "Publishing",
            }
            for number, version in function.versions.items()
        ]
        ordered = [latest, *(published[::-1] if self.order == "DESC" else published)]
        page = self.of(ordered)
        numbers = [each["Version"] for each in page]
        return {"FunctionVersion": numbers, "Versions": page, "TotalCount": len(ordered)}


class Weight(Parameters):
    """The share of calls, 0 to 1, of an additional version."""

    version: str
    weight: Annotated[float, Field(ge=0, le=1, strict=False)]


class Routing(Parameters):
    """The additional version of an alias."""

    not_emulated = ("AddtionVersionMatchs",)
    additional_version_weights: list[Weight] = Field(default_factory=list)


class WriteAlias(FunctionAction):
    """The parameters of CreateAlias and UpdateAlias."""

    name: str
    function_version: str
    description: Description | None = None
    routing_config: Routing | None = None

    def _write(self, account: Account, function: Function, alias: Alias) -> Answer:
        """Change an alias as the request says. Raises ApiError for a missing or unfinished version."""
        weights = alias.weights
        if self.routing_config is not None:
            weights = {each.version: each.weight for each in self.routing_config.additional_version_weights}
        if len(weights) > 1 or self.function_version in weights:
            raise ApiError("InvalidParameterValue.RoutingConfig", "one version other than the main one can be added")
        for name in (self.function_version, *weights):
            version = function.versions.get(name)
            if name != LATEST and version is None:
                raise ApiError("ResourceNotFound.FunctionVersion", f"there is no version {name[:64]!a}")
            if version is not None and not _ready(account, version):
                raise ApiError("FailedOperation.FunctionVersionStatusNotActive", f"version {name} is Publishing")
        given = self.model_dump(include={"function_version", "description"}, exclude_none=True)
        changes = {**given, "weights": weights, "mod_time": account.now()}
        function.aliases[self.name] = alias.model_copy(update=changes)
        return {}


class CreateAlias(WriteAlias):
    """Create an alias."""

    name: Annotated[str, matching(r"[A-Za-z][A-Za-z0-9_-]{0,63}|\$DEFAULT", "has 1 to 64 letters, digits, - and _")]

    def _run_on(self, function: Function, account: Account) -> Answer:
        if self.name == DEFAULT or self.name in function.aliases:
            raise ApiError("ResourceInUse.Alias", f"alias {self.name} exists")
        now = account.now()
        fresh = Alias(name=self.name, function_version=LATEST, add_time=now, mod_time=now)
        return self._write(account, function, fresh)


class UpdateAlias(WriteAlias):
    """Let an alias lead to another version."""

    def _run_on(self, function: Function, account: Account) -> Answer:
        return self._write(account, function, alias_of(function, self.name))


class DeleteAlias(FunctionAction):
    """Delete an alias."""

    name: str

    def _run_on(self, function: Function, _: Account) -> Answer:
        if self.name == DEFAULT:
            raise ApiError("InvalidParameterValue.Alias", f"{DEFAULT} can't be deleted")
        alias_of(function, self.name)
        if any(trigger.qualifier == self.name for trigger in function.triggers):
            # No code is documented for an alias with triggers.
            raise ApiError("FailedOperation.DeleteAlias", "the alias has triggers")
        del function.aliases[self.name]
        return {}


class GetAlias(FunctionAction):
    """Read an alias."""

    name: str

    def _run_on(self, function: Function, _: Account) -> Answer:
        return _shown(alias_of(function, self.name))


class ListAliases(FunctionAction):
    """List the aliases, or those that lead to one version; offset and limit are strings."""

    function_version: str | None = None
    offset: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")] = "0"
    limit: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")] = "20"

    def _run_on(self, function: Function, _: Account) -> Answer:
        names = [DEFAULT, *(name for name in function.aliases if name != DEFAULT)]
        aliases = [alias_of(function, name) for name in names]
        found = [
            _shown(alias)
            for alias in aliases
            if self.function_version in (None, alias.function_version, *alias.weights)
        ]
        first = int(self.offset)
        return {"Aliases": found[first : first + int(self.limit)], "TotalCount": len(found)}


VERSION_ACTIONS = (
    *(PublishVersion, ListVersionByFunction),
    *(CreateAlias, UpdateAlias, DeleteAlias, GetAlias, ListAliases),
)


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


def callee(account: Account, name: str, qualifier: str, namespace: str = "default") -> str:
    """Return `<function>:<version or alias>`, by which a function is invoked. Raises ApiError if it can't be."""
    function = account.function(name, namespace)
    settings_of(function, qualifier)
    if function.running is None or function.status == "Deleting":
        raise ApiError("FailedOperation.FunctionStatusError", f"the function is {function.status}")
    return f"{name}:{qualifier}"


def _ready(account: Account, version: Version) -> bool:
    return account.clock() >= version.ready_at


def _shown(alias: Alias) -> dict[str, object]:
    weights = [{"Version": version, "Weight": weight} for version, weight in alias.weights.items()]
    return {
        **alias.model_dump(by_alias=True, exclude={"weights"}),
        "RoutingConfig": {"AdditionalVersionWeights": weights, "AddtionVersionMatchs": []},
    }
