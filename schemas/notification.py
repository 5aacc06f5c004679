"""AlertNotification: what a webhook gets. The public contract for receivers; JSON Schema is generated from it.

Fields may be added; none changes its meaning. `key` is the same for every attempt to tell of this revision.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.finding import Severity


class AlertChange(BaseModel):
    """One step in the life of an alert."""

    model_config = ConfigDict(extra="forbid")

    what: str = Field(description="acknowledge, close, reopen, note, request.")
    by: str = Field(description="Who; `whodid` where it follows from what was found.")
    at: AwareDatetime | None
    reason: str
    verdict: str


class AlertData(BaseModel):
    """The alert as it is now."""

    model_config = ConfigDict(extra="forbid")

    alert_id: str
    revision: int = Field(ge=0, description="Counts up while the attack goes on; the highest counts.")
    fingerprint: str = Field(description="The same for all alerts of this actor, session and family.")
    state: Literal["open", "acknowledged", "closed"]
    verdict: Literal["", "true", "false", "benign"]
    severity: Severity
    risk: float = Field(ge=0, le=1)
    sensitivity: Literal["low", "normal", "high", "critical"]
    family: str = Field(description="Of its detections: cadence, token, identity, llm, agent, cloud, own, storm.")
    stage: str = Field(description="Furthest tactic of MITRE ATT&CK, e.g. `credential-access`; may be empty.")
    title: str
    sentence: str = Field(description="Who did what for whom, with which token, under which policy; quotes no content.")
    unusual: list[str] = Field(description="What was unusual, a sentence a detection; masked as configured.")
    runbook: list[str] = Field(description="What to do, the first step first.")
    actor: str
    actor_kind: str
    human: str = Field(description="For whom, if anybody is known.")
    session: str
    credentials: list[str] = Field(description="Identifiers or keyed hashes, never secrets.")
    policies: list[str]
    actions: list[str]
    resources: list[str]
    accounts: list[str]
    addresses: list[str]
    first: AwareDatetime | None = Field(description="Event time of the first sign.")
    last: AwareDatetime | None = Field(description="Event time of the last sign.")
    count: int = Field(ge=0, description="Findings; of a storm, alerts.")
    detections: dict[str, int] = Field(description="Findings by detection.")
    findings: list[str]
    entries: list[str] = Field(description="Ids of the timeline's rows that are the evidence, the most telling first.")
    frameworks: list[str] = Field(description="Ids in public frameworks: T1078.004, AML.T0051, ASI03, NHI2, …")
    models: list[str]
    p_value: float | None = Field(description="How often as much is seen where nothing is wrong (0 to 1).")
    storm: bool = Field(description="Stands for many others.")
    suppressed: str
    part_of: str
    changes: list[AlertChange]
    at: AwareDatetime | None = Field(description="When this revision was made.")
    link: str = Field(description="Its page in the console; empty if nobody said where that is.")


class AlertNotification(BaseModel):
    """One message to a receiver."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["alert.opened", "alert.updated", "alert.acknowledged", "alert.closed"]
    timestamp: AwareDatetime | None
    key: str = Field(min_length=1, description="Idempotency key: also in the headers Idempotency-Key and webhook-id.")
    example: bool = Field(description="A marked example, not something that happened.")
    data: AlertData
