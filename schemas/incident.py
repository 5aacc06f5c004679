"""Incident: what `reconstruct` makes of one clue: who did what, how it hangs together, what is hurt, what is not known.

A Strand is what one hand did with one credential: entries of one credential (or, without one, one actor), from one
network, with one program, in one session. Strands belong to an incident or do not; edges say why, and how sure that is.
Times are microseconds since 1970 UTC, event times unless said otherwise. Confidences are probabilities, 0 to 1.
"""

from __future__ import annotations

from typing import Literal

import msgspec

#: What a clue may be.
ClueKind = Literal[
    "event", "credential", "session", "identity", "address", "resource", "finding", "alert", "span",
]  # fmt: skip
#: What an entry is to an incident: where it began, what led to it, what was done in it.
Role = Literal["root", "cause", "act"]
#: How it is known that two things belong together.
EdgeKind = Literal[
    "used", "issued", "created", "prompted", "called", "caused", "delegated", "continued", "same-address", "acts-for",
    "clue",
]  # fmt: skip
#: Parts of a story, in the order of an attack.
Stage = Literal["first sign", "entry", "escalation", "lateral step", "objective", "last sign"]
How = Literal["read", "used", "changed", "created", "deleted", "refused"]
Alive = Literal["alive", "expired", "revoked", "unknown"]


class Clue(msgspec.Struct, gc=False):
    """What somebody has: a name of some kind; of a span the times alone."""

    kind: str
    value: str = ""
    #: First and last time that is looked at (the last one excluded); None = all that is stored.
    since: int | None = None
    until: int | None = None


class Strand(msgspec.Struct, gc=False, kw_only=True):
    """What one hand did with one credential."""

    strand_id: str
    #: Whether it belongs to the incident; else it is what was held apart, and `why` says what for.
    belongs: bool
    confidence: float
    why: str = ""
    actor: str = ""
    actor_kind: str = ""
    human: str = ""
    session: str = ""
    credential: str = ""
    #: The credential, the one that it was minted with, and so on to the root.
    credential_chain: list[str] = []
    addresses: list[str] = []
    user_agents: list[str] = []
    policies: list[str] = []
    #: As it behaves: human, agent or script; empty where too little is seen.
    tempo: str = ""
    first: int = 0
    last: int = 0
    #: Entries that are the incident's, and all that there are of it.
    events: int = 0
    of: int = 0


class Edge(msgspec.Struct, gc=False):
    """Why one thing leads to another. Ends: `strand:…`, `credential:…`, `identity:…`, `prompt:<event id>`, `call:…`."""

    source: str
    target: str
    kind: str
    confidence: float
    sentence: str
    #: Ids of the entries that show it.
    evidence: list[str] = []


class Part(msgspec.Struct, gc=False):
    """One entry of an incident."""

    event_id: str
    time: int
    strand: str
    role: str
    confidence: float
    #: Tactic of MITRE ATT&CK (`schemas.finding.Tactic`), as its action tells; empty where it tells none.
    tactic: str = ""
    #: Detections of which it is evidence.
    detections: list[str] = []


class Step(msgspec.Struct, gc=False, kw_only=True):
    """A sentence of the story, with its evidence."""

    stage: str
    time: int
    sentence: str
    actor: str = ""
    human: str = ""
    credential: str = ""
    policy: str = ""
    tempo: str = ""
    tactic: str = ""
    entries: list[str] = []


class Touched(msgspec.Struct, gc=False, kw_only=True):
    """A resource, and what was done to it."""

    name: str
    how: str
    account: str = ""
    events: int = 0
    first: int = 0
    last: int = 0
    #: Ids of some of the entries, the first ones.
    entries: list[str] = []


class Transfer(msgspec.Struct, gc=False, kw_only=True):
    """A value that went from somewhere to somewhere: an argument of a tool call, by its origin."""

    time: int
    #: Where it came from: `prompt`, `result` (of an earlier tool), `both`, or `agent` (nobody knows).
    origin: str
    source: str
    target: str
    argument: str
    #: Masked and shortened, as stored.
    value: str
    entries: list[str] = []


class Minted(msgspec.Struct, gc=False, kw_only=True):
    """A credential that the incident made or used, and how to end it."""

    name: str
    kind: str = ""
    subject: str = ""
    #: Whether the incident minted it; else it is one that was abused.
    minted: bool
    issued: int = 0
    #: Event id of its issuance; empty when that was never seen.
    issuance: str = ""
    #: 0 = not stated.
    expires: int = 0
    revoked: int = 0
    #: At the time of `Incident.made`.
    state: str = "unknown"
    uses: int = 0
    last_used: int = 0
    #: Commands that end it, in the order in which they are to be run.
    commands: list[str] = []
    #: What the commands do not end.
    caveat: str = ""


class Gap(msgspec.Struct, gc=False):
    """Something that cannot be known, and which log would have told."""

    what: str
    why: str
    log: str
    entries: list[str] = []


class Missed(msgspec.Struct, gc=False):
    """A detection that found nothing of what it is for."""

    detection: str
    why: str
    entries: list[str] = []


class Share(msgspec.Struct, gc=False):
    """Another strand or session that has something in common with the incident, and is not part of it."""

    name: str
    common: str
    actor: str = ""
    events: int = 0
    first: int = 0
    last: int = 0


class Reach(msgspec.Struct, gc=False, kw_only=True):
    """The blast radius."""

    resources: list[Touched] = []
    transfers: list[Transfer] = []
    credentials: list[Minted] = []
    identities: list[str] = []
    #: Identities whose rights were changed, or that were created.
    altered: list[str] = []
    sessions: list[str] = []
    accounts: list[str] = []
    addresses: list[str] = []
    shared: list[Share] = []


class Root(msgspec.Struct, gc=False, kw_only=True):
    """Where it began."""

    #: `prompt` (somebody asked an agent), `injection` (an agent was told by what it read), `credential` (a stolen or
    #: misused one), `identity` (nothing further back is known).
    kind: str
    name: str
    sentence: str
    confidence: float
    #: The credential that all of it rests on, the one who owned it, the person behind.
    credential: str = ""
    actor: str = ""
    human: str = ""
    entries: list[str] = []


class Incident(msgspec.Struct, gc=False, kw_only=True):
    """What is known, beginning from one clue."""

    incident_id: str
    clue: Clue
    #: By the clock, when this was put together.
    made: int
    #: What is less sure than this was left out.
    cutoff: float
    title: str = ""
    summary: list[str] = []
    roots: list[Root] = []
    first: int = 0
    last: int = 0
    #: From the first act to the first detection, and to the last act (seconds); None: nothing was detected.
    detected_after: float | None = None
    dwell: float = 0.0
    #: In the order of time.
    parts: list[Part] = []
    strands: list[Strand] = []
    edges: list[Edge] = []
    story: list[Step] = []
    reach: Reach = msgspec.field(default_factory=Reach)
    gaps: list[Gap] = []
    #: Ids of findings and alerts that speak of it.
    findings: list[str] = []
    alerts: list[str] = []
    #: Detections that fired, with how often; and those that should have.
    detections: dict[str, int] = {}
    missed: list[Missed] = []
    #: Ids in public frameworks, each with what the incident means there (a sentence).
    frameworks: dict[str, str] = {}
    #: What was not looked at, and why: limits that were reached.
    limits: list[str] = []
