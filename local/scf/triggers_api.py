"""SCF's actions on triggers: timers and function URLs.

Requests, replies and codes are those of tencentcloud-sdk-python-scf (v20180416, models.py and errorcodes.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field

from local.config import CRON_ZONE, next_firing
from local.scf.account import DEFAULT, LATEST, Account, Function, Trigger
from local.scf.function_parameters import Description, Named
from local.scf.parameters import Action, Answer, ApiError, Filter, Page, Parameters, action, json_object, only, parse
from local.scf.versions_api import settings_of

#: The most triggers of one type of a function, and the most bytes of a timer's argument (quota limits, 583/11637;
#: 583/9708).
MAX_TRIGGERS, MAX_ARGUMENT = 10, 4096
#: Types of DeleteTrigger that are not emulated. CreateTrigger no longer takes apigw.
OTHER_TYPES = ("cos", "cls", "ckafka", "cmq", "apigw")


class NamedTrigger(Named):
    """The parameters that name one trigger; its qualifier is the one it was created with."""

    trigger_name: str
    type: str
    qualifier: str = LATEST


class WriteTrigger(NamedTrigger):
    """Parameters of CreateTrigger and UpdateTrigger."""

    trigger_desc: str | None = None
    enable: str | None = None
    custom_argument: str | None = None
    description: Description | None = None


class DeleteTrigger(NamedTrigger):
    """Parameters of DeleteTrigger; TriggerDesc is for COS triggers."""

    trigger_desc: str = ""


class TriggerFilter(Filter):
    """One filter of ListTriggers; tencent-component-toolkit filters by Type too (triggers/utils)."""

    name: Literal["Qualifier", "TriggerName", "Description", "Type"]


class ListTriggers(Named, Page):
    """Parameters of ListTriggers."""

    order_by: Literal["add_time", "mod_time"] = "mod_time"
    filters: list[TriggerFilter] = Field(default_factory=list)


class Net(Parameters):
    """The networks that can reach a function URL."""

    enable_extranet: bool = False
    enable_intranet: bool = False


class Cors(Parameters):
    """CORS of a function URL; only switched off it is emulated."""

    not_emulated = ("Origins", "Headers", "Methods", "ExposeHeaders", "MaxAge", "Credentials")
    enable: Annotated[bool, only(False)] = False


class UrlDescription(Parameters):
    """The TriggerDesc of a function URL (583/100227)."""

    auth_type: Literal["NONE", "CAM"] = "NONE"
    net_config: Net = Net()
    cors_config: Cors = Cors()


class TriggerActions:
    """SCF's actions on triggers."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.actions: Mapping[str, Action] = {
            "CreateTrigger": action(WriteTrigger, self._create),
            "UpdateTrigger": action(WriteTrigger, self._update),
            "DeleteTrigger": action(DeleteTrigger, self._delete),
            "ListTriggers": action(ListTriggers, self._list),
        }

    def _create(self, given: WriteTrigger) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        function.demand("FailedOperation.CreateTrigger", "UpdateFailed", "PublishFailed")
        _check_type(given.type)
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,99}", given.trigger_name):
            raise ApiError("InvalidParameterValue.TriggerName", "a name has 1 to 100 letters, digits, - and _")
        if any(trigger.trigger_name == given.trigger_name for trigger in function.triggers):
            raise ApiError("ResourceInUse.TriggerName", f"trigger {given.trigger_name} exists")
        same = [trigger for trigger in function.triggers if trigger.type == given.type]
        if len(same) >= MAX_TRIGGERS:
            raise ApiError("LimitExceeded.Trigger", f"a function can have {MAX_TRIGGERS} triggers of a type")
        settings_of(function, given.qualifier)
        if given.type == "http" and any(trigger.qualifier == given.qualifier for trigger in same):
            # One URL for each version or alias (583/96099); the code for a second one is invented.
            raise ApiError("ResourceInUse.Trigger", f"{given.qualifier} has a function URL")
        now = self._account.now()
        fresh = Trigger(
            trigger_name=given.trigger_name,
            type=given.type,
            trigger_desc="",
            qualifier=given.qualifier,
            # Without Enable, a timer is closed and a function URL open (tencent-component-toolkit, triggers).
            enable=given.type == "http",
            add_time=now,
            mod_time=now,
        )
        if given.trigger_desc is None:
            raise ApiError("MissingParameter", "parameter TriggerDesc is missing")
        trigger = self._written(fresh, given)
        function.triggers.append(trigger)
        return {"TriggerInfo": shown(self._account, function, trigger)}

    def _update(self, given: WriteTrigger) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        function.demand("FailedOperation.FunctionStatusError", "UpdateFailed", "PublishFailed")
        trigger = _found(function, given)
        function.triggers[function.triggers.index(trigger)] = self._written(trigger, given)
        return {}

    def _written(self, trigger: Trigger, given: WriteTrigger) -> Trigger:
        """Return the trigger with the changes of a request. Raises ApiError."""
        update: dict[str, object] = {"mod_time": self._account.now()}
        if given.trigger_desc is not None:
            check = _cron if given.type == "timer" else _url_description
            update["trigger_desc"] = check(given.trigger_desc)
        if given.enable is not None:
            if given.enable not in ("OPEN", "CLOSE"):
                raise ApiError("InvalidParameterValue.Enable", "Enable is OPEN or CLOSE")
            update["enable"] = given.enable == "OPEN"
        if given.custom_argument is not None:
            if given.type != "timer" or len(given.custom_argument.encode(errors="replace")) > MAX_ARGUMENT:
                message = f"CustomArgument is for timers, and can have {MAX_ARGUMENT} bytes"
                raise ApiError("InvalidParameterValue.CustomArgument", message)
            update["custom_argument"] = given.custom_argument
        if given.description is not None:
            update["description"] = given.description
        return trigger.model_copy(update=update)

    def _delete(self, given: DeleteTrigger) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        function.demand("FailedOperation.FunctionStatusError", "UpdateFailed", "PublishFailed")
        function.triggers.remove(_found(function, given))
        return {}

    def _list(self, given: ListTriggers) -> Answer:
        function = self._account.function(given.function_name, given.namespace)
        found = [
            trigger
            for trigger in function.triggers
            if all(_field(trigger, one.name) in one.values for one in given.filters)
        ]
        found.sort(key=lambda trigger: str(getattr(trigger, given.order_by)), reverse=given.order == "DESC")
        triggers = [shown(self._account, function, trigger) for trigger in given.of(found)]
        return {"Triggers": triggers, "TotalCount": len(found)}


def _check_type(kind: str) -> None:
    if kind in OTHER_TYPES:
        raise ApiError("UnsupportedOperation.Trigger", f"the local cloud does not emulate triggers of type {kind}")
    if kind not in ("timer", "http"):
        raise ApiError("InvalidParameterValue.Type", f"there is no type {kind[:64]!a}")


def _found(function: Function, given: NamedTrigger) -> Trigger:
    _check_type(given.type)
    wanted = (given.trigger_name, given.type, given.qualifier)
    for trigger in function.triggers:
        if (trigger.trigger_name, trigger.type, trigger.qualifier) == wanted:
            return trigger
    raise ApiError("ResourceNotFound.Trigger", f"{given.qualifier[:64]} has no {given.type} trigger of this name")


def _field(trigger: Trigger, name: str) -> str:
    return str(trigger.model_dump(by_alias=True)[name])


def _cron(cron: str) -> str:
    try:
        next_firing(cron, datetime.now(CRON_ZONE))
    except ValueError as error:
        raise ApiError("InvalidParameterValue.TriggerDesc", f"the cron {error}") from error
    return cron


def _url_description(text: str) -> str:
    message = "the TriggerDesc of a function URL is a JSON object"
    value = json_object(text, "InvalidParameterValue.TriggerDesc", message)
    return parse(UrlDescription, value).model_dump_json(by_alias=True, exclude_none=True)


def url_description(trigger: Trigger) -> UrlDescription:
    """Return the parsed TriggerDesc of a function URL."""
    return UrlDescription.model_validate_json(trigger.trigger_desc)


def url_name(function: Function, trigger: Trigger) -> str:
    """Return the local name of a function URL: the function's, with the qualifier unless it is $DEFAULT."""
    name = function.function_name
    return name if trigger.qualifier == DEFAULT else f"{name}:{trigger.qualifier}"


def shown(account: Account, function: Function, trigger: Trigger) -> dict[str, object]:
    """Return a trigger as TriggerInfo, which spells some fields differently than requests do.

    Enable is a number and a timer's cron an object (tencent-component-toolkit, triggers/timer.ts); a function URL's
    address is in NetConfig (583/100227), and here on loopback.
    """
    if trigger.type == "timer":
        description: dict[str, object] = {"cron": trigger.trigger_desc}
    else:
        description = json.loads(trigger.trigger_desc)
        net = url_description(trigger).net_config
        url = f"{account.gateway}/_url/{quote(url_name(function, trigger))}" if net.enable_extranet else ""
        description["NetConfig"] = {**net.model_dump(by_alias=True), "ExtranetUrl": url, "IntranetUrl": ""}
    return {
        "TriggerName": trigger.trigger_name,
        "Type": trigger.type,
        "TriggerDesc": json.dumps(description, separators=(",", ":")),
        "Qualifier": trigger.qualifier,
        "Enable": int(trigger.enable),
        "CustomArgument": trigger.custom_argument,
        "Description": trigger.description,
        "AddTime": trigger.add_time,
        "ModTime": trigger.mod_time,
        "AvailableStatus": "Available",
        "BindStatus": "on",
        "ResourceId": "",
        "TriggerAttribute": "single",
    }
