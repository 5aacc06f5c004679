"""OCSF 1.5.0 as its schema has it: what is wrong with an event, unknown attributes included."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

#: Values that are no caption of ours: a number of this says "another one, which its name says".
OTHER = 99


@cache
def _whole() -> dict[str, Any]:
    return get_ocsf_schema("1.5.0")


@cache
def _class(kind: str, profiles: tuple[str, ...]) -> jsonschema.Draft202012Validator:
    """The class with all of its objects; the library forbids attributes that it does not know."""
    made = OcsfJsonSchemaEmbedded(_whole()).get_class_schema(kind, list(profiles))
    return jsonschema.Draft202012Validator(made)


def wrong(event: dict[str, Any], kind: str = "detection_finding") -> list[str]:
    """What the schema says against an event of a class that has the profiles which it names."""
    profiles = tuple(event.get("metadata", {}).get("profiles", ()))
    said = [f"{error.json_path}: {error.message}" for error in _class(kind, profiles).iter_errors(event)]
    if said:
        return said
    return [*_named(event, _whole()["classes"][kind]), *_pointed(event)]


def _named(given: dict[str, Any], kind: dict[str, Any], path: str = "$") -> Iterator[str]:
    """A number's name beside it (`sibling`) is that of the schema; nothing deprecated is used."""
    for name, value in given.items():
        field = kind["attributes"].get(name)
        if field is None:
            continue
        if "@deprecated" in field:
            yield f"{path}.{name}: deprecated"
        caption = field.get("enum", {}).get(str(value), {}).get("caption")
        sibling = given.get(field.get("sibling") or "", caption)
        if caption is not None and value != OTHER and name != "type_uid" and sibling != caption:
            yield f"{path}.{name}: {value} is {caption}, not {sibling}"
        if field.get("object_type", "object") != "object":
            for one in value if isinstance(value, list) else [value]:
                yield from _named(one, _whole()["objects"][field["object_type"]], f"{path}.{name}")


def _pointed(event: dict[str, Any]) -> Iterator[str]:
    """An observable is where it says that it is."""
    for one in event.get("observables", []):
        if one["value"] not in at(event, one["name"]):
            yield f"$.observables: {one['value']} is not at {one['name']}"


def at(given: Any, path: str) -> list[Any]:
    """Values at a path such as `evidences[].src_endpoint.ip`."""
    found = [given]
    for name in path.split("."):
        several = [one[name.removesuffix("[]")] for one in found if name.removesuffix("[]") in one]
        found = [item for one in several for item in one] if name.endswith("[]") else several
    return found
