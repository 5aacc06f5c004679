"""The store of `benchmarks.pivots`: filled slice by slice, and what that took.

In:     a Store, and how many slices
Out:    rows a second, of each million and of the real writer; bytes on disk
Fails:  as the Store

The first slice and the last are written by the real writer, and so is the last one before 1, 5, 10 and 20 million. The
others are copies of the first that the engine makes, into the same table with the same views: under other ids, with the
slice's own names and times, so that a value is as selective as it would be. The engine merges meanwhile, as it does
under load. The inventory is told of the slices of the real writer only.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from benchmarks.pivot_world import SLICE, SPAN, entries
from pipeline.store import Store
from pipeline.store.columns import Row

#: Millions of rows whose last slice the real writer writes, and the rows of a block, as the store's role makes them.
MARKS, BLOCK = (1, 5, 10, 20), 20_000
_IDS = ("event_id", "tool_call", "tool_call_event", "prompt_event", "record_id", "request", "stated_tool_call")
_NAMES = (
    "actor", "human", "session", "stated_actor", "stated_human", "stated_session", "credential", "issued",
    "session_name", "address",
)  # fmt: skip
_LISTS = ("on_behalf_of", "credential_chain")
_COLUMNS = """
SELECT name FROM system.columns
WHERE database = currentDatabase() AND table = 'entries' AND default_kind != 'EPHEMERAL'
"""
_DISK = """
SELECT table, sum(bytes_on_disk), sum(rows), count() FROM system.parts
WHERE active AND database = currentDatabase() GROUP BY table HAVING sum(rows) > 0 ORDER BY 2 DESC
"""


def written_for_real(number: int, slices: int) -> bool:
    """Whether the real writer writes a slice."""
    return number in {0, slices - 1, *(million * 1_000_000 // SLICE - 1 for million in MARKS)}


def fill(store: Store, slices: int, size: int) -> dict[str, Any]:
    """Write all slices; returns how fast."""
    real: list[tuple[int, float]] = []
    millions: list[float] = []
    begun = copied = 0.0
    amount = 0
    for number in range(slices):
        began = time.monotonic()
        if written_for_real(number, slices):
            real.append((number * size, _write(store, number, size)))
        else:
            _copy(store, number)
            copied += time.monotonic() - began
            amount += size
        if not number:
            store.command("CREATE TABLE original AS entries")
            names = ", ".join(_columns(store))
            store.command(f"INSERT INTO original ({names}) SELECT {names} FROM entries FINAL")
            begun = time.monotonic()
        if (number + 1) * size % 1_000_000 == 0:
            millions.append(round(amount / copied))
            copied, amount = 0.0, 0
            said = f"{(number + 1) * size:,} rows, {millions[-1]:,} copied a second, {time.monotonic() - begun:.0f} s"
            print(said, file=sys.stderr, flush=True)
    store.command("DROP TABLE original")
    return {"real": real, "millions": millions}


def on_disk(store: Store) -> list[tuple[str, int, int, int]]:
    """Tables with bytes, rows and parts."""
    return [(str(table), int(size), int(rows), int(parts)) for table, size, rows, parts in store.rows(_DISK)]


def _write(store: Store, number: int, size: int) -> float:
    """Microseconds that a row takes the real writer."""
    packed = [one.packed() for one in entries(number, size)]
    began = time.monotonic()
    blocks = [list(map(Row, packed[place : place + BLOCK])) for place in range(0, size, BLOCK)]
    owed = [store.write_timeline(rows) for rows in blocks]
    store.write_inventory(owed)
    return (time.monotonic() - began) * 1e6 / size


def _columns(store: Store) -> list[str]:
    return [name for (name,) in store.rows(_COLUMNS)]


def _copy(store: Store, number: int) -> None:
    columns = _columns(store)
    values = ", ".join(_copied(name) for name in columns)
    store.command(
        f"INSERT INTO entries ({', '.join(columns)}) SELECT {values} FROM original"
        " SETTINGS max_partitions_per_insert_block = 0, max_insert_threads = 1",
        {"later": number * SPAN, "copy": str(number)},
    )


def _copied(name: str) -> str:
    evidence = f"arrayMap(one -> {_another('one')}, link.evidence)"
    values = {
        "time": "addMicroseconds(time, {later:Int64})",
        "links": f"arrayMap(link -> (link.target, link.method, link.confidence, {evidence}, link.candidates), links)",
        "resources": "arrayMap(one -> concat(one, '.', {copy:String}), resources)",
        **{one: f"if({one} = '', '', {_another(one)})" for one in _IDS},
        **{one: _named(one) for one in _NAMES},
        **{one: f"arrayMap(one -> {_named('one')}, {one})" for one in _LISTS},
    }  # fmt: skip
    return values.get(name, name)


def _another(name: str) -> str:
    return f"lower(hex(MD5(concat({name}, '~', {{copy:String}}))))"


def _named(name: str) -> str:
    """Names of the first slice end in ~0."""
    return f"if(endsWith({name}, '~0'), concat(substring({name}, 1, length({name}) - 1), {{copy:String}}), {name})"
