"""Questions about the inventory become the JSON objects of the API and of the command line.

A listing has the fields of `pipeline.store.seen`, with times as in a timeline (null where there is none):

* all: `name`, `kind`, `first`, `last`, `events`
* identities: `kind_from` (how the kind was concluded), `declared` and `observed` kinds, and whether they `disagree`,
  `owner`, `served`, `credentials`, `sessions`, `addresses` (how many), `users`, `current` (false: it has no row left),
  `names` (its identity's other names, as `pipeline.console.names` has them), `role` (of a role session: its role)
* credentials: `issued` (null: never seen issued), `issuer`, `parents`, `expires`, `revoked`, `state`, `used_after`
  (`expiry` or `revocation` when it was), `first_used`, `last_used`, `actor`, `owner`, …
* sessions: `state` (open, idle, ended, expired), `ended`, `expires` (of all its credentials), `parent`, `actor`,
  `owner`, and `actors`, `humans`, `tools`, `resources`, `credentials` with their numbers

One name has `events`, `served`, `first` and `last` of its current rows, and besides: `related` (by relation: `total`,
and `values` with `name`, `events`, `first`, `last`, most frequent first), `superseded_by`, `children`, of a credential
`ancestors` and `descendants` (issuances), of an identity `behaviour` (by day: how surely a human, an agent or a script
was at work, and before; docs/detections.md), and `complete` (false: not every row of it was read). Keys may be added;
none changes its meaning within `/v1`.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from typing import Any

from pipeline.console import asked, names
from pipeline.console.shapes import iso, moment
from pipeline.kit.failures import Invalid
from pipeline.store.aliases import known
from pipeline.store.behaviours import behaviours
from pipeline.store.details import Detail, Related, detail
from pipeline.store.inventory import Of, inventory
from pipeline.store.lineage import Issuance
from pipeline.store.pivots import MAX_LIMIT, Rows
from pipeline.store.rules import RELATIONS
from pipeline.store.seen import Credential, Identity, Item, Session
from schemas.behaviour import Behaviour

PARAMETERS = ("kind", "since", "superseded", "after", "limit")
DEFAULT_LIMIT = 100
_TIMES = ("first", "last", "first_used", "last_used", "issued", "expires", "revoked", "ended")
#: A session is idle when nothing of it was seen for so long (microseconds).
IDLE = 1_800_000_000
_EPOCH = datetime.date(1970, 1, 1).toordinal()


def listing(store: Rows, of: Of, given: Mapping[str, str]) -> dict[str, Any]:
    """A page: the items under the inventory's name, and `next`. Raises Invalid for a wrong parameter."""
    asked.only(given, PARAMETERS)
    page = inventory(
        store,
        of,
        kind=given.get("kind", ""),
        since=moment(given["since"], "since") if given.get("since") else None,
        after=asked.place(given["after"]) if given.get("after") else None,
        limit=asked.number(given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        superseded=asked.flag(given, "superseded"),
    )
    items = [item(one) for one in page.items]
    if of == "identities":
        _name(store, items)
    return {of: items, "next": asked.cursor(page.next) if page.next else None}


def single(store: Rows, of: Of, name: str, given: Mapping[str, str]) -> dict[str, Any] | None:
    """One name in detail; None when the stream never had it. Raises Invalid for a wrong parameter."""
    asked.only(given, ("kind",))
    if not 0 < len(name) <= asked.MAX_VALUE:
        raise Invalid("name", f"1 to {asked.MAX_VALUE} characters", f"{len(name)} characters")
    found = detail(store, of, name, given.get("kind", ""))
    if found is None:
        return None
    shape = _detail(found)
    if of == "identities":
        _name(store, [shape])
        shape["behaviour"] = [_behaviour(one) for one in behaviours(store, name)]
    return shape


def item(one: Item, now: int | None = None) -> dict[str, Any]:
    """The JSON object of one row of a listing; `now` (microseconds since 1970) is the clock unless given."""
    now = time.time_ns() // 1000 if now is None else now
    shape = {**one._asdict(), "current": one.current}
    shape.update({name: _time(shape[name]) for name in _TIMES if name in shape})
    if isinstance(one, Identity):
        # A tool or a server is one by its field, whatever the actor of that name may be.
        shape["disagree"] = bool(one.observed and any(kind != one.observed for kind in one.declared))
    if isinstance(one, Credential):
        shape["expires"] = _time(one.expires or None)
        shape["state"] = _state(one, now)
        shape["used_after"] = _used_after(one)
    if isinstance(one, Session):
        shape["state"] = _session_state(one, now)
    return shape


def _detail(found: Detail) -> dict[str, Any]:
    shape = item(found.item)
    if found.complete:
        own = [part for part in (found.own, found.served) if part]
        shape["events"] = found.own.events if found.own else 0
        if isinstance(found.item, Identity):
            shape["served"] = found.served.events if found.served else 0
        if not isinstance(found.item, Credential):
            shape["current"] = bool(own)
            if own:
                shape["first"], shape["last"] = iso(min(o.first for o in own)), iso(max(o.last for o in own))
    shape["complete"] = found.complete
    shape["related"] = {
        name: {"total": relation.total, "values": [_related(value) for value in relation.values]}
        for name, relation in found.related.items()
    }
    shape["superseded_by"] = [_related(value) for value in found.superseded_by]
    shape["children"] = [_related(value) for value in found.children]
    if found.family is not None:
        shape["ancestors"] = [_issuance(one) for one in found.family.ancestors]
        shape["descendants"] = [_issuance(one) for one in found.family.descendants]
        shape["family_truncated"] = found.family.truncated
    return shape


def _name(store: Rows, shapes: list[dict[str, Any]]) -> None:
    """Add the other names, and the role. A tool or a server is no actor, whatever it is called."""
    acting = [shape["name"] for shape in shapes if shape["kind"] not in ("tool", "mcp-server")]
    found = known(store, acting) if acting else {}
    for shape in shapes:
        theirs = shape["kind"] not in ("tool", "mcp-server")
        shape["names"] = [names.name(one) for one in found[shape["name"]]] if theirs else []
        roles = (relation.of(shape["name"]) for relation in RELATIONS if theirs)
        shape["role"] = next(filter(None, roles), "")


def _behaviour(one: Behaviour) -> dict[str, Any]:
    date = datetime.date.fromordinal(_EPOCH + one.day).isoformat()
    before = {"human": one.before_human, "agent": one.before_agent, "script": one.before_script}
    shares = {"human": one.human, "agent": one.agent, "script": one.script}
    return {"day": date, "declared": one.declared, **shares, "before": before, "days": one.days, "model": one.model}


def _related(value: Related) -> dict[str, Any]:
    return {**value._asdict(), "first": iso(value.first), "last": iso(value.last)}


def _issuance(one: Issuance) -> dict[str, Any]:
    return {**one._asdict(), "time": iso(one.time), "expires": _time(one.expires or None)}


def _state(one: Credential, now: int) -> str:
    if one.revoked is not None:
        return "revoked"
    if one.expires:
        return "expired" if one.expires <= now else "live"
    return "standing" if one.kind == "standing" else "expiry unknown"


def _session_state(one: Session, now: int) -> str:
    """Closed by an event that says so, by the end of all that it could act with, or by silence."""
    if one.ended is not None and one.ended >= one.last:
        return "ended"
    if one.expires is not None and one.expires <= now:
        return "expired"
    return "idle" if now - one.last >= IDLE else "open"


def _used_after(one: Credential) -> str:
    if one.last_used is None:
        return ""
    if one.revoked is not None and one.last_used > one.revoked:
        return "revocation"
    return "expiry" if one.expires and one.last_used > one.expires else ""


def _time(value: int | None) -> str | None:
    return None if value is None else iso(value)
