"""One name of the inventory becomes what its current rows say of it: exact, with everything it was seen together with.

Reads the rows of the name's own pivots. Tools and MCP servers have no pivot: of them there is what the inventory holds.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.store.inventory import LEDGERS, Of, named
from pipeline.store.lineage import Lineage, lineage
from pipeline.store.pivots import Rows
from pipeline.store.seen import Identity, Item

#: Rows of a name that are read at most, latest first, and values that are told of one relation.
MOST, VALUES = 100_000, 50
_OWN = ("events", "served")
_KEYS = """
SELECT DISTINCT time, event_id FROM pivots
WHERE key IN (SELECT sipHash64(arrayJoin({pivots:Array(String)}), {name:String})) ORDER BY time DESC LIMIT {most:UInt32}
"""
_CHILDREN = """
SELECT name, uniqMerge(i.events), toUnixTimestamp64Micro(min(i.first)), toUnixTimestamp64Micro(max(i.last))
FROM sessions AS i WHERE name IN (SELECT name FROM sessions WHERE parent.4 = {name:String})
GROUP BY name HAVING max(i.parent).4 = {name:String} ORDER BY min(i.first), name LIMIT {values:UInt32}
"""


class _Question(NamedTuple):
    """What the rows of a name are asked for: tuples of relation and value, and which rows are the name's."""

    relations: str
    condition: str
    #: The column that says to whom superseded rows went.
    holder: str


_QUESTIONS: dict[Of, _Question] = {
    "identities": _Question(
        """[(if(actor = {name:String}, 'events', 'served'), ''), ('sessions', session), ('tools', toString(tool)),
            ('actors', if(actor = {name:String}, '', actor)), ('humans', if(human = {name:String}, '', human)),
            ('names', if(actor = {name:String} AND stated_actor != actor, stated_actor, '')),
            ('kinds', if(actor = {name:String}, toString(actor_kind), '')),
            ('credentials', if(actor = {name:String}, credential, '')),
            ('issued', if(actor = {name:String}, issued, '')),
            ('addresses', if(actor = {name:String}, address, ''))]""",
        "(actor = {name:String} OR human = {name:String})",
        "actor",
    ),
    "credentials": _Question(
        """arrayConcat([('events', ''), ('actors', actor), ('humans', human), ('sessions', session),
            ('actions', toString(action)), ('addresses', address), ('names', stated_actor)],
            arrayMap(one -> ('resources', one), resources))""",
        "credential = {name:String}",
        "actor",
    ),
    "sessions": _Question(
        """arrayConcat([('events', ''), ('actors', actor), ('humans', human), ('tools', toString(tool)),
            ('credentials', credential), ('issued', issued), ('addresses', address)],
            arrayMap(one -> ('resources', one), resources))""",
        "session = {name:String}",
        "session",
    ),
}


class Related(NamedTuple):
    """Something that a name was seen together with, or a name itself; times in microseconds since 1970."""

    name: str
    events: int
    first: int
    last: int


class Relation(NamedTuple):
    """What a name was seen together with, most frequent first, at most `VALUES` of `total`."""

    total: int
    values: list[Related]


class Detail(NamedTuple):
    """One identity, credential or session, from its current rows."""

    item: Item
    #: Its own current rows; None when it has none. `served` is what others did for it.
    own: Related | None
    served: Related | None
    #: By name: `names` (what sources call it), `actors`, `humans`, `credentials`, `issued`, `sessions`, `tools`, …
    related: dict[str, Relation]
    #: Whom its rows belong to now, when revisions have taken them all.
    superseded_by: list[Related]
    #: Of a session: sessions that it opened. Of a credential: how it came to be, and what was issued with it.
    children: list[Related]
    family: Lineage | None
    #: Whether every row was read, and not only the latest `MOST`, or none because there is no pivot.
    complete: bool


def detail(store: Rows, of: Of, name: str, kind: str = "") -> Detail | None:
    """What is known of one name, of one kind where several share it; None when the stream never had it."""
    found = [one for one in named(store, of, name) if not kind or getattr(one, "kind", "") == kind]
    if not found:
        return None
    item = found[0]
    if isinstance(item, Identity) and item.kind in ("tool", "mcp-server"):
        return Detail(item, None, None, {}, [], [], None, False)
    given = {"pivots": list(LEDGERS[of].pivots), "name": name, "most": MOST}
    own, related = _related(store, of, given)
    return Detail(
        item,
        own.get("events"),
        own.get("served"),
        related,
        _now(store, of, given) if not own and of != "credentials" else [],
        _children(store, name) if of == "sessions" else [],
        lineage(store, name) if of == "credentials" else None,
        _complete(store, given),
    )


def _related(store: Rows, of: Of, given: dict[str, object]) -> tuple[dict[str, Related], dict[str, Relation]]:
    question = _QUESTIONS[of]
    sql = f"""
SELECT relation, value, count() AS amount, toUnixTimestamp64Micro(min(time)), toUnixTimestamp64Micro(max(time)),
    count() OVER (PARTITION BY relation) AS total
FROM
(
    SELECT time, one.1 AS relation, one.2 AS value,
        arrayJoin(arrayDistinct(arrayFilter(one -> one.2 != '' OR one.1 IN {_OWN}, {question.relations}))) AS one
    FROM entries FINAL PREWHERE (time, event_id) IN ({_KEYS}) WHERE {question.condition}
)
GROUP BY relation, value ORDER BY relation, amount DESC, value LIMIT {VALUES} BY relation
"""  # noqa: S608
    own: dict[str, Related] = {}
    related: dict[str, Relation] = {}
    for relation, value, amount, first, last, total in store.rows(sql, given):
        if relation in _OWN:
            own[relation] = Related(str(given["name"]), amount, first, last)
        else:
            related.setdefault(relation, Relation(total, [])).values.append(Related(value, amount, first, last))
    return own, related


def _now(store: Rows, of: Of, given: dict[str, object]) -> list[Related]:
    sql = f"""
SELECT {_QUESTIONS[of].holder} AS value, count() AS amount, toUnixTimestamp64Micro(min(time)),
    toUnixTimestamp64Micro(max(time))
FROM entries FINAL PREWHERE (time, event_id) IN ({_KEYS}) WHERE value != ''
GROUP BY value ORDER BY amount DESC, value LIMIT {VALUES}
"""  # noqa: S608
    return [Related(*row) for row in store.rows(sql, given)]


def _children(store: Rows, name: str) -> list[Related]:
    return [Related(*row) for row in store.rows(_CHILDREN, {"name": name, "values": VALUES})]


def _complete(store: Rows, given: dict[str, object]) -> bool:
    return bool(store.rows(f"SELECT count() < {MOST} FROM ({_KEYS})", given)[0][0])  # noqa: S608
