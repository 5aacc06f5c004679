"""An Event becomes the first items of its way: to the link key that may tell who acted, or straight to its owner."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from pipeline.correlate.bindings import by_identity, issue
from pipeline.correlate.keys import CREDENTIAL, LOGIN, TRACE, owner_of
from pipeline.correlate.lives import TURNS, turns_of
from pipeline.correlate.logins import is_issued_on, sign_on
from schemas.batch import Attribution, Item, Own, Use
from schemas.event import DELEGATION, SIGNS_ON, Event, Head, packed

_NOTHING = Attribution()
#: A vendor's later correction replaces the event under the same id.
ADDENDUM = "addendum"


def route(event: Event) -> list[Item]:
    """First items for one normalized event; stateless, so it runs where events are made."""
    revision = 1 if event.attributes and ADDENDUM in event.attributes else 0
    items = _route(event, revision)
    if event.attributes and not TURNS.isdisjoint(event.attributes):
        items += turns_of(event, revision)
    if event.attributes and SIGNS_ON in event.attributes and event.session and event.outcome == "success":
        items.append(sign_on(event))
    return items


def _route(event: Event, revision: int) -> list[Item]:
    raw = packed(event)
    stated = _NOTHING
    if event.attributes and DELEGATION in event.attributes:
        stated = Attribution(on_behalf_of=_chain(event.attributes[DELEGATION]))
    agent_plane = event.kind in ("prompt", "tool_call")
    if event.credential and not agent_plane:
        names = event.mentions[0] if event.mentions and event.kind == "cloud_audit" else 0
        return [Use(CREDENTIAL + event.credential, raw, stated, revision, names=names)]
    if is_issued_on(event):
        return [Use(LOGIN + event.session_name.casefold(), raw, stated, revision)]
    if event.trace:
        return [Use(TRACE + event.trace, raw, stated, revision)]
    return settle(event, raw, by_identity(event, stated), revision)


def _chain(stated: str) -> list[str]:
    """Who acts for whom, as the source says; an attribute of that name that a producer made up is no chain."""
    try:
        return msgspec.json.decode(stated, type=list[str])
    except msgspec.MsgspecError:
        return []


def settle(event: Head, raw: Raw, attribution: Attribution, revision: int) -> list[Item]:
    """Last items of the first hop: the event to its owner, and the binding of what it issued."""
    items: list[Item] = [Own(owner_of(event, attribution), raw, attribution, revision)]
    bind = issue(event, attribution, revision)
    if bind is not None:
        items.append(bind)
    return items
