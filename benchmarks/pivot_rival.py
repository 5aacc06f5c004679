"""The rival of `benchmarks.pivots`: raw events and issuances, sorted for each question, asked by a join.

In:     a store with entries; a pivot, a value, and how deep chains of credentials are at most
Out:    SQL that finds the same page of events, and who acted, for whom and in which session
Fails:  never, but a chain that is deeper than the question says is cut off

The rival has what the sources state, whole rows, in one copy for each pivot, with the pivot first in the sort key; it
keeps no revisions, so nothing has to be merged when it is read. Issuances are looked up by what they issued, and by who
made them. The joins are written as somebody would who knows the engine: each side is narrowed by an IN first, since a
plain join reads the other side whole.
"""

from __future__ import annotations

from pipeline.store import Store

#: What orders the copies of the raw events, and of the raw issuances.
EVENTS = ("credential", "actor", "session", "human", "address")
ISSUANCES = ("issued", "credential", "actor", "session", "human")
#: What a source states, under its name in the raw tables.
STATED = {
    "event_id": "event_id", "time": "time", "kind": "kind", "format": "format", "action": "action",
    "outcome": "outcome", "error": "error", "actor": "stated_actor", "actor_kind": "stated_actor_kind",
    "human": "stated_human", "session": "stated_session", "tool_call": "stated_tool_call", "account": "account",
    "credential": "credential", "issued": "issued", "issued_kind": "issued_kind", "issued_expires": "issued_expires",
    "session_name": "session_name", "trace": "trace", "span": "span", "request": "request", "tool": "tool",
    "resources": "resources", "address": "address", "user_agent": "user_agent", "region": "region", "text": "text",
    "arguments": "arguments", "attributes": "attributes", "record_id": "record_id",
}  # fmt: skip
_SELECT = ", ".join(f"{source} AS {name}" if source != name else name for name, source in STATED.items())
_ROW = ", ".join(STATED)
_TABLE = """
CREATE TABLE {name} ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY ({by}, time, event_id)
SETTINGS index_granularity = 1024 AS SELECT {select} FROM entries LIMIT 0
"""
_PAGE = "SELECT {row} FROM ({found}) ORDER BY time, event_id LIMIT {{most:UInt32}}"
_OWN = (
    "SELECT {row}, actor AS who, human AS whom, session AS within FROM raw_by_{pivot} WHERE {pivot} = {{value:String}}"
)
_CHAINED = """
SELECT {row}, root.2 AS who, root.3 AS whom, root.4 AS within
FROM (SELECT * FROM raw_by_credential WHERE credential IN (SELECT root.1 FROM ({chain}))) AS e
INNER JOIN (SELECT root.1 AS made, root FROM ({chain})) AS c ON e.credential = c.made
"""


def make(store: Store) -> None:
    """Empty raw tables."""
    for by in EVENTS:
        store.command(_TABLE.format(name=f"raw_by_{by}", by=by, select=_SELECT))
    for by in ISSUANCES:
        store.command(_TABLE.format(name=f"issued_by_{by}", by=by, select=_SELECT))


def fill(store: Store, since: int, until: int) -> None:
    """Take over the entries of a span of time (microseconds since 1970)."""
    moment = "fromUnixTimestamp64Micro({{{}:Int64}}, 'UTC')"
    span = f"time >= {moment.format('since')} AND time < {moment.format('until')}"
    for prefix, tables, also in (("raw_by", EVENTS, ""), ("issued_by", ISSUANCES, "AND entries.issued != ''")):
        for by in tables:
            condition = f"{span} AND {STATED[by]} != '' {also}"
            sql = f"INSERT INTO {prefix}_{by} SELECT {_SELECT} FROM entries WHERE {condition}"
            store.command(f"{sql} SETTINGS max_insert_threads = 2", {"since": since, "until": until})


def question(pivot: str, depth: int) -> str:
    """The page of `{value:String}`, `{most:UInt32}` rows, with chains of up to `depth` issuances."""
    found = {"credential": _of_credential, "address": _of_address}.get(pivot)
    return found(depth) if found else _of_identity(pivot, depth)


def _of_identity(pivot: str, depth: int) -> str:
    """What it did itself, and what was done with credentials that come of one that was issued to it."""
    roots = f"(issued, actor, human, session) AS root FROM issued_by_{pivot} WHERE {pivot} = {{value:String}}"
    level, chain = f"SELECT {roots}", []
    for _ in range(depth):
        chain.append(level)
        level = (
            "SELECT (issued, before.root.2, before.root.3, before.root.4) AS root FROM (SELECT issued, credential"
            f" FROM issued_by_credential WHERE credential IN (SELECT root.1 FROM ({level}))) AS i"
            f" INNER JOIN (SELECT root.1 AS made, root FROM ({level})) AS before ON i.credential = before.made"
        )
    both = (
        _OWN.format(row=_ROW, pivot=pivot) + " UNION ALL " + _CHAINED.format(row=_ROW, chain=" UNION ALL ".join(chain))
    )
    return _PAGE.format(row=f"{_ROW}, who, whom, within", found=both)


def _of_address(depth: int) -> str:
    page = _PAGE.format(row=_ROW, found=f"SELECT {_ROW} FROM raw_by_address WHERE address = {{value:String}}")
    return _resolved(page, depth)


def _of_credential(depth: int) -> str:
    used = f"SELECT {_ROW} FROM raw_by_credential WHERE credential = {{value:String}}"
    made = f"SELECT {_ROW} FROM issued_by_issued WHERE issued = {{value:String}}"
    return _resolved(_PAGE.format(row=_ROW, found=f"{used} UNION ALL {made}"), depth)


def _resolved(page: str, depth: int) -> str:
    """A page, and for each row who began its chain of credentials."""
    joined, keys, last, who = "", f"SELECT credential FROM ({page})", "p", {}
    for name in ("actor", "human", "session"):
        who[name] = [f"p.{name}"]
    for number in range(depth):
        side = f"SELECT issued, credential, actor, human, session FROM issued_by_issued WHERE issued IN ({keys})"
        joined += f" LEFT JOIN ({side}) AS i{number} ON {last}.credential = i{number}.issued"
        keys, last = f"SELECT credential FROM ({side})", f"i{number}"
        for name, places in who.items():
            places.append(f"i{number}.{name}")
    found = ", ".join(
        f"arrayFirst(one -> one != '', [{', '.join(places)}]) AS {name}_found" for name, places in who.items()
    )
    row = ", ".join(f"p.{name} AS {name}" for name in STATED)
    return f"SELECT {row}, {found} FROM ({page}) AS p {joined} ORDER BY time, event_id"
