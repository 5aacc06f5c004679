"""Plain values of a file that somebody wrote become a model, or an error that names the field and the fix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.kit.failures import Invalid

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Knows its fields, and takes nothing for what it is not."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def checked(model: type[Model], given: Any, file: str) -> Model:  # noqa: ANN401  (what YAML may be)
    """What was in a file of this name as a model. Raises Invalid, naming the field and the fix."""
    if not isinstance(given, dict):
        raise Invalid(file, f"a mapping with {', '.join(model.model_fields)}", given)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(map(str, fault["loc"]))
        raise Invalid(f"{file}: {field}" if field else file, _expected(model, fault), _given(fault)) from error


def _expected(model: type[BaseModel], fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        known = f"; known there: {', '.join(model.model_fields)}" if len(fault["loc"]) == 1 else ""
        return f"no such field{known}"
    if fault["type"] == "missing":
        return "this field, which is missing"
    said = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return said.removeprefix("expected ")


def _given(fault: Mapping[str, Any]) -> object:
    return None if fault["type"] in ("missing", "extra_forbidden", "value_error") else fault["input"]
