"""A name becomes all the names of its identity: by what an analyst has said (aliases), and by rules.

In:     a Store, names
Out:    who is known under which names, and why; what was merged and split, by whom
Fails:  Invalid for a name or a reason that is missing, and for an alias that would lead back to its own name

Nothing is rewritten: entries keep the name that their source gave, and whoever reads asks here. So a merge or a split
is there at once and can be taken back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from pipeline.kit.failures import Invalid
from pipeline.store import write
from pipeline.store.pivots import Rows
from pipeline.store.rules import RULES, mates

#: Characters of a name, a reason and a person.
MOST = 4096
#: Why a name belongs to an identity, when it is not the name of a rule.
ALIAS = "alias"

_TABLES = """
SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN ('aliases', 'identities')
"""
_CHANGES = """
SELECT name, identity, reason, `by`, toUnixTimestamp64Micro(at) AS moment, is_deleted
FROM aliases FINAL ORDER BY moment, name
"""
_CANDIDATES = "SELECT DISTINCT name FROM identities WHERE class = 'actor' AND ({conditions})"


class Alias(NamedTuple):
    """What somebody said of a name; a `removed` one is what somebody took back."""

    name: str
    identity: str
    reason: str
    by: str
    #: Microseconds since 1970.
    at: int
    removed: bool = False


class Known(NamedTuple):
    """Another name of an identity, and why it is one."""

    name: str
    #: `alias`, or the name of a rule (`pipeline.store.rules`).
    because: str
    #: The name that it is the same as, by that alias or rule.
    of: str
    #: Of an alias: what it was made for, by whom, and when (microseconds since 1970).
    reason: str = ""
    by: str = ""
    at: int | None = None


class Writable(Rows, Protocol):
    """What an alias is written with."""

    def insert(self, block: write.Block) -> None:
        """Write a block."""


def changes(store: Rows) -> list[Alias]:
    """Everything that was ever merged and split, oldest first."""
    return _changes(store) if "aliases" in _tables(store) else []


def aliases(store: Rows) -> list[Alias]:
    """The aliases that are in force, by name."""
    return _current(changes(store))


def alias(store: Writable, name: str, identity: str, reason: str, by: str) -> Alias:
    """Say that `name` is a name of `identity`; an alias that it had is replaced.

    Of itself it stands alone: no rule applies to it any more.
    """
    _check(name=name, identity=identity, reason=reason, by=by)
    said = changes(store)
    chain = _chain({one.name: one.identity for one in _current(said) if one.name != name}, identity)
    if name != identity and name in chain:
        raise Invalid("identity", "one that is no alias of the name itself: " + " → ".join([name, *chain]))
    return _write(store, said, Alias(name, identity, reason, by, 0))


def split(store: Writable, name: str, reason: str = "", by: str = "") -> Alias:
    """Take back the alias of a name. Rules apply to it (again)."""
    said = changes(store)
    now = {one.name: one for one in _current(said)}.get(name)
    if now is None:
        raise Invalid("name", "one that has an alias (an alias of itself parts it from what rules join)", name)
    return _write(store, said, now._replace(reason=reason, by=by, removed=True))


def names_of(store: Rows, value: str) -> list[str]:
    """All names of one identity, whichever of them is given, that one first."""
    return [value, *(one.name for one in known(store, [value])[value])]


def known(store: Rows, values: Iterable[str]) -> dict[str, list[Known]]:
    """The other names of each identity, by any of its names, nearest first."""
    wanted = list(dict.fromkeys(values))
    there = _tables(store)
    said = _current(_changes(store)) if "aliases" in there else []
    alone = {one.name for one in said if one.name == one.identity}
    edges: dict[str, list[Known]] = {}
    for one in said:
        if one.name != one.identity:
            for end, other in ((one.name, one.identity), (one.identity, one.name)):
                edges.setdefault(end, []).append(Known(other, ALIAS, end, one.reason, one.by, one.at))
    if "identities" in there:
        for rule, group in _joined(store, wanted, edges, alone):
            for name in group:
                edges.setdefault(name, []).extend(Known(other, rule, name) for other in group if other != name)
    return {value: _reached(value, edges) for value in wanted}


def _joined(
    store: Rows, values: Iterable[str], edges: Mapping[str, list[Known]], alone: set[str]
) -> list[tuple[str, list[str]]]:
    """Groups of names in the store that are one by a rule, of everything that can be reached from `values`."""
    present: set[str] = set()
    seen: set[str] = set()
    asked: set[tuple[str, str]] = set()
    ahead = set(values)
    while ahead:
        while ahead:
            seen |= ahead
            ahead = {one.name for name in ahead for one in edges.get(name, ())} - seen
        # Names whose keys were looked up are known with all that share them.
        keys = {(rule.name, found.key) for name in seen - alone for rule in RULES if (found := rule.read(name))}
        if keys - asked:
            present |= _candidates(store, keys - asked) - alone
            asked |= keys
            ahead = present - seen
    return [(rule.name, group) for rule in RULES for group in mates(rule, sorted(present))]


def _candidates(store: Rows, keys: set[tuple[str, str]]) -> set[str]:
    conditions, given = [], {}
    for rule in RULES:
        if wanted := sorted(key for name, key in keys if name == rule.name):
            parameter = rule.name.replace("-", "_")
            conditions.append(f"{rule.sql} IN {{{parameter}:Array(String)}}")
            given[parameter] = wanted
    return {name for (name,) in store.rows(_CANDIDATES.format(conditions=" OR ".join(conditions)), given)}


def _reached(value: str, edges: Mapping[str, list[Known]]) -> list[Known]:
    found: dict[str, Known] = {}
    ahead = [value]
    for name in ahead:
        for one in edges.get(name, ()):
            if one.name != value and one.name not in found:
                found[one.name] = one
                ahead.append(one.name)
    return list(found.values())


def _chain(said: Mapping[str, str], identity: str) -> list[str]:
    """Where an identity leads, itself first. Ends also where two writers at once made a circle."""
    chain = [identity]
    while (following := said.get(chain[-1], chain[-1])) not in chain:
        chain.append(following)
    return chain


def _tables(store: Rows) -> set[str]:
    """Whoever only reads does not bring the schema up to date, so a store may be older than aliases."""
    return {name for (name,) in store.rows(_TABLES, {})}


def _changes(store: Rows) -> list[Alias]:
    found = store.rows(_CHANGES, {})
    return [Alias(name, identity, reason, by, at, bool(gone)) for name, identity, reason, by, at, gone in found]


def _current(said: list[Alias]) -> list[Alias]:
    latest = {one.name: one for one in said}
    return sorted(one for one in latest.values() if not one.removed)


def _write(store: Writable, said: list[Alias], one: Alias) -> Alias:
    # Later than what it replaces, also when the clock that wrote that was ahead.
    at = max([time.time_ns() // 1000, *(earlier.at + 1 for earlier in said if earlier.name == one.name)])
    one = one._replace(at=at)
    store.insert(write.alias_block(tuple(one)))
    return one


def _check(**given: str) -> None:
    for field, text in given.items():
        if not 0 < len(text.strip()) <= len(text) <= MOST:
            raise Invalid(field, f"1 to {MOST} characters", text)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Invalid(field, "valid Unicode", text) from error
