"""Sigma's log sources become Views: which events a rule is about, and where an Entry has its fields (`mapping.yml`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from pipeline.kit import safeyaml
from pipeline.kit.checked import checked
from pipeline.kit.failures import Invalid
from pipeline.score.rules import fields
from pipeline.score.rules.fields import Getter, Value, Values
from pipeline.score.rules.matching import Test, fixed
from schemas.entry import Entry

#: The log source of rules over our own names.
OWN = "whodid/"


class Place(BaseModel):
    """Where the value of a field is."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    #: Ours; of several the first that is there.
    field: str | list[str]
    #: What lies between the values where one text holds several.
    each: str = ""
    pattern: str = ""
    before: str = ""
    after: str = ""
    #: What a value is called there.
    call: dict[str, str] = {}
    otherwise: str = ""


class Source(BaseModel):
    """One log source."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    aliases: list[str] = []
    formats: list[str] = []
    action: str = ""
    besides: str = ""
    fields: dict[str, str | Place] = {}


class View(NamedTuple):
    """A log source, as its rules see an Entry."""

    name: str
    #: Whether an event is of this source; None = all are.
    concerns: Test | None
    getter: Callable[[str], Getter]


def view(product: str, service: str, category: str = "") -> View:
    """The View of a log source. Raises Invalid where there is none."""
    asked = f"{product or category}/{service}".lower()
    found = _views().get(asked)
    if found is None:
        raise Invalid("logsource", f"one of {', '.join(_sources())}", asked)
    return found


def own() -> View:
    """The View of rules over our own names."""
    return _views()[OWN]


def names() -> Iterator[tuple[str, str, str]]:
    """Log source, name of a field there, and where that is with us."""
    for source, said in _sources().items():
        for name, place in said.fields.items():
            yield source, name, place if isinstance(place, str) else _told(place)


@cache
def _sources() -> dict[str, Source]:
    text = files("pipeline.score.rules").joinpath("mapping.yml").read_text(encoding="utf-8")
    found = safeyaml.document(text, "mapping.yml")
    return {name: checked(Source, said or {}, f"mapping.yml: {name}") for name, said in found.items()}


@cache
def _views() -> dict[str, View]:
    found: dict[str, View] = {}
    for name, source in _sources().items():
        made = View(name, _concerns(source), _getter(name, source))
        found |= dict.fromkeys([name, *source.aliases], made)
    return found


def _concerns(source: Source) -> Test | None:
    if not source.formats:
        return None
    formats, begins, besides = frozenset(source.formats), source.action, source.besides

    def concerns(entry: Entry) -> bool:
        action = entry.event.action
        if entry.event.format not in formats or not action.startswith(begins):
            return False
        return not besides or not action.startswith(besides)

    return fixed(concerns)


def _getter(name: str, source: Source) -> Callable[[str], Getter]:
    if not source.fields:
        return fields.getter
    known = {field.lower(): _placed(place) for field, place in source.fields.items()}

    def getter(field: str) -> Getter:
        if field.lower() not in known:
            raise Invalid(field, f"a field of {name} that is kept (`whodid rules fields --source {name}`)")
        return known[field.lower()]

    return getter


def _placed(place: str | Place) -> Getter:
    if isinstance(place, str):
        return fields.getter(place)
    ours = [place.field] if isinstance(place.field, str) else place.field
    getters = [fields.getter(name) for name in ours]
    static = all(one.static for one in getters)
    # The same actions come again and again; what else there is may be long, and always another.
    change = lru_cache(2048)(_change(place)) if static else _change(place)
    otherwise: Values = (place.otherwise,) if place.otherwise else ()

    def get(entry: Entry) -> Values:
        for one in getters:
            if (found := one.of(entry)) and (made := change(found)):
                return made
        return otherwise

    return Getter(get, static)


def _change(place: Place) -> Callable[[Values], Values]:
    # Ours, so that they need no RE2, which takes forty times as long: each is such that it reads a text once.
    shape = re.compile(place.pattern) if place.pattern else None

    def changed(found: Values) -> Iterator[Value]:
        for value in found:
            for text in str(value).split(place.each) if place.each else (str(value),):
                part = text
                if shape is not None:
                    match = shape.search(text)
                    if match is None:
                        continue
                    part = match[1]
                yield place.before + place.call.get(part, part) + place.after

    return lambda found: tuple(changed(found))


def _told(place: Place) -> str:
    ours = place.field if isinstance(place.field, str) else " or ".join(place.field)
    return ours + (f" ({place.pattern})" if place.pattern else "")
