"""Replays: history in pages, side tables that a replay writes to, and what differs in the end.

Nothing here writes to the tables of the live timeline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.store.columns import SELECTED, entry
from pipeline.store.pivots import Rows
from pipeline.store.write import Block, block_of, text_of
from schemas.entry import Entry, Link, PackedEntry
from schemas.event import head_of
from schemas.replay import Difference, Replay
from schemas.step import Step

_SPAN = (
    "time >= fromUnixTimestamp64Micro({first:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({last:Int64}, 'UTC')"
)
_EDGES = """
SELECT count(), toUnixTimestamp64Micro(min(time)), toUnixTimestamp64Micro(max(time)) FROM entries FINAL WHERE {span}
"""
_NEXT = """
SELECT toUnixTimestamp64Micro(time) AS at FROM entries WHERE {span} ORDER BY time LIMIT 1 OFFSET {{size:UInt32}}
"""
_HISTORY = "SELECT {selected} FROM entries FINAL WHERE {span} ORDER BY time, event_id"
_STEPS = f"SELECT step FROM steps FINAL WHERE {_SPAN}"  # noqa: S608  (no input in it, as below)
_WITH_STEPS = f"SELECT DISTINCT event_id FROM steps WHERE {_SPAN} AND event_id IN {{ids:Array(String)}}"  # noqa: S608
_ATTRIBUTED = (
    "actor", "human", "on_behalf_of", "credential_chain", "session", "parent_session", "tool_call", "tool_call_event",
    "prompt_event", "unbound", "links",
)  # fmt: skip
_REPLAYED_ENTRY = ("replay_id", "time", "event_id", "revision", *_ATTRIBUTED)
#: How sure a link is, as far as anybody would notice.
_SURE = "arraySort(arrayMap(link -> (link.target, link.method, round(link.confidence, 4)), {links}))"
_LOOKED_AT = [name for name in _ATTRIBUTED if name not in ("parent_session", "tool_call_event", "links")]
_MOVED = f"""
SELECT event_id, toUnixTimestamp64Micro(time), entries.action, {", ".join(f"entries.{name}" for name in _ATTRIBUTED)},
    {", ".join(f"again.{name}" for name in _ATTRIBUTED)}, again.event_id = ''
FROM (SELECT * FROM entries FINAL WHERE {_SPAN}) AS entries
LEFT JOIN (SELECT * FROM replayed_entries FINAL WHERE replay_id = {{replay_id:String}} AND {_SPAN}) AS again
ON entries.time = again.time AND entries.event_id = again.event_id
WHERE ({", ".join(f"entries.{name}" for name in _LOOKED_AT)}) != ({", ".join(f"again.{name}" for name in _LOOKED_AT)})
    OR {_SURE.format(links="entries.links")} != {_SURE.format(links="again.links")}
ORDER BY entries.time, entries.event_id
"""  # noqa: S608
_OWNERS = """
SELECT event_id, session, parent_session FROM replayed_entries FINAL
WHERE replay_id = {replay_id:String} AND time >= fromUnixTimestamp64Micro({first:Int64}, 'UTC')
  AND time <= fromUnixTimestamp64Micro({last:Int64}, 'UTC') AND event_id IN {ids:Array(String)}
"""
_REPLAYED = ("replay_id", "variant", "sort", "name", "revision", "time", "body")
_NAMES = """
SELECT DISTINCT name FROM (
    SELECT {id} AS name FROM {table} FINAL WHERE {live}
    UNION ALL
    SELECT name FROM replayed FINAL WHERE replay_id = {{replay_id:String}} AND sort = {{sort:String}} AND {span}
) WHERE name > {{after:String}} ORDER BY name LIMIT {{limit:UInt32}}
"""
_LIVE = {"finding": ("findings", "finding_id", "time"), "alert": ("alerts", "alert_id", "first")}
_BODIES = """
SELECT name, body FROM replayed FINAL
WHERE replay_id = {replay_id:String} AND variant = {variant:String} AND sort = {sort:String}
  AND name IN {names:Array(String)}
"""
_DIFFERENCE = ("replay_id", "sort", "verdict", "because", "subject", "time", "name", "difference")
_DIFFERENCES = """
SELECT difference FROM replay_differences FINAL
WHERE replay_id = {replay_id:String} AND {sort:String} IN ('', sort) AND {because:String} IN ('', because)
ORDER BY sort DESC, because DESC, verdict, subject, time, name LIMIT {limit:UInt32} OFFSET {offset:UInt64}
"""
_COUNTS = """
SELECT sort, verdict, because, count() FROM replay_differences FINAL WHERE replay_id = {replay_id:String}
GROUP BY sort, verdict, because ORDER BY sort, verdict, because
"""
_METHODS = """
SELECT subject, verdict, JSONExtractString(difference, 'method_before') AS was,
    JSONExtractString(difference, 'method_after') AS became, count() AS amount
FROM replay_differences FINAL WHERE replay_id = {replay_id:String} AND sort = 'attribution'
GROUP BY subject, verdict, was, became ORDER BY amount DESC, subject, was, became
"""
_REPLAY = ("replay_id", "revision", "is_deleted", "began", "replay")
_REPLAYS = """
SELECT replay FROM replays FINAL WHERE {replay_id:String} IN ('', replay_id)
ORDER BY began DESC, replay_id LIMIT {limit:UInt32}
"""
_ID = re.compile(r"[0-9a-f]{12}")
#: Side tables, one partition a replay.
PARTS = ("replayed_entries", "replayed", "replay_differences")
_step = msgspec.msgpack.Decoder(Step).decode
_replay, _difference = msgspec.json.Decoder(Replay).decode, msgspec.json.Decoder(Difference).decode


class Target(Rows, Protocol):
    """What a replay needs of a Store."""

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement."""

    def insert(self, block: Block) -> None:
        """Write a block."""


class Edges(NamedTuple):
    """How many entries there are in a span, and the first and last time of theirs."""

    amount: int
    first: int
    last: int


class Moved(NamedTuple):
    """An event that is attributed otherwise now: by column of `entries`."""

    event_id: str
    time: int
    action: str
    before: dict[str, Any]
    after: dict[str, Any]
    #: The replay has no entry of it at all.
    lost: bool


class Method(NamedTuple):
    """How often a link of one sort became another one."""

    target: str
    verdict: str
    before: str
    after: str
    amount: int


def edges(store: Rows, first: int, last: int) -> Edges:
    """What there is in a span of time."""
    return Edges(*store.rows(_EDGES.format(span=_SPAN), {"first": first, "last": last})[0])


def slices(store: Rows, first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    """A span cut into pieces of about `size` entries, none of which parts what happened in one microsecond."""
    while first < last:
        found = store.rows(_NEXT.format(span=_SPAN), {"first": first, "last": last, "size": size})
        end = max(found[0][0], first + 1) if found else last
        yield first, end
        first = end


def history(store: Rows, first: int, last: int) -> list[Entry]:
    """The current entries of a slice, in the order of time."""
    sql = _HISTORY.format(selected=SELECTED, span=_SPAN)
    return [entry(row) for row in store.rows(sql, {"first": first, "last": last})]


def steps(store: Rows, first: int, last: int) -> list[Step]:
    """What the scoring stage was told of the prompts and tool calls of a slice."""
    return [_step(row[0]) for row in store.rows(_STEPS, {"first": first, "last": last}, ("step",))]


def with_steps(store: Rows, event_ids: Sequence[str], span: tuple[int, int]) -> set[str]:
    """Those of some events in a span of which there are steps."""
    asked = {"ids": list(event_ids), "first": span[0], "last": span[1]}
    return {name for (name,) in store.rows(_WITH_STEPS, asked)} if event_ids else set()


def write_entries(store: Target, replay_id: str, entries: Iterable[PackedEntry]) -> None:
    """What replayed events are attributed to by now."""
    store.insert(block_of("replayed_entries", _REPLAYED_ENTRY, (_attributed(replay_id, one) for one in entries)))


def _attributed(replay_id: str, one: PackedEntry) -> tuple[Any, ...]:
    head = head_of(one.event)
    return replay_id, head.time, head.event_id, one.revision, *(getattr(one, name) for name in _ATTRIBUTED)


def owners(store: Rows, replay_id: str, ids: Sequence[str], span: tuple[int, int]) -> dict[str, tuple[str, str]]:
    """Session and parent session that some replayed events have by now; `span`: their first and last time."""
    asked = {"replay_id": replay_id, "ids": list(ids), "first": span[0], "last": span[1]}
    return {name: (session, parent) for name, session, parent in store.rows(_OWNERS, asked)} if ids else {}


def moved(store: Rows, replay_id: str, first: int, last: int) -> Iterator[Moved]:
    """Events of a slice that are attributed otherwise than they are in the timeline."""
    many = len(_ATTRIBUTED)
    for event_id, time, action, *rest, lost in store.rows(
        _MOVED, {"replay_id": replay_id, "first": first, "last": last}
    ):
        yield Moved(event_id, time, action, _named(rest[:many]), _named(rest[many:]), bool(lost))


def _named(values: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip(_ATTRIBUTED, values, strict=True))
    found["links"] = [Link(**link) for link in found["links"]]
    return found


def write_replayed(store: Target, replay_id: str, variant: str, sort: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Findings or alerts as replayed: name, revision, time, and the whole."""
    told = ((replay_id, variant, sort, name, revision, time, text_of(one)) for name, revision, time, one in rows)
    store.insert(block_of("replayed", _REPLAYED, told))


def names(store: Rows, replay_id: str, sort: str, span: tuple[int, int], after: str, limit: int) -> list[str]:
    """Ids of the next findings or alerts that the store or the replay has in a span."""
    table, name, time = _LIVE[sort]
    live = _SPAN.replace("time", time, 2) if time != "time" else _SPAN
    sql = _NAMES.format(id=name, table=table, live=live, span=_SPAN)
    asked = {"replay_id": replay_id, "sort": sort, "first": span[0], "last": span[1], "after": after, "limit": limit}
    return [row[0] for row in store.rows(sql, asked)]


def bodies(store: Rows, replay_id: str, variant: str, sort: str, wanted: Sequence[str]) -> dict[str, str]:
    """Findings or alerts as replayed, as JSON by id."""
    asked = {"replay_id": replay_id, "variant": variant, "sort": sort, "names": list(wanted)}
    return dict(store.rows(_BODIES, asked)) if wanted else {}


def write_differences(store: Target, replay_id: str, found: Sequence[Difference]) -> None:
    """What would have been different."""
    store.insert(block_of("replay_differences", _DIFFERENCE, (
        (replay_id, one.sort, one.verdict, one.because, one.subject, one.time, one.name, text_of(one))
        for one in found
    )))  # fmt: skip


def differences(
    store: Rows, replay_id: str, *, sort: str = "", because: str = "", limit: int = 1000, offset: int = 0
) -> list[Difference]:  # fmt: skip
    """What would have been different: findings, attributions, alerts; those because of the options first."""
    asked = {"replay_id": replay_id, "sort": sort, "because": because, "limit": limit, "offset": offset}
    return [_difference(row[0]) for row in store.rows(_DIFFERENCES, asked)]


def counts(store: Rows, replay_id: str) -> dict[str, int]:
    """How many differences there are, by `sort verdict because`."""
    return {" ".join(row[:3]): row[3] for row in store.rows(_COUNTS, {"replay_id": replay_id})}


def methods(store: Rows, replay_id: str) -> list[Method]:
    """How attributions differ: by target, and by how the link was made before and after; most frequent first."""
    return [Method(*row) for row in store.rows(_METHODS, {"replay_id": replay_id})]


def put(store: Target, replay: Replay, *, dropped: bool = False) -> None:
    """Keep a replay as it is now."""
    row = (replay.replay_id, replay.revision, int(dropped), replay.began, text_of(replay))
    store.insert(block_of("replays", _REPLAY, [row]))


def replays(store: Rows, limit: int = 100) -> list[Replay]:
    """Replays, the latest first."""
    return [_replay(row[0]) for row in store.rows(_REPLAYS, {"replay_id": "", "limit": limit})]


def replay(store: Rows, replay_id: str) -> Replay | None:
    """One replay; None if there is none of that id."""
    found = store.rows(_REPLAYS, {"replay_id": replay_id, "limit": 1}) if _ID.fullmatch(replay_id) else []
    return _replay(found[0][0]) if found else None


def drop(store: Target, replay: Replay) -> None:
    """Delete a replay and all that it wrote."""
    clear(store, replay.replay_id, PARTS)
    replay.revision += 1
    put(store, replay, dropped=True)


def clear(store: Target, replay_id: str, tables: Sequence[str] = PARTS[:1]) -> None:
    """Delete what a replay wrote to some of its tables; by default what it needs only while it runs."""
    for table in tables:
        store.command(f"ALTER TABLE {table} DROP PARTITION '{_checked(replay_id)}'")


def _checked(replay_id: str) -> str:
    if not _ID.fullmatch(replay_id):
        raise Invalid("replay", "an id as `whodid replay list` shows it", replay_id)
    return replay_id
