"""The vocabulary: fields that a query can ask for, one table for errors, completion and documentation."""

from __future__ import annotations

import difflib
from typing import Literal, NamedTuple, get_args

from schemas.entry import Method
from schemas.event import ActorKind, Kind, Origin, Outcome
from schemas.finding import Severity

#: name: an identifier, that very one (case counts) or a pattern; word: whatever the case; choice: one of `values`;
#: rank: a choice with an order; number: 0 to 1; address: also a network; time; has: another field.
Type = Literal["name", "word", "choice", "rank", "number", "address", "time", "has"]


class Field(NamedTuple):
    """A field of the language."""

    name: str
    type: Type
    meaning: str
    example: str
    #: Of choices: what there is. Of words: what is usual.
    values: tuple[str, ...] = ()


_SEVERITIES = get_args(Severity)
_TABLE = (
    Field("actor", "name", "who acted, under any name of the identity", "actor:invoice-bot"),
    Field("human", "name", "the person for whom, under any name of the identity", "human:ana@example.com"),
    Field("session", "name", "agent conversation or login session", "session:conv-7f3a"),
    Field("credential", "name", "credential that was used or issued", "credential:aws:ASIA*"),
    Field("used-token", "name", "credential that was used, or that stands behind the one used", "used-token:aws:AKIAX"),
    Field("chain", "name", "in the chain of credentials or of those acted for", "chain:ana@example.com"),
    Field("caused-by", "name", "tool call (its id or its event) or prompt that caused it", "caused-by:call-17"),
    Field("action", "word", "what was done; a dot also stands for a colon", "action:s3.*"),
    Field("tool", "word", "name of the tool", "tool:send_mail"),
    Field("resource", "name", "what it was done to", "resource:arn:aws:s3:::payroll*"),
    Field("outcome", "choice", "how it ended", "outcome:(denied or failure)",
          tuple(one for one in get_args(Outcome) if one)),
    Field("kind", "choice", "what kind of event it is", "kind:tool_call", get_args(Kind)),
    Field("actor-kind", "choice", "what kind of actor it is", "actor-kind:agent",
          tuple(one for one in get_args(ActorKind) if one)),
    Field("format", "word", "format that it came in", "format:aws.cloudtrail"),
    Field("producer", "name", "who vouches for the record that it came in; nobody: `-has:producer`",
          "producer:okta-bridge"),
    Field("account", "name", "cloud account, tenant or organisation", "account:123456789012"),
    Field("region", "word", "region of the cloud", "region:eu-west-1"),
    Field("address", "address", "network address that it came from", "address:10.0.0.0/8"),
    Field("user-agent", "word", "the client's own name", "user-agent:aws-cli*"),
    Field("policy", "name", "policy that allowed or denied it", "policy:*ReadOnly*"),
    Field("error", "word", "the source's error", "error:AccessDenied*"),
    Field("link", "choice", "how the actor was found", "link:in-flight", get_args(Method)),
    Field("confidence", "number", "how sure that is, 0 to 1", "confidence:<0.7"),
    Field("unbound", "word", "why nothing could be bound; true or false for whether", "unbound:true",
          ("true", "false")),
    Field("origin", "choice", "where an argument of the call came from", "origin:result",
          tuple(one for one in get_args(Origin) if one)),
    Field("detection", "word", "detection that has it as evidence", "detection:tool-chain-drift"),
    Field("severity", "rank", "of a finding that has it as evidence", "severity:>=high", _SEVERITIES),
    Field("risk", "number", "the highest risk of those findings, 0 to 1; 0 without any", "risk:>0.8"),
    Field("event", "name", "id of the event", "event:0f4c9be1"),
    Field("trace", "name", "id of the trace", "trace:4bf92f3577b34da6a3ce929d0e0e4736"),
    Field("request", "name", "id of the request", "request:A1B2C3"),
    Field("text", "word", "prompt, answer or result; a plain value is looked for within it", "text:invoice"),
    Field("has", "has", "whether a field says anything", "has:error"),
    Field("since", "time", "at that time or later: 30m, 2h, 7d, 2w ago, or a date", "since:2h"),
    Field("until", "time", "before that time", "until:2026-01-31T12:00Z"),
)  # fmt: skip
FIELDS: dict[str, Field] = {one.name: one for one in _TABLE}
#: What `has:` can ask about: fields that may say nothing.
HAS = tuple(name for name, one in FIELDS.items() if one.type not in ("time", "has") and name not in ("kind", "event"))
RANKS = _SEVERITIES
#: What is said of a name that is no field.
ANYWHERE_HINT = "actor, action, outcome, risk, since, …; quote a word that has a colon"
#: Fields of identities, which may have several names.
NAMING = ("actor", "human")


def rank(severity: str) -> int:
    """A severity as a number, from 1; 0 for none."""
    return RANKS.index(severity) + 1 if severity in RANKS else 0


def nearest(given: str, known: tuple[str, ...] | list[str]) -> str:
    """What was probably meant; empty when nothing is near."""
    found = difflib.get_close_matches(given[:60].lower(), known, n=1, cutoff=0.6)
    return found[0] if found else ""
