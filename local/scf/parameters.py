"""Reads the parameters of API 3.0's actions, and gives error codes for wrong ones.

An action's parameters are a model: names and types are those of tencentcloud-sdk-python-scf and -cam (models.py). A
field of type NotEmulated exists in the real service and is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo
from pydantic.alias_generators import to_pascal

#: The fields of an action's `Response`, without RequestId.
Answer = Mapping[str, object]
Action = Callable[[Mapping[str, object]], Answer | Awaitable[Answer]]


class ApiError(Exception):
    """A request is refused with an error code; the message must not contain a secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def json_object(text: str | bytes, code: str, message: str) -> dict[str, Any]:
    """Return a JSON object. Raises ApiError with `code` and `message` for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ApiError(code, message)
    return value


class Parameters(BaseModel):
    """The parameters of one action, or an object in them; `function_name` is FunctionName on the wire."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_pascal)


def _name(info: ValidationInfo) -> str:
    return to_pascal(info.field_name or "")


def _refuse(_: object, info: ValidationInfo) -> NoReturn:
    raise ApiError("UnsupportedOperation", f"the local cloud does not emulate {_name(info)}")


def only(value: str) -> AfterValidator:
    """Accept only one value of a parameter; the others are not emulated."""

    def check(given: str, info: ValidationInfo) -> str:
        if given != value:
            raise ApiError("UnsupportedOperation", f"the local cloud does not emulate {_name(info)}={given[:64]!a}")
        return given

    return AfterValidator(check)


#: A parameter of the real service that is refused with any value.
NotEmulated = Annotated[object, BeforeValidator(_refuse)]
#: A switch that must be FALSE, and a text that must be empty.
Off = Annotated[str, only("FALSE")]
Empty = Annotated[str, only("")]


class TagGiven(Parameters):
    """A tag of a new resource."""

    key: str
    value: str


Given = TypeVar("Given", bound=Parameters)


def action(model: type[Given], answer: Callable[[Given], Answer | Awaitable[Answer]]) -> Action:
    """Return an action that checks its JSON parameters against `model` and passes them to `answer`."""
    return lambda parameters: answer(parse(model, parameters))


def parse(model: type[Given], parameters: Mapping[str, object]) -> Given:
    """Return the parameters as `model`; null counts as absent (no document says so). Raises ApiError.

    The codes are those that API 3.0 documents for every action (213/30435).
    """
    try:
        return model.model_validate(_without_null(parameters))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part)[:64] for part in first["loc"])
    if first["type"] == "missing":
        raise ApiError("MissingParameter", f"parameter {name} is missing")
    if first["type"] == "extra_forbidden":
        raise ApiError("UnknownParameter", f"there is no parameter {name!a}")
    code = "InvalidParameter" if first["type"].endswith("_type") else "InvalidParameterValue"
    raise ApiError(code, f"the value of {name}: {first['msg']}")


def _without_null(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _without_null(item) for name, item in value.items() if item is not None}
    return [_without_null(item) for item in value] if isinstance(value, list) else value
