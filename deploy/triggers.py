"""The triggers in a plan: timers and function URLs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deploy.resources import TIMER, URL, FoundFunction, Trigger, WantedFunction
from deploy.steps import CHANGE, CREATE, KEEP, REMOVE, Request, Step, differences


def steps(wanted: WantedFunction, found: FoundFunction | None) -> Iterator[Step]:
    """Yield the steps for a function's triggers; those no longer in serverless.yml are removed first."""
    there = {_key(trigger): trigger for trigger in (found.triggers if found else ()) if trigger.kind in (TIMER, URL)}
    keys = {_key(trigger) for trigger in wanted.triggers}
    for key, trigger in there.items():
        if key not in keys:
            yield Step(REMOVE, _kind(trigger), _label(wanted, trigger), (deletion(wanted.name, trigger),))
    for trigger in wanted.triggers:
        yield _step(wanted, trigger, there.get(_key(trigger)))


def deletion(function: str, trigger: Trigger) -> Request:
    """Return the request that deletes a trigger; without a qualifier SCF looks for one of $LATEST."""
    params = {"FunctionName": function, "TriggerName": trigger.name, "Type": trigger.kind}
    more = {} if trigger.kind in (TIMER, URL) else trigger.setting  # COS triggers need their description
    return Request("scf", "DeleteTrigger", {**params, "Qualifier": trigger.qualifier or "$LATEST", **more})


def _step(wanted: WantedFunction, trigger: Trigger, found: Trigger | None) -> Step:
    kind, name = _kind(trigger), _label(wanted, trigger)
    creation = Request("scf", "CreateTrigger", _params(wanted.name, trigger))
    if found is None:
        return Step(CREATE, kind, name, (creation,))
    named = trigger._replace(name=found.name)
    differing = tuple(differences(found.fields, named.fields))
    if not differing:
        return Step(KEEP, kind, name)
    if found.qualifier != trigger.qualifier:  # an update can't change the qualifier
        return Step(CHANGE, kind, name, (deletion(wanted.name, found), creation), differing)
    return Step(CHANGE, kind, name, (Request("scf", "UpdateTrigger", _params(wanted.name, named)),), differing)


def _key(trigger: Trigger) -> tuple[str, str]:
    """Return what identifies a trigger: a timer's name, or a URL's qualifier, which has only one URL (583/100227)."""
    return (TIMER, trigger.name) if trigger.kind == TIMER else (trigger.kind, trigger.qualifier)


def _kind(trigger: Trigger) -> str:
    return "timer" if trigger.kind == TIMER else "url"


def _label(wanted: WantedFunction, trigger: Trigger) -> str:
    return trigger.name if trigger.kind == TIMER else wanted.alias


def _params(function: str, trigger: Trigger) -> dict[str, Any]:
    """Return the parameters that CreateTrigger and UpdateTrigger share."""
    params = {
        "FunctionName": function,
        "TriggerName": trigger.name,
        "Type": trigger.kind,
        "Qualifier": trigger.qualifier,
        "TriggerDesc": _description(trigger),
        "Enable": "OPEN" if trigger.enabled else "CLOSE",
    }
    return {**params, "CustomArgument": trigger.argument} if trigger.kind == TIMER else params


def _description(trigger: Trigger) -> str:
    """Return a timer's cron as bare text, or a URL's settings as JSON (583/100227)."""
    if trigger.kind == TIMER:
        return str(trigger.setting["cron"])
    setting = trigger.setting
    network = {name: setting[name] for name in ("EnableExtranet", "EnableIntranet")}
    description = {"AuthType": setting["AuthType"], "NetConfig": network}
    if setting["CorsConfig"]:
        description["CorsConfig"] = setting["CorsConfig"]
    return json.dumps(description, separators=(",", ":"))
