"""SCF's actions on functions: create, get, update, delete and list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from local.scf.api.account import LATEST, Account, Function, Settings
from local.scf.api.actions import AccountAction, FunctionAction, Qualified
from local.scf.api.function_parameters import COS_OBJECT, Code, Configuration, FunctionName, Handler, Runtime
from local.scf.api.packages import MAX_CREATED, MAX_UPDATED
from local.scf.api.parameters import Answer, ApiError, Filter, Off, Page, Tag, only
from local.scf.api.triggers import shown
from local.scf.api.versions import settings_of

#: The most functions of a namespace (quota limits, 583/11637).
MAX_FUNCTIONS = 50
#: The largest entry file that GetFunction shows, in bytes.
MAX_SHOWN = 1024 * 1024
CODE_PATH = "/_local/code/"
#: The service that must be allowed to take a run role (roles and policies of SCF, 583/32389).
SERVICE = "scf.qcloud.com"


class CreateFunction(Configuration, AccountAction):
    """Create a function. The default runtime is Python2.7, which is not emulated."""

    not_emulated = (*Configuration.not_emulated, "ProtocolType")
    function_name: FunctionName
    namespace: str = "default"
    code: Code | None = None
    handler: Handler | None = None
    runtime: Runtime = Field(default="Python2.7", validate_default=True)
    type: Annotated[str, only("Event")] = "Event"
    code_source: Annotated[str, only("ZipFile")] = "ZipFile"
    tags: list[Tag] = Field(default_factory=list)
    async_run_enable: Off = "FALSE"
    trace_enable: Off = "FALSE"
    auto_deploy_cls_topic_index: Off = "FALSE"
    auto_create_cls_topic: Off = "FALSE"

    def _run(self, account: Account) -> Answer:
        if self.namespace != "default":
            raise ApiError("ResourceNotFound.Namespace", "there is only the namespace default")
        if self.function_name in account.functions:
            raise ApiError("ResourceInUse.FunctionName", f"function {self.function_name} exists")
        if len(account.functions) >= MAX_FUNCTIONS:
            raise ApiError("LimitExceeded.Function", f"a namespace can have {MAX_FUNCTIONS} functions")
        if self.handler is None:
            raise ApiError("MissingParameter", "parameter Handler is missing")
        if self.code is None or self.code.zip_file is None:
            raise ApiError("MissingParameter.Code", "parameter Code.ZipFile is missing")
        changes = self.changes()
        _check_role(account, self.role)
        code, size = account.packages.add(self.code.zip_file, MAX_CREATED)
        settings = Settings(code=code, code_size=size, handler=self.handler, runtime=self.runtime)
        now = account.now()
        function = Function(
            function_name=self.function_name,
            function_id=f"lam-{account.new_id():08x}",
            tags=self.tags,
            add_time=now,
            mod_time=now,
            settings=settings,
        )
        _write(account, function, "Creating", changes)
        account.functions[self.function_name] = function
        return {}


class UpdateFunctionCode(FunctionAction):
    """Give a function other code."""

    # Users quote it for Creating, Updating and CreateFailed, with a message that names the state.
    busy = "FailedOperation.UpdateFunctionCode"
    not_emulated = (*COS_OBJECT, "EnvId")
    handler: Handler | None = None
    zip_file: str | None = None
    code: Code | None = None
    code_source: Annotated[str, only("ZipFile")] = "ZipFile"
    install_dependency: Off = "FALSE"
    publish: Off = "FALSE"

    def _run_on(self, function: Function, account: Account) -> Answer:
        text = self.zip_file if self.code is None else self.code.zip_file
        if text is None:
            raise ApiError("MissingParameter.Code", "parameter ZipFile is missing")
        code, size = account.packages.add(text, MAX_UPDATED)
        changes = {"code": code, "code_size": size, "handler": self.handler or function.settings.handler}
        return _write(account, function, "Updating", changes)


class UpdateFunctionConfiguration(Configuration, FunctionAction):
    """Change what is given of a function's configuration."""

    # So does SCF (qkqpttgf/OneDrive_SCF#51); an older answer was UnauthorizedOperation.FunctionStatus (#41).
    busy = "FailedOperation.UpdateFunctionConfiguration"
    not_emulated = (*Configuration.not_emulated, "IgnoreSysLog")
    runtime: str | None = None
    publish: Off = "FALSE"
    l5_enable: Off = Field(default="FALSE", alias="L5Enable")

    def _run_on(self, function: Function, account: Account) -> Answer:
        if self.runtime not in (None, function.settings.runtime):
            raise ApiError("InvalidParameterValue.Runtime", "the runtime of a function can't be changed")
        changes = self.changes()
        _check_role(account, self.role)
        return _write(account, function, "Updating", changes)


class DeleteFunction(FunctionAction):
    """Delete a function, or one of its versions."""

    busy = "FailedOperation.DeleteFunction"
    possible = ("Active", "CreateFailed", "UpdateFailed")
    qualifier: str | None = None

    def _run_on(self, function: Function, account: Account) -> Answer:
        if self.qualifier is None:
            account.begin(function, "Deleting")
            return {}
        if self.qualifier not in function.versions:
            raise ApiError("ResourceNotFound.Qualifier", f"there is no version {self.qualifier[:64]!a}")
        if any(self.qualifier in (alias.function_version, *alias.weights) for alias in function.aliases.values()):
            raise ApiError("UnsupportedOperation.AliasBind", "an alias routes to the version")
        del function.versions[self.qualifier]
        return {}


class GetFunction(FunctionAction, Qualified):
    """Read a function; tencent-component-toolkit sends ShowTriggers, which is not in models.py."""

    show_code: Literal["TRUE", "FALSE"] = "FALSE"
    show_triggers: Literal["TRUE", "FALSE"] = "TRUE"

    def _run_on(self, function: Function, account: Account) -> Answer:
        version, settings = settings_of(function, self.qualifier)
        failed = function.status.endswith("Failed") and version == LATEST
        reasons = [{"ErrorCode": "FunctionCode", "ErrorMessage": function.failure}] if failed else []
        entry = account.packages.entry(settings.code, settings.handler)
        show = self.show_code == "TRUE" and entry.is_file() and entry.stat().st_size <= MAX_SHOWN
        triggers = function.triggers if self.show_triggers == "TRUE" else []
        return {
            **_summary(function),
            **_configuration(settings),
            "FunctionVersion": version,
            "Qualifier": self.qualifier,
            "StatusReasons": reasons,
            "CodeInfo": entry.read_text(encoding="utf-8", errors="replace") if show else "",
            "CodeResult": "failed" if failed else "success",
            "CodeError": function.failure if failed else "",
            "ErrNo": 0,
            "AvailableStatus": "Available",
            "Triggers": [shown(account, function, trigger) for trigger in triggers],
        }


class GetFunctionAddress(FunctionAction, Qualified):
    """Return where to download the package: in the real cloud from COS, here from the gateway's port."""

    def _run_on(self, function: Function, account: Account) -> Answer:
        code = settings_of(function, self.qualifier)[1].code
        return {"Url": f"{account.gateway}{CODE_PATH}{code}.zip", "CodeSha256": code}


class ListFunctions(Page, AccountAction):
    """List the functions."""

    namespace: str = "default"
    orderby: Literal["AddTime", "ModTime", "FunctionName"] = "ModTime"
    search_key: str = ""
    description: str = ""
    filters: list[Filter] = Field(default_factory=list)

    def _run(self, account: Account) -> Answer:
        functions = account.functions.values() if self.namespace == "default" else ()
        found = [
            _summary(function)
            for function in functions
            if self.search_key in function.function_name
            and self.description in function.settings.description
            and all(_matches(function, one) for one in self.filters)
        ]
        found.sort(key=lambda item: str(item[self.orderby]), reverse=self.order == "DESC")
        return {"Functions": self.of(found), "TotalCount": len(found)}


FUNCTION_ACTIONS = (
    *(CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration, DeleteFunction),
    *(GetFunction, GetFunctionAddress, ListFunctions),
)


def _check_role(account: Account, name: str | None) -> None:
    """Raise ApiError for a role that does not exist or that SCF can't take; the latter's code is invented."""
    if not name:
        return
    role = account.roles.get(name)
    if role is None:
        raise ApiError("ResourceNotFound.Role", f"there is no role {name[:128]!a}")
    if SERVICE not in json.dumps(json.loads(role.policy_document)):
        raise ApiError("InvalidParameter.RoleCheck", f"the role {name} does not let {SERVICE} take it")


def _write(account: Account, function: Function, status: str, changes: Mapping[str, object]) -> Answer:
    """Change a function's settings; it fails if they can't run: SCF looks for the entry file.

    Source: zero205/JD_tencent_scf#226.
    """
    settings = function.settings = function.settings.model_copy(update=changes)
    function.mod_time = account.now()
    has_entry = account.packages.entry(settings.code, settings.handler).is_file()
    failure = "" if has_entry else f"the package has no entry file for the handler {settings.handler} at its root"
    account.begin(function, status, failure)
    return {}


def _matches(function: Function, given: Filter) -> bool:
    """Whether a function matches a filter. Raises ApiError for a filter that is not emulated."""
    if given.name.startswith("tag-"):
        return any(tag.key == given.name[4:] and tag.value in given.values for tag in function.tags)
    values = {"Status": function.status, "Runtime": function.settings.runtime, "Role": function.settings.role}
    if given.name not in values:
        raise ApiError("UnsupportedOperation", f"the local cloud does not emulate the filter {given.name[:64]!a}")
    return values[given.name] in given.values


def _summary(function: Function) -> dict[str, object]:
    """Return a function as ListFunctions shows it."""
    shown = {"function_name", "function_id", "status", "tags", "add_time", "mod_time"}
    return {
        **function.model_dump(by_alias=True, include=shown),
        "Namespace": "default",
        "Runtime": function.settings.runtime,
        "Description": function.settings.description,
        "Type": "Event",
        "StatusDesc": "",
        "StatusReasons": [],
        "AsyncRunEnable": "FALSE",
        "TraceEnable": "FALSE",
    }


def _configuration(settings: Settings) -> dict[str, object]:
    """Return a version's settings as GetFunction shows them."""
    variables = [{"Key": name, "Value": value} for name, value in settings.environment.items()]
    return {
        **settings.model_dump(by_alias=True, exclude={"code", "environment"}),
        "Environment": {"Variables": variables},
        "PublicNetConfig": {"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE", "EipAddress": []}},
        "VpcConfig": {"VpcId": "", "SubnetId": ""},
        "Layers": [],
        "ClsLogsetId": "",
        "ClsTopicId": "",
        "InstallDependency": "FALSE",
        "DnsCache": "FALSE",
        "L5Enable": "FALSE",
    }
