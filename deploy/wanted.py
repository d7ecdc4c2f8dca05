"""Works out what an account should have, from serverless.yml and the settings."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from deploy.resources import ALIAS, TIMER, URL, Configuration, Trigger, Wanted, WantedFunction
from local.config import Config, FunctionConfig, GatewayTrigger, TimerTrigger, UrlTrigger
from shared.settings import CI, Settings

#: Actions of queries and sweeps on objects; listing has a permission of its own (cos policy).
OBJECT_ACTIONS = ("name/cos:GetObject", "name/cos:PutObject", "name/cos:DeleteObject")


def want(config: Config, settings: Settings | None, archive: bytes) -> Wanted:
    """Return what the account should have; `archive` is the bundle's zip.

    Without settings, as for rollback and remove, it has all names and no bucket.
    """
    bundle = hashlib.sha256(archive).hexdigest()
    role = config.role or ""
    return Wanted(
        project=project(config),
        code=base64.b64encode(archive).decode(),
        bucket=settings.cos_bucket if settings else "",
        role=role,
        policy=f"{role}-{project(config)}",
        policy_document=policy_document(config, settings) if settings else {},
        functions=tuple(_function(config, function, bundle) for function in config.functions.values()),
        gateways=tuple(trigger.name for trigger in config.triggers if isinstance(trigger, GatewayTrigger)),
    )


def project(config: Config) -> str:
    """Return the value of this deployment's tag: the beginning of its functions' names."""
    return f"{config.name}-{config.stage}-{config.app}"


def policy_document(config: Config, settings: Settings) -> dict[str, Any]:
    """Return the least policy for the functions: objects under the prefix, listing them, invoking one another.

    With BACKEND=ci it includes queries about CI jobs; the action is documented for the list of jobs only (460/84766).
    """
    bucket = settings.cos_bucket
    place = f"qcs::cos:{settings.cos_region}:uid/{bucket.rpartition('-')[2]}:{bucket}"
    functions = [
        f"qcs::scf:{config.region}::namespace/{config.namespace}/function/{function.name}"
        for function in config.functions.values()
    ]
    statement = [
        {"effect": "allow", "action": [*OBJECT_ACTIONS], "resource": [f"{place}/{settings.cos_prefix}*"]},
        {"effect": "allow", "action": ["name/cos:GetBucket"], "resource": [f"{place}/*"]},
        {"effect": "allow", "action": ["scf:InvokeFunction"], "resource": functions},
    ]
    if settings.backend == CI:
        statement.append({"effect": "allow", "action": ["ci:DescribeMediaJob*"], "resource": ["*"]})
        if settings.ci_source_info:
            statement.append({"effect": "allow", "action": ["name/cos:GetObject"], "resource": [f"{place}/*"]})
    return {"version": "2.0", "statement": statement}


def environment(function: FunctionConfig) -> dict[str, str]:
    """Return a function's variables that have a value: SCF refuses empty ones."""
    return {key: value for key, value in function.environment.items() if value}


def _function(config: Config, function: FunctionConfig, bundle: str) -> WantedFunction:
    configuration = Configuration(
        description=function.description,
        handler=function.handler,
        memory=function.memory_size,
        timeout=function.timeout,
        role=function.role or "",
        environment=environment(function),
    )
    triggers = tuple(_triggers(config, function.alias))
    return WantedFunction(function.alias, function.name, function.runtime, configuration, bundle, triggers)


def _triggers(config: Config, alias: str) -> Iterator[Trigger]:
    for trigger in config.triggers:
        if isinstance(trigger, GatewayTrigger) or trigger.function != alias:
            continue
        qualifier = trigger.qualifier or ALIAS
        if isinstance(trigger, TimerTrigger):
            yield Trigger(TIMER, trigger.name, qualifier, {"cron": trigger.cron}, trigger.message, trigger.enabled)
        else:
            yield Trigger(URL, trigger.name, qualifier, _url_setting(trigger), enabled=trigger.enable)


def _url_setting(trigger: UrlTrigger) -> dict[str, Any]:
    """Return a URL's settings; CORS has serverless.yml's keys with a capital letter (583/100227)."""
    cors = {key[:1].upper() + key[1:]: _listed(key, value) for key, value in (trigger.cors_config or {}).items()}
    return {
        "AuthType": trigger.auth_type,
        "EnableExtranet": trigger.net_config.enable_extranet,
        "EnableIntranet": trigger.net_config.enable_intranet,
        "CorsConfig": cors if cors.get("Enable") else {},
    }


def _listed(key: str, value: object) -> object:
    """Return the list that a text with commas stands for."""
    names = ("origins", "methods", "headers", "exposeHeaders")
    return [item.strip() for item in value.split(",")] if key in names and isinstance(value, str) else value
