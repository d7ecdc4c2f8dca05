"""Reads the triggers of a document, in both forms."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from local.config.document import Place
from local.config.models import Api, GatewayTrigger, TimerTrigger, Trigger, UrlTrigger
from local.config.parts import WORDS, Parts, Where

KINDS: Mapping[str, type[TimerTrigger] | type[UrlTrigger] | type[GatewayTrigger]] = {
    "timer": TimerTrigger,
    "http": UrlTrigger,
    "apigw": GatewayTrigger,
}


def read_triggers(parts: Parts, inputs: Mapping[str, Any], aliases: Collection[str]) -> list[Trigger]:
    """Return the triggers of `triggers: [{type, parameters}]` and `events: [{timer: {parameters}}]`.

    In component scf they belong to its one function. Problems go to `parts`.
    """
    only = next(iter(aliases), "") if parts.component == "scf" else None
    triggers: list[Trigger] = []
    for kind, spec, place in _written(parts, inputs):
        if not isinstance(kind, str) or kind not in KINDS:
            parts.problem(place, f": trigger type {kind} is not one of {', '.join(KINDS)}")
            continue
        parameters = spec.get("parameters", {})
        if not isinstance(parameters, dict):
            parts.problem((*place, "parameters"), WORDS["dict_type"])
            continue
        for key in set(spec) - {"type", "name", "function", "parameters"}:
            parts.ignored((*place, key))
        value, where = _value(kind, spec, only), _where(place, parameters)
        if trigger := parts.read(KINDS[kind], value, where):
            _check(parts, trigger, aliases, where)
            triggers.append(trigger)
    return triggers


def _written(parts: Parts, inputs: Mapping[str, Any]) -> Iterator[tuple[Any, dict[str, Any], Place]]:
    """Yield the triggers as written: type, the rest, place."""
    for key in ("triggers", "events"):
        given = inputs.get(key, [])
        if not isinstance(given, list):
            parts.problem(("inputs", key), WORDS["list_type"])
            continue
        for number, item in enumerate(given):
            place: Place = ("inputs", key, number)
            if not isinstance(item, dict):
                parts.problem(place, WORDS["dict_type"])
            elif key == "triggers" or "type" in item:
                yield item.get("type"), item, place
            else:
                yield from (
                    (kind, spec if isinstance(spec, dict) else {}, (*place, kind)) for kind, spec in item.items()
                )


def _value(kind: str, spec: dict[str, Any], only: str | None) -> dict[str, Any]:
    """Return the input of the trigger's model: its parameters, and the function that it calls.

    Component scf (src/utils.js) names a trigger by the event's `name`, and its gateway by `serviceName`.
    """
    parameters = dict(spec.get("parameters", {}))
    function = spec.get("function", "") if only is None else only
    if only is not None:
        name = parameters.pop("serviceName", None) or spec.get("name") or ("serverless" if kind == "apigw" else "timer")
        parameters.setdefault("name", name)
    if kind != "apigw":
        return {**parameters, "function": function}
    apis = parameters.pop("endpoints", None) or parameters.pop("apis", [])
    if not isinstance(apis, list):
        return {**parameters, "apis": apis}
    return {**parameters, "apis": [_api(api, only) if isinstance(api, dict) else api for api in apis]}


def _api(api: dict[str, Any], only: str | None) -> dict[str, Any]:
    """Return an API; in component scf, `function` is a map that says whether the response is integrated."""
    if only is None:
        return api
    function = api.get("function")
    integrated = function.get("isIntegratedResponse", False) if isinstance(function, dict) else False
    return {**api, "function": only, "isIntegratedResponse": integrated}


def _where(place: Place, parameters: Mapping[str, Any]) -> Where:
    """Map the keys of a trigger's model to their places in the file."""

    def where(inner: Place) -> Place:
        if inner == ("function",):
            return (*place, *inner)
        if inner[:1] == ("apis",) and "endpoints" in parameters:
            return (*place, "parameters", "endpoints", *inner[1:])
        return (*place, "parameters", *inner)

    return where


def _check(parts: Parts, trigger: Trigger, aliases: Collection[str], where: Where) -> None:
    """Check that the functions a trigger calls exist. If there are no functions at all, that was reported before."""
    targets: list[tuple[Place, Api | Trigger]] = [((), trigger)]
    if isinstance(trigger, GatewayTrigger):
        targets = [(("apis", number), api) for number, api in enumerate(trigger.apis)]
    for place, target in targets:
        if aliases and not isinstance(target, GatewayTrigger) and target.function not in aliases:
            parts.problem(where((*place, "function")), f": function {target.function} is not in the deploy list")
