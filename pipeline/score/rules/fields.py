"""Names of fields become Getters: what an Entry has under a name, as the values that a rule compares.

What both an event and its attribution have (`actor`, `session`, …) is the attributed one, or else what the source says;
`event.actor` is only that. Empty is the same as not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

import msgspec

from pipeline.kit.failures import Invalid
from schemas.entry import Attributed, Entry
from schemas.event import Event

Value = str | int | float
Values = tuple[Value, ...]
#: What is the same in all events that are alike in format, kind and action: rules are chosen by them.
STATIC = ("format", "kind", "action")
#: Not for rules: fingerprints, and what has a getter of its own.
_HIDDEN = {"record_id", "tokens", "argument_tokens", "mentions", "arguments", "attributes", "links", "event"}
EVENT = [name for name in Event.__struct_fields__ if name not in _HIDDEN]
ATTRIBUTED = [name for name in Attributed.__struct_fields__ if name not in _HIDDEN]
#: Names that go on after a dot, with what follows it.
OPEN = {
    "attributes": ("attributes.NAME", "what the source says besides, by its name; all of them without a name"),
    "arguments": ("arguments.PATH", "an argument of a tool call by its path; all of them without a path"),
    "origins": ("origins.PATH", "where an argument came from: prompt, result, both, agent"),
    "links": ("links.TARGET", "how sure a link is (0 to 1): links.actor, links.session, links.tool_call, links.prompt"),
    "methods": ("methods.TARGET", "how a link was made: stated, credential, session-name, trace, in-flight, identity"),
    "event": ("event.FIELD", "a field as the source says it, before anything was attributed"),
}


class Getter(NamedTuple):
    """What an Entry has under a name."""

    of: Callable[[Entry], Values]
    #: Whether format, kind and action alone say it.
    static: bool = False


@cache
def getter(name: str) -> Getter:
    """What is under a name. Raises Invalid for one that there is not."""
    head, _, rest = name.partition(".")
    if not rest and name in ATTRIBUTED:
        return _attributed(name)
    if (rest if head == "event" else name) in EVENT:
        return _of_event(rest if head == "event" else name)
    if head in _PARTS:
        return Getter(_PARTS[head](rest))
    raise Invalid(name, "a field that `whodid rules fields` lists")


def names() -> Iterable[tuple[str, str, str]]:
    """Every name with its type and where it comes from."""
    kinds = {field.name: _written(field.type) for kind in (Event, Attributed) for field in msgspec.structs.fields(kind)}
    for name in dict.fromkeys([*ATTRIBUTED, *EVENT]):
        both = name in ATTRIBUTED and name in EVENT
        whence = "attributed, or as the source says it" if both else "attributed" if name in ATTRIBUTED else "event"
        yield name, kinds[name], whence
    for shown, said in OPEN.values():
        yield shown, "number" if shown.startswith("links") else "text", said


def every(entry: Entry) -> Iterable[str]:
    """All texts of an Entry: what a keyword is looked for in."""
    event = entry.event
    yield from (value for value in msgspec.structs.astuple(event) if type(value) is str and value)
    yield from event.resources
    yield from (one.value for one in event.arguments)
    for name, value in event.attributes.items():
        yield name
        yield value
    yield from (text for text in (entry.actor, entry.human, entry.session) if text)


def _of_event(name: str) -> Getter:
    def get(entry: Entry) -> Values:
        return _values(getattr(entry.event, name))

    return Getter(get, static=name in STATIC)


def _attributed(name: str) -> Getter:
    also = name in EVENT

    def get(entry: Entry) -> Values:
        found = _values(getattr(entry, name))
        return found if found or not also else _values(getattr(entry.event, name))

    return Getter(get)


def _values(value: str | int | float | list[str]) -> Values:
    if type(value) is str:
        return (value,) if value else ()
    if isinstance(value, list):
        return tuple(value)
    return (value,) if value else ()


def _attributes(name: str) -> Callable[[Entry], Values]:
    def get(entry: Entry) -> Values:
        kept = entry.event.attributes
        return tuple(kept.values()) if not name else (kept[name],) if kept.get(name) else ()

    return get


def _arguments(path: str) -> Callable[[Entry], Values]:
    return lambda entry: tuple(one.value for one in entry.event.arguments if one.value and _at(one.path, path))


def _origins(path: str) -> Callable[[Entry], Values]:
    return lambda entry: tuple(one.origin for one in entry.event.arguments if one.origin and _at(one.path, path))


def _links(target: str) -> Callable[[Entry], Values]:
    return lambda entry: tuple(link.confidence for link in entry.links if target in ("", link.target))


def _methods(target: str) -> Callable[[Entry], Values]:
    return lambda entry: tuple(link.method for link in entry.links if target in ("", link.target))


_PARTS = {
    "attributes": _attributes, "arguments": _arguments, "origins": _origins, "links": _links, "methods": _methods,
}  # fmt: skip


def _at(path: str, wanted: str) -> bool:
    """Whether a path is this one, or below it."""
    return not wanted or path == wanted or (path.startswith(wanted) and path[len(wanted)] in ".[")


def _written(kind: object) -> str:
    return "text" if kind is str else "number" if kind in (int, float) else "list of texts"
