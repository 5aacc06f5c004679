"""Finding: one detection's verdict on a set of Entries."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["low", "medium", "high", "critical"]
#: Tactics of MITRE ATT&CK (Enterprise), in the order of an attack; empty where none can be said.
Tactic = Literal[
    "", "reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
    "defense-evasion", "credential-access", "discovery", "lateral-movement", "collection", "command-and-control",
    "exfiltration", "impact",
]  # fmt: skip


class Finding(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """What a detection found. The row with the highest revision per finding id is the current one."""

    #: Hash of the detection and of what it speaks of (a session, an actor, …): the same thing is found once.
    finding_id: str
    revision: int = 0
    #: Its verdict changed: nothing is found any more.
    retracted: bool = False

    #: Name of the detection, e.g. `tool-chain-drift`, and of the model that scored: `name@version`.
    detection: str
    model: str = ""
    title: str
    severity: str = "medium"
    #: Event time (microseconds since 1970 UTC) of the entry at which it was found.
    time: int

    #: Who it is about, as attributed.
    actor: str = ""
    actor_kind: str = ""
    human: str = ""
    session: str = ""

    #: What the detection measured (0 to 1, higher is worse), and how often as much is seen where nothing is wrong.
    score: float = 0.0
    p_value: float = 1.0
    #: What an analyst reads.
    sentence: str = ""
    #: Ids of the entries that are its evidence, the most telling first.
    entries: list[str] = []
    #: More for the analyst, as text: what was usual, what was measured.
    details: dict[str, str] = {}
    #: Ids in public frameworks: `ASI01`, `AML.T0051`, …
    frameworks: list[str] = []
    #: Why nobody is to be told of it, until when and who said so; empty where nobody did. It is kept all the same.
    suppressed: str = ""

    #: What its detection is of (`pipeline.score.definition.Family`), and the tactic of MITRE ATT&CK that it speaks of.
    family: str = ""
    tactic: str = ""
    #: What to do about it, step by step.
    runbook: list[str] = []
    #: Of the entry at which it was found.
    action: str = ""
    credential: str = ""
    policy: str = ""
    account: str = ""
    address: str = ""
    resources: list[str] = []
    #: Parts of the sentence and the details that come out of prompts, arguments and results.
    quotes: list[str] = []
    #: Whose past the finding was held against: an identity, or an agent.
    key: str = ""
