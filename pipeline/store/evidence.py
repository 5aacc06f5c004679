"""Leaves, nodes of trees, heads and keys go into the store, and come back; every query of the evidence is one function.

In:     a Store, what `pipeline.evidence` made (as bytes and plain values)
Out:    rows of `leaves`, `tree_nodes`, `tree_heads`, `evidence_keys`, `erasures`
Fails:  Transient when the store is away
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from pipeline.store.client import Store
from pipeline.store.parts import CONTENT, PLAIN, RECORD_CONTENT, RECORD_PLAIN
from pipeline.store.write import Block, block_of

LEAF_COLUMNS = ("log", "epoch", "kind", "offset", "time", "event_id", "leaf_index", "revision", "hash", "own", "found")
_NODE_COLUMNS = ("log", "epoch", "level", "position", "hash")
_HEAD_COLUMNS = ("log", "epoch", "number", "size", "time", "head", "signature", "peaks")
_KEY_COLUMNS = ("key", "time", "statement", "signature")
_ERASED_COLUMNS = ("kind", "event_id", "commitment", "time", "by", "reason", "removal")
_TUPLES = {
    # The types that rows are decoded into are arrays, and numbers are numbers.
    "output_format_json_named_tuples_as_objects": 0,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_escape_forward_slashes": 0,
}


def _number(name: str) -> str:
    """A column as a number where Python's datetime would end before ClickHouse's does."""
    return f"toUnixTimestamp64Micro({name})" if name == "time" else name


_ENTRY_SELECT = ", ".join(map(_number, (*PLAIN, *CONTENT)))
_RECORD_SELECT = ", ".join((*map(_number, RECORD_PLAIN), *(f"base64Encode({name})" for name in RECORD_CONTENT)))
_LEAF_SELECT = "log, epoch, leaf_index, offset, kind, toUnixTimestamp64Micro(time), event_id, revision, hex(hash)"
_LEAF_SELECT += ", hex(own), base64Encode(found)"
_WINDOW = (
    "time >= fromUnixTimestamp64Micro({first:Int64}, 'UTC') AND time <= fromUnixTimestamp64Micro({last:Int64}, 'UTC')"
)
_NAMES = "event_id >= {first:String} AND ({last:String} = '' OR event_id < {last:String})"

_ENTRIES = f"SELECT {_ENTRY_SELECT} FROM entries FINAL WHERE {_WINDOW} FORMAT JSONCompactEachRow"  # noqa: S608
_ENTRIES_OF = f"""
SELECT {_ENTRY_SELECT} FROM entries FINAL
WHERE time IN (SELECT fromUnixTimestamp64Micro(arrayJoin({{times:Array(Int64)}}), 'UTC'))
  AND event_id IN {{names:Array(String)}} FORMAT JSONCompactEachRow
"""  # noqa: S608
_RECORDS_OF = f"""
SELECT {_RECORD_SELECT} FROM records FINAL WHERE record_id IN {{names:Array(String)}} FORMAT JSONCompactEachRow
"""  # noqa: S608
_RECORDS = f"""
SELECT {_RECORD_SELECT} FROM records FINAL
WHERE record_id >= {{first:String}} AND ({{last:String}} = '' OR record_id < {{last:String}}) FORMAT JSONCompactEachRow
"""  # noqa: S608
_LEAVES = f"""
SELECT {_LEAF_SELECT} FROM leaves FINAL WHERE kind = 'entry' AND {_WINDOW}
FORMAT JSONCompactEachRow
"""  # noqa: S608
_RECORD_LEAVES = f"""
SELECT {_LEAF_SELECT} FROM leaves FINAL WHERE kind = 'record' AND {_NAMES}
FORMAT JSONCompactEachRow
"""  # noqa: S608
_LEAVES_OF = f"""
SELECT {_LEAF_SELECT} FROM leaves FINAL
WHERE kind = {{kind:String}} AND event_id IN {{names:Array(String)}} AND {_WINDOW} FORMAT JSONCompactEachRow
"""  # noqa: S608
_SPAN = f"""
SELECT {_LEAF_SELECT} FROM leaves FINAL
WHERE log = {{log:String}} AND epoch = {{epoch:UInt32}}
  AND leaf_index >= {{first:UInt64}} AND leaf_index < {{last:UInt64}}
ORDER BY leaf_index FORMAT JSONCompactEachRow
"""  # noqa: S608
_HASHES = """
SELECT hash FROM leaves FINAL
WHERE log = {log:String} AND epoch = {epoch:UInt32} AND leaf_index >= {first:UInt64} AND leaf_index < {last:UInt64}
ORDER BY leaf_index FORMAT RowBinary
"""
_NODES = """
SELECT hash FROM tree_nodes FINAL
WHERE log = {log:String} AND epoch = {epoch:UInt32} AND level = {level:UInt8}
  AND position >= {first:UInt64} AND position < {last:UInt64}
ORDER BY position FORMAT RowBinary
"""
_AT_OFFSET = f"""
SELECT {_LEAF_SELECT} FROM leaves FINAL
WHERE log = {{log:String}} AND epoch = {{epoch:UInt32}} AND offset = {{offset:Int64}}
ORDER BY leaf_index FORMAT JSONCompactEachRow
"""  # noqa: S608
_HEADS = """
SELECT head, signature, peaks FROM tree_heads FINAL
WHERE {log:String} IN ('', log) AND number >= {number:UInt64} ORDER BY log, number, head
"""
_LAST_HEADS = """
SELECT head, signature, peaks FROM tree_heads FINAL WHERE log = {log:String} ORDER BY number DESC, head LIMIT 10
"""
_HEAD_OVER = """
SELECT head, signature, peaks FROM tree_heads FINAL
WHERE log = {log:String} AND epoch = {epoch:UInt32} AND size > {index:UInt64} ORDER BY number, head LIMIT 1
"""
_LATEST_HEAD = """
SELECT head, signature, peaks FROM tree_heads FINAL
WHERE log = {log:String} AND epoch = {epoch:UInt32} ORDER BY number DESC, head LIMIT 1
"""
_KEYS = "SELECT statement, signature FROM evidence_keys FINAL ORDER BY time, key"
_LOGS = """
SELECT log, epoch, max(leaf_index) + 1, count() FROM (SELECT log, epoch, leaf_index FROM leaves FINAL)
GROUP BY log, epoch ORDER BY log, epoch
"""
_ERASED = "SELECT kind, event_id, lower(hex(commitment)) FROM erasures FINAL"
_SAMPLE = """
SELECT DISTINCT toUnixTimestamp64Micro(time) AS at FROM (
    SELECT time FROM entries WHERE cityHash64(event_id) % {share:UInt64} = 0
    UNION ALL SELECT time FROM leaves WHERE kind = 'entry' AND cityHash64(event_id, revision) % {share:UInt64} = 0
) ORDER BY at
"""
_AMOUNTS = """
SELECT (SELECT count() FROM entries), (SELECT count() FROM records),
    (SELECT countIf(kind = 'entry') FROM leaves), (SELECT countIf(kind = 'record') FROM leaves)
"""


class LeafRow(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A row of `leaves` as it is read back. Hashes are hexadecimal in capitals."""

    log: str
    epoch: int
    index: int
    offset: int
    kind: str
    time: int
    event_id: str
    revision: int
    hash: str
    own: str
    found: bytes


class Signed(Protocol):
    """What is stored of a head (`pipeline.evidence.head.Signed`)."""

    @property
    def head(self) -> str:
        """The bytes that were signed."""

    @property
    def signature(self) -> str:
        """Hexadecimal."""

    @property
    def peaks(self) -> list[str]:
        """Hexadecimal."""


class HeadRow(NamedTuple):
    """A row of `tree_heads` as it is read back."""

    head: str
    signature: str
    peaks: list[str]


_decode_all, _decode = msgspec.json.Decoder(LeafRow).decode_lines, msgspec.json.Decoder(LeafRow).decode


def leaves_block(payload: bytes) -> Block:
    """Rows of `leaves`, values in the order of `LEAF_COLUMNS`."""
    return Block("leaves", LEAF_COLUMNS, payload)


def nodes_block(nodes: Iterable[tuple[str, int, int, int, bytes]]) -> Block:
    """Rows of `tree_nodes`: log, epoch, level, position, hash."""
    return block_of("tree_nodes", _NODE_COLUMNS, nodes)


def heads_block(heads: Iterable[tuple[Any, ...]]) -> Block:
    """Rows of `tree_heads`: log, epoch, number, size, time, head, signature, peaks."""
    return block_of("tree_heads", _HEAD_COLUMNS, heads)


def keys_block(statements: Iterable[tuple[str, int, str, str]]) -> Block:
    """Rows of `evidence_keys`: fingerprint, time, statement, signature."""
    return block_of("evidence_keys", _KEY_COLUMNS, statements)


def erasures_block(rows: Iterable[tuple[str, str, bytes, int, str, str, str]]) -> Block:
    """Rows of `erasures`: kind, id, commitment, time, by, reason, and the removal that they belong to."""
    return block_of("erasures", _ERASED_COLUMNS, rows)


def exists(store: Store) -> bool:
    """Whether the store has tables for evidence."""
    found = store.rows("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'tree_heads'")
    return bool(found[0][0])


def heads(store: Store, log: str = "", number: int = 0) -> list[HeadRow]:
    """Heads of one log (default: of all) from a number on, in order."""
    return [HeadRow(*row) for row in store.rows(_HEADS, {"log": log, "number": number})]


def last_heads(store: Store, log: str) -> list[HeadRow]:
    """The last few heads of a log, the latest first."""
    return [HeadRow(*row) for row in store.rows(_LAST_HEADS, {"log": log})]


def head_over(store: Store, log: str, epoch: int, index: int) -> HeadRow | None:
    """The first head that covers a leaf; None if none does yet."""
    found = store.rows(_HEAD_OVER, {"log": log, "epoch": epoch, "index": index})
    return HeadRow(*found[0]) if found else None


def latest_head(store: Store, log: str, epoch: int) -> HeadRow | None:
    """The last head of an epoch of a log; None if there is none yet."""
    found = store.rows(_LATEST_HEAD, {"log": log, "epoch": epoch})
    return HeadRow(*found[0]) if found else None


def statements(store: Store) -> list[tuple[str, str]]:
    """Statements of keys and their signatures."""
    return [(row[0], row[1]) for row in store.rows(_KEYS, {})]


def logs(store: Store) -> list[tuple[str, int, int, int]]:
    """Every log and epoch with its size by the last leaf, and how many leaves it has."""
    return [(row[0], row[1], row[2], row[3]) for row in store.rows(_LOGS, {})]


def hashes(store: Store, log: str, epoch: int, first: int, last: int) -> list[bytes]:
    """Hashes of leaves, in order; fewer than asked for when there are no more."""
    return _cut(store.raw(_HASHES, {"log": log, "epoch": epoch, "first": first, "last": last}))


def nodes(store: Store, log: str, epoch: int, level: int, first: int, last: int) -> list[bytes]:
    """Hashes of nodes of a level that is kept, in order."""
    given = {"log": log, "epoch": epoch, "level": level, "first": first, "last": last}
    return _cut(store.raw(_NODES, given))


def at_offset(store: Store, log: str, epoch: int, offset: int) -> list[LeafRow]:
    """Leaves of one message, in order."""
    return _leaves(store.raw(_AT_OFFSET, {"log": log, "epoch": epoch, "offset": offset}))


def span(store: Store, log: str, epoch: int, first: int, last: int) -> list[LeafRow]:
    """Leaves of a log, in order."""
    return _leaves(store.raw(_SPAN, {"log": log, "epoch": epoch, "first": first, "last": last}))


def entry_leaves(store: Store, first: int, last: int) -> list[LeafRow]:
    """Leaves of entries of these event times, both included."""
    return _leaves(store.raw(_LEAVES, {"first": first, "last": last}))


def record_leaves(store: Store, first: str, last: str) -> list[LeafRow]:
    """Leaves of records from one id (included) to another (excluded; empty = to the end)."""
    return _leaves(store.raw(_RECORD_LEAVES, {"first": first, "last": last}))


def leaves_of(store: Store, kind: str, names: Sequence[str], first: int, last: int) -> list[LeafRow]:
    """Every leaf of some events or records of these times, both included."""
    given = {"kind": kind, "names": list(names), "first": first, "last": last}
    return _leaves(store.raw(_LEAVES_OF, given))


def entry_lines(store: Store, first: int, last: int) -> bytes:
    """Current rows of `entries` of these event times, for `parts.rows_of`."""
    return store.raw(_ENTRIES, {"first": first, "last": last}, _TUPLES)


def entry_lines_of(store: Store, names: Sequence[str], times: Sequence[int]) -> bytes:
    """Current rows of some events of these event times."""
    return store.raw(_ENTRIES_OF, {"names": list(names), "times": list(times)}, _TUPLES)


def record_lines_of(store: Store, names: Sequence[str]) -> bytes:
    """Current rows of some records."""
    return store.raw(_RECORDS_OF, {"names": list(names)}, _TUPLES)


def record_lines(store: Store, first: str, last: str) -> bytes:
    """Current rows of `records` from one id (included) to another (excluded), a JSON array a line, value in base64."""
    return store.raw(_RECORDS, {"first": first, "last": last}, _TUPLES)


def erased(store: Store) -> Mapping[tuple[str, str], bytes]:
    """Commitments to content that was erased, by kind and id."""
    return {(row[0], row[1]): bytes.fromhex(row[2]) for row in store.rows(_ERASED, {})}


def amounts(store: Store) -> tuple[int, int, int, int]:
    """About how many entries and records there are, and leaves of both."""
    found = store.rows(_AMOUNTS, {})[0]
    return found[0], found[1], found[2], found[3]


def times(store: Store, share: int) -> list[int]:
    """Event times of one row in `share`, in order: between two of them lie about as many rows."""
    return [row[0] for row in store.rows(_SAMPLE, {"share": share})]


def _leaves(lines: bytes) -> list[LeafRow]:
    """What is no leaf is left out: somebody has changed it, and its row will be found to have none."""
    try:
        return _decode_all(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return [row for line in lines.splitlines() for row in _leaf(line)]


def _leaf(line: bytes) -> list[LeafRow]:
    try:
        return [_decode(line)]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []


def _cut(data: bytes) -> list[bytes]:
    return [data[at : at + 32] for at in range(0, len(data), 32)]
