"""SCF's actions on functions: create, get, update, delete and list.

Requests, replies and codes are those of tencentcloud-sdk-python-scf (v20180416, models.py and errorcodes.py), where a
code's meaning is the comment above it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from local.scf.account import LATEST, Account, Function, Settings
from local.scf.function_parameters import (
    CreateFunction,
    DeleteFunction,
    GetFunction,
    ListFunctions,
    Qualified,
    UpdateFunctionCode,
    UpdateFunctionConfiguration,
)
from local.scf.packages import MAX_CREATED, MAX_UPDATED, Packages
from local.scf.parameters import Action, Answer, ApiError, Filter, action
from local.scf.triggers_api import shown
from local.scf.versions_api import settings_of

#: The most functions of a namespace (quota limits, 583/11637).
MAX_FUNCTIONS = 50
#: The largest entry file that GetFunction shows, in bytes.
MAX_SHOWN = 1024 * 1024
CODE_PATH = "/_local/code/"
#: The service that must be allowed to take a run role (roles and policies of SCF, 583/32389).
SERVICE = "scf.qcloud.com"


class FunctionActions:
    """SCF's actions on functions; their code is in `packages`."""

    def __init__(self, account: Account, packages: Packages) -> None:
        self._account = account
        self._packages = packages
        self.actions: Mapping[str, Action] = {
            "CreateFunction": action(CreateFunction, self._create),
            "UpdateFunctionCode": action(UpdateFunctionCode, self._update_code),
            "UpdateFunctionConfiguration": action(UpdateFunctionConfiguration, self._update_configuration),
            "DeleteFunction": action(DeleteFunction, self._delete),
            "GetFunction": action(GetFunction, self._get),
            "GetFunctionAddress": action(Qualified, self._address),
            "ListFunctions": action(ListFunctions, self._list),
        }

    def _create(self, given: CreateFunction) -> Answer:
        if given.namespace != "default":
            raise ApiError("ResourceNotFound.Namespace", "there is only the namespace default")
        functions = self._account.functions
        if given.function_name in functions:
            raise ApiError("ResourceInUse.FunctionName", f"function {given.function_name} exists")
        if len(functions) >= MAX_FUNCTIONS:
            raise ApiError("LimitExceeded.Function", f"a namespace can have {MAX_FUNCTIONS} functions")
        if given.handler is None:
            raise ApiError("MissingParameter", "parameter Handler is missing")
        if given.code is None or given.code.zip_file is None:
            raise ApiError("MissingParameter.Code", "parameter Code.ZipFile is missing")
        changes = given.changes()
        self._check_role(given.role)
        code, size = self._packages.add(given.code.zip_file, MAX_CREATED)
        base = Settings(code=code, code_size=size, handler=given.handler, runtime=given.runtime)
        settings = base.model_copy(update=changes)
        now, new_id = self._account.now(), self._account.new_id()
        function = Function(
            function_name=given.function_name,
            function_id=f"lam-{new_id:08x}",
            tags=given.tags,
            add_time=now,
            mod_time=now,
            settings=settings,
        )
        function.begin("Creating", self._account.until(), self._failure(settings))
        functions[given.function_name] = function
        return {}

    def _update_code(self, given: UpdateFunctionCode) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        function.demand("FailedOperation.UpdateFunctionCode", "UpdateFailed", "PublishFailed")
        text = given.zip_file if given.code is None else given.code.zip_file
        if text is None:
            raise ApiError("MissingParameter.Code", "parameter ZipFile is missing")
        code, size = self._packages.add(text, MAX_UPDATED)
        changes: dict[str, object] = {"code": code, "code_size": size}
        self._update(function, changes if given.handler is None else {**changes, "handler": given.handler})
        return {}

    def _update_configuration(self, given: UpdateFunctionConfiguration) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        # So does SCF (qkqpttgf/OneDrive_SCF#51); an older answer was UnauthorizedOperation.FunctionStatus (#41).
        function.demand("FailedOperation.UpdateFunctionConfiguration", "UpdateFailed", "PublishFailed")
        if given.runtime not in (None, function.settings.runtime):
            raise ApiError("InvalidParameterValue.Runtime", "the runtime of a function can't be changed")
        changes = given.changes()
        self._check_role(given.role)
        self._update(function, changes)
        return {}

    def _update(self, function: Function, changes: Mapping[str, object]) -> None:
        function.settings = function.settings.model_copy(update=changes)
        function.mod_time = self._account.now()
        function.begin("Updating", self._account.until(), self._failure(function.settings))

    def _failure(self, settings: Settings) -> str:
        """Return why a function can't become active: SCF looks for the entry file (zero205/JD_tencent_scf#226)."""
        if self._packages.entry(settings.code, settings.handler).is_file():
            return ""
        return f"the package has no entry file for the handler {settings.handler} at its root"

    def _check_role(self, name: str | None) -> None:
        """Raise ApiError for a role that does not exist or that SCF can't take; the latter's code is invented."""
        if not name:
            return
        role = self._account.roles.get(name)
        if role is None:
            raise ApiError("ResourceNotFound.Role", f"there is no role {name[:128]!a}")
        if SERVICE not in json.dumps(json.loads(role.policy_document)):
            raise ApiError("InvalidParameter.RoleCheck", f"the role {name} does not let {SERVICE} take it")

    def _delete(self, given: DeleteFunction) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        function.demand("FailedOperation.DeleteFunction", *("CreateFailed", "UpdateFailed", "PublishFailed"))
        if given.qualifier is None:
            function.begin("Deleting", self._account.until())
            return {}
        if given.qualifier not in function.versions:
            raise ApiError("ResourceNotFound.Qualifier", f"there is no version {given.qualifier[:64]!a}")
        if any(given.qualifier in (alias.function_version, *alias.weights) for alias in function.aliases.values()):
            raise ApiError("UnsupportedOperation.AliasBind", "an alias routes to the version")
        del function.versions[given.qualifier]
        return {}

    def _get(self, given: GetFunction) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        version, settings = settings_of(function, given.qualifier)
        failed = function.status.endswith("Failed") and version == LATEST
        reasons = [{"ErrorCode": "FunctionCode", "ErrorMessage": function.failure}] if failed else []
        entry = self._packages.entry(settings.code, settings.handler)
        show = given.show_code == "TRUE" and entry.is_file() and entry.stat().st_size <= MAX_SHOWN
        triggers = function.triggers if given.show_triggers == "TRUE" else []
        return {
            **_summary(function),
            **_configuration(settings),
            "FunctionVersion": version,
            "Qualifier": given.qualifier,
            "StatusReasons": reasons,
            "CodeInfo": entry.read_text(encoding="utf-8", errors="replace") if show else "",
            "CodeResult": "failed" if failed else "success",
            "CodeError": function.failure if failed else "",
            "ErrNo": 0,
            "AvailableStatus": "Available",
            "Triggers": [shown(self._account, function, trigger) for trigger in triggers],
        }

    def _address(self, given: Qualified) -> Answer:
        """Return where to download the package: in the real cloud from COS, here from the gateway's port."""
        function = self._account.function(given.function_name, given.namespace)
        code = settings_of(function, given.qualifier)[1].code
        return {"Url": f"{self._account.gateway}{CODE_PATH}{code}.zip", "CodeSha256": code}

    def _list(self, given: ListFunctions) -> Answer:
        functions = [function for function in self._account.functions.values() if given.namespace == "default"]
        found = [
            _summary(function)
            for function in functions
            if given.search_key in function.function_name
            and given.description in function.settings.description
            and all(_matches(function, one) for one in given.filters)
        ]
        found.sort(key=lambda item: str(item[given.orderby]), reverse=given.order == "DESC")
        return {"Functions": given.of(found), "TotalCount": len(found)}


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
    return {
        "FunctionName": function.function_name,
        "FunctionId": function.function_id,
        "Namespace": "default",
        "Runtime": function.settings.runtime,
        "Description": function.settings.description,
        "Type": "Event",
        "Status": function.status,
        "StatusDesc": "",
        "StatusReasons": [],
        "Tags": [tag.model_dump(by_alias=True) for tag in function.tags],
        "AddTime": function.add_time,
        "ModTime": function.mod_time,
        "AsyncRunEnable": "FALSE",
        "TraceEnable": "FALSE",
    }


def _configuration(settings: Settings) -> dict[str, object]:
    """Return a version's settings as GetFunction shows them."""
    variables = [{"Key": name, "Value": value} for name, value in settings.environment.items()]
    return {
        "Handler": settings.handler,
        "Description": settings.description,
        "CodeSize": settings.code_size,
        "MemorySize": settings.memory_size,
        "Timeout": settings.timeout,
        "InitTimeout": settings.init_timeout,
        "Role": settings.role,
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
