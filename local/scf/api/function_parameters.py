"""Parameters that several of SCF's actions share: names, limits, code, configuration."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import Field

from local.config.models import RESERVED, RUNTIMES
from local.scf.api.parameters import ApiError, Empty, Off, Parameters, matching, only, rule

#: The most bytes of a function's environment variables together (InvalidParameterValue.EnvironmentExceededLimit).
MAX_ENVIRONMENT = 4096
#: The runtimes of CreateFunction that are not emulated.
OTHER_RUNTIMES = re.compile(r"(Python2\.7|Nodejs|Php|Go|Java|CustomRuntime).*")
#: Parameters that name code in a bucket.
COS_OBJECT = ("CosBucketName", "CosObjectName", "CosBucketRegion")
#: A part of a handler: its file or its function.
PART = r"[A-Za-z](?:[A-Za-z0-9_-]{0,58}[A-Za-z])?"

FunctionName = Annotated[
    str,
    matching(
        # tencent-component-toolkit takes InvalidParameterValue.FunctionName for such a name (entities/scf.ts).
        r"[A-Za-z][A-Za-z0-9_-]{0,58}[A-Za-z0-9]",
        "has 2 to 60 letters, digits, - and _, begins with a letter and does not end with - or _",
    ),
]
Handler = Annotated[str, matching(rf"{PART}\.{PART}", "is <file without .py>.<function>")]
Description = Annotated[str, rule(lambda text: len(text) <= 1000, "can have 1000 characters")]
MemorySize = Annotated[
    int,
    rule(lambda size: size <= 3072, "can be 3072 at most", "LimitExceeded.Memory"),
    rule(lambda size: size == 64 or (size > 0 and size % 128 == 0), "is 64, or 128 to 3072 in steps of 128"),
]
Timeout = Annotated[
    int,
    rule(lambda seconds: seconds <= 900, "can be 900 at most", "LimitExceeded.Timeout"),
    rule(lambda seconds: seconds >= 1, "is 1 to 900 seconds", "InvalidParameterValue"),
]
Runtime = Annotated[
    str,
    rule(lambda name: not OTHER_RUNTIMES.fullmatch(name), "is a Python 3 in the local cloud", "UnsupportedOperation"),
    rule(RUNTIMES.__contains__, f"is {', '.join(RUNTIMES)}"),
]


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

    not_emulated = (
        *COS_OBJECT,
        *("DemoId", "TempCosObjectName", "GitUrl", "GitBranch", "GitDirectory", "ImageConfig"),
    )
    zip_file: str | None = None


class Configuration(Parameters):
    """The configuration parameters of CreateFunction and UpdateFunctionConfiguration."""

    not_emulated: ClassVar[tuple[str, ...]] = (
        *("VpcConfig", "Layers", "DeadLetterConfig", "CfsConfig"),
        *("ProtocolParams", "InstanceConcurrencyConfig", "IntranetConfig"),
    )
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

    def changes(self) -> dict[str, object]:
        """Return the fields of Settings that the request sets. Raises ApiError."""
        names = {"description", "memory_size", "timeout", "init_timeout", "role"}
        given = self.model_dump(include=names, exclude_none=True)
        return given if self.environment is None else {**given, "environment": self.environment.as_dict()}
