"""Alert: Findings grouped, de-duplicated and ready to send; what people say of it; and what is done about it.

An Alert is one actor's doing in one session as one family of detections sees it, from its first sign until it has been
quiet for a while (event time). While it goes on it is revised, not repeated: `alert_id` and `fingerprint` stay, and the
revision counts up. Times are microseconds since 1970 UTC: `first` and `last` are event times, all others the clock's.
"""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["open", "acknowledged", "closed"]
#: What an analyst says of a closed alert: an attack, nothing of the kind, or it happened and was allowed.
Verdict = Literal["", "true", "false", "benign"]
#: What somebody may do to an alert (the first five), and to a response.
What = Literal["acknowledge", "close", "reopen", "note", "request", "approve", "reject", "report"]


class Change(msgspec.Struct, gc=False):
    """One step in the life of an alert or a response: what was done, by whom, when and why."""

    what: str
    by: str
    at: int
    reason: str = ""
    verdict: str = ""
    #: Of the Decision that made it, so that it is made once.
    decision_id: str = ""


class Alert(msgspec.Struct, gc=False, kw_only=True):
    """What a SIEM is told. Of several with one id, the one with the highest revision counts."""

    alert_id: str
    revision: int = 0
    #: The same for every alert of this actor, session and family, also of later days.
    fingerprint: str = ""

    state: str = "open"
    verdict: str = ""
    severity: str = "medium"
    #: 0 to 1: how sure it is that something is wrong, and how much it would matter (see pipeline.alert.risk).
    risk: float = 0.0
    #: Of the most sensitive thing that was touched: low, normal, high or critical.
    sensitivity: str = "normal"
    #: Of its detections, as in `pipeline.score.definition`; and the furthest tactic (MITRE ATT&CK) of an attack.
    family: str = ""
    stage: str = ""

    title: str = ""
    #: Who (and for whom) did what, with which token, under which policy. Quotes no prompt and no argument.
    sentence: str = ""
    #: What was unusual, a sentence a detection; may quote prompts and arguments (see `quotes`).
    unusual: list[str] = []
    #: What to do, step by step, the first one first.
    runbook: list[str] = []

    actor: str = ""
    actor_kind: str = ""
    human: str = ""
    session: str = ""
    credentials: list[str] = []
    policies: list[str] = []
    actions: list[str] = []
    resources: list[str] = []
    accounts: list[str] = []
    addresses: list[str] = []

    first: int = 0
    last: int = 0
    #: Findings by detection, how many there are (of a storm: alerts), and the ids of the latest.
    detections: dict[str, int] = {}
    count: int = 0
    findings: list[str] = []
    #: Entries that are the evidence, the most telling first.
    entries: list[str] = []
    frameworks: list[str] = []
    #: `name@version` of the models that scored.
    models: list[str] = []
    #: The least p-value of its findings: how often as much is seen where nothing is wrong.
    p_value: float = 1.0
    #: Parts of `unusual` that come out of prompts, arguments and results: what a mask hides.
    quotes: list[str] = []

    #: Why nobody is told of it; empty where somebody is.
    suppressed: str = ""
    #: The alert that stands for this one in a storm, or into which it was merged: that one is sent, this one is not.
    part_of: str = ""
    #: True of an alert that stands for many others.
    storm: bool = False
    #: What happened: opened, updated, acknowledged or closed; and whether that is nothing that anybody has to be told.
    news: str = ""
    quiet: bool = False
    changes: list[Change] = []
    #: When this revision was made.
    at: int = 0


class Decision(msgspec.Struct, gc=False, kw_only=True):
    """What somebody decides about an alert or a response; input of the alert stage."""

    decision_id: str
    #: Id of the alert or the response.
    about: str
    what: str
    by: str
    at: int
    reason: str = ""
    verdict: str = ""
    #: Of a `request`: the hook that is asked for. Of a `report`: what came of the call.
    hook: str = ""
    status: int = 0
    #: The alert as whoever decides saw it: for one that is so old that the stage has forgotten it.
    alert: Alert | None = None


class Feedback(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """A verdict on one Finding, told to the stage that found it."""

    #: Where that stage keeps it: an identity or an agent.
    key: str
    finding_id: str
    detection: str
    session: str
    #: Event time of the finding.
    time: int
    score: float
    verdict: str


class Request(msgspec.Struct, gc=False):
    """An HTTP request exactly as it is sent, but for secrets, which it names instead."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: str = ""


class Response(msgspec.Struct, gc=False, kw_only=True):
    """What is to be done about an alert: proposed, approved, called, or not."""

    response_id: str
    revision: int = 0
    alert_id: str
    hook: str
    #: proposed, approved, rejected, done, failed.
    state: str = "proposed"
    #: What it does, for people: `revoke aws:ASIA…`.
    title: str = ""
    request: Request
    #: How many people have to approve; whoever asked for it is not one of them.
    approvals: int = 1
    changes: list[Change] = []
    at: int = 0


class Delivery(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """One attempt to tell a destination of an alert, or to call a hook."""

    destination: str
    alert_id: str
    revision: int
    #: Idempotency key: the same for every attempt, in body and header.
    key: str
    #: Counts from 1.
    attempt: int
    at: int
    #: delivered, retry, refused (a dead letter), expired (a dead letter).
    outcome: str
    #: Of HTTP; 0 without an answer.
    status: int = 0
    #: Milliseconds.
    latency: float = 0.0
    reason: str = ""
