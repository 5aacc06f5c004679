"""The one table that says of every route of the API what it takes and what it answers.

A route that is not in it is not in the document, and the test that compares both fails.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.alert.life import ALERT, VERDICTS
from pipeline.console.access.who import BY_TITLE, SCOPES
from pipeline.console.openapi.answers import page, ref
from pipeline.console.openapi.shape import FLAG, MAYBE_TEXT, NUMBER, TEXT, Schema, listed, record
from pipeline.kit.topics import PUBLIC
from pipeline.reconstruct.clue import KINDS
from pipeline.report.content import ROLES
from pipeline.store.findings import SEVERITIES
from pipeline.store.pivots import MAX_LIMIT, PIVOTS

_JSON = "application/json"
_MOMENT: Schema = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}],
    "description": "ISO 8601; without a zone it is UTC",
}
_BOOL: Schema = {"type": "string", "enum": ["true", "false"]}
_LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
_NAME: Schema = {"type": "string", "maxLength": 4096}
#: Parameters of a query, which are the same wherever they are.
PARAMETERS: dict[str, Schema] = {
    **dict.fromkeys(PIVOTS, _NAME), "since": _MOMENT, "until": _MOMENT, "before": _MOMENT, "exact": _BOOL,
    "suppressed": _BOOL, "superseded": _BOOL, "everything": _BOOL, "history": _BOOL, "limit": _LIMIT,
    "after": {"type": "string", "pattern": r"^-?[0-9]{1,18}:", "description": "`next` of the page before"},
    "offset": {"type": "integer", "minimum": 0, "maximum": 2**62}, "stage": TEXT, "of": _NAME, "kind": TEXT,
    "severity": {"type": "string", "enum": list(SEVERITIES)}, "detection": _NAME, "clue": _NAME,
    "cutoff": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "role": {"type": "string", "enum": list(ROLES)},
    "state": _NAME, "verdict": _NAME, "family": _NAME, "fingerprint": _NAME, "part_of": _NAME, "alert": _NAME,
    "destination": _NAME, "outcome": _NAME, "name": _NAME, "subject": _NAME, "event": _NAME, "format": TEXT,
}  # fmt: skip


class Operation(NamedTuple):
    """What a route takes and answers. Errors are the same everywhere, and not said here."""

    answer: Schema
    #: Of the query, by their names in PARAMETERS; and those that are not as there.
    takes: tuple[str, ...] = ()
    otherwise: dict[str, Schema] = {}
    status: int = 200
    media: str = _JSON
    body: Schema | None = None
    accepts: tuple[str, ...] = (_JSON,)
    #: The Schema of an error, where it is another.
    error: Schema = ref("Error")


_SPAN = ("since", "until", "after", "limit")
_INVENTORY = ("kind", "since", "superseded", "after", "limit")
_CLUE: tuple[str, ...] = ("clue", "kind", "since", "until", "cutoff", "role")
_CLUES = {"kind": {"type": "string", "enum": list(KINDS)}}
_ALERTS = (
    "actor", "human", "session", "state", "verdict", "severity", "family", "detection", "fingerprint", "part_of",
    "since", "until", "everything", "after", "limit",
)  # fmt: skip
_DECISION = record(
    {"what": {"enum": [*ALERT, "approve", "reject"]}, "by": TEXT, "reason": TEXT, "verdict": {"enum": ["", *VERDICTS]},
     "hook": TEXT}, ("by", "reason", "verdict", "hook"),
)  # fmt: skip
_NEW_KEY = record(
    {"name": TEXT, "role": {"enum": list(BY_TITLE)}, "scopes": listed({"enum": list(SCOPES)}), "content": FLAG,
     "expires": {"type": "string", "pattern": "^[0-9]{1,6}[mhd]$"}}, ("scopes", "content", "expires"),
)  # fmt: skip
_VERIFIED = record({
    "verified": FLAG, "problems": listed({"type": "object"}), "amount": NUMBER, "logs": NUMBER, "heads": NUMBER,
    "leaves": NUMBER, "rows": NUMBER, "keys": listed(TEXT), "trust": TEXT, "checkpoint": {"type": ["object", "null"]},
})  # fmt: skip
_OTLP = Operation(
    {"type": "object"}, body={"type": "object"}, accepts=(_JSON, "application/x-protobuf"),
    error=record({"message": TEXT}),
)  # fmt: skip

OPERATIONS: dict[str, Operation] = {
    "GET /healthz": Operation(ref("Health")),
    "GET /v1/openapi.json": Operation({"type": "object"}),
    "GET /v1/me": Operation(ref("Person")),
    "GET /v1/timeline": Operation(
        page("entries", "Entry", pivot=TEXT, value=TEXT, names=listed(ref("Name"))), (*PIVOTS, *_SPAN, "exact")
    ),
    "GET /v1/events/{event_id}": Operation(ref("Entry")),
    "GET /v1/identities": Operation(page("identities", "Identity"), _INVENTORY),
    "GET /v1/identities/{name}": Operation(ref("IdentityInDetail"), ("kind",)),
    "GET /v1/credentials": Operation(page("credentials", "Credential"), _INVENTORY),
    "GET /v1/credentials/{name}": Operation(ref("CredentialInDetail"), ("kind",)),
    "GET /v1/sessions": Operation(page("sessions", "Session"), _INVENTORY),
    "GET /v1/sessions/{name}": Operation(ref("SessionInDetail"), ("kind",)),
    "GET /v1/aliases": Operation(
        record({
            "of": MAYBE_TEXT, "names": {"anyOf": [listed(ref("Name")), {"type": "null"}]},
            "aliases": listed(ref("Alias")), "rules": listed(record({
                "name": TEXT, "holds": TEXT, "source": TEXT, "example": listed(TEXT),
            })),
        }), ("of", "history"),
    ),
    "GET /v1/findings": Operation(
        page("findings", "Finding", names=listed(ref("Name"))),
        ("actor", "human", "session", "severity", "detection", "exact", "suppressed", *_SPAN),
    ),
    "GET /v1/findings/{finding_id}": Operation(ref("FindingInDetail")),
    "GET /v1/alerts": Operation(page("alerts", "Alert"), _ALERTS),
    "GET /v1/alerts/{alert_id}": Operation(ref("AlertInDetail")),
    "POST /v1/{kind}/{about}/decisions": Operation(ref("Decided"), status=202, body=_DECISION),
    "GET /v1/deliveries": Operation(
        record({"deliveries": listed(ref("Delivery"))}), ("alert", "destination", "outcome", "limit")
    ),
    "GET /v1/responses": Operation(record({"responses": listed(ref("Response"))}), ("alert", "state", "limit")),
    "GET /v1/reconstruct": Operation(ref("Incident"), _CLUE, _CLUES),
    "GET /v1/reconstruct/bundle": Operation(
        {"type": "string", "contentEncoding": "binary"}, _CLUE, _CLUES, media="application/zip"
    ),
    "GET /v1/dead-letters": Operation(
        record({"dead_letters": listed(ref("DeadLetter"))}), ("stage", "limit", "offset")
    ),
    "GET /v1/dead-letters/{rejected_id}": Operation(ref("DeadLetterInDetail")),
    "GET /v1/status": Operation(ref("Status")),
    "GET /v1/keys": Operation(record({"keys": listed(ref("Key"))})),
    "POST /v1/keys": Operation(ref("NewKey"), status=201, body=_NEW_KEY),
    "DELETE /v1/keys/{key_id}": Operation(ref("Key")),
    "GET /v1/reads": Operation(
        page("reads", "Read"), ("name", "subject", "event", "before", "limit"),
        {"limit": {"type": "integer", "minimum": 1, "maximum": 1000}},
    ),
    "GET /v1/evidence/heads": Operation(record({"heads": listed({"type": "object"})})),
    "GET /v1/evidence/keys": Operation(record({"keys": listed({"type": "object"})})),
    "GET /v1/evidence/proof/{event_id}": Operation({"type": "object"}),
    "GET /v1/evidence/verify": Operation(_VERIFIED),
    "POST /v1/evidence/verify": Operation(
        _VERIFIED, body=record({"keys": listed(TEXT), "since": {"type": ["object", "null"]}}, ("keys", "since"))
    ),
    "POST /v1/events/{topic}": Operation(
        record({"accepted": NUMBER}), ("format",), body={"anyOf": [{"type": "object"}, listed({"type": "object"})]},
        accepts=(_JSON, "application/x-ndjson", "application/jsonl", "application/json-lines"),
    ),
    "POST /v1/traces": _OTLP,
    "POST /v1/logs": _OTLP,
}  # fmt: skip
#: Parts of a path that are one of few.
PLACES: dict[str, Schema] = {
    "kind": {"type": "string", "enum": ["alerts", "responses"]}, "topic": {"type": "string", "enum": list(PUBLIC)},
}  # fmt: skip
