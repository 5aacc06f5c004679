"""Statements of removals become what may be missing: as far as they are signed, and are of what is gone."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.evidence.keys import Ring
from pipeline.evidence.leaf import ENTRY, RECORD, Kind
from pipeline.evidence.problem import Problem
from pipeline.evidence.removal import Part, Removal, Removed, Stated, Tally, held
from pipeline.store import Store, removal


def removed(store: Store, ring: Ring, published: Iterable[Stated]) -> tuple[Removed, list[Removal], list[Problem]]:
    """What was taken out on purpose, who stated it, and what is not as it was stated."""
    if not removal.exists(store):
        return Removed(), [], []
    stored = [Stated(statement=text, signature=signature) for text, signature in removal.statements(store)]
    removals, refused = held([*stored, *published], ring)
    problems = [
        Problem(what="removal-forged", of="removal", id=name, says="no trusted key signed it") for name in refused
    ]
    erased = _erased(store, removals, problems)
    months = [
        part
        for one in removals
        if one.sort == "retention"
        for part in one.parts
        if _dropped(store, one, part, problems)
    ]
    return Removed(erased, months), removals, problems


def _erased(store: Store, removals: list[Removal], problems: list[Problem]) -> dict[tuple[Kind, str], bytes]:
    """Commitments to what was erased, of rows that are those that were signed."""
    signed = {(one.removal_id, part.kind): part for one in removals if one.sort == "erasure" for part in one.parts}
    groups: dict[tuple[str, Kind], list[tuple[str, bytes]]] = {}
    for name, kind, of, committed in removal.erasures(store):
        groups.setdefault((name, ENTRY if kind == ENTRY else RECORD), []).append((of, committed))
    found: dict[tuple[Kind, str], bytes] = {}
    for (name, kind), rows in groups.items():
        tally = Tally()
        for row in rows:
            tally.add(*row)
        part = signed.get((name, kind))
        if part is not None and (part.amount, part.digest) == (tally.amount, tally.digest):
            found.update({(kind, of): committed for of, committed in rows})
        else:
            says = f"{len(rows):,} rows are said to be erased that nobody signed for"
            problems.append(Problem(what="removal-forged", of="removal", id=name, says=says))
    return found


def _dropped(store: Store, one: Removal, part: Part, problems: list[Problem]) -> bool:
    """Whether the leaves of a month are those that there were when it was dropped."""
    tally = Tally()
    for leaf in removal.leaves_of_month(store, part.kind, part.month):
        if part.covers(*leaf):
            tally.add(*leaf)
    if (part.amount, part.digest) == (tally.amount, tally.digest):
        return True
    says = (
        f"{part.amount:,} leaves of {part.kind} were of {part.month // 100}-{part.month % 100:02} when it was dropped, "
        f"now {tally.amount:,} others are"
    )
    problems.append(Problem(what="removal-forged", of="removal", id=one.removal_id, says=says))
    return False
