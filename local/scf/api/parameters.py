"""Reads the parameters of API 3.0's actions, and refuses wrong ones with error codes."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator
from pydantic.alias_generators import to_pascal

#: The fields of an action's `Response`, without RequestId.
Answer = Mapping[str, object]
Action = Callable[[Mapping[str, object]], Answer | Awaitable[Answer]]
Item = TypeVar("Item")


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
    """The parameters of one action, or an object in them; `function_name` is FunctionName on the wire.

    `not_emulated` names the parameters that only the real service takes.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_pascal)
    not_emulated: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _refuse_not_emulated(cls, given: object) -> object:
        for name in cls.not_emulated:
            if isinstance(given, Mapping) and name in given:
                raise ApiError("UnsupportedOperation", f"the local cloud does not emulate {name}")
        return given


class Tag(Parameters):
    """A tag of a function or role."""

    key: str
    value: str


class Filter(Parameters):
    """One filter of a list: one of the values must match."""

    name: str
    values: list[str]


class Page(Parameters):
    """Parameters of every list of SCF: its order, and the part that is asked for."""

    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1)] = 20
    order: Literal["ASC", "DESC"] = "DESC"

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the part of the ordered items that is asked for."""
        return items[self.offset : self.offset + self.limit]


def rule(holds: Callable[[Any], object], says: str, code: str = "") -> AfterValidator:
    """Refuse a value unless `holds` is true of it; `says`, after the parameter's name, is what it must be.

    The code is InvalidParameterValue.<name> unless another is given.
    """

    def check(given: Any, info: ValidationInfo) -> Any:
        if not holds(given):
            name = to_pascal(info.field_name or "")
            raise ApiError(code or f"InvalidParameterValue.{name}", f"{name} {says}, not {str(given)[:64]!a}")
        return given

    return AfterValidator(check)


def matching(pattern: str, says: str, code: str = "") -> AfterValidator:
    """Refuse a text unless all of it matches a pattern."""
    return rule(re.compile(pattern).fullmatch, says, code)


def only(*values: object) -> AfterValidator:
    """Refuse what the real service takes, but the local cloud does not emulate: all but these values."""
    return rule(values.__contains__, f"is {' or '.join(map(repr, values))} in the local cloud", "UnsupportedOperation")


#: A switch that must be FALSE, and a text that must be empty.
Off = Annotated[str, only("FALSE")]
Empty = Annotated[str, only("")]


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
