"""Tables that lie in months are told to move what is old to a slower disk; nothing is ever deleted for its age.

In:     a Store; the name of a storage policy of the server, of its volume for what is old, and an age
Out:    the tables that were changed; the engine moves parts by itself, late rows too, when they are merged or at once
Fails:  Invalid for a policy or a volume that the server does not have; Permanent when a table cannot go over to it

A TTL that deletes would drop a row that comes late at the moment it is inserted, without an error. One that moves keeps
it: no other is ever set here.
"""

from __future__ import annotations

import re

from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.kit.failures import Invalid, Permanent
from pipeline.store.client import Store

#: Tables that grow for ever, with what says how old a row is.
_TABLES = {
    "entries": "toDateTime(time)", "pivots": "toDateTime(time)", "records": "toDateTime(time)",
    "holders": "toDateTime(time)", "steps": "toDateTime(time)",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VOLUMES = "SELECT policy_name, volume_name FROM system.storage_policies ORDER BY policy_name, volume_priority"
_PARTS = """
SELECT table, disk_name, sum(rows), sum(bytes_on_disk) FROM system.parts
WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
GROUP BY table, disk_name ORDER BY table, disk_name
"""


def move(store: Store, policy: str, volume: str, days: int) -> list[str]:
    """From now on, and of what is there already, rows older than so many days go to a volume. Raises as above."""
    store.whole("tiers")
    if days < 1:
        raise Invalid("after", "a number of days, 1 or more", days)
    known = [(row[0], row[1]) for row in store.rows(_VOLUMES)]
    for name, given in (("policy", policy), ("volume", volume)):
        if not _NAME.fullmatch(given):
            raise Invalid(name, "a name of letters, digits and _", given)
    if (policy, volume) not in known:
        there = ", ".join(f"{one} with {other}" for one, other in known)
        raise Invalid("policy", f"a storage policy of the server that has this volume (it has: {there})", policy)
    for table, age in _TABLES.items():
        _alter(store, table, f"MODIFY SETTING storage_policy = '{policy}'")
        _alter(store, table, f"MODIFY TTL {age} + INTERVAL {days:d} DAY TO VOLUME '{volume}'")
    return list(_TABLES)


def stay(store: Store) -> list[str]:
    """From now on nothing is moved; what was moved stays where it is."""
    store.whole("tiers")
    sql = (
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND create_table_query LIKE '% TO VOLUME %'"
    )
    moved = [row[0] for row in store.rows(sql) if row[0] in _TABLES]
    for table in moved:
        _alter(store, table, "REMOVE TTL")
    return moved


def where(store: Store) -> list[tuple[str, str, int, int]]:
    """What lies on which disk: table, disk, rows, bytes."""
    return [(row[0], row[1], row[2], row[3]) for row in store.rows(_PARTS, {"tables": list(_TABLES)})]


def _alter(store: Store, table: str, change: str) -> None:
    try:
        store.command(f"ALTER TABLE {table} {change}")
    except DatabaseError as error:
        raise Permanent(f"tiers: {table}: {(str(error).splitlines() or [''])[0][:300]} (docs/tiers.md)") from error
