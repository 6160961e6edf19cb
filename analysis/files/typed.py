"""Plain data that must fit a model of types: where it first does not, what was found there, what was expected.

Models are pydantic's. They check data and leave it as it is: what passes is used as the plain dict that it was.
"""

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

# random numbers repeat beyond 2^32 chains, epochs or units
Count = Annotated[int, Field(ge=1, le=2**32 - 1)]
Natural = Annotated[int, Field(ge=0)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
LEFT_OUT: Any = None  # the default of an entry that may be left out; null is no value for it


class Model(BaseModel):
    """Named entries, each of its type; no others, and none of another type that could be taken for it."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _keys(cls, value: Any) -> Any:
        if isinstance(value, dict):
            fields = cls.model_fields
            for key in value:
                if key not in fields:
                    raise fault("", f"the unknown key {key!r}", f"keys among {', '.join(fields)}")
            required = [name for name, field in fields.items() if field.is_required()]
            if missing := [name for name in required if name not in value]:
                raise fault("", f"no {', '.join(missing)}", f"all of {', '.join(required)}")
        return value


def fault(place: str, found: Any, expected: str) -> PydanticCustomError:
    """The error of a place within a model that contradicts another; to be raised by a validator."""
    found = found if isinstance(found, str) else short(found)
    return PydanticCustomError("fault", "{place}{found}{expected}", dict(place=place, found=found, expected=expected))


def described(expected: str) -> WrapValidator:
    """For a union: what is expected, in words, instead of an error a member."""

    def check(value, handler):
        try:
            return handler(value)
        except ValidationError:
            raise fault("", short(value), expected) from None

    return WrapValidator(check)


def unique(values: list) -> list:
    """For AfterValidator: a list of which no entry is there twice."""
    if twice := [value for value in values if values.count(value) > 1]:
        raise fault("", f"{twice[0]!r} twice", "each once")
    return values


def one_of(known: Collection[str]) -> AfterValidator:
    """For Annotated: a name among those that are known."""

    def check(name):
        if name not in known:
            raise fault("", repr(name), f"one of {', '.join(known)}")
        return name

    return AfterValidator(check)


def check(model: Any, value: Any, name: str) -> None:
    """Raise ValueError, one line, with the first place where the value does not fit the model (a type or a union)."""
    try:
        TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place, found, expected = _told(first)
        parts = [str(part) for part in first["loc"] if not str(part).startswith(("<", "[key]"))]  # <a union's tag>
        at = "/".join(parts + place.split("/") * bool(place)) or "top level"
        raise ValueError(f"{name}: at {at}: found {found}, expected {expected}") from None


def _told(error: Any) -> tuple[str, str, str]:
    if error["type"] == "fault":
        return error["ctx"]["place"], error["ctx"]["found"], error["ctx"]["expected"]
    said = error["msg"].removeprefix("Input should be ").removeprefix("a valid ").removeprefix("List should have ")
    in_yaml = {"model_type": "a mapping", "dict_type": "a mapping", "string_type": "text; quote it"}
    return "", short(error["input"]), in_yaml.get(error["type"], said)


def short(value: Any) -> str:
    """A value as it stands in an error: the keys of a mapping, the beginning of what is long."""
    if isinstance(value, dict) and value:
        return f"the keys {', '.join(map(str, value))}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
