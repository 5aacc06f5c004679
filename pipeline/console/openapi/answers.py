"""The objects that the API answers with, each a component of the document."""

from __future__ import annotations

from pipeline.console.coverage import GAPS, STATED, Gap, Linking
from pipeline.console.openapi.shape import (
    FLAG,
    MAYBE_TEXT,
    MAYBE_TIME,
    NUMBER,
    TEXT,
    TIME,
    Schema,
    fields,
    hints,
    listed,
    named,
    of,
    record,
)  # fmt: skip
from pipeline.query.completing import Proposal
from pipeline.query.fields import Field
from pipeline.store.access import Key, Read
from pipeline.store.aliases import Alias, Known
from pipeline.store.casework import ABOUT, STATES, Case, Note, View
from pipeline.store.columns import COLUMNS, EVENT_FIELDS
from pipeline.store.coverage import LINKING, Source
from pipeline.store.details import Related
from pipeline.store.lineage import Issuance
from pipeline.store.points import Points
from pipeline.store.queries import Counts, DeadLetter, Rejections
from pipeline.store.seen import Credential, Identity, Session
from schemas.alert import Alert, Delivery, Response
from schemas.entry import Entry, Link
from schemas.event import Argument, Event
from schemas.finding import Finding
from schemas.incident import Incident

_SEEN = ("first", "last", "first_used", "last_used", "issued", "expires", "revoked", "ended")
_INCIDENT = (
    "time", "first", "last", "made", "issued", "expires", "revoked", "last_used", "since", "until",
)  # fmt: skip


def ref(name: str) -> Schema:
    """That component."""
    return {"$ref": f"#/components/schemas/{name}"}


def page(name: str, item: str, **more: Schema) -> Schema:
    """A page of items; `next` asks for the page after it, null at the end."""
    return record({name: listed(ref(item)), "next": MAYBE_TEXT, **more})


def _entry() -> Schema:
    event, found = hints(Event), hints(Entry)
    kinds = {
        column: event[EVENT_FIELDS[place]] if place < len(EVENT_FIELDS) else found.get(column)
        for place, column in enumerate(COLUMNS)
    }
    times = {name: MAYBE_TIME for name in ("issued_expires", "credential_expires", "credential_revoked")}
    special = {
        "time": TIME, **times, "link": TEXT, "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "links": listed(record(fields(Link))), "arguments": listed(record(fields(Argument))),
    }  # fmt: skip
    left = ("tokens", "argument_tokens")
    return record({name: special.get(name) or of(kind) for name, kind in kinds.items() if name not in left})


def _inventory() -> dict[str, Schema]:
    related = record(fields(Related, ("first", "last")))
    detail = {
        "complete": FLAG, "related": named(record({"total": NUMBER, "values": listed(related)})),
        "superseded_by": listed(related), "children": listed(related),
    }  # fmt: skip
    issuances = listed(record(fields(Issuance, ("time", "expires"))))
    identity = fields(Identity, _SEEN) | {"current": FLAG, "disagree": FLAG, "names": listed(ref("Name")), "role": TEXT}
    credential = fields(Credential, _SEEN) | {"current": FLAG, "state": TEXT, "used_after": TEXT}
    session = fields(Session, _SEEN) | {"current": FLAG, "state": TEXT}
    return {
        "Identity": record(identity),
        "Credential": record(credential),
        "Session": record(session),
        "IdentityInDetail": record({**identity, **detail, "behaviour": listed({"type": "object"})}),
        "CredentialInDetail": record(
            {**credential, **detail, "ancestors": issuances, "descendants": issuances, "family_truncated": FLAG},
            ("ancestors", "descendants", "family_truncated"),
        ),
        "SessionInDetail": record({**session, **detail}),
    }


def _alerts() -> dict[str, Schema]:
    change = {"what": TEXT, "by": TEXT, "at": MAYBE_TIME, "reason": TEXT, "verdict": TEXT}
    alert = fields(Alert, ("first", "last", "at"), ("news", "quiet", "quotes")) | {"changes": listed(record(change))}
    response = fields(Response, ("at",)) | {
        "changes": listed(record({**change, "decision_id": TEXT})), "request": record({
            "method": TEXT, "url": TEXT, "headers": named(TEXT), "body": TEXT,
        }),
    }  # fmt: skip
    finding = fields(Finding, (), ("retracted",)) | {"time": TIME}
    evidence = {"evidence": listed(ref("Entry")), "missing": listed(TEXT)}
    return {
        "Finding": record(finding),
        "FindingInDetail": record({**finding, **evidence}),
        "Alert": record(alert),
        "Response": record(response),
        "Delivery": record(fields(Delivery, ("at",))),
        "AlertInDetail": record({
            **alert, **evidence, "deliveries": listed(ref("Delivery")), "responses": listed(ref("Response")),
            "similar": listed(ref("Alert")),
        }),
        "Decided": record({"decision_id": TEXT, "about": TEXT, "what": TEXT, "by": TEXT}),
    }  # fmt: skip


def _process() -> dict[str, Schema]:
    counts = fields(Counts, ("last_event",)) | {
        "findings": NUMBER, "open_alerts": NUMBER, "links": named(NUMBER), "rejections": listed(
            record(fields(Rejections))
        ), "error": TEXT,
    }  # fmt: skip
    access = record({"open": FLAG, "name": TEXT, "role": TEXT, "content": TEXT})
    said = {
        "lag": named(NUMBER),
        "lag_by_topic": named(named(NUMBER)),
        "counts": named(NUMBER),
        "troubles": named(TEXT),
    }
    letter = fields(DeadLetter) | {"time": TIME}
    return {
        "Health": record(
            {"service": {"const": "whodid"}, "healthy": FLAG, "login": FLAG, "reasons": listed(TEXT),
             "embedded_store": MAYBE_TEXT}, ("reasons", "embedded_store"),
        ),
        # While the store is away it has `error` and nothing else.
        "Status": record({**said, "store": record(counts, counts), "access": access}, said),
        "DeadLetter": record(letter),
        "DeadLetterInDetail": record(
            {**letter, "value": TEXT, "encoding": {"enum": ["utf-8", "base64"]}}
        ),
    }  # fmt: skip


def _access() -> dict[str, Schema]:
    key = fields(Key, ("made", "expires", "revoked"), ("revision", "digest")) | {
        "state": {"enum": ["live", "expired", "revoked"]}, "last_used": MAYBE_TIME, "last_address": TEXT,
    }  # fmt: skip
    return {
        "Person": record({
            "name": TEXT, "role": TEXT, "content": {"enum": ["hashes", "masked", "full"]}, "scopes": listed(TEXT),
            "via": {"enum": ["open", "key", "oidc"]}, "key": TEXT,
        }),
        "Key": record(key),
        "NewKey": record({"key": TEXT, **key}),
        "Read": record(fields(Read, ("at",))),
    }  # fmt: skip


def _search() -> dict[str, Schema]:
    risk = {"risk": {"type": "number", "minimum": 0, "maximum": 1}, "findings": listed(TEXT)}
    entry = _entry()
    return {
        "Entry": entry,
        "FoundEntry": record({**entry["properties"], **risk}),
        "Amount": record({"count": NUMBER, "more": FLAG}),
        "Histogram": record({"start": TIME, "width": NUMBER, "counts": listed(NUMBER)}),
        # Columns of equal length; times are microseconds since 1970.
        "Points": record(fields(Points) | {"total": ref("Amount")}),
        "Completion": record({"begin": NUMBER, "end": NUMBER, "proposals": listed(record(fields(Proposal)))}),
        "Field": record(fields(Field) | {"values": listed(TEXT)}),
    }


def _casework() -> dict[str, Schema]:
    case = fields(Case) | {"at": TIME, "opened": TIME, "state": {"enum": list(STATES)}}
    note = fields(Note, (), ("removed",)) | {"at": TIME, "about": {"enum": list(ABOUT)}}
    return {
        "Case": record(case),
        "Note": record(note),
        "CaseInDetail": record({**case, "notes": listed(ref("Note"))}),
        "View": record(fields(View, (), ("removed", "revision")) | {"at": TIME}),
    }


def _coverage() -> Schema:
    link = record(fields(Linking) | {"link": {"enum": list(LINKING)}, "state": {"enum": list(STATED)}})
    share = {"type": "number"}
    source = fields(Source) | {"first": TIME, "last": TIME, "unbound": NUMBER, "unbound_share": share}
    source |= {"linking": listed(link)}
    gap = fields(Gap) | {"name": {"enum": list(GAPS)}, "share": {"type": "number"}, "fix": TEXT}
    return record({
        "since": TIME, "until": TIME, "events": NUMBER, "sources": listed(record(source)), "gaps": listed(record(gap)),
    })  # fmt: skip


def _error() -> Schema:
    """Of a query it says too where it is at fault, counted from 1, what would be right there, and what was meant."""
    place = {"column": NUMBER, "length": NUMBER, "expected": TEXT, "meant": TEXT}
    return record({"error": record({"parameter": TEXT, "message": TEXT, **place}, place)})


COMPONENTS: dict[str, Schema] = {
    "Error": _error(),
    **_search(),
    "Name": record(fields(Known) | {"at": MAYBE_TIME}),
    "Alias": record(fields(Alias, ("at",))),
    "Incident": record(fields(Incident, _INCIDENT)),
    **_inventory(),
    **_alerts(),
    **_process(),
    **_access(),
    **_casework(),
    "Coverage": _coverage(),
}
