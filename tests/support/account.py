"""An account in memory: the API's actions that the deployer uses, with the API's answers, statuses and refusals."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from deploy.errors import Refused

Answer = dict[str, Any]
#: How many looks at a function find it busy after each change.
BUSY_LOOKS = 2


class MemoryAccount:
    """Tencent's side of a `deploy.cloud.Call`. `log` has each request, `refuse` maps an action to the code it gets."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.refuse: dict[str, str] = {}
        self.functions: dict[str, Answer] = {}
        self.roles: dict[str, Answer] = {}
        self.policies: dict[int, Answer] = {}
        self.buckets: set[str] = set()
        #: Names of functions whose creation fails once.
        self.failing: set[str] = set()

    def __call__(self, service: str, action: str, params: Mapping[str, Any]) -> Answer:
        """Answer one request, or raise Refused."""
        self.log.append(action)
        given = dict(copy.deepcopy(params))
        if action in self.refuse:
            raise Refused(service, action, self.refuse[action], f"no, {action}")
        answer: Answer | None = getattr(self, f"on_{_snake(action)}")(given)
        return copy.deepcopy(answer or {})

    def state(self) -> Answer:
        """All that there is, to be compared."""
        parts = (self.functions, self.roles, self.policies, self.buckets)
        return copy.deepcopy(dict(zip(("functions", "roles", "policies", "buckets"), parts, strict=True)))

    def on_head_bucket(self, given: Answer) -> None:
        if given["Bucket"] not in self.buckets:
            raise Refused("cos", "HeadBucket", "NoSuchResource", "")

    def on_put_bucket(self, given: Answer) -> None:
        if given["Bucket"] in self.buckets:
            raise Refused("cos", "PutBucket", "BucketAlreadyOwnedByYou", "")
        self.buckets.add(given["Bucket"])

    def on_get_role(self, given: Answer) -> Answer:
        return {"RoleInfo": self._role(given["RoleName"])}

    def on_create_role(self, given: Answer) -> None:
        if given["RoleName"] in self.roles:
            raise Refused("cam", "CreateRole", "InvalidParameter.RoleNameInUse", "")
        self.roles[given["RoleName"]] = {**given, "attached": []}

    def on_delete_role(self, given: Answer) -> None:
        self._role(given["RoleName"])
        del self.roles[given["RoleName"]]

    def on_list_attached_role_policies(self, given: Answer) -> Answer:
        attached = self._role(given["RoleName"])["attached"]
        numbers = {policy["PolicyName"]: number for number, policy in self.policies.items()}
        listed = [{"PolicyName": name, "PolicyId": numbers.get(name, 0)} for name in attached]
        return {"List": listed, "TotalNum": len(listed)}

    def on_attach_role_policy(self, given: Answer) -> None:
        attached = self._role(given["AttachRoleName"])["attached"]
        if given["PolicyName"] not in [policy["PolicyName"] for policy in self.policies.values()]:
            raise Refused("cam", "AttachRolePolicy", "ResourceNotFound.PolicyIdNotFound", "")
        if given["PolicyName"] not in attached:
            attached.append(given["PolicyName"])

    def on_detach_role_policy(self, given: Answer) -> None:
        attached = self._role(given["DetachRoleName"])["attached"]
        attached[:] = [name for name in attached if name != given["PolicyName"]]

    def on_list_policies(self, given: Answer) -> Answer:
        found = [
            {"PolicyId": number, "PolicyName": policy["PolicyName"]}
            for number, policy in self.policies.items()
            if given["Keyword"] in policy["PolicyName"]
        ]
        return {"List": found, "TotalNum": len(found)}

    def on_get_policy(self, given: Answer) -> Answer:
        return self._policy(given["PolicyId"])

    def on_create_policy(self, given: Answer) -> Answer:
        if any(policy["PolicyName"] == given["PolicyName"] for policy in self.policies.values()):
            raise Refused("cam", "CreatePolicy", "FailedOperation.PolicyNameInUse", "")
        number = 1 + max(self.policies, default=100)
        self.policies[number] = given
        return {"PolicyId": number}

    def on_update_policy(self, given: Answer) -> None:
        self._policy(given["PolicyId"])["PolicyDocument"] = given["PolicyDocument"]

    def on_delete_policy(self, given: Answer) -> None:
        for number in given["PolicyId"]:
            self._policy(number)
            del self.policies[number]

    def on_list_functions(self, given: Answer) -> Answer:
        functions = list(self.functions.values())
        page = functions[given["Offset"] : given["Offset"] + given["Limit"]]
        return {"Functions": page, "TotalCount": len(functions)}

    def on_get_function(self, given: Answer) -> Answer:
        function = self._function(given["FunctionName"])
        self._check_version(function, given.get("Qualifier", "$LATEST"))
        if function["busy"]:
            function["busy"] -= 1
        elif function["Status"] == "Deleting":
            del self.functions[given["FunctionName"]]
            self._function(given["FunctionName"])
        elif function["Status"] in ("Creating", "Updating", "Publishing"):
            function["Status"] = "CreateFailed" if given["FunctionName"] in self.failing else "Active"
            self.failing.discard(given["FunctionName"])
        return function

    def on_create_function(self, given: Answer) -> None:
        if given["FunctionName"] in self.functions:
            raise Refused("scf", "CreateFunction", "ResourceInUse.FunctionName", "")
        if given["Role"] not in self.roles:
            raise Refused("scf", "CreateFunction", "ResourceNotFound.Role", "")
        more = {"code": _hash(given.pop("Code")), "triggers": [], "versions": [], "routed": "$LATEST"}
        self.functions[given["FunctionName"]] = {**given, **more, "Status": "Creating", "busy": BUSY_LOOKS}

    def on_update_function_code(self, given: Answer) -> None:
        function = self._free(given["FunctionName"], "UpdateFunctionCode")
        function.update(code=_hash(given["Code"]), Handler=given["Handler"], Status="Updating", busy=BUSY_LOOKS)

    def on_update_function_configuration(self, given: Answer) -> None:
        function = self._free(given["FunctionName"], "UpdateFunctionConfiguration")
        function.update(given, Status="Updating", busy=BUSY_LOOKS)

    def on_delete_function(self, given: Answer) -> None:
        self._free(given["FunctionName"], "DeleteFunction").update(Status="Deleting", busy=BUSY_LOOKS)

    def on_publish_version(self, given: Answer) -> Answer:
        function = self._free(given["FunctionName"], "PublishVersion")
        version = {"Version": str(len(function["versions"]) + 1), "Description": given["Description"]}
        function["versions"].append({**version, "code": function["code"], "Environment": function["Environment"]})
        function.update(Status="Publishing", busy=BUSY_LOOKS)
        return {"FunctionVersion": version["Version"]}

    def on_list_version_by_function(self, given: Answer) -> Answer:
        versions = [{"Version": "$LATEST", "Description": ""}, *self._function(given["FunctionName"])["versions"]]
        page = versions[given["Offset"] : given["Offset"] + given["Limit"]]
        return {"Versions": page, "TotalCount": len(versions)}

    def on_get_alias(self, given: Answer) -> Answer:
        function = self._function(given["FunctionName"])
        return {"FunctionVersion": function["routed"], "RoutingConfig": function.get("routing")}

    def on_update_alias(self, given: Answer) -> None:
        function = self._function(given["FunctionName"])
        self._check_version(function, given["FunctionVersion"])
        function["routed"] = given["FunctionVersion"]
        function.pop("routing", None)

    def on_list_triggers(self, given: Answer) -> Answer:
        triggers = self._function(given["FunctionName"])["triggers"]
        return {"Triggers": [_read(trigger) for trigger in triggers], "TotalCount": len(triggers)}

    def on_create_trigger(self, given: Answer) -> None:
        triggers = self._function(given["FunctionName"])["triggers"]
        if any(each["TriggerName"] == given["TriggerName"] for each in triggers):
            raise Refused("scf", "CreateTrigger", "ResourceInUse.TriggerName", "")
        triggers.append(given)

    def on_update_trigger(self, given: Answer) -> None:
        self._trigger(given).update(given)

    def on_delete_trigger(self, given: Answer) -> None:
        self._function(given["FunctionName"])["triggers"].remove(self._trigger(given))

    def _role(self, name: str) -> Answer:
        if name not in self.roles:
            raise Refused("cam", "GetRole", "InvalidParameter.RoleNotExist", "")
        return self.roles[name]

    def _policy(self, number: int) -> Answer:
        if number not in self.policies:
            raise Refused("cam", "GetPolicy", "InvalidParameter.PolicyIdNotExist", "")
        return self.policies[number]

    def _function(self, name: str) -> Answer:
        if name not in self.functions:
            raise Refused("scf", "GetFunction", "ResourceNotFound.FunctionName", "")
        return self.functions[name]

    def _check_version(self, function: Answer, number: str) -> None:
        if number != "$LATEST" and number not in [version["Version"] for version in function["versions"]]:
            raise Refused("scf", "GetFunction", "ResourceNotFound.Qualifier", "")

    def _free(self, name: str, action: str) -> Answer:
        function = self._function(name)
        if function["Status"] in ("Creating", "Updating", "Publishing", "Deleting"):
            self.on_get_function({"FunctionName": name})  # time passes
            raise Refused("scf", action, "FailedOperation.FunctionStatusError", "")
        return function

    def _trigger(self, given: Answer) -> Answer:
        names = ("TriggerName", "Type", "Qualifier")
        for trigger in self._function(given["FunctionName"])["triggers"]:
            if all(trigger[name] == given[name] for name in names):
                found: Answer = trigger
                return found
        raise Refused("scf", "UpdateTrigger", "ResourceNotFound.Trigger", "")


def _snake(action: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()


def _hash(code: Answer) -> str:
    return hashlib.sha256(code["ZipFile"].encode()).hexdigest()


def _read(trigger: Answer) -> Answer:
    """A trigger as ListTriggers has it: Enable is a number, a timer's cron JSON, a URL has an address."""
    description = trigger["TriggerDesc"]
    if trigger["Type"] == "timer":
        description = json.dumps({"cron": description})
    else:
        address = f'"ExtranetUrl":"https://{trigger["FunctionName"]}.example.com","EnableExtranet"'
        description = description.replace('"EnableExtranet"', address)
    return {**trigger, "TriggerDesc": description, "Enable": int(trigger["Enable"] == "OPEN")}
