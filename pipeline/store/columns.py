"""Entries become rows of the table `entries`, and rows become Entries again; one mapping serves both ways.

A row is the packed event, value by value, then what was found out about it: the event's bytes are copied, not decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from schemas.entry import FOUND_FIELDS, Entry, Link, PackedEntry
from schemas.event import Argument, Event, packed, unpacked

#: Column of each Event field. What the Entry found out has the plain name, what the source said is `stated_…`.
_STATED = ("actor", "actor_kind", "actor_name", "human", "session", "parent_session", "tool_call")
EVENT_FIELDS = Event.__struct_fields__
COLUMNS = (
    *(f"stated_{name}" if name in _STATED else name for name in EVENT_FIELDS), *FOUND_FIELDS, "link", "confidence",
)  # fmt: skip
#: Taken by the table and not kept (columns that are EPHEMERAL): fingerprints serve correlation only.
_NOT_KEPT = ("tokens", "argument_tokens")
_KEPT_FIELDS = tuple(name for name in EVENT_FIELDS if name not in _NOT_KEPT)

#: Select list of what `entry` takes: the time as a number, since Python's datetime ends where ClickHouse's does not.
SELECTED = ", ".join(
    f"toUnixTimestamp64Micro({name})" if name == "time" else name for name in COLUMNS[:-2] if name not in _NOT_KEPT
)

#: What of a row the inventory is told (columns of `arrivals`): what the source said, and what was found out.
_TOLD_STATED = (
    "event_id", "time", "kind", "action", "outcome", "credential", "issued", "issued_kind", "issued_expires",
    "issued_subject", "tool", "resources", "address", "attributes",
)  # fmt: skip
_TOLD_FOUND = ("revision", "actor", "actor_kind", "actor_name", "human", "session", "parent_session")
TOLD = _TOLD_STATED + _TOLD_FOUND

_encode = msgspec.msgpack.Encoder().encode
_values = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_stated, _found = itemgetter(*map(EVENT_FIELDS.index, _TOLD_STATED)), attrgetter(*_TOLD_FOUND)


def _header(fields: int) -> bytes:
    """How msgpack begins an array of 16 to 65,535 values."""
    return b"\xdc" + fields.to_bytes(2, "big")


_EVENT_HEADER, _FOUND_HEADER = _header(len(EVENT_FIELDS)), _header(len(COLUMNS) - len(EVENT_FIELDS))


class Row:
    """An entry as rows and leaves are made of it: each part packed or taken apart once, whoever needs it."""

    __slots__ = ("event", "found", "item", "stated")

    def __init__(self, item: Entry | PackedEntry) -> None:
        """Nothing of the event is decoded."""
        self.item = item
        #: The event, a header of three bytes before its values.
        self.event = _event(item)
        #: Its values, in the order of `EVENT_FIELDS`.
        self.stated: list[msgspec.Raw] = _values(self.event)
        #: What was found out, value after value.
        self.found = _found_values(item)

    @property
    def values(self) -> bytes:
        """All values, in the order of `COLUMNS`."""
        return self.event[len(_EVENT_HEADER) :] + self.found


def _found_values(item: Entry | PackedEntry) -> bytes:
    link = actor_link(item.links)
    method, confidence = (link.method, link.confidence) if link else ("none", 0.0)
    found = (
        item.revision, item.actor, item.actor_kind, item.actor_name, item.human, item.on_behalf_of,
        item.credential_chain, item.session, item.parent_session, item.tool_call, item.tool_call_event,
        item.prompt_event, item.unbound, item.links, item.credential_expires, item.credential_revoked, method,
        confidence,
    )  # fmt: skip
    return _encode(found)[len(_FOUND_HEADER) :]


def told(row: Row) -> tuple[bytes, bytes]:
    """The values of one row in the order of `TOLD`, and its key: time and id."""
    stated = _stated(row.stated)
    event_id, time = stated[:2]
    # An array of up to 15 values has a header of one byte.
    return b"".join(stated) + _encode(_found(row.item))[1:], b"".join((time, event_id))


def _event(item: Entry | PackedEntry) -> bytes:
    """The event as this version of the program packs it."""
    data = bytes(item.event if isinstance(item, PackedEntry) else packed(item.event))
    if data[:3] != _EVENT_HEADER:
        # Packed by another version: fields are only ever added at the end.
        data = bytes(packed(unpacked(msgspec.Raw(data))))
    return data


def entry(row: Sequence[Any]) -> Entry:
    """The Entry of one row selected as `SELECTED`, as it was written but without fingerprints."""
    stated = dict(zip(_KEPT_FIELDS, row, strict=False))
    stated["arguments"] = [Argument(**argument) for argument in stated["arguments"]]
    found = dict(zip(FOUND_FIELDS, row[len(_KEPT_FIELDS) :], strict=True))
    found["links"] = [Link(**link) for link in found["links"]]
    return Entry(event=Event(**stated), **found)


def named(item: Entry) -> dict[str, Any]:
    """The values of one row by column, without fingerprints."""
    found = attrgetter(*FOUND_FIELDS)(item)
    values = dict(zip(COLUMNS, (*msgspec.structs.astuple(item.event), *found), strict=False))
    link = actor_link(item.links)
    values["link"], values["confidence"] = (link.method, link.confidence) if link else ("none", 0.0)
    return {name: value for name, value in values.items() if name not in _NOT_KEPT}


def actor_link(links: Iterable[Link]) -> Link | None:
    """The link that names the actor, strongest first; None when nothing does."""
    return next((link for link in links if link.target == "actor"), None)
