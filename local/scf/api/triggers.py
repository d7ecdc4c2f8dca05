"""SCF's actions on triggers: timers and function URLs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field

from local.config import CRON_ZONE, next_firing
from local.scf.api.account import DEFAULT, LATEST, Account, Function, Trigger
from local.scf.api.actions import FunctionAction
from local.scf.api.function_parameters import Description
from local.scf.api.parameters import (
    Answer,
    ApiError,
    Filter,
    Page,
    Parameters,
    json_object,
    matching,
    only,
    parse,
    rule,
)
from local.scf.api.versions import settings_of

#: The most triggers of one type of a function, and the most bytes of a timer's argument (quota limits, 583/11637;
#: 583/9708).
MAX_TRIGGERS, MAX_ARGUMENT = 10, 4096
#: Types of DeleteTrigger that are not emulated. CreateTrigger no longer takes apigw.
OTHER_TYPES = ("cos", "cls", "ckafka", "cmq", "apigw")


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


class NamedTrigger(FunctionAction):
    """The parameters that name one trigger; its qualifier is the one it was created with."""

    trigger_name: str
    type: Annotated[
        str,
        rule(lambda name: name not in OTHER_TYPES, "is timer or http here", "UnsupportedOperation.Trigger"),
        matching("timer|http", "is timer or http"),
    ]
    qualifier: str = LATEST

    def found(self, function: Function) -> Trigger:
        """Return the trigger. Raises ApiError."""
        wanted = (self.trigger_name, self.type, self.qualifier)
        for trigger in function.triggers:
            if (trigger.trigger_name, trigger.type, trigger.qualifier) == wanted:
                return trigger
        raise ApiError("ResourceNotFound.Trigger", f"{self.qualifier[:64]} has no {self.type} trigger of this name")


class WriteTrigger(NamedTrigger):
    """The parameters of CreateTrigger and UpdateTrigger."""

    trigger_desc: str | None = None
    enable: Annotated[str, matching("OPEN|CLOSE", "is OPEN or CLOSE")] | None = None
    custom_argument: str | None = None
    description: Description | None = None

    def written(self, account: Account, trigger: Trigger) -> Trigger:
        """Return the trigger with the changes of the request. Raises ApiError."""
        argument = self.custom_argument
        if argument is not None and (self.type != "timer" or len(argument.encode(errors="replace")) > MAX_ARGUMENT):
            message = f"CustomArgument is for timers, and can have {MAX_ARGUMENT} bytes"
            raise ApiError("InvalidParameterValue.CustomArgument", message)
        changes = self.model_dump(include={"custom_argument", "description"}, exclude_none=True)
        if self.trigger_desc is not None:
            changes["trigger_desc"] = (_cron if self.type == "timer" else _url_description)(self.trigger_desc)
        if self.enable is not None:
            changes["enable"] = self.enable == "OPEN"
        return trigger.model_copy(update={**changes, "mod_time": account.now()})


class CreateTrigger(WriteTrigger):
    """Create a trigger."""

    busy = "FailedOperation.CreateTrigger"
    trigger_name: Annotated[str, matching(r"[A-Za-z][A-Za-z0-9_-]{0,99}", "has 1 to 100 letters, digits, - and _")]

    def _run_on(self, function: Function, account: Account) -> Answer:
        if any(trigger.trigger_name == self.trigger_name for trigger in function.triggers):
            raise ApiError("ResourceInUse.TriggerName", f"trigger {self.trigger_name} exists")
        same = [trigger for trigger in function.triggers if trigger.type == self.type]
        if len(same) >= MAX_TRIGGERS:
            raise ApiError("LimitExceeded.Trigger", f"a function can have {MAX_TRIGGERS} triggers of a type")
        settings_of(function, self.qualifier)
        if self.type == "http" and any(trigger.qualifier == self.qualifier for trigger in same):
            # One URL for each version or alias (583/96099); the code for a second one is invented.
            raise ApiError("ResourceInUse.Trigger", f"{self.qualifier} has a function URL")
        if self.trigger_desc is None:
            raise ApiError("MissingParameter", "parameter TriggerDesc is missing")
        now = account.now()
        fresh = Trigger(
            trigger_name=self.trigger_name,
            type=self.type,
            trigger_desc="",
            qualifier=self.qualifier,
            # Without Enable, a timer is closed and a function URL open (tencent-component-toolkit, triggers).
            enable=self.type == "http",
            add_time=now,
            mod_time=now,
        )
        trigger = self.written(account, fresh)
        function.triggers.append(trigger)
        return {"TriggerInfo": shown(account, function, trigger)}


class UpdateTrigger(WriteTrigger):
    """Change what is given of a trigger."""

    busy = "FailedOperation.FunctionStatusError"

    def _run_on(self, function: Function, account: Account) -> Answer:
        trigger = self.found(function)
        function.triggers[function.triggers.index(trigger)] = self.written(account, trigger)
        return {}


class DeleteTrigger(NamedTrigger):
    """Delete a trigger; TriggerDesc is for COS triggers."""

    busy = "FailedOperation.FunctionStatusError"
    trigger_desc: str = ""

    def _run_on(self, function: Function, _: Account) -> Answer:
        function.triggers.remove(self.found(function))
        return {}


class TriggerFilter(Filter):
    """One filter of ListTriggers; tencent-component-toolkit filters by Type too (triggers/utils)."""

    name: Literal["Qualifier", "TriggerName", "Description", "Type"]


class ListTriggers(FunctionAction, Page):
    """List the triggers of a function."""

    order_by: Literal["add_time", "mod_time"] = "mod_time"
    filters: list[TriggerFilter] = Field(default_factory=list)

    def _run_on(self, function: Function, account: Account) -> Answer:
        found = [
            trigger
            for trigger in function.triggers
            if all(trigger.model_dump(by_alias=True)[one.name] in one.values for one in self.filters)
        ]
        found.sort(key=lambda trigger: str(getattr(trigger, self.order_by)), reverse=self.order == "DESC")
        triggers = [shown(account, function, trigger) for trigger in self.of(found)]
        return {"Triggers": triggers, "TotalCount": len(found)}


TRIGGER_ACTIONS = (CreateTrigger, UpdateTrigger, DeleteTrigger, ListTriggers)


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


def public_urls(function: Function) -> dict[str, Trigger]:
    """Return the open function URLs on the public network by their local names."""
    return {
        url_name(function, trigger): trigger
        for trigger in function.triggers
        if trigger.type == "http" and trigger.enable and url_description(trigger).net_config.enable_extranet
    }


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
        **trigger.model_dump(by_alias=True),
        "TriggerDesc": json.dumps(description, separators=(",", ":")),
        "Enable": int(trigger.enable),
        "AvailableStatus": "Available",
        "BindStatus": "on",
        "ResourceId": "",
        "TriggerAttribute": "single",
    }
