"""Whose a session is: what its events state becomes the announcement that the first hop looks session names up in."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from pipeline.correlate.keys import SESSION
from schemas.batch import Attribution, Bind
from schemas.entry import Link
from schemas.event import Event

T = TypeVar("T", bound=tuple[Any, ...])


class Belonging(msgspec.Struct, array_like=True, gc=False):
    """Whose a session is: each fact from the earliest event that states it, whatever the order of arrival."""

    first: tuple[int, str]
    #: (time, event id, actor, kind, name), (time, event id, human), (time, event id, parent session).
    actor: tuple[int, str, str, str, str] | None = None
    human: tuple[int, str, str] | None = None
    parent: tuple[int, str, str] | None = None
    revision: int = -1


def belong(known: Belonging | None, event: Event, now: Attribution) -> Belonging | None:
    """The session's belonging with one more event of it; None if that changes nothing."""
    stamp = (event.time, event.event_id)
    before = known or Belonging(stamp)
    after = Belonging(
        first=min(before.first, stamp),
        actor=_earlier(before.actor, (*stamp, now.actor, now.actor_kind, now.actor_name) if now.actor else None),
        human=_earlier(before.human, (*stamp, now.human) if now.human else None),
        parent=_earlier(before.parent, (*stamp, now.parent_session) if now.parent_session else None),
        revision=before.revision,
    )
    if after == known:
        return None
    after.revision += 1
    return after


def announcement(session: str, belonging: Belonging) -> Bind:
    """What the first hop is told of a session."""
    _, _, actor, kind, name = belonging.actor or (0, "", "", "", "")
    time, event_id = belonging.first
    attribution = Attribution(
        actor=actor,
        actor_kind=kind,
        actor_name=name,
        human=belonging.human[2] if belonging.human else "",
        session=session,
        parent_session=belonging.parent[2] if belonging.parent else "",
        links=[Link("session", "stated", 1.0, [event_id])],
    )
    return Bind(SESSION + session, attribution, event_id, time, 0, [], belonging.revision)


def _earlier(one: T | None, other: T | None) -> T | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
