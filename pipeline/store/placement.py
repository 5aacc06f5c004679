"""Each table gets its place in a cluster: its rows are divided among the shards, or every node has them all.

What there is of an event is on the shard of the event, whichever table it is in. So rows that replace each other are on
one shard, and a view reads and writes there and nowhere else. What people and detections make is small beside it and is
on every node, so that a shard that looks something up in it asks nobody (docs/decisions/0023-one-schema-two-shapes.md).
"""

from __future__ import annotations

_EVENT = "sipHash64(event_id)"
#: Tables whose rows are divided, by what decides on the shard; empty = views fill them, where the rows they read are.
#: Columns in it are part of the table's sort key, or revisions of one row would end up on two shards.
DIVIDED = {
    "entries": _EVENT,
    "steps": _EVENT,
    "arrivals": _EVENT,
    "settled": _EVENT,
    "noted": _EVENT,
    "records": "sipHash64(record_id)",
    "leaves": "sipHash64(log, epoch, leaf_index)",
    "pivots": "",
    "recent": "",
    "holders": "",
    "superseded": "",
    "identities": "",
    "credentials": "",
    "sessions": "",
}
#: Tables that every node has whole.
EVERYWHERE = frozenset({
    "migrations", "migration_lock", "dead_letters", "aliases", "behaviours",
    "findings", "finding_pivots", "finding_evidence", "alerts", "responses", "deliveries",
    "tree_nodes", "tree_heads", "evidence_keys", "erasures", "removals", "holds",
    "replays", "replayed_entries", "replayed", "replay_differences",
    "access_keys", "access_uses", "access_sessions", "logins", "reads",
    "cases", "notes", "views",
})  # fmt: skip
_LOCAL = "_local"


def local(table: str) -> str:
    """The table on each node that has the rows of `table`; the table of that name asks all of them if it is divided."""
    return f"{table}{_LOCAL}" if table in DIVIDED else table


def whole(table: str) -> str:
    """The table that `table` is a part of."""
    return table.removesuffix(_LOCAL)
