"""OpenAI organization audit logs: changes become cloud audit events; API keys and logins become token issuance.

Source: OpenAI API reference, Audit logs (`GET /v1/organization/audit_logs`). What an event is about stands under a name
that is its type, with dots or underscores. Links: `actor.api_key.id` is the tracking id of the key used,
`api_key.created` names the key issued, `api_key.deleted` the one revoked.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, few, mapping, string, text_of, typed
from pipeline.normalize.mentions import LEAVES, mentions, strings
from pipeline.normalize.source import Source
from pipeline.normalize.times import epoch
from schemas.event import REVOKES, Event

FORMAT: Final = "openai.audit"
_OBJECT: Final = "organization.audit_log"
_LOGINS = ("login.succeeded", "login.failed", "logout.succeeded", "logout.failed")
#: Fields of an event's own object that are kept, and things that it names.
_KEPT, _NAMED = 12, 8


class Person(msgspec.Struct, gc=False):
    """A user, or a service account."""

    id: str | None = None
    email: str | None = None


class Session(msgspec.Struct, gc=False):
    """actor.session."""

    user: Person | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    ja3: str | None = None
    ja4: str | None = None
    ip_address_details: dict[str, Any] | None = None


class Key(msgspec.Struct, gc=False):
    """actor.api_key."""

    id: str | None = None
    type: str | None = None
    user: Person | None = None
    service_account: Person | None = None


class Actor(msgspec.Struct, gc=False):
    """Who did it: somebody in a session of the web, or an API key."""

    type: str | None = None
    session: Session | None = None
    api_key: Key | None = None


class Entry(msgspec.Struct, gc=False):
    """The fields of an audit log that all types of events have."""

    id: str | None = None
    type: str | None = None
    effective_at: Any = None
    project: dict[str, Any] | None = None
    actor: Actor | None = None


class Page(msgspec.Struct, gc=False):
    """What the API answers."""

    data: list[msgspec.Raw] | None = None


_decode, _page = msgspec.json.Decoder(Entry), msgspec.json.Decoder(Page)

SOURCE: Final = Source(
    name=FORMAT,
    title="OpenAI organization audit log",
    group="Cloud audit",
    documents=("OpenAI API reference: Audit logs (list, the audit log object)",),
    enable="An owner switches audit logging on under Organization settings, Data controls; it cannot be switched off "
    "again. Fetch `/v1/organization/audit_logs` with an admin key, and send the pages as they are.",
    links={
        "actor": "`actor.session.user.email`; of API keys the user's e-mail or the service account's id",
        "human": "the user of the session or of the key",
        "credential": "`actor.api_key.id`, the tracking id of the key (`openai:…`)",
        "issued": "`api_key_created.id` (`openai:…`)",
        "address": "`actor.session.ip_address`",
    },
    needs={
        "credential": "the act was done with an API key",
        "address": "the act was done in a session; of API keys no address is logged",
    },
    never={
        "session": "sessions have no id in this log",
        "request": "acts have no request id",
        "trace": "trace contexts are not logged",
        "tool_call": "requests to models and their tools are not in this log",
        "policy": "which permission allowed an act is not logged",
    },
    lost=(
        "requests to models: only acts of administration are logged",
        "whose an API key is that was created: the event names who created it",
        "times are of one second",
    ),
    ends="`api_key.deleted` revokes the key it names. Keys of a deleted service account or project are not named.",
    # What an event is about is kept as attributes whatever it is called, so there is no field to miss.
    known=None,
    mark=rb'"organization\.audit_log"|"audit_log[-_]',
    issuing=rb'"type"\s*:\s*"(?:api_key\.(?:created|deleted)|log(?:in|out)\.)',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an audit log, or a page of them."""
    first = next(iter(found["data"]), None) if isinstance(found.get("data"), list) else found
    first = mapping(first)
    return first.get("object") == _OBJECT or ("effective_at" in first and "actor" in first)


def split(value: bytes) -> list[bytes]:
    """The single events of a page."""
    if b'"data"' not in value or b'"list"' not in value:
        return [value]
    found: Page = typed(_page, value)
    return [value] if found.data is None else [bytes(one) for one in few("data", found.data)]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    entry: Entry = typed(_decode, value)
    if not entry.type:
        raise Invalid("type", "the type of the event, e.g. api_key.created", "nothing")
    actor = entry.actor or Actor()
    session, key = actor.session or Session(), actor.api_key or Key()
    person = session.user or key.user or Person()
    human = person.email or person.id or ""
    robot = key.service_account or Person()
    found = mapping(msgspec.json.decode(value))
    about = mapping(found.get(entry.type) or found.get(entry.type.replace(".", "_")))
    failed = entry.type.endswith(".failed")
    event = Event(
        event_id=content_id(value),
        kind="token_issuance" if entry.type.startswith("api_key.") or entry.type in _LOGINS else "cloud_audit",
        time=epoch("effective_at", entry.effective_at, 1, context),
        format=FORMAT,
        action=f"openai:{entry.type}",
        outcome="failure" if failed else "success",
        error=text_of(about.get("error_message") or about.get("error_code"), context.text_limit) if failed else "",
        actor=human or robot.id or key.id or "",
        actor_kind="human" if human else "workload" if robot.id or key.id else "",
        human=human,
        account=string(mapping(entry.project).get("id")),
        credential=f"openai:{key.id}" if key.id else "",
        resources=_resources(about),
        address=session.ip_address or "",
        user_agent=(session.user_agent or "")[:512],
        mentions=mentions(islice(strings(about), LEAVES), context),
        attributes=_attributes(entry, session, about),
    )
    _issue(event, entry.type, about)
    return [event]


def _issue(event: Event, what: str, about: dict[str, Any]) -> None:
    key = string(about.get("id"))
    if what in _LOGINS:
        event.issued_kind = "login"
        if what == "logout.succeeded":
            event.attributes["session"] = "ended"
    elif what == "api_key.created":
        event.issued, event.issued_kind = f"openai:{key}" if key else "", "api-key"
    elif what == "api_key.deleted" and key:
        event.attributes[REVOKES] = f"openai:{key}"


def _resources(about: dict[str, Any]) -> list[str]:
    named = [string(value) for name, value in about.items() if name == "id" or name.endswith("_id")]
    return [name for name in named if name][:_NAMED]


def _flat(about: dict[str, Any]) -> list[tuple[str, Any]]:
    """What an event is about, with what was set or asked to be changed one by one."""
    found: list[tuple[str, Any]] = []
    for name, value in list(about.items())[:_KEPT]:
        inner = value if name in ("data", "changes_requested") and isinstance(value, dict) else None
        found += [(name, value)] if inner is None else [(f"{name}.{part}", inner[part]) for part in list(inner)[:_KEPT]]
    return [(name, value) for name, value in found if name != "id"]


def _attributes(entry: Entry, session: Session, about: dict[str, Any]) -> dict[str, str]:
    kept = {name: text_of(value) for name, value in _flat(about)[:_KEPT]}
    kept |= {
        "id": entry.id or "",
        "project": text_of(mapping(entry.project).get("name")),
        "ja3": session.ja3 or "",
        "ja4": session.ja4 or "",
        "country": text_of((session.ip_address_details or {}).get("country")),
    }
    return {name[:128]: text[:256] for name, text in kept.items() if text}
