"""A credential becomes its family: what it was minted from, up to the root, and what was minted from it."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.store.pivots import Rows

#: Generations that are followed each way, and credentials that are shown.
MAX_DEPTH, MAX_SIZE = 32, 1000

# The names differ from the columns' because an alias would otherwise replace the column in the condition.
_ISSUANCES = """
SELECT issued, credential, issued_kind, issued_subject, event_id, toUnixTimestamp64Micro(time) AS at,
       issued_expires, actor, human
FROM entries FINAL
PREWHERE (time, event_id) IN (
    SELECT time, event_id FROM pivots
    WHERE key IN (SELECT sipHash64('credential', arrayJoin({names:Array(String)})))
)
WHERE issued != '' AND issued != credential AND has({names:Array(String)}, %s)
ORDER BY at, event_id
LIMIT {limit:UInt32}
"""
_UP, _DOWN = _ISSUANCES % "issued", _ISSUANCES % "credential"


class Issuance(NamedTuple):
    """One act that issued a credential; times in microseconds since 1970, 0 = not stated."""

    issued: str
    #: The credential that the act was done with; empty when none was needed or stated.
    parent: str
    kind: str
    #: Identity that the issued credential acts as.
    subject: str
    event_id: str
    time: int
    expires: int
    #: Who did it, and for whom.
    actor: str
    human: str


class Lineage(NamedTuple):
    """The family of one credential."""

    credential: str
    #: How it came to be, nearest issuance first, then its parent's, and so on to the root.
    ancestors: list[Issuance]
    #: What was issued with it and with those, generation by generation, earliest first.
    descendants: list[Issuance]
    #: Whether a limit cut something off.
    truncated: bool


def lineage(store: Rows, credential: str) -> Lineage:
    """The issuances above and below a credential. A credential that was issued twice has both in its ancestors."""
    up, up_cut = _follow(store, credential, _UP, "parent")
    down, down_cut = _follow(store, credential, _DOWN, "issued")
    return Lineage(credential, up, down, up_cut or down_cut)


def _follow(store: Rows, credential: str, sql: str, towards: str) -> tuple[list[Issuance], bool]:
    found: dict[str, Issuance] = {}
    seen, names = {credential}, [credential]
    for _ in range(MAX_DEPTH):
        room = MAX_SIZE - len(found)
        # One more than there is room for tells whether something was cut off.
        rows = [Issuance(*row) for row in store.rows(sql, {"names": names, "limit": room + 1})]
        found.update((issuance.event_id, issuance) for issuance in rows[:room])
        if len(rows) > room:
            return list(found.values()), True
        # In a circle, which only a forged log can hold, every name is seen once.
        names = list(dict.fromkeys(name for row in rows if (name := getattr(row, towards)) and name not in seen))
        seen.update(names)
        if not names:
            return list(found.values()), False
    return list(found.values()), True
