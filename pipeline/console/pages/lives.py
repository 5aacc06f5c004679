"""A credential and its family become a tree with lives: when each was issued, used, expired, revoked; what still lives.

In:     a credential in detail (`pipeline.console.inventory`), and what the inventory says of the rest of its family
Out:    rows in the order of the tree, each under what it was issued with, with places on one line of time
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.console.pages.scale import Fold, Scale
from pipeline.console.shapes import moment
from pipeline.kit.failures import Invalid

_DEEPEST = 6


class Life(NamedTuple):
    """One credential of the family."""

    name: str
    depth: int
    #: Whether it is the one that was asked for.
    asked: bool
    #: As in a listing of credentials; None: the inventory does not have it.
    item: dict[str, Any] | None
    #: The act that issued it, as in `pipeline.console.inventory`; None: that was never seen.
    issuance: dict[str, Any] | None
    #: Where its life and its use are on the line, as (begin, length); None: not known, never used.
    life: tuple[float, float] | None
    use: tuple[float, float] | None
    #: Where it was revoked.
    revoked: float | None
    alive: bool


class Family(NamedTuple):
    """All of them, the silences that were folded, and where now is."""

    lives: list[Life]
    folds: list[Fold]
    now: float


def family(name: str, issuances: Sequence[dict[str, Any]], items: Mapping[str, dict[str, Any]], now: int) -> Family:
    """`issuances` of the whole family; `items` by name; `now` in microseconds since 1970."""
    issued: dict[str, dict[str, Any]] = {}
    for one in issuances:
        issued.setdefault(one["issued"], one)
    order = _order(name, issued)
    spans = {one: _span(issued.get(one), items.get(one), now) for one, _ in order}
    uses = {one: _use(items.get(one)) for one, _ in order}
    scale = Scale([*filter(None, spans.values()), *filter(None, uses.values()), (now, now)])
    lives = [_life(one, depth, one == name, issued.get(one), items.get(one), spans[one], uses[one], scale)
             for one, depth in order]  # fmt: skip
    return Family(lives, scale.folds, scale.place(now))


def _order(name: str, issued: Mapping[str, dict[str, Any]]) -> list[tuple[str, int]]:
    """Names with their depths: each under its parent, earliest first; a circle, which is forged, is walked once."""
    names = dict.fromkeys([name, *issued, *(one["parent"] for one in issued.values() if one["parent"])])
    children: dict[str, list[str]] = {}
    for one in names:
        parent = issued[one]["parent"] if one in issued else ""
        children.setdefault(parent if parent in names else "", []).append(one)
    for these in children.values():
        these.sort(key=lambda one: (issued[one]["time"] if one in issued else "", one))
    found: list[tuple[str, int]] = []
    seen: set[str] = set()
    pending = [(one, 0) for one in reversed([*children.get("", []), *names])]
    while pending:
        one, depth = pending.pop()
        if one not in seen:
            seen.add(one)
            found.append((one, min(depth, _DEEPEST)))
            pending += [(child, depth + 1) for child in reversed(children.get(one, []))]
    return found


def _span(issuance: dict[str, Any] | None, item: dict[str, Any] | None, now: int) -> tuple[int, int] | None:
    begins = _time(issuance, "time") or _time(item, "issued")
    if begins is None:
        return None
    ends = [_time(item, "revoked"), _time(item, "expires") or _time(issuance, "expires"), now]
    return begins, max(begins, min(one for one in ends if one is not None))


def _use(item: dict[str, Any] | None) -> tuple[int, int] | None:
    first, last = _time(item, "first_used"), _time(item, "last_used")
    return (first, last) if first is not None and last is not None else None


def _time(shape: dict[str, Any] | None, name: str) -> int | None:
    try:
        return moment(shape[name], name) if shape and shape.get(name) else None
    except Invalid:
        # A time that is out of any calendar, which only a forged log states.
        return None


def _life(
    name: str, depth: int, asked: bool, issuance: dict[str, Any] | None, item: dict[str, Any] | None,
    span: tuple[int, int] | None, use: tuple[int, int] | None, scale: Scale,
) -> Life:  # fmt: skip
    revoked = _time(item, "revoked")
    return Life(
        name, depth, asked, item, issuance, scale.bar(*span) if span else None, scale.bar(*use) if use else None,
        None if revoked is None else round(scale.place(revoked), 1),
        bool(item and item["state"] in ("live", "standing")),
    )  # fmt: skip
