"""Nouns become JSON Schemas, so that the document says what their fields are and cannot differ from them."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
#: ISO 8601 in UTC. (A time outside of the years 1 to 9999 is `1970-01-01T00:00:00Z+…us`, so this is no `date-time`.)
TIME: Schema = {"type": "string", "description": "ISO 8601, UTC"}
MAYBE_TIME: Schema = {"type": ["string", "null"], "description": "ISO 8601, UTC; null where there is none"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_SIMPLE: dict[Any, Schema] = {
    str: TEXT, int: NUMBER, float: {"type": "number"}, bool: FLAG, type(None): {"type": "null"}, Any: {},
}  # fmt: skip


def listed(items: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": items}


def named(values: Schema) -> Schema:
    """These, by name."""
    return {"type": "object", "additionalProperties": values}


def record(fields: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    """An object that has all of these fields, but for the optional ones, and may have more: keys may be added."""
    left = set(optional)
    return {"type": "object", "properties": dict(fields), "required": [name for name in fields if name not in left]}


def fields(noun: Any, times: Iterable[str] = (), without: Iterable[str] = ()) -> dict[str, Schema]:  # noqa: ANN401
    """The fields of a Struct or a NamedTuple as the API has them: what is a time there is text, or null."""
    named_times, left = set(times), set(without)
    return {
        name: MAYBE_TIME if name in named_times else of(kind, times)
        for name, kind in hints(noun).items()
        if name not in left
    }


def hints(noun: Any) -> dict[str, Any]:  # noqa: ANN401  (a class of either kind)
    """The type of each field."""
    found = get_type_hints(noun)
    order = noun.__struct_fields__ if issubclass(noun, msgspec.Struct) else noun._fields
    return {name: found[name] for name in order}


def of(kind: Any, times: Iterable[str] = ()) -> Schema:  # noqa: ANN401  (any annotation)
    """The schema of what an annotation means."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (list, tuple):
        return listed(of(inner[0], times))
    if origin is dict:
        return named(of(inner[1], times))
    if origin in (Union, types.UnionType):
        return {"anyOf": [of(one, times) for one in inner]}
    if origin is Literal:
        return {"enum": list(inner)}
    return record(fields(kind, times))
