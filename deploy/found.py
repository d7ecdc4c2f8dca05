"""Reads what an account has of a project; changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from deploy.api import AccountApi
from deploy.errors import DeployError
from deploy.resources import (
    ALIAS,
    CREATE_FAILED,
    TAG,
    TIMER,
    URL,
    Account,
    Configuration,
    FoundFunction,
    FoundPolicy,
    FoundRole,
    Trigger,
    Version,
    Wanted,
)

#: The most items of a page of SCF's and CAM's lists.
PAGE = 100
#: A function's description ends with the hash of its code: no other text of a function can be changed by an update.
_BUNDLE = re.compile(r"(?P<text>.*?)\s*\bbundle (?P<sha256>[0-9a-f]{64})$", re.DOTALL)
_RELEASE = re.compile(r"release (\d+) after (\d+) ([0-9a-f]{64})")


def read_account(api: AccountApi, wanted: Wanted) -> Account:
    """Return what the account has of the project, by name and by tag. Raises DeployError."""
    names = {function.name for function in wanted.functions} | set(_tagged(api, wanted.project))
    found = {name: _function(api, name, wanted.project) for name in sorted(names)}
    return Account(
        bucket=not wanted.bucket or api.read("cos", "HeadBucket", {"Bucket": wanted.bucket}) is not None,
        role=_role(api, wanted),
        policy=_policy(api, wanted),
        functions={name: function for name, function in found.items() if function},
    )


def described(text: str, bundle: str) -> str:
    """Return the description of a function with this code."""
    return f"{text} bundle {bundle}".strip()


def release_text(release: int, after: int, digest: str) -> str:
    """Return the description of a published version."""
    return f"release {release} after {after} {digest}"


def mark(project: str) -> str:
    """Return the description of the run role's policy: it marks the policy as the tag marks other resources."""
    return f"{TAG} {project}"


def _function(api: AccountApi, name: str, project: str) -> FoundFunction | None:
    """Return a function with its triggers and versions, None if it does not exist; wait until it is not busy."""
    answer = api.settled(name)
    if answer is None:
        return None
    text, bundle = _description(answer.get("Description") or "")
    variables = (answer.get("Environment") or {}).get("Variables") or []
    made = answer.get("Status") != CREATE_FAILED
    triggers = list(_pages(api, "ListTriggers", "Triggers", {"FunctionName": name})) if made else []
    return FoundFunction(
        name=name,
        ours=_has_tag(answer.get("Tags"), project),
        status=answer.get("Status") or "",
        runtime=answer.get("Runtime") or "",
        configuration=Configuration(
            description=text,
            handler=answer.get("Handler") or "",
            memory=answer.get("MemorySize") or 0,
            timeout=answer.get("Timeout") or 0,
            role=answer.get("Role") or "",
            environment={each["Key"]: each["Value"] for each in variables if each["Key"]},
        ),
        bundle=bundle,
        triggers=tuple(map(_trigger, triggers)),
        versions=tuple(_versions(api, name)) if made else (),
        routed=_routed(api, name) if made else 0,
    )


def _trigger(answer: Mapping[str, Any]) -> Trigger:
    """Return a trigger of ListTriggers."""
    return Trigger(
        kind=answer["Type"],
        name=answer["TriggerName"],
        qualifier=answer.get("Qualifier") or "",
        setting=_setting(answer["Type"], answer["TriggerDesc"]),
        argument=answer.get("CustomArgument") or "",
        enabled=answer.get("Enable") in (1, "1", "OPEN", True),
    )


def read_url(api: AccountApi, function: str) -> str:
    """Return the public address of a function, "" if it has none."""
    triggers = _pages(api, "ListTriggers", "Triggers", {"FunctionName": function})
    networks = (_json(each["TriggerDesc"]).get("NetConfig") or {} for each in triggers if each["Type"] == URL)
    return next((network["ExtranetUrl"] for network in networks if network.get("ExtranetUrl")), "")


def _setting(kind: str, text: str) -> dict[str, Any]:
    """Return the setting of a trigger from its TriggerDesc; a URL's without addresses, a missing CORS as switched off.

    A timer's cron is written as bare text and read as JSON (tencent-component-toolkit, timer.js).
    """
    if kind == TIMER:
        return {"cron": _json(text).get("cron") if text.startswith("{") else text}
    if kind != URL:
        return {"TriggerDesc": text}
    description = _json(text)
    network, cors = description.get("NetConfig") or {}, description.get("CorsConfig") or {}
    return {
        "AuthType": description.get("AuthType") or "NONE",
        "EnableExtranet": bool(network.get("EnableExtranet")),
        "EnableIntranet": bool(network.get("EnableIntranet")),
        "CorsConfig": dict(cors) if cors.get("Enable") else {},
    }


def _description(text: str) -> tuple[str, str]:
    found = _BUNDLE.fullmatch(text)
    return (found["text"], found["sha256"]) if found else (text, "")


def _json(text: str) -> dict[str, Any]:
    if not (value := _document(text)):
        raise DeployError("a trigger's description is malformed: look at the function's triggers in the console")
    return value


def _document(text: str) -> dict[str, Any]:
    """Return a JSON object from text, an empty one if the text is something else."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _versions(api: AccountApi, function: str) -> Iterator[Version]:
    for each in _pages(api, "ListVersionByFunction", "Versions", {"FunctionName": function}):
        found = _RELEASE.fullmatch(each.get("Description") or "")
        if found and each["Version"].isdigit():
            yield Version(int(each["Version"]), int(found[1]), int(found[2]), found[3])


def _routed(api: AccountApi, function: str) -> int:
    """Return the version that gets all traffic of the default alias; 0 for $LATEST or divided traffic."""
    alias = api.read("scf", "GetAlias", {"FunctionName": function, "Name": ALIAS}) or {}
    routing = alias.get("RoutingConfig") or {}
    divided = routing.get("AdditionalVersionWeights") or routing.get("AddtionVersionMatchs")
    version = alias.get("FunctionVersion") or ""
    return int(version) if version.isdigit() and not divided else 0


def _tagged(api: AccountApi, project: str) -> Iterator[str]:
    for each in _pages(api, "ListFunctions", "Functions", {}):
        if _has_tag(each.get("Tags"), project):
            yield each["FunctionName"]


def _role(api: AccountApi, wanted: Wanted) -> FoundRole | None:
    answer = api.read("cam", "GetRole", {"RoleName": wanted.role})
    if answer is None:
        return None
    attached = api.read("cam", "ListAttachedRolePolicies", {"RoleName": wanted.role, "Page": 1, "Rp": PAGE}) or {}
    return FoundRole(
        ours=_has_tag(answer["RoleInfo"].get("Tags"), wanted.project),
        policies=tuple(each["PolicyName"] for each in attached.get("List") or []),
    )


def _policy(api: AccountApi, wanted: Wanted) -> FoundPolicy | None:
    question = {"Scope": "Local", "Keyword": wanted.policy, "Page": 1, "Rp": PAGE}
    listed = (api.read("cam", "ListPolicies", question) or {}).get("List") or []
    number = next((each["PolicyId"] for each in listed if each["PolicyName"] == wanted.policy), None)
    if number is None:
        return None
    answer = api.read("cam", "GetPolicy", {"PolicyId": number})
    if answer is None:
        return None
    return FoundPolicy(number, answer.get("Description") == mark(wanted.project), _document(answer["PolicyDocument"]))


def _has_tag(tags: object, project: str) -> bool:
    return isinstance(tags, list) and any(tag.get("Key") == TAG and tag.get("Value") == project for tag in tags)


def _pages(api: AccountApi, action: str, field: str, question: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the items of one of SCF's lists, none if the function was deleted meanwhile."""
    offset = 0
    while True:
        answer = api.read("scf", action, {**question, "Offset": offset, "Limit": PAGE}) or {}
        items = answer.get(field) or []
        yield from items
        offset += len(items)
        if not items or offset >= answer.get("TotalCount", 0):
            return
