"""Entries become rows of the table `entries`, and rows become Entries again; one mapping serves both ways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from schemas.entry import Entry, Link
from schemas.event import Argument, Event

#: Column of each Event field. What the Entry found out has the plain name, what the source said is `stated_…`.
_STATED = ("actor", "actor_kind", "actor_name", "human", "session", "parent_session", "tool_call")
#: Fingerprints serve correlation only and are not stored; arguments have a form of their own.
_NOT_PLAIN = ("tokens", "arguments")
EVENT_FIELDS = tuple(name for name in Event.__struct_fields__ if name not in _NOT_PLAIN)
ENTRY_FIELDS = tuple(name for name in Entry.__struct_fields__ if name not in ("event", "links"))
COLUMNS = (
    *(f"stated_{name}" if name in _STATED else name for name in EVENT_FIELDS),
    *ENTRY_FIELDS,
    "links",
    "arguments",
    "link",
    "confidence",
)

#: Select list of what `entry` takes: the time as a number, since Python's datetime ends where ClickHouse's does not.
SELECTED = ", ".join(f"toUnixTimestamp64Micro({name})" if name == "time" else name for name in COLUMNS[:-2])

_event_values = attrgetter(*EVENT_FIELDS)
_entry_values = attrgetter(*ENTRY_FIELDS)


def rows(entries: Iterable[Entry]) -> Iterable[tuple[Any, ...]]:
    """One tuple per Entry in the order of `COLUMNS`."""
    for entry in entries:
        event = entry.event
        arguments = [(argument.path, argument.value, argument.origin) for argument in event.arguments]
        link = actor_link(entry.links)
        method, confidence = (link.method, link.confidence) if link else ("none", 0.0)
        yield *_event_values(event), *_entry_values(entry), entry.links, arguments, method, confidence


def entry(row: Sequence[Any]) -> Entry:
    """The Entry of one row selected as `SELECTED`, as it was written but without fingerprints."""
    middle = len(EVENT_FIELDS)
    links, arguments = row[middle + len(ENTRY_FIELDS) :]
    event = Event(
        **dict(zip(EVENT_FIELDS, row, strict=False)), arguments=[Argument(**argument) for argument in arguments]
    )
    found = dict(zip(ENTRY_FIELDS, row[middle:], strict=False))
    return Entry(event=event, **found, links=[Link(**link) for link in links])


def actor_link(links: Iterable[Link]) -> Link | None:
    """The link that names the actor, strongest first; None when nothing does."""
    return next((link for link in links if link.target == "actor"), None)
