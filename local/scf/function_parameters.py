"""The parameters of SCF's actions on functions (tencentcloud-sdk-python-scf, models.py)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from local.scf.account import LATEST
from local.scf.parameters import ApiError, Empty, NotEmulated, Off, Parameters, TagGiven, only

#: The most bytes of a function's environment variables together (InvalidParameterValue.EnvironmentExceededLimit).
MAX_ENVIRONMENT = 4096
MAX_DESCRIPTION = 1000
MAX_TIMEOUT = 900
#: Megabytes: 64, then steps of 128.
MEMORY_STEP, MAX_MEMORY = 128, 3072
#: The runtimes that are emulated.
RUNTIMES = ("Python3.6", "Python3.7", "Python3.9", "Python3.10")
#: The other runtimes of CreateFunction.
OTHER_RUNTIMES = re.compile(r"(Python2\.7|Nodejs|Php|Go|Java|CustomRuntime).*")
#: Prefixes that SCF keeps for itself (Environment variables, 583/30228).
RESERVED = ("SCF_", "QCLOUD_", "TENCENTCLOUD_")


def _function_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,58}[A-Za-z0-9]", name):
        # tencent-component-toolkit takes this code for a name that breaks the rules (entities/scf.ts).
        raise ApiError(
            "InvalidParameterValue.FunctionName",
            "FunctionName has 2 to 60 letters, digits, - and _, begins with a letter and does not end with - or _",
        )
    return name


def _handler(handler: str) -> str:
    part = r"[A-Za-z](?:[A-Za-z0-9_-]{0,58}[A-Za-z])?"
    if len(handler) > 121 or not re.fullmatch(rf"{part}\.{part}", handler):
        raise ApiError("InvalidParameterValue.Handler", "Handler is <file without .py>.<function>")
    return handler


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise ApiError("InvalidParameterValue.Description", f"Description can have {MAX_DESCRIPTION} characters")
    return text


def _memory(size: int) -> int:
    if size > MAX_MEMORY:
        raise ApiError("LimitExceeded.Memory", f"MemorySize can be {MAX_MEMORY} at most")
    if size != 64 and (size < MEMORY_STEP or size % MEMORY_STEP):
        raise ApiError("InvalidParameterValue.MemorySize", "MemorySize is 64, or 128 to 3072 in steps of 128")
    return size


def _timeout(seconds: int) -> int:
    if seconds > MAX_TIMEOUT:
        raise ApiError("LimitExceeded.Timeout", f"Timeout can be {MAX_TIMEOUT} seconds at most")
    if seconds < 1:
        raise ApiError("InvalidParameterValue", f"Timeout is 1 to {MAX_TIMEOUT} seconds")
    return seconds


def _runtime(name: str) -> str:
    if OTHER_RUNTIMES.fullmatch(name):
        raise ApiError("UnsupportedOperation", f"the local cloud does not emulate the runtime {name}")
    if name not in RUNTIMES:
        raise ApiError("InvalidParameterValue.Runtime", f"there is no runtime {name[:64]!a}")
    return name


def _given(name: str) -> str:
    if not name:
        raise ApiError("MissingParameter", "parameter FunctionName is missing")
    return name


FunctionName = Annotated[str, AfterValidator(_function_name)]
Handler = Annotated[str, AfterValidator(_handler)]
Description = Annotated[str, AfterValidator(_description)]
MemorySize = Annotated[int, AfterValidator(_memory)]
Timeout = Annotated[int, AfterValidator(_timeout)]
Runtime = Annotated[str, AfterValidator(_runtime)]


class Variable(Parameters):
    """One environment variable; a single one with empty key and value removes all."""

    key: str
    value: str


class Environment(Parameters):
    """A function's environment variables."""

    variables: list[Variable] = Field(default_factory=list)

    def as_dict(self) -> dict[str, str]:
        """The variables by name. Raises ApiError."""
        variables = {variable.key: variable.value for variable in self.variables}
        if variables == {"": ""}:  # removes all (tencent-component-toolkit, entities/scf.ts)
            return {}
        for name in variables:
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
                raise ApiError("InvalidParameterValue.Environment", f"{name[:64]!a} is not a valid variable name")
            if name.startswith(RESERVED):
                raise ApiError("InvalidParameterValue.EnvironmentSystemProtect", f"{name[:64]} is SCF's own")
        if sum(len(name) + len(value.encode(errors="replace")) for name, value in variables.items()) > MAX_ENVIRONMENT:
            raise ApiError(
                "InvalidParameterValue.EnvironmentExceededLimit", f"the variables can have {MAX_ENVIRONMENT} bytes"
            )
        return variables


class Eip(Parameters):
    """A fixed address for outgoing calls."""

    eip_status: Annotated[str, only("DISABLE")] = "DISABLE"


class PublicNet(Parameters):
    """Access to the public network: here a function always has it."""

    public_net_status: Annotated[str, only("ENABLE")] = "ENABLE"
    eip_config: Eip = Eip()


class Code(Parameters):
    """Where the code comes from: a zip in the request."""

    zip_file: str | None = None
    cos_bucket_name: NotEmulated = None
    cos_object_name: NotEmulated = None
    cos_bucket_region: NotEmulated = None
    demo_id: NotEmulated = None
    temp_cos_object_name: NotEmulated = None
    git_url: NotEmulated = None
    git_branch: NotEmulated = None
    git_directory: NotEmulated = None
    image_config: NotEmulated = None


class Named(Parameters):
    """The parameters of every action on a function."""

    function_name: Annotated[str, AfterValidator(_given)]
    namespace: str = "default"


class Qualified(Named):
    """The parameters of an action on one version or alias."""

    qualifier: str = LATEST


class Configuration(Parameters):
    """The configuration parameters of CreateFunction and UpdateFunctionConfiguration."""

    description: Description | None = None
    memory_size: MemorySize | None = None
    timeout: Timeout | None = None
    init_timeout: int | None = None
    environment: Environment | None = None
    role: str | None = None
    install_dependency: Off = "FALSE"
    dns_cache: Off = "FALSE"
    public_net_config: PublicNet = PublicNet()
    cls_logset_id: Empty = ""
    cls_topic_id: Empty = ""
    vpc_config: NotEmulated = None
    layers: NotEmulated = None
    dead_letter_config: NotEmulated = None
    cfs_config: NotEmulated = None
    protocol_params: NotEmulated = None
    instance_concurrency_config: NotEmulated = None
    intranet_config: NotEmulated = None

    def changes(self) -> dict[str, object]:
        """Return the fields of Settings that the request sets. Raises ApiError."""
        names = ("description", "memory_size", "timeout", "init_timeout", "role")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        return given if self.environment is None else {**given, "environment": self.environment.as_dict()}


class CreateFunction(Configuration):
    """Parameters of CreateFunction. The default runtime is Python2.7, which is not emulated."""

    function_name: FunctionName
    namespace: str = "default"
    code: Code | None = None
    handler: Handler | None = None
    runtime: Runtime = Field(default="Python2.7", validate_default=True)
    type: Annotated[str, only("Event")] = "Event"
    code_source: Annotated[str, only("ZipFile")] = "ZipFile"
    tags: list[TagGiven] = Field(default_factory=list)
    async_run_enable: Off = "FALSE"
    trace_enable: Off = "FALSE"
    auto_deploy_cls_topic_index: Off = "FALSE"
    auto_create_cls_topic: Off = "FALSE"
    protocol_type: NotEmulated = None


class UpdateFunctionCode(Named):
    """Parameters of UpdateFunctionCode."""

    handler: Handler | None = None
    zip_file: str | None = None
    code: Code | None = None
    code_source: Annotated[str, only("ZipFile")] = "ZipFile"
    install_dependency: Off = "FALSE"
    publish: Off = "FALSE"
    cos_bucket_name: NotEmulated = None
    cos_object_name: NotEmulated = None
    cos_bucket_region: NotEmulated = None
    env_id: NotEmulated = None


class UpdateFunctionConfiguration(Configuration, Named):
    """Parameters of UpdateFunctionConfiguration."""

    runtime: str | None = None
    publish: Off = "FALSE"
    l5_enable: Off = Field(default="FALSE", alias="L5Enable")
    ignore_sys_log: NotEmulated = None


class GetFunction(Qualified):
    """Parameters of GetFunction; tencent-component-toolkit sends ShowTriggers, which is not in models.py."""

    show_code: Literal["TRUE", "FALSE"] = "FALSE"
    show_triggers: Literal["TRUE", "FALSE"] = "TRUE"


class DeleteFunction(Named):
    """Parameters of DeleteFunction."""

    qualifier: str | None = None


class Filter(Parameters):
    """One filter of ListFunctions: one of the values must match."""

    name: str
    values: list[str]


class ListFunctions(Parameters):
    """Parameters of ListFunctions."""

    namespace: str = "default"
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1)] = 20
    order: Literal["ASC", "DESC"] = "DESC"
    orderby: Literal["AddTime", "ModTime", "FunctionName"] = "ModTime"
    search_key: str = ""
    description: str = ""
    filters: list[Filter] = Field(default_factory=list)
