"""Batch: what internal topics carry, many items in one Kafka message.

Faust spends about as long on a message as on a batch, so one message holds up to a few hundred items of one
partition. An empty batch is a heartbeat: it carries the watermarks that let waiting events expire.
"""

from __future__ import annotations

import msgspec

from schemas.alert import Alert, Decision, Delivery, Feedback, Response
from schemas.behaviour import Behaviour
from schemas.entry import Link, PackedEntry
from schemas.finding import Finding
from schemas.rejected import Rejected


class Attribution(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """What the directory has learned of an event so far; becomes the attribution fields of its Entry."""

    actor: str = ""
    actor_kind: str = ""
    actor_name: str = ""
    human: str = ""
    on_behalf_of: list[str] = []
    credential_chain: list[str] = []
    session: str = ""
    parent_session: str = ""
    #: The tool call that the source or a trace names as the cause, if any.
    tool_call: str = ""
    links: list[Link] = []
    unbound: str = ""
    #: Whether the credential chain ends in an issuance that needed no earlier credential.
    rooted: bool = False
    #: Of the credential that the event used, as in Entry.
    credential_expires: int = 0
    credential_revoked: int = 0


class Use(msgspec.Struct, array_like=True, gc=False, tag="use"):
    """An event on its way through the link keys that may tell who acted (first hop)."""

    #: Link key whose partition it goes to, e.g. `credential:ASIA…`, `trace:4bf9…`.
    key: str
    #: A packed `schemas.event.Event`.
    event: msgspec.Raw
    attribution: Attribution
    #: Counts how often a link key changed its mind about this event.
    revision: int = 0
    #: It came before, and comes again out of the store because its credential stands for something else now.
    recalled: bool = False
    #: Where it was attributed to then (`Own.key`).
    owner: str = ""
    #: What a cloud event names that says most (`Event.mentions`); 0 = nothing.
    names: int = 0


class Bind(msgspec.Struct, array_like=True, gc=False, tag="bind"):
    """What a link key is now known to stand for: sent from where it was learned to where it is used."""

    key: str
    attribution: Attribution
    #: The issuance or the first event of the session.
    event_id: str
    time: int
    expires: int = 0
    #: Link keys still to be asked on the way, the last one being the credential this is for.
    path: list[str] = []
    #: Counts how often the sender changed its mind about this binding.
    revision: int = 0


class Own(msgspec.Struct, array_like=True, gc=False, tag="own"):
    """An attributed event on its way to the partition of its session or actor (second hop)."""

    #: `session:…` when the event belongs to one, else `actor:…`.
    key: str
    #: A packed `schemas.event.Event`.
    event: msgspec.Raw
    attribution: Attribution
    revision: int = 0


class Call(msgspec.Struct, array_like=True, gc=False):
    """One tool call: times in microseconds by its reporter's clock (0 = not seen)."""

    #: Its session, and the session that spawned that one.
    session: str
    parent_session: str = ""
    tool: str = ""
    start: int = 0
    end: int = 0
    start_event: str = ""
    end_event: str = ""
    actor: str = ""
    actor_kind: str = ""
    actor_name: str = ""
    #: Fingerprints of what it names, as in `schemas.event.Event`.
    mentions: list[int] = []
    #: It waits for calls of others that it has started (a sub-agent), so that requests are more likely theirs.
    outer: bool = False
    #: Its session has a credential of its own, so that it hardly uses a shared one.
    own: bool = False


class Mention(msgspec.Struct, array_like=True, gc=False, tag="mention"):
    """A tool call that names a value."""

    #: `value:…`
    key: str
    #: The tool call's id.
    name: str
    call: Call


class Ask(msgspec.Struct, array_like=True, gc=False, tag="ask"):
    """A request that names a value, and whose credential does not say who made it."""

    #: `value:…`
    key: str
    #: Link key of the credential, which is told of the calls that name the same.
    reply: str
    #: Event time of the request.
    time: int


class Heard(msgspec.Struct, array_like=True, gc=False, tag="heard"):
    """A tool call that names what a request with this credential names."""

    #: `credential:…`
    key: str
    #: The `value:…` that both name.
    value: str
    name: str
    call: Call
    #: Whether it is near any such request in time. One that was, while it was open, may no longer be.
    near: bool


#: Revisions that the second hop makes per revision of the first: the highest wins, whichever owner an event moved to.
REVISIONS = 1024


class Leave(msgspec.Struct, array_like=True, gc=False, tag="leave"):
    """An event was attributed to a session, and belongs elsewhere as of a later revision (second hop)."""

    #: `session:…`, the one that it leaves.
    key: str
    event_id: str
    revision: int


class Recall(msgspec.Struct, array_like=True, gc=False):
    """What a credential stands for has changed: its events, which only the store has by now, are to come again."""

    #: `credential:…`
    key: str
    #: How many events of it (within `span`) were passed on before, some perhaps still on their way into the store.
    events: int
    #: Entries with a lower revision than this were made before.
    revision: int = 0
    #: First and last event time (microseconds), if only those between are to come again.
    span: tuple[int, int] | None = None
    #: Ids of events that went on too and are still kept: they are seen to already, and do not count.
    kept: list[str] = []


class Turn(msgspec.Struct, array_like=True, gc=False, tag="turn"):
    """A turn in the life of a credential."""

    #: `credential:…`
    key: str
    event_id: str
    #: Event time, microseconds.
    time: int
    #: `revokes`, `restores` or `renews`.
    what: str
    #: Until when it is good now, if it was renewed.
    expires: int = 0
    #: 1 if the event is a correction, which replaces what it corrects.
    revision: int = 0


Item = Use | Bind | Own | Leave | Mention | Ask | Heard | Turn
#: What goes to the second hop.
SECOND_HOP = (Own, Leave)


class Recalls(msgspec.Struct, array_like=True, gc=False):
    """One message of `recalls`."""

    recalls: list[Recall]


class Mark(msgspec.Struct, array_like=True, gc=False):
    """How far one sender has come: event times in microseconds, one a level (see `correlate.watermark`)."""

    sender: str
    levels: list[int]
    #: Sender's clock when it said so; a sender that fell silent stops holding the others back.
    wall: int


class Batch(msgspec.Struct, array_like=True, gc=False):
    """One message of `events-by-credential` or `events-by-actor`."""

    items: list[Item]
    marks: list[Mark] = []


class Entries(msgspec.Struct, array_like=True, gc=False):
    """One message of `entries`; and what analysts say of what was found of the identities of this partition."""

    entries: list[PackedEntry]
    feedback: list[Feedback] = []

    @classmethod
    def of(cls, items: list[PackedEntry | Feedback]) -> Entries:
        """Both, as they come."""
        entries = [item for item in items if isinstance(item, PackedEntry)]
        return cls(entries, [item for item in items if isinstance(item, Feedback)])


class Findings(msgspec.Struct, array_like=True, gc=False):
    """One message of `findings`: what was found, how identities behave, and what analysts decide."""

    findings: list[Finding]
    behaviours: list[Behaviour] = []
    decisions: list[Decision] = []

    @classmethod
    def of(cls, items: list[Finding | Behaviour | Decision]) -> Findings:
        """All three, as they come."""
        found = [item for item in items if isinstance(item, Finding)]
        behaviours = [item for item in items if isinstance(item, Behaviour)]
        return cls(found, behaviours, [item for item in items if isinstance(item, Decision)])


class Alerts(msgspec.Struct, array_like=True, gc=False):
    """One message of `alerts`: alerts, and what is to be done about them, as they are now."""

    alerts: list[Alert]
    responses: list[Response] = []
    #: Name of the only destination that this is for; empty = for all (something told again is for one).
    only: str = ""

    @classmethod
    def of(cls, items: list[Alert | Response]) -> Alerts:
        """Both, as they come."""
        alerts = [item for item in items if isinstance(item, Alert)]
        return cls(alerts, [item for item in items if isinstance(item, Response)])


class Deliveries(msgspec.Struct, array_like=True, gc=False):
    """One message of `deliveries`."""

    deliveries: list[Delivery]


class RawRecord(msgspec.Struct, array_like=True, gc=False):
    """A raw record as kept for evidence: original bytes with secrets masked."""

    record_id: str
    format: str
    topic: str
    partition: int
    offset: int
    #: Time of the record's first event, microseconds since 1970 UTC.
    time: int
    value: bytes


class Records(msgspec.Struct, array_like=True, gc=False):
    """One message of `records`."""

    records: list[RawRecord]


class DeadLetters(msgspec.Struct, array_like=True, gc=False):
    """One message of `dead-letters`."""

    rejected: list[Rejected]
