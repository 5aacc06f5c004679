"""A statement for one server becomes the statements for a cluster of shards and replicas.

In:     one statement, as migrations and commands write it
Out:    the same on every node: replicated tables, tables over all shards, changes where the rows are
Fails:  Permanent for a statement that is not known here: passed on as it is, it would reach one node of many

`entries` becomes `entries_local` (replicated, on every node) and `entries` (over all shards), so that whoever reads or
writes `entries` does not know of it. What is known is a list; whoever adds a form adds it here, with a test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipeline.kit.failures import Permanent
from pipeline.store.placement import DIVIDED, EVERYWHERE, local

#: Seconds that a write waits for its quorum: less than the client waits for an answer.
QUORUM_TIMEOUT = 30
_SETTINGS: Mapping[str, str | int] = {
    # Whoever inserts waits until the rows are on their shards: its offset is committed next.
    "distributed_foreground_insert": 1,
    # A subquery is answered by all shards, as one server would: what it names may be on another.
    "distributed_product_mode": "global",
    # An answer without one shard would be a wrong one.
    "skip_unavailable_shards": 0,
    # The same replica of each shard while it is there: it has what was written a moment ago.
    "load_balancing": "in_order",
    # A changed table is changed on all replicas when the statement returns; the next one may need it.
    "alter_sync": 2,
}
_CREATE = re.compile(
    r"CREATE TABLE IF NOT EXISTS (\w+)\s+(\(.*\)|AS \w+)\s+ENGINE = (\w+)(?:\(([^()]*)\))?(\s.*|)", re.DOTALL
)
_VIEW = re.compile(r"CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+) AS\s+(SELECT\s.*)", re.DOTALL)
_DROP_VIEW = re.compile(r"DROP VIEW IF EXISTS (\w+)")
_ALTER = re.compile(r"ALTER TABLE (\w+)\s+(.*)", re.DOTALL)
_OPTIMIZE = re.compile(r"OPTIMIZE TABLE (\w+) FINAL")
_INSERT = re.compile(r"INSERT INTO (\w+)[\s(].*", re.DOTALL)
_REPLICATED = ("MergeTree", "ReplacingMergeTree", "AggregatingMergeTree")
#: Rows that are changed: the statement is one action, with commas of its own.
_ROWS = re.compile(r"(?:UPDATE|DELETE WHERE|DROP PARTITION)\s", re.DOTALL)
_COLUMN = re.compile(r"(?:ADD COLUMN IF NOT EXISTS|MODIFY COLUMN IF EXISTS)\s")
_STORAGE = re.compile(r"(?:ADD INDEX IF NOT EXISTS|MATERIALIZE INDEX IF EXISTS|MODIFY SETTING)\s")
#: A table that is read, and the name it has within the query, if it is given one; no arrays, and not several at once.
_READ = re.compile(r"(?<!ARRAY )\b(FROM|JOIN)\s+(\w+)(\s+AS\s+\w+)?")
_SEVERAL = re.compile(_READ.pattern + r"\s*,")
#: Commas between actions, but not those in brackets or quotes.
_PIECES = re.compile(r"'(?:[^'\\]|\\.|'')*'|[()\[\],]|[^'()\[\],]+", re.DOTALL)


def session(quorum: str) -> dict[str, str | int]:
    """Settings of every query: `quorum` is how many replicas have a block when its insert returns."""
    return {**_SETTINGS, "insert_quorum": quorum, "insert_quorum_timeout": QUORUM_TIMEOUT * 1000}


class Cluster(NamedTuple):
    """A cluster as the servers' configuration calls it, and the database on its nodes."""

    name: str
    database: str

    @property
    def clause(self) -> str:
        """What a statement says that is to run on every node."""
        return f"ON CLUSTER '{self.name}'"

    @property
    def parts(self) -> str:
        """A table of the parts of divided tables, each from one replica of its shard."""
        return f"cluster('{self.name}', system.parts)"

    def statements(self, sql: str) -> list[str]:
        """The statements that one becomes. Raises Permanent when it is none that is known."""
        bare = sql.strip()
        for form, become in _FORMS:
            found = form.fullmatch(bare)
            if found:
                return become(self, bare, *found.groups(""))
        raise _unknown(bare, "a form of statement that it does not know")


def _create(cluster: Cluster, sql: str, table: str, columns: str, engine: str, given: str, rest: str) -> list[str]:
    _known(sql, table)
    if engine in _REPLICATED:
        engine = f"Replicated{engine}({', '.join(filter(None, (_place(cluster, table), given)))})"
    elif engine != "Null":
        raise _unknown(sql, f"the engine {engine}, whose rows would be on one node")
    if columns.startswith("AS "):
        columns = f"AS {local(columns.removeprefix('AS '))}"
    made = f"CREATE TABLE IF NOT EXISTS {local(table)} {cluster.clause}\n{columns}\nENGINE = {engine}{rest}"
    if table in EVERYWHERE:
        return [made]
    over = ", ".join(filter(None, (f"'{cluster.name}', '{cluster.database}', '{local(table)}'", DIVIDED[table])))
    return [
        made,
        f"CREATE TABLE IF NOT EXISTS {table} {cluster.clause} AS {local(table)} ENGINE = Distributed({over})",
    ]


def _place(cluster: Cluster, table: str) -> str:
    if table in DIVIDED:
        return f"'/clickhouse/tables/{cluster.database}/{table}/{{shard}}', '{{replica}}'"
    # Replicas of different shards may have the same name, and here all nodes replicate from each other.
    return f"'/clickhouse/tables/{cluster.database}/{table}/all', '{{shard}}-{{replica}}'"


def _view(cluster: Cluster, sql: str, view: str, target: str, select: str) -> list[str]:
    divided = _known(sql, target)
    if _SEVERAL.search(select):
        raise _unknown(sql, "several tables in one FROM")
    for _, read, _ in _READ.findall(select):
        if _known(sql, read) != divided:
            raise _unknown(sql, f"a view from {read} to {target}: one is divided among shards, the other is not")
    made = f"CREATE MATERIALIZED VIEW IF NOT EXISTS {view} {cluster.clause} TO {local(target)} AS\n"
    return [made + _READ.sub(_read_here, select)]


def _read_here(found: re.Match[str]) -> str:
    word, table, name = found.groups("")
    # Columns are named by the table too.
    return f"{word} {local(table)}{name or (f' AS {table}' if table in DIVIDED else '')}"


def _drop_view(cluster: Cluster, sql: str, view: str) -> list[str]:
    return [f"{sql} {cluster.clause}"]


def _alter(cluster: Cluster, sql: str, table: str, body: str) -> list[str]:
    divided = _known(sql, table)
    if _ROWS.match(body):
        return _change(cluster, sql, table, body)
    actions = _actions(body)
    columns = [one for one in actions if _COLUMN.match(one)]
    if len(columns) + sum(bool(_STORAGE.match(one)) for one in actions) != len(actions):
        raise _unknown(sql, "a change of a table that it does not know")
    if not divided:
        # Replicas tell each other of it: it must not be told to each of them as well.
        return [sql]
    made = [f"ALTER TABLE {local(table)} {cluster.clause}\n    " + ",\n    ".join(actions)]
    if columns:
        made.append(f"ALTER TABLE {table} {cluster.clause}\n    " + ",\n    ".join(columns))
    return made


def _change(cluster: Cluster, sql: str, table: str, body: str) -> list[str]:
    made = []
    for _, read, _ in _READ.findall(body):
        if _known(sql, read):
            raise _unknown(sql, f"a change by rows of {read}, which a shard has not all of")
        # Every replica looks there for itself, and must not look before the rows have come.
        made.append(f"SYSTEM SYNC REPLICA {cluster.clause} {cluster.database}.{read}")
    where = f" {cluster.clause}" if table in DIVIDED else ""
    return [*made, f"ALTER TABLE {local(table)}{where} {body}"]


def _optimize(cluster: Cluster, sql: str, table: str) -> list[str]:
    return [f"OPTIMIZE TABLE {local(table)} {cluster.clause} FINAL" if _known(sql, table) else sql]


def _insert(cluster: Cluster, sql: str, table: str) -> list[str]:
    if _known(sql, table) and not DIVIDED[table]:
        raise _unknown(sql, f"rows for {table}, which views fill")
    return [sql]


_FORMS: tuple[tuple[re.Pattern[str], Callable[..., list[str]]], ...] = (
    (_CREATE, _create), (_VIEW, _view), (_DROP_VIEW, _drop_view), (_ALTER, _alter), (_OPTIMIZE, _optimize),
    (_INSERT, _insert),
)  # fmt: skip


def _known(sql: str, table: str) -> bool:
    """Whether the rows of a table are divided among shards."""
    if table not in DIVIDED and table not in EVERYWHERE:
        raise _unknown(sql, f"the table {table}, of which pipeline/store/placement.py does not say where its rows are")
    return table in DIVIDED


def _actions(body: str) -> list[str]:
    found, depth = [""], 0
    for piece in _PIECES.findall(body):
        depth += (piece in ("(", "[")) - (piece in (")", "]"))
        if piece == "," and not depth:
            found.append("")
        else:
            found[-1] += piece
    return [one.strip() for one in found]


def _unknown(sql: str, what: str) -> Permanent:
    first = " ".join(sql.split())[:120]
    return Permanent(f"store: on a cluster, pipeline/store/cluster.py refuses {what}: {first}")
