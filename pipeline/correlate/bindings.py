"""What a credential stands for: an issuance, itself an act, becomes the binding of the credential it issued."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.correlate.keys import CREDENTIAL, SESSION
from schemas.batch import Attribution, Bind
from schemas.entry import Link
from schemas.event import Head

#: Issued for a standing identity of its own, not for the requester to act through.
STANDING = frozenset({"access-key", "service-credential", "api-key", "password"})
#: Session names are chosen by whoever requests the credential, so a match is strong but not proof.
SESSION_NAME_CONFIDENCE = 0.9
#: Who acted is taken from the event's own words when its credential was never seen issued: right, unless several act
#: under one name. What a temporary credential names is a role's session, and not whoever took that role.
IDENTITY_CONFIDENCE, ROLE_CONFIDENCE = 0.9, 0.4

UNSEEN_STANDING = "credential never seen issued: standing key"
UNSEEN_TEMPORARY = "credential never seen issued: temporary, issued before or outside these logs"
UNSEEN = "credential never seen issued"
SERVICE = "no credential in the event: a cloud service acting by itself"
ABSENT = "no credential in the event"
NO_SESSION = "no session stated"


def attribute(event: Head, before: Attribution, bind: Bind | None) -> Attribution:
    """Attribution of an event that used `event.credential`, given what that credential is bound to (if anything)."""
    if bind is None:
        return by_identity(event, before)
    bound = bind.attribution
    if bind.event_id == INFERRED:
        links = list(bound.links)
        return _bound(event, before, bound, links, bind.expires)
    named = [link for link in bound.links if link.target == "actor" and link.method == "session-name"]
    # A chain is as sure as what its first link is known by; unless a session says who acts.
    doubt = next((link for link in bound.links if link.target == "actor" and link.method != "session-name"), None)
    confidence = doubt.confidence if doubt is not None and not named else 1.0
    links = [Link("actor", "credential", confidence, [bind.event_id])]
    links += [link for link in bound.links if link.target != "actor"] + named
    return _bound(event, before, bound, links, bind.expires)


def _bound(event: Head, before: Attribution, bound: Attribution, links: list[Link], expires: int) -> Attribution:
    return Attribution(
        actor=bound.actor or event.actor,
        actor_kind=bound.actor_kind,
        actor_name=bound.actor_name,
        human=event.human or bound.human,
        on_behalf_of=_distinct([*before.on_behalf_of, *bound.on_behalf_of]),
        credential_chain=bound.credential_chain,
        session=bound.session,
        parent_session=bound.parent_session,
        tool_call=before.tool_call or event.tool_call,
        links=links,
        rooted=bound.rooted,
        credential_expires=expires,
    )


def by_identity(event: Head, before: Attribution | None = None) -> Attribution:
    """Attribution from the event's own words alone, with the reason why nothing better is known."""
    known = before or Attribution()
    stated = event.kind in ("prompt", "tool_call")
    method, confidence = ("stated", 1.0) if stated else ("identity", IDENTITY_CONFIDENCE)
    if not stated and event.credential and event.session_name and not standing(event.credential):
        confidence = ROLE_CONFIDENCE
    actor = event.actor or known.actor
    session = event.session or known.session
    links = [Link("actor", method, confidence)] if actor else [Link("actor", "none", 0.0)]
    if event.session:
        links.append(Link("session", "stated", 1.0))
    return Attribution(
        actor=actor,
        actor_kind=event.actor_kind,
        actor_name=event.actor_name,
        human=event.human or (actor if event.actor_kind == "human" else ""),
        on_behalf_of=_distinct([*known.on_behalf_of, actor]),
        credential_chain=[event.credential] if event.credential else [],
        session=session,
        parent_session=event.parent_session,
        tool_call=known.tool_call or event.tool_call,
        links=links,
        unbound=unbound_reason(event, session),
        rooted=not event.credential,
    )


def unbound_reason(event: Head, session: str) -> str:
    """Why an event is bound to no credential and no session; empty if it needs no better binding."""
    if event.kind in ("prompt", "tool_call"):
        return "" if session else NO_SESSION
    if not event.credential:
        return SERVICE if event.actor_kind == "service" else ABSENT
    if standing(event.credential):
        return UNSEEN_STANDING
    return UNSEEN_TEMPORARY if event.credential.startswith("aws:ASIA") else UNSEEN


#: Stands for the issuance of a binding that was inferred from a role session's name.
INFERRED = ""


def standing(credential: str) -> bool:
    """Whether a credential's id shows that it does not expire, so that its issuance is most likely long past."""
    return credential.startswith("aws:AKIA")


def issue(event: Head, own: Attribution, revision: int) -> Bind | None:
    """The binding of the credential that `event` issued, sent on by way of the session names it carries."""
    if not event.issued or event.outcome in ("failure", "denied"):
        return None
    standing = event.issued_kind in STANDING
    subject = event.issued_subject
    actor, kind, name = own.actor, own.actor_kind, own.actor_name
    if (standing or not own.actor or own.actor_kind == "service") and subject:
        actor, kind, name = subject, "", ""
    links = [] if standing else [link for link in own.links if link.target == "session"]
    if not standing and event.credential and actor == own.actor:
        links += [link for link in own.links[:1] if link.target == "actor" and link.confidence < 1]
    chain = [event.issued, *[credential for credential in own.credential_chain if credential != event.issued]]
    attribution = Attribution(
        actor=actor,
        actor_kind=kind,
        actor_name=name,
        human="" if standing else own.human,
        on_behalf_of=_distinct([subject, *([] if standing else own.on_behalf_of)]),
        credential_chain=chain,
        session="" if standing else own.session,
        parent_session="" if standing else own.parent_session,
        links=links,
        rooted=own.rooted,
    )
    names = [SESSION + name for name in _distinct([event.session_name, event.source_identity])]
    path = [CREDENTIAL + event.issued] if standing else [*names, CREDENTIAL + event.issued]
    return Bind(path[0], attribution, event.event_id, event.time, event.issued_expires, path[1:], revision)


def infer(event: Head) -> Bind | None:
    """What the role session that an event names may say of its credential, whose issuance nobody saw (so far)."""
    if event.kind != "cloud_audit" or not event.session_name or not event.credential:
        return None
    attribution = Attribution(credential_chain=[event.credential])
    path = [CREDENTIAL + event.credential]
    return Bind(SESSION + event.session_name, attribution, INFERRED, 0, 0, path)


def adopt(bind: Bind, session: Bind | None) -> Bind:
    """The binding after its session name was looked up: an agent's session makes the agent the actor."""
    before, path = bind.attribution, bind.path
    if session is None or before.session:
        return Bind(path[0], before, bind.event_id, bind.time, bind.expires, path[1:], bind.revision)
    known = session.attribution
    link = [event_id for event_id in (session.event_id, bind.event_id) if event_id != INFERRED]
    attribution = Attribution(
        actor=known.actor or before.actor,
        actor_kind=known.actor_kind or before.actor_kind,
        actor_name=known.actor_name or before.actor_name,
        human=known.human or before.human,
        on_behalf_of=_distinct([*before.on_behalf_of, known.actor, known.human]),
        credential_chain=before.credential_chain,
        session=known.session,
        parent_session=known.parent_session,
        links=[
            *[known for known in before.links if known.target == "actor"],
            Link("actor", "session-name", SESSION_NAME_CONFIDENCE, link, [before.actor] if before.actor else []),
            Link("session", "session-name", SESSION_NAME_CONFIDENCE, link),
        ],
        rooted=before.rooted,
    )
    return Bind(path[0], attribution, bind.event_id, bind.time, bind.expires, path[1:], bind.revision)


def best(binds: Iterable[Bind]) -> Bind | None:
    """Of several issuances of one credential (copies in two accounts' logs), the one that explains most.

    The order is total and does not depend on arrival: an issuance before what is inferred, then the longest chain,
    then the earliest, then the smallest id.
    """
    known = list(binds)
    if len(known) == 1:
        return known[0]
    return min(known, key=_rank, default=None)


def says(bind: Bind) -> tuple[Attribution, str]:
    """What of a binding shows in a timeline, whenever its credential was used; for its expiry see `lives`."""
    return bind.attribution, bind.event_id


def _rank(bind: Bind) -> tuple[bool, int, int, str]:
    return bind.event_id == INFERRED, -len(bind.attribution.credential_chain), bind.time, bind.event_id


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))
