"""The functions in a plan: code, configuration, published version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deploy.found import described, release_text
from deploy.releases import Choice
from deploy.resources import TAG, Configuration, FoundFunction, Wanted, WantedFunction
from deploy.steps import CHANGE, CREATE, KEEP, Difference, Request, Step, differences

#: The largest package of UpdateFunctionCode (tencentcloud-sdk-python-scf, models.py).
MAX_ZIP = 20 * 2**20


def step(wanted: Wanted, function: WantedFunction, found: FoundFunction | None, choice: Choice) -> Step:
    """Return the step for a function's code and configuration, which also says where its traffic goes."""
    note, creation = f"code {function.bundle[:12]}", _creation(wanted, function)
    if found is None:
        return Step(CREATE, "function", function.name, (creation,), note=note)
    if not found.made:
        deletion = Request("scf", "DeleteFunction", {"FunctionName": function.name}, "gone")
        return Step(CHANGE, "function", function.name, (deletion, creation), note=f"its creation failed; {note}")
    differing = tuple(_differences(function, found, choice))
    updates = tuple(_updates(wanted, function, found))
    return Step(CHANGE if differing else KEEP, "function", function.name, updates, differing)


def publication(wanted: WantedFunction, choice: Choice) -> Request:
    """Return the request that publishes the current function."""
    description = release_text(choice.release, choice.after, wanted.digest)
    return Request("scf", "PublishVersion", {"FunctionName": wanted.name, "Description": description}, "active")


def _differences(wanted: WantedFunction, found: FoundFunction, choice: Choice) -> Iterator[Difference]:
    if found.status != "Active":
        yield Difference("status", found.status, "Active")
    if found.bundle != wanted.bundle:
        yield Difference("code", found.bundle[:12] or "unknown", wanted.bundle[:12])
    yield from differences(found.configuration.fields, wanted.configuration.fields)
    if choice.number != found.routed:
        new = str(choice.number) if choice.number else f"a new one, release {choice.release}"
        yield Difference("version", str(found.routed or "$LATEST"), new)


def _updates(wanted: Wanted, function: WantedFunction, found: FoundFunction) -> Iterator[Request]:
    """Return the updates: code first, then the description with its hash, so that an interrupted update is noticed."""
    new, old, name = function.configuration, found.configuration, {"FunctionName": function.name}
    if found.bundle != function.bundle or new.handler != old.handler or found.status != "Active":
        params = {**name, "Handler": new.handler, "CodeSource": "ZipFile", "Code": {"ZipFile": wanted.code}}
        yield Request("scf", "UpdateFunctionCode", params, "active")
    if found.bundle != function.bundle or new != old:
        params = {**name, **_configuration(new, function.bundle)}
        yield Request("scf", "UpdateFunctionConfiguration", params, "active")


def _creation(wanted: Wanted, function: WantedFunction) -> Request:
    """Return the request for a new function, without a log topic: creating one fails where CLS is not active."""
    params = {
        "FunctionName": function.name,
        "Runtime": function.runtime,
        "Handler": function.configuration.handler,
        "Type": "Event",
        "CodeSource": "ZipFile",
        "Code": {"ZipFile": wanted.code},
        "AutoCreateClsTopic": "FALSE",
        "PublicNetConfig": {"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}},
        "Tags": [{"Key": TAG, "Value": wanted.project}],
        **_configuration(function.configuration, function.bundle),
    }
    return Request("scf", "CreateFunction", params, "active")


def _configuration(configuration: Configuration, bundle: str) -> dict[str, Any]:
    """Return the configuration; an empty environment must be one empty variable (tencent-component-toolkit)."""
    variables = [{"Key": key, "Value": value} for key, value in sorted(configuration.environment.items())]
    return {
        "Description": described(configuration.description, bundle),
        "MemorySize": configuration.memory,
        "Timeout": configuration.timeout,
        "Role": configuration.role,
        "Environment": {"Variables": variables or [{"Key": "", "Value": ""}]},
    }
