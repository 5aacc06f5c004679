"""The one table that says of every route of the API what it takes and what it answers.

A route that is not in it is not in the document, and the test that compares both fails.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.alert.life import ALERT, VERDICTS
from pipeline.console.access.who import BY_TITLE, SCOPES
from pipeline.console.casework import CHANGES
from pipeline.console.exporting import FORMATS, TYPES
from pipeline.console.openapi.answers import page, ref
from pipeline.console.openapi.shape import FLAG, MAYBE_TEXT, MAYBE_TIME, NUMBER, TEXT, Schema, listed, record
from pipeline.console.search_api import ORDERS
from pipeline.kit.topics import PUBLIC
from pipeline.query.parsing import LENGTH
from pipeline.reconstruct.clue import KINDS
from pipeline.report.content import ROLES
from pipeline.store.amounts import MOST_BINS
from pipeline.store.casework import ABOUT, SHORT, STATES
from pipeline.store.coverage import MOST_DAYS
from pipeline.store.findings import SEVERITIES
from pipeline.store.pivots import MAX_LIMIT, PIVOTS
from pipeline.store.points import MOST_POINTS

_JSON = "application/json"
_MOMENT: Schema = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}],
    "description": "ISO 8601; without a zone it is UTC",
}
_BOOL: Schema = {"type": "string", "enum": ["true", "false"]}
_LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "description": "Items of a page at most"}
_EXACT = _BOOL | {"description": "An actor or a human is that very name, not all names of the identity"}
_NAME: Schema = {"type": "string", "maxLength": 4096}
#: Parameters of a query, which are the same wherever they are.
PARAMETERS: dict[str, Schema] = {
    **dict.fromkeys(PIVOTS, _NAME), "since": _MOMENT, "until": _MOMENT, "before": _MOMENT, "exact": _EXACT,
    "suppressed": _BOOL, "superseded": _BOOL, "everything": _BOOL, "history": _BOOL, "limit": _LIMIT,
    "after": {"type": "string", "pattern": r"^-?[0-9]{1,18}:", "description": "`next` of the page before"},
    "offset": {"type": "integer", "minimum": 0, "maximum": 2**62}, "stage": TEXT, "of": _NAME, "kind": TEXT,
    "severity": {"type": "string", "enum": list(SEVERITIES)}, "detection": _NAME, "clue": _NAME,
    "cutoff": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "role": {"type": "string", "enum": list(ROLES)},
    "state": _NAME, "verdict": _NAME, "family": _NAME, "fingerprint": _NAME, "part_of": _NAME, "alert": _NAME,
    "destination": _NAME, "outcome": _NAME, "name": _NAME, "subject": _NAME, "event": _NAME, "format": TEXT,
    "q": {"type": "string", "maxLength": LENGTH, "description": "A query; empty finds everything"},
    "order": {"type": "string", "enum": list(ORDERS), "default": ORDERS[0], "description": "Which come first"},
    "bins": {"type": "integer", "minimum": 1, "maximum": MOST_BINS},
    "at": {"type": "integer", "minimum": 0, "maximum": LENGTH},
    "days": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS},
    "by": {"type": "string", "maxLength": SHORT, "description": "Who says so; who signed in says it in their own name"},
}  # fmt: skip


class Operation(NamedTuple):
    """What a route takes and answers. Errors are the same everywhere, and not said here."""

    answer: Schema
    #: Of the query, by their names in PARAMETERS; and those, of the path too, that are not as there.
    takes: tuple[str, ...] = ()
    otherwise: dict[str, Schema] = {}
    status: int = 200
    media: tuple[str, ...] = (_JSON,)
    body: Schema | None = None
    accepts: tuple[str, ...] = (_JSON,)
    #: Headers that it heeds.
    heeds: dict[str, Schema] = {}
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

_BASE64: Schema = {"type": "string", "contentEncoding": "base64"}
_QUERY = ("q", "exact")
_SPOKEN: Schema = {"type": "string", "maxLength": SHORT}
_CASE = {name: {"enum": list(STATES)} if name == "state" else TEXT for name in CHANGES} | {"by": _SPOKEN}
_NEW_CASE = record({name: _CASE[name] for name in ("title", "clue", "kind", "by")}, ("clue", "kind", "by"))
_CHANGED_CASE = record({"revision": NUMBER, **_CASE}, _CASE)
_NEW_NOTE = record({"text": TEXT, "event_id": TEXT, "by": _SPOKEN}, ("text", "event_id", "by"))
_NEW_VIEW = record({"name": _SPOKEN, "query": TEXT, "by": _SPOKEN}, ("by",))
_NOTED: dict[str, Schema] = {"about": {"type": "string", "enum": list(ABOUT)}}
_FILE: Schema = {
    "type": "string", "description": "JSON lines, each a FoundEntry; or a table with its fields as columns",
}  # fmt: skip
#: Each event of the stream.
_STREAM = record({
    "event": {"enum": ["ready", "entry", "trouble"]}, "id": TEXT, "data": {
        "type": "string", "contentMediaType": "application/json",
        "description": "Of `ready` {}, of `entry` a FoundEntry, of `trouble` a `message`",
    },
})  # fmt: skip
_ENDED: Schema = {"type": "string", "pattern": "^[0-9]{1,18}$", "description": "Where a stream that broke off ended"}

OPERATIONS: dict[str, Operation] = {
    "GET /healthz": Operation(ref("Health")),
    "GET /v1/openapi.json": Operation({"type": "object"}),
    "GET /v1/me": Operation(ref("Person")),
    "GET /v1/timeline": Operation(
        page("entries", "Entry", pivot=TEXT, value=TEXT, names=listed(ref("Name"))), (*PIVOTS, *_SPAN, "exact")
    ),
    "GET /v1/events/{event_id}": Operation(ref("Entry")),
    "GET /v1/search": Operation(
        page("entries", "FoundEntry", query=TEXT, looked=MAYBE_TIME, names=listed(ref("Name"))),
        (*_QUERY, "after", "limit", "order"),
    ),
    "GET /v1/search/count": Operation(ref("Amount"), _QUERY),
    "GET /v1/search/histogram": Operation(ref("Histogram"), (*_QUERY, "bins")),
    "GET /v1/search/points": Operation(
        ref("Points"), (*_QUERY, "limit", "order"),
        {"limit": {"type": "integer", "minimum": 1, "maximum": MOST_POINTS}},
    ),
    "GET /v1/complete": Operation(ref("Completion"), ("q", "at")),
    "GET /v1/fields": Operation(record({"fields": listed(ref("Field"))})),
    "GET /v1/export": Operation(
        _FILE, (*_QUERY, "format"), {"format": {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]}},
        media=tuple(one.partition(";")[0] for one in TYPES.values()),
    ),
    "GET /v1/tail": Operation(_STREAM, _QUERY, media=("text/event-stream",), heeds={"last-event-id": _ENDED}),
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
    "GET /v1/cases": Operation(
        record({"cases": listed(ref("Case"))}), ("state",), {"state": {"type": "string", "enum": list(STATES)}}
    ),
    "POST /v1/cases": Operation(ref("Case"), status=201, body=_NEW_CASE),
    "GET /v1/cases/{case_id}": Operation(ref("CaseInDetail")),
    "PATCH /v1/cases/{case_id}": Operation(ref("Case"), body=_CHANGED_CASE),
    "GET /v1/cases/{case_id}/export": Operation(TEXT, media=("text/markdown",)),
    "GET /v1/notes/{about}/{name}": Operation(record({"notes": listed(ref("Note"))}), otherwise=_NOTED),
    "POST /v1/notes/{about}/{name}": Operation(ref("Note"), otherwise=_NOTED, status=201, body=_NEW_NOTE),
    "DELETE /v1/notes/{about}/{note_id}/{name}": Operation(ref("Note"), ("by",), _NOTED),
    "GET /v1/views": Operation(record({"views": listed(ref("View"))})),
    "POST /v1/views": Operation(ref("View"), status=201, body=_NEW_VIEW),
    "DELETE /v1/views/{name}": Operation(ref("View"), ("by",)),
    "GET /v1/coverage": Operation(ref("Coverage"), ("days",)),
    "GET /v1/deliveries": Operation(
        record({"deliveries": listed(ref("Delivery"))}), ("alert", "destination", "outcome", "limit")
    ),
    "GET /v1/responses": Operation(record({"responses": listed(ref("Response"))}), ("alert", "state", "limit")),
    "GET /v1/reconstruct": Operation(ref("Incident"), _CLUE, _CLUES),
    "GET /v1/reconstruct/bundle": Operation(
        {"type": "string", "contentEncoding": "binary"}, _CLUE, _CLUES, media=("application/zip",)
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
    "POST /v1/firehose/{topic}": Operation(
        record({"requestId": TEXT, "timestamp": NUMBER}), ("format",),
        body=record({"requestId": TEXT, "timestamp": NUMBER, "records": listed(record({"data": _BASE64}))}),
        error=record({"requestId": TEXT, "timestamp": NUMBER, "errorMessage": TEXT}),
    ),
    "POST /v1/pubsub/{topic}": Operation(
        record({"accepted": NUMBER}), ("format",),
        body=record({"message": record({"data": _BASE64}, ("data",)), "subscription": TEXT}),
    ),
}  # fmt: skip
#: Parts of a path that are one of few.
PLACES: dict[str, Schema] = {
    "kind": {"type": "string", "enum": ["alerts", "responses"]}, "topic": {"type": "string", "enum": list(PUBLIC)},
}  # fmt: skip
