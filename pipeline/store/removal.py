"""Rows are found that are to be taken out, and are taken out: whole months, or the content of some.

In:     a Store, months, names of a person
Out:    what there is by month; ids of what a person said and what was done for them; how much is gone
Fails:  Transient when the store is away

Everything here waits until it is done on disk: a mutation that is still to come has erased nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.store.client import Store
from pipeline.store.placement import local, whole
from pipeline.store.write import block_of

_DONE = "SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1"


class Group(NamedTuple):
    """Tables whose rows are kept equally long."""

    #: Those that lie in months.
    months: tuple[str, ...] = ()
    #: Those of which rows are deleted, with what says how old one is.
    times: tuple[tuple[str, str], ...] = ()


GROUPS = {
    "timeline": Group(("entries", "pivots", "holders", "steps")),
    "records": Group(("records",)),
    "findings": Group(times=(
        ("findings", "time"), ("finding_pivots", "time"), ("alerts", "last"), ("responses", "at"), ("deliveries", "at"),
        ("behaviours", "toDateTime64(day, 6, 'UTC')"),
    )),
    "dead-letters": Group(times=(("dead_letters", "time"),)),
    "audit": Group(times=(("reads", "at"), ("logins", "at"))),
}  # fmt: skip
_MONTHS = """
SELECT table, toUInt32OrZero(partition) AS month, sum(rows), sum(bytes_on_disk) FROM {parts}
WHERE active AND database = {{database:String}} AND table IN {{tables:Array(String)}} AND month > 0
GROUP BY table, month ORDER BY month, table
"""
_IS_OLDER = "{column} < fromUnixTimestamp64Micro({{before:Int64}}, 'UTC')"
_SIZES = "SELECT log, epoch, max(leaf_index) + 1 FROM leaves WHERE kind = {kind:String} GROUP BY log, epoch"
_LEAVES = """
SELECT log, epoch, leaf_index FROM leaves FINAL
WHERE kind = {kind:String} AND toYYYYMM(time) = {month:UInt32}
"""
_PERSON = """
SELECT event_id, record_id, toUnixTimestamp64Micro(time) FROM entries FINAL
WHERE human IN {names:Array(String)} OR actor IN {names:Array(String)} OR stated_human IN {names:Array(String)}
    OR stated_actor IN {names:Array(String)} OR hasAny(on_behalf_of, {names:Array(String)})
ORDER BY time
"""
_SPAN = """
SELECT toYYYYMM(time) AS month FROM entries
WHERE human IN {names:Array(String)} OR actor IN {names:Array(String)} OR hasAny(on_behalf_of, {names:Array(String)})
GROUP BY month
"""
_ENTRIES = "SELECT event_id FROM erasures WHERE kind = 'entry' AND removal = {removal:String}"
_RECORDS = "SELECT event_id FROM erasures WHERE kind = 'record' AND removal = {removal:String}"
_QUOTING = f"SELECT finding_id FROM finding_evidence WHERE event_id IN ({_ENTRIES})"  # noqa: S608
_EMPTIED = (
    "ALTER TABLE entries UPDATE error = '', text = '', arguments = [], attributes = map(), mentions = [] "
    f"WHERE event_id IN ({_ENTRIES})",
    f"ALTER TABLE records UPDATE value = '' WHERE record_id IN ({_RECORDS})",
    f"ALTER TABLE steps DELETE WHERE event_id IN ({_ENTRIES})",
    f"ALTER TABLE findings UPDATE sentence = '', details = map(), quotes = [] WHERE finding_id IN ({_QUOTING})",
)
_LEFT = f"""
SELECT (SELECT count() FROM entries FINAL WHERE event_id IN ({_ENTRIES})
        AND (error != '' OR text != '' OR notEmpty(arguments) OR notEmpty(attributes) OR notEmpty(mentions)))
    + (SELECT count() FROM records FINAL WHERE record_id IN ({_RECORDS}) AND value != '')
"""  # noqa: S608
_ALERTS = f"""
SELECT alert FROM alerts FINAL
WHERE hasAny(JSONExtract(alert, 'entries', 'Array(String)'), (SELECT groupArray(event_id) FROM ({_ENTRIES})))
"""  # noqa: S608


class Month(NamedTuple):
    """What one table holds of a month."""

    table: str
    #: `202601`.
    month: int
    rows: int
    bytes: int


class Found(NamedTuple):
    """An event of a person."""

    event_id: str
    record_id: str
    #: Microseconds since 1970.
    time: int


class Hold(NamedTuple):
    """Nothing of these event times may be taken out; `person` empty = of nobody."""

    name: str
    person: str
    #: Microseconds since 1970, the last excluded.
    since: int
    until: int
    reason: str
    by: str
    at: int


def months(store: Store) -> list[Month]:
    """What lies in months, by month."""
    tables = [table for group in GROUPS.values() for table in group.months]
    # On a cluster it is the tables on the nodes that have parts.
    parts, named = (store.cluster.parts, local) if store.cluster else ("system.parts", str)
    given = {"tables": [named(table) for table in tables], "database": store.rows("SELECT currentDatabase()")[0][0]}
    return [Month(whole(row[0]), *row[1:]) for row in store.rows(_MONTHS.format(parts=parts), given)]


def amount(store: Store, group: str, wanted: Iterable[int]) -> int:
    """How many rows of a group lie in some months."""
    which = set(wanted)
    return sum(one.rows for one in months(store) if one.month in which and one.table in GROUPS[group].months)


def older(store: Store, group: str, before: int) -> int:
    """How many rows of tables that do not lie in months are older; microseconds since 1970."""
    return sum(
        store.rows(f"SELECT count() FROM {table} WHERE {_IS_OLDER.format(column=column)}", {"before": before})[0][0]  # noqa: S608
        for table, column in GROUPS[group].times
    )


def sizes(store: Store, kind: str) -> list[tuple[str, int, int]]:
    """How many leaves each log and epoch has: log, epoch, size."""
    return [(row[0], row[1], row[2]) for row in store.rows(_SIZES, {"kind": kind})]


def leaves_of_month(store: Store, kind: str, month: int) -> Iterator[tuple[str, int, int]]:
    """Places of all leaves of a month of event times: log, epoch, position."""
    for row in store.rows(_LEAVES, {"kind": kind, "month": month}):
        yield row[0], row[1], row[2]


def drop_month(store: Store, table: str, month: int) -> None:
    """Drop a month of a table that lies in months."""
    store.command(f"ALTER TABLE {table} DROP PARTITION {month:d}")


def delete_older(store: Store, group: str, before: int) -> None:
    """Delete the older rows of tables that do not lie in months."""
    for table, column in GROUPS[group].times:
        store.command(f"ALTER TABLE {table} DELETE WHERE {_IS_OLDER.format(column=column)} {_DONE}", {"before": before})


def of_person(store: Store, names: Sequence[str]) -> list[Found]:
    """Events in which somebody of these names acted, or that were done for them, in the order of time."""
    return [Found(*row) for row in store.rows(_PERSON, {"names": list(names)})]


def months_of_person(store: Store, names: Sequence[str]) -> set[int]:
    """Months in which there are such events."""
    return {row[0] for row in store.rows(_SPAN, {"names": list(names)})}


def empty(store: Store, removal: str) -> None:
    """Empty the content of the rows that `erasures` has under this removal, and delete what quotes them."""
    for statement in _EMPTIED:
        store.command(f"{statement} {_DONE}", {"removal": removal})


def alerts_about(store: Store, removal: str) -> list[str]:
    """Alerts, as JSON, whose evidence is among the rows that `erasures` has under this removal."""
    return [row[0] for row in store.rows(_ALERTS, {"removal": removal})]


def merge_alerts(store: Store) -> None:
    """See to it that nothing is left on disk of alerts that were written again."""
    store.command("OPTIMIZE TABLE alerts FINAL")


def delete_letters(store: Store, names: Sequence[str]) -> int:
    """Delete dead letters that name one of these; returns how many there were."""
    given, named = {"names": list(names)}, "multiSearchAny(value, {names:Array(String)})"
    found = int(store.rows(f"SELECT count() FROM dead_letters FINAL WHERE {named}", given)[0][0])  # noqa: S608
    if found:
        store.command(f"ALTER TABLE dead_letters DELETE WHERE {named} {_DONE}", given)
    return found


def add(store: Store, rows: Iterable[tuple[str, str, int, str, str, str, str]]) -> None:
    """Write rows of `removals`: id, sort, time, by, reason, statement, signature."""
    names = ("removal_id", "sort", "time", "by", "reason", "statement", "signature")
    store.insert(block_of("removals", names, rows))


def statements(store: Store) -> list[tuple[str, str]]:
    """What was taken out on purpose: statements and signatures."""
    return [(row[0], row[1]) for row in store.rows("SELECT statement, signature FROM removals FINAL ORDER BY time")]


def exists(store: Store) -> bool:
    """Whether the store has tables for it."""
    found = store.rows("SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'removals'")
    return bool(found[0][0])


def stated(store: Store) -> set[str]:
    """Ids of what was taken out on purpose and is stated."""
    return {row[0] for row in store.rows("SELECT removal_id FROM removals FINAL")}


def left(store: Store, removal: str) -> int:
    """How many rows of a removal still have content."""
    return int(store.rows(_LEFT, {"removal": removal})[0][0])


def erasures(store: Store) -> list[tuple[str, str, str, bytes]]:
    """Rows whose content was erased: removal, kind, id, commitment."""
    sql = "SELECT removal, kind, event_id, lower(hex(commitment)) FROM erasures FINAL"
    return [(row[0], row[1], row[2], bytes.fromhex(row[3])) for row in store.rows(sql)]


def holds(store: Store) -> list[Hold]:
    """Holds that are in force, by name."""
    sql = """
    SELECT name, person, toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(until), reason, by,
        toUnixTimestamp64Micro(at)
    FROM holds FINAL WHERE NOT released ORDER BY name
    """
    return [Hold(*row) for row in store.rows(sql)]


def hold(store: Store, one: Hold, released: bool = False) -> None:
    """Write a hold, or that it is over."""
    names = ("name", "revision", "person", "since", "until", "reason", "by", "at", "released")
    row = (one.name, one.at, one.person, one.since, one.until, one.reason, one.by, one.at, int(released))
    store.insert(block_of("holds", names, [row]))
