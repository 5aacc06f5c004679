"""Rows come apart as leaves need them: values without content, content, and what was found out.

A leaf (`pipeline.evidence.leaf`) is made of values as msgpack, one after the other. When a row is written its values
are copied out of the packed event; read back they are encoded again from typed values, and give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from pipeline.store.columns import COLUMNS, EVENT_FIELDS, Row
from schemas.batch import RawRecord
from schemas.entry import Entry
from schemas.event import Event

#: Errors, prompts, answers, results, arguments, vendors' fields, what they name: what may be withheld or erased.
CONTENT = ("error", "text", "arguments", "attributes", "mentions")
RECORD_CONTENT = ("value",)
_NOT_KEPT = ("tokens", "argument_tokens")
_STATED = tuple(name for name in EVENT_FIELDS if name not in (*CONTENT, *_NOT_KEPT))
_FOUND = COLUMNS[len(EVENT_FIELDS) :]
_FIRST, _CONTENT = EVENT_FIELDS.index(CONTENT[0]), itemgetter(*map(EVENT_FIELDS.index, CONTENT))
_LAST = itemgetter(*[EVENT_FIELDS.index(name) for name in _STATED if EVENT_FIELDS.index(name) > _FIRST])
_ID, _TIME, _PRODUCER = map(EVENT_FIELDS.index, ("event_id", "time", "producer"))

#: Columns of a leaf without content, in its order: what the source stated, then what was found out.
PLAIN = (*(COLUMNS[EVENT_FIELDS.index(name)] for name in _STATED), *_FOUND)
RECORD_PLAIN = ("record_id", "format", "topic", "partition", "offset", "time")


def _header(count: int) -> bytes:
    """How msgpack begins an array."""
    return msgspec.msgpack.encode([0] * count)[:-count]


#: How many of them were stated; of a record, how many are the same whenever it comes again.
STATED, RECORD_STATED = len(_STATED), 1
#: How many were found out.
FOUND, RECORD_FOUND = len(_FOUND), len(RECORD_PLAIN) - RECORD_STATED
#: Headers of the own part, of one value more (the commitment). Who vouches for an event is its last stated value, and
#: left out when nobody does: so leaves from before there were producers are as they were.
_OWN, _OWN_VOUCHED, _OWN_RECORD = (_header(count + 1) for count in (STATED - 1, STATED, RECORD_STATED))
_NOBODY = b"\xa0"

_encode = msgspec.msgpack.Encoder().encode
_values = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


class Parts(NamedTuple):
    """One row: values as msgpack, one after the other."""

    name: bytes
    time: bytes
    #: After the header of the own part.
    stated: bytes
    found: bytes
    content: bytes
    revision: int = 0


def of_entry(row: Row) -> Parts:
    """Of a row of `entries`."""
    values = row.stated
    vouched = bytes(values[_PRODUCER])
    last = _LAST(values) if vouched != _NOBODY else _LAST(values)[:-1]
    stated = b"".join((_OWN if vouched == _NOBODY else _OWN_VOUCHED, *values[:_FIRST], *last))
    content = b"".join(_CONTENT(values))
    return Parts(bytes(values[_ID]), bytes(values[_TIME]), stated, row.found, content, row.item.revision)


def of_record(item: RawRecord) -> Parts:
    """Of a row of `records`."""
    name = _encode(item.record_id)
    found = _encode((item.format, item.topic, item.partition, item.offset, item.time))[1:]
    return Parts(name, _encode(item.time), _OWN_RECORD + name, found, _encode(item.value))


def _row_type() -> Any:  # noqa: ANN401  (made here, so mypy cannot know it)
    types = {field.name: field.type for field in (*msgspec.structs.fields(Event), *msgspec.structs.fields(Entry))}
    types |= {"link": str, "confidence": float}
    # Names are unique: what was found out is prefixed, as both may have an actor.
    named = [(name, types[name]) for name in _STATED]
    named += [(f"found_{name}", types[name]) for name in _FOUND]
    return msgspec.defstruct("Row", [*named, *((name, types[name]) for name in CONTENT)], array_like=True, gc=False)


_ROW: Any = _row_type()
#: Rows of `entries` in lines of JSON, columns as in `PLAIN`, then `CONTENT`.
rows_of: Callable[[bytes], list[Any]] = msgspec.json.Decoder(_ROW).decode_lines
#: One of them. Raises msgspec.MsgspecError for what no row of ours can hold.
row_of: Callable[[bytes], Any] = msgspec.json.Decoder(_ROW).decode


def of_row(row: Any) -> Parts:  # noqa: ANN401
    """Of a row as it was read back (`rows_of`)."""
    values = msgspec.structs.astuple(row)
    vouched = STATED if row.producer else STATED - 1
    own = _OWN_VOUCHED if row.producer else _OWN
    stated, found = own + _encode(values[:vouched])[3:], _encode(values[STATED : -len(CONTENT)])[3:]
    content = _encode(values[-len(CONTENT) :])[1:]
    return Parts(_encode(row.event_id), b"", stated, found, content, row.found_revision)
