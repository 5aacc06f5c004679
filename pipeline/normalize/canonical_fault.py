"""What pydantic finds wrong with a canonical event becomes a sentence for whoever sent it: field, type, and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Final

from annotated_types import MaxLen
from pydantic import ValidationError

from pipeline.kit.failures import Invalid
from schemas.canonical import MODELS, Actor, CanonicalEvent

BY_KIND: Final[dict[str, type[CanonicalEvent]]] = {
    model.model_fields["kind"].annotation.__args__[0]: model  # type: ignore[union-attr]
    for model in MODELS.values()
}
_TIME = "a time in ISO 8601 with its offset, e.g. 2026-01-31T12:00:00Z"
#: More than any event has fields; how many entries its lists and objects may have.
_MOST: Final = 64
_ENTRIES: Final = {
    name: kept.max_length
    for name, field in CanonicalEvent.model_fields.items()
    for kept in field.metadata
    if isinstance(kept, MaxLen) and name in ("attributes", "resources", "on_behalf_of")
}
#: JSON's own words. The order matters: a truth value is an integer in Python.
_TYPES: Final = (
    (bool, "true or false"), (str, "text"), ((int, float), "a number"), (list, "a list"), (dict, "an object"),
    (type(None), "null"),
)  # fmt: skip
#: What a field should have been, by pydantic's name for the fault; `{…}` are what pydantic knows of it.
_WANTED: Final = {
    "string_type": "text", "list_type": "a list of texts", "dict_type": "an object of texts",
    "model_type": "an object", "model_attributes_type": "an object", "literal_error": "one of {expected}",
    "string_too_long": "at most {max_length} characters", "string_too_short": "at least {min_length} character",
    "timezone_aware": f"{_TIME}; this one has no offset",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME, "datetime_from_date_parsing": _TIME, "datetime_object_invalid": _TIME,
    "json_invalid": "a JSON object ({error})", "finite_number": "a finite number",
}  # fmt: skip
#: Faults of which the value's type says more than the value.
_BY_TYPE: Final = frozenset({"string_type", "list_type", "dict_type", "model_type", "model_attributes_type"})


def fault(error: ValidationError) -> Invalid:
    """The first fault."""
    found = error.errors(include_url=False)[0]
    kind, value, known = str(found["type"]), found.get("input"), found.get("ctx", {})
    path = [str(part)[:64] for part in found["loc"][:4]]
    of = BY_KIND.get(path[0]) if path else None
    if of is not None:
        path = path[1:]
    name = ".".join(path) or "value"
    make = _SPECIAL.get(kind)
    if make is not None:
        return make(name, of, value)
    wanted = _WANTED[kind].format_map(_Known(known)) if kind in _WANTED else str(found["msg"])
    if name == "value" and kind == "dict_type":
        wanted = "a JSON object"
    if kind in _BY_TYPE:
        wanted += f", not {_type(value)}"
    if name == "actor":
        wanted += ', e.g. {"id": "billing-agent", "kind": "agent"}'
    return Invalid(name, wanted, value)


class _Known(dict[str, Any]):
    """What pydantic knows of a fault; what it does not know stays away."""

    def __missing__(self, key: str) -> str:
        return ""


def check_size(found: object) -> None:
    """Raises Invalid for more fields or entries than may be: pydantic would list what is wrong with every one."""
    if not isinstance(found, dict):
        return
    for name, most in _ENTRIES.items():
        value = found.get(name)
        if isinstance(value, dict | list) and len(value) > most:
            raise Invalid(name, f"at most {most} entries", len(value))
    kind = found.get("kind")
    of = BY_KIND.get(kind) if isinstance(kind, str) else None
    if of is not None and len(found) > _MOST:
        raise _no_such(next(name for name in found if name not in of.model_fields)[:64], of, None)


def _no_such(name: str, of: type[CanonicalEvent] | None, value: object) -> Invalid:
    """A field that is not in the schema: the nearest that is, or where else it may go."""
    parent, _, last = name.rpartition(".")
    fields: Mapping[str, Any] = Actor.model_fields if parent == "actor" else of.model_fields if of else {}
    near = difflib.get_close_matches(last[:64].lower(), fields, 1, 0.7)
    where = "an actor" if parent == "actor" else f"a {_kind(of)} event"
    if near:
        return Invalid(
            name, f"no field of this name in {where}; did you mean {near[0]!r}? Else put it into `attributes`"
        )
    others = sorted(_kind(model) for model in BY_KIND.values() if last in model.model_fields)
    if others and not parent:
        return Invalid(name, f"no field of this name in {where}; it belongs to kind {' or '.join(map(repr, others))}")
    return Invalid(name, f"no field of this name in {where}; put it into `attributes`, as text")


def _missing(name: str, of: type[CanonicalEvent] | None, value: object) -> Invalid:
    """A field that has to be there, with what it means."""
    fields: Mapping[str, Any] = Actor.model_fields if name.startswith("actor.") else of.model_fields if of else {}
    last = name.rpartition(".")[2]
    about = _TIME if last == "time" else fields[last].description.rstrip(".") if last in fields else "it has no default"
    keys = sorted(value)[:8] if isinstance(value, dict) else None
    return Invalid(name, f"this field, which must be stated: {about}", keys)


def _no_kind(_: str, of: type[CanonicalEvent] | None, value: object) -> Invalid:
    """A kind that there is not, or none."""
    stated = value.get("kind") if isinstance(value, dict) else value
    wanted = "one of " + ", ".join(map(repr, BY_KIND))
    near = difflib.get_close_matches(stated[:64].lower(), BY_KIND, 1, 0.6) if isinstance(stated, str) else []
    return Invalid(
        "kind", wanted + (f"; did you mean {near[0]!r}?" if near else ""), "nothing" if stated is None else stated
    )


def _kind(of: type[CanonicalEvent] | None) -> str:
    return next((kind for kind, model in BY_KIND.items() if model is of), "canonical")


def _type(value: object) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), type(value).__name__)


_SPECIAL: Final[dict[str, Callable[[str, type[CanonicalEvent] | None, object], Invalid]]] = {
    "extra_forbidden": _no_such,
    "missing": _missing,
    "union_tag_invalid": _no_kind,
    "union_tag_not_found": _no_kind,
}
