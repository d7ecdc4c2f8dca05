"""The parts of a serverless.yml: names and types as components multi-scf 0.3.14 and scf have them.

Source: docs/configure.md and the code of both at github.com/serverless-components. Unknown keys stay in `model_extra`:
the engine ignores them silently.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from local.config.cron import CRON_ZONE, next_firing
from local.config.document import UNSET, Resolved

#: The runtimes of SCF that are Python 3 (doc 583/54977).
RUNTIMES = ("Python3.6", "Python3.7", "Python3.9", "Python3.10")
#: Prefixes of environment variables that SCF keeps for itself (583/30228).
RESERVED = ("SCF_", "QCLOUD_", "TENCENTCLOUD_")
#: The methods that an API of the gateway may have (doc 583/12513).
METHODS = ("ANY", "GET", "HEAD", "POST", "PUT", "DELETE")
#: Where the local cloud has its console, at the gateway's port.
OWN_PATHS = "/_local/"


def _number(value: object) -> object:
    """Read a whole number; from an environment variable it comes as text."""
    return int(value) if isinstance(value, Resolved) and value.isascii() and value.isdigit() else value


def _truth(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, Resolved) else value


Whole = Annotated[int, BeforeValidator(_number)]
Truth = Annotated[bool, BeforeValidator(_truth)]


class Part(BaseModel):
    """A map of the file; its keys are those of the engine, in camel case. `others` are keys that nothing here reads."""

    others: ClassVar[tuple[str, ...]] = ()
    model_config = ConfigDict(extra="allow", strict=True, frozen=True, alias_generator=to_camel, populate_by_name=True)


class Pair(Part):
    """An environment variable or a tag; `value` is UNSET if it refers to a variable that is not set."""

    key: str
    value: Any


def _variables(value: object) -> object:
    """Read `environment` in both forms: a map under `variables`, or a list of key and value."""
    if isinstance(value, list):
        return {
            pair["key"]: pair["value"] for pair in value if isinstance(pair, dict) and {"key", "value"} <= set(pair)
        }
    if isinstance(value, Mapping):
        return value.get("variables") or {}
    return value


class Layer(Part):
    """A layer that the function is bound to."""

    name: str
    version: Any = None


class Source(Part):
    """Where the code is: a folder of the project, or an object in a bucket."""

    src: str | None = None
    exclude: list[str] = Field(default_factory=list)
    bucket: str | None = None
    object: str | None = None


class FunctionConfig(Part):
    """One function, with inherited keys. `timeout` is in seconds, `memory_size` in MB; `alias` is its name in the file.

    `name` is its deployed name, `source` a sub-directory with its own code.
    """

    others = (
        *("vpc", "vpcConfig", "cls", "cfs", "deadLetter", "nodeSpec", "entryFile", "protocolType"),
        *("protocolParams", "provisionedNum", "qualifier"),
    )
    alias: str
    name: str
    handler: str
    runtime: str = Field(default="", validate_default=True)
    type: str = "event"
    source: str | None = Field(default=None, alias="src")
    description: str = ""
    memory_size: Whole = 128
    timeout: Whole = 3
    init_timeout: Whole | None = None
    role: str | None = None
    environments: list[Pair] = Field(default_factory=list)
    variables: Annotated[dict[str, Any], BeforeValidator(_variables)] = Field(default_factory=dict, alias="environment")
    layers: list[Layer] = Field(default_factory=list)
    tags: list[Pair] = Field(default_factory=list)
    public_access: Truth = True
    async_run_enable: Truth = False
    trace_enable: Truth = False
    install_dependency: Truth = False
    eip: Truth = False
    msg_ttl: Whole | None = Field(default=None, alias="msgTTL")
    retry_num: Whole | None = None
    node_type: Any = None
    image: Any = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that are set; the list wins over the map, as in 0.3.14. Values other than text become JSON."""
        given = {**self.variables, **{pair.key: pair.value for pair in self.environments}}
        return {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in given.items()
            if value is not UNSET and value is not None
        }

    @field_validator("runtime")
    @classmethod
    def _is_python(cls, value: str) -> str:
        if value not in RUNTIMES:
            raise ValueError(f"must be one of {', '.join(RUNTIMES)}; without it SCF takes Node.js")
        return value

    @field_validator("memory_size")
    @classmethod
    def _memory_exists(cls, value: int) -> int:
        if value != 64 and (value % 128 or not 128 <= value <= 3072):
            raise ValueError("must be 64 or a multiple of 128 up to 3072 (MB)")
        return value

    @field_validator("timeout")
    @classmethod
    def _timeout_exists(cls, value: int) -> int:
        if not 1 <= value <= 900:
            raise ValueError("must be 1 to 900 (seconds)")
        return value

    @field_validator("type")
    @classmethod
    def _is_event(cls, value: str) -> str:
        if value != "event":
            raise ValueError("must be event: a web function gets no events")
        return value

    @field_validator("image", "node_type")
    @classmethod
    def _is_code(cls, value: object) -> object:
        if value not in (None, "CPU"):
            raise ValueError("is not supported: functions in images and on GPUs run code that is not in the project")
        return value


class TimerTrigger(Part):
    """A timer. Without `enable` the engine leaves it closed."""

    kind: Literal["timer"] = "timer"
    function: str
    name: str
    cron: str = Field(default="", alias="cronExpression", validate_default=True)
    message: str = Field(default="", alias="argument")
    enabled: Truth = Field(default=False, alias="enable")
    qualifier: str = ""

    @field_validator("cron")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        next_firing(value, datetime.now(CRON_ZONE))
        return value


class Network(Part):
    """Where a function URL can be reached from; both are off by default."""

    enable_extranet: Truth = False
    enable_intranet: Truth = False


class UrlTrigger(Part):
    """A function URL; `auth_type` is NONE, which is public and the default, or CAM."""

    kind: Literal["http"] = "http"
    function: str
    name: str = "url-trigger"
    auth_type: str = "NONE"
    net_config: Network = Field(default_factory=Network)
    qualifier: str = ""
    enable: Truth = True
    cors_config: dict[str, Any] | None = None


class Api(Part):
    """One API of a gateway; `method` can be ANY, `timeout` is the gateway's, in seconds.

    With `integrated`, the function's return value is a whole reply, else only the body.
    """

    others = (
        *("apiName", "apiId", "apiDesc", "description", "enableCORS", "responseType", "authType", "usagePlan"),
        *("auth", "isBase64Encoded", "isBase64Trigger", "base64EncodedTriggerRules"),
    )
    path: str
    method: str = "ANY"
    function: str
    timeout: Whole = Field(default=15, alias="serviceTimeout")
    integrated: Truth = Field(default=False, alias="isIntegratedResponse")
    param: list[dict[str, Any]] = Field(default_factory=list)

    @field_validator("method")
    @classmethod
    def _in_capitals(cls, value: str) -> str:
        if value.upper() not in METHODS:
            raise ValueError(f"must be one of {', '.join(METHODS)}")
        return value.upper()

    @field_validator("path")
    @classmethod
    def _can_be_served(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError("must begin with a slash")
        if value.startswith(OWN_PATHS):
            raise ValueError(f"must not be below {OWN_PATHS}: the local cloud's own pages are there")
        return value


class GatewayTrigger(Part):
    """An API gateway with its APIs, under `apis`, or `endpoints` in component scf."""

    kind: Literal["apigw"] = "apigw"
    name: str = ""
    id: str | None = None
    service_id: str | None = None
    description: str = ""
    protocols: list[str] = Field(default_factory=lambda: ["http"])
    net_types: list[str] = Field(default_factory=lambda: ["OUTER"])
    environment: str = "release"
    qualifier: str = ""
    apis: list[Api] = Field(default_factory=list)


Trigger = TimerTrigger | UrlTrigger | GatewayTrigger


class Inputs(Part):
    """The keys of `inputs` that functions do not inherit."""

    region: str = "ap-guangzhou"
    namespace: str = "default"
    src: Source = Field(default_factory=Source)
    ignore_triggers: Truth = False
    is_auto_publish: Truth = False
    publish_description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _source_as_text(cls, value: dict[str, Any]) -> dict[str, Any]:
        return {**value, "src": {"src": value["src"]}} if isinstance(value.get("src"), str) else value


class Heading(Part):
    """The keys at the top of the file."""

    component: str = ""
    name: str
    app: str = ""
    stage: str = "dev"
    org: str = ""
