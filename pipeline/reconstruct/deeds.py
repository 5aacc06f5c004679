"""An entry becomes what it does to whom: its tactic (MITRE ATT&CK), how it treats its resources, and words for it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.score.deeds import (
    BLIND,
    CHANGE,
    DIM,
    DOOR,
    LOOK,
    MINT,
    MODEL,
    OPEN,
    POWER,
    PROBE,
    RUN,
    SECRET,
    SHARE,
    SURVEY,
    deed_of,
)
from schemas.entry import Entry

#: Tactic of an action by what it does, the most telling first.
_TACTICS = (
    (BLIND | DIM, "defense-evasion"), (POWER | OPEN, "privilege-escalation"), (MINT, "persistence"),
    (SECRET, "credential-access"), (SHARE | DOOR, "exfiltration"), (RUN, "execution"), (MODEL, "impact"),
    (PROBE | SURVEY, "discovery"),
)  # fmt: skip
_DELETES = re.compile(r"delete|destroy|terminate|remove|purge|schedulekeydeletion", re.IGNORECASE)
_CREATES = re.compile(r"create|put|run|upload|import|register|add|insert|start|launch", re.IGNORECASE)
#: Reading what is kept, not what there is.
_CONTENT = re.compile(
    r"^(s3:GetObject|dynamodb:(GetItem|Query|Scan|BatchGet)|athena:GetQueryResults|rds-data:|sqs:Receive|kms:Decrypt"
    r"|github:(git\.clone|git\.fetch|repo\.download)|ses:|redshift-data:|.*storage\.objects\.get)", re.IGNORECASE
)  # fmt: skip
#: What a tactic is called in a sentence.
WORDS = {
    "": "did",
    "initial-access": "came in",
    "execution": "ran something",
    "persistence": "made a credential that lasts",
    "privilege-escalation": "gained rights",
    "defense-evasion": "switched off or thinned a log or a detection",
    "credential-access": "read secrets",
    "discovery": "looked around",
    "lateral-movement": "took another credential",
    "collection": "read data",
    "exfiltration": "opened or gave data to others",
    "impact": "changed or destroyed things",
}
#: The same of an impact that is nothing but models asked.
MODELS = "had models answer at somebody's cost"


def tactic_of(entry: Entry) -> str:
    """The tactic that an action tells; of a tool call `execution`, of a prompt none."""
    event = entry.event
    if event.kind in ("prompt", "tool_call"):
        return "execution" if event.kind == "tool_call" else ""
    flags = deed_of(event.action).flags
    found = next((tactic for bits, tactic in _TACTICS if flags & bits), "")
    if found:
        return found
    if event.kind == "token_issuance":
        return "lateral-movement" if event.credential else "initial-access"
    if _CONTENT.match(event.action):
        return "collection"
    if flags & LOOK:
        return "discovery"
    return "impact" if flags & CHANGE else ""


def words_of(tactic: str, entries: Sequence[Entry]) -> str:
    """What a tactic is called where these entries are what was done."""
    models = tactic == "impact" and all(deed_of(one.event.action).flags & MODEL for one in entries)
    return MODELS if models else WORDS[tactic]


def how_of(entry: Entry) -> str:
    """How it treated what it names (`schemas.incident.How`)."""
    event = entry.event
    if event.outcome in ("denied", "failure"):
        return "refused"
    flags, verb = deed_of(event.action).flags, event.action.rpartition(":")[2]
    if flags & MODEL or (event.kind == "token_issuance" and not flags & CHANGE):
        return "used"
    if flags & LOOK or flags & SECRET:
        return "read"
    if _DELETES.search(verb):
        return "deleted"
    return "created" if _CREATES.match(verb) else "changed" if flags & CHANGE else "read"
