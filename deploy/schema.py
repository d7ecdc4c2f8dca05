"""The form of a serverless.yml: every key that the deploy engine reads, and the type it expects there.

The engine ignores a key that it doesn't know, and passes a wrong type on to an API that may or may not refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: What may stand at a place: a type (object: any), a map of keys ("*": any key), a list of one kind.
Form = Any

FUNCTION: Form = {
    "handler": str,
    "name": str,
    "src": str,
    "description": str,
    "runtime": str,
    "type": str,
    "memorySize": int,
    "timeout": int,
    "role": str,
    "environments": [{"key": str, "value": object}],
    "layers": [{"name": str, "version": int}],
    "tags": [{"key": str, "value": str}],
    "vpc": {"vpcId": str, "subnetId": str},
    "cls": {"logsetId": str, "topicId": str},
    "publicAccess": bool,
    "asyncRunEnable": bool,
    "traceEnable": bool,
    "msgTTL": int,
    "retryNum": int,
}
TRIGGER: Form = {"type": str, "function": str, "parameters": {"*": object}}
SERVERLESS: Form = {
    "component": str,
    "name": str,
    "app": str,
    "stage": str,
    "org": str,
    "inputs": {
        **FUNCTION,
        "src": {"src": str, "exclude": [str]},
        "region": str,
        "namespace": str,
        "functions": {"*": FUNCTION},
        "triggers": [TRIGGER],
        "ignoreTriggers": bool,
        "isAutoPublish": bool,
        "publishDescription": str,
    },
}
#: `parameters` of the trigger types that the local cloud has too.
PARAMETERS: Mapping[str, Form] = {
    "timer": {"name": str, "cronExpression": str, "enable": bool, "argument": str, "qualifier": str},
    "http": {
        "name": str,
        "authType": str,
        "netConfig": {"enableExtranet": bool, "enableIntranet": bool},
        "qualifier": str,
        "enable": bool,
        "corsConfig": {"*": object},
    },
    "apigw": {
        "name": str,
        "id": str,
        "protocols": [str],
        "netTypes": [str],
        "environment": str,
        "apis": [
            {
                "path": str,
                "method": str,
                "function": str,
                "apiName": str,
                "enableCORS": bool,
                "serviceTimeout": int,
                "isBase64Encoded": bool,
                "param": [{"*": object}],
                "authType": str,
            }
        ],
    },
}
#: What becomes of keys that look right.
TRAPS = {
    "environment": "the engine empties it without a word; write environments, a list of key and value",
    "serviceName": "the engine overwrites it; write name",
    "isIntegratedResponse": "the engine drops it; switch it on in the gateway's console",
}
WORDS = {str: "text: quote it", int: "a whole number", bool: "true or false"}


def misfits(value: object, form: Form, where: str) -> Iterator[str]:
    """Yield what is not of the form, a sentence each, `where` being the place of the value."""
    if isinstance(form, type):
        if form is not object and type(value) is not form:  # exactly: YAML's true is no number
            yield f"{where} must be {WORDS[form]}"
    elif isinstance(form, list):
        if not isinstance(value, list):
            yield f"{where} must be a list: the engine empties a map here without a word"
            return
        for number, item in enumerate(value):
            yield from misfits(item, form[0], f"{where}[{number}]")
    elif isinstance(value, Mapping):
        yield from _misfit_keys(value, form, where)
    else:
        yield f"{where} must be a map of keys"


def _misfit_keys(value: Mapping[str, object], form: Mapping[str, Form], where: str) -> Iterator[str]:
    for key, item in value.items():
        if key in form or "*" in form:
            yield from misfits(item, form.get(key, form.get("*")), f"{where}.{key}")
        else:
            yield f"{where}.{key}: {TRAPS.get(key, 'the engine knows no such key and ignores it')}"
