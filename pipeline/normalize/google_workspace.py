"""Google Workspace activity: logins and grants to applications become token issuance, all else cloud audit events.

Source: Google Workspace Admin SDK, Reports API: Activities; event names of the applications token, login, admin, drive
and rules. An activity may hold several events. Collectors flatten it to one event with a map of parameters: both
are read. Links: what a person grants to an application is one grant per person and client, so that is its name
(`google:grant/CLIENT/LOGIN`): `authorize` issues it, `activity` uses it, `revoke` ends it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, few, mapping, sequence, string, text_of, typed
from pipeline.normalize.mentions import mentions
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import instant
from schemas.event import REVOKES, Event

FORMAT: Final = "google.workspace"
_LOGINS = ("login_success", "login_failure", "logout")
#: Parameters that name a thing; of them and others, those that are kept.
_NAMES = (
    "doc_id", "target_user", "USER_EMAIL", "GROUP_EMAIL", "ROLE_NAME", "API_CLIENT_NAME", "client_id",
    "APPLICATION_NAME", "SETTING_NAME", "ORG_UNIT_NAME", "resource_id", "device_id", "DOMAIN_NAME",
)  # fmt: skip
_POLICIES = ("rule_name", "CAA_ACCESS_LEVEL_APPLIED")
_KEPT = 24


class Key(msgspec.Struct, gc=False):
    """id."""

    time: str | None = None
    uniqueQualifier: str | int | None = None
    applicationName: str | None = None
    customerId: str | None = None


class Actor(msgspec.Struct, gc=False):
    """actor."""

    email: str | None = None
    profileId: str | None = None
    callerType: str | None = None
    key: str | None = None
    applicationInfo: dict[str, Any] | None = None


class Happened(msgspec.Struct, gc=False):
    """One of events, or a flattened activity itself."""

    type: str | None = None
    name: str | None = None
    parameters: Any = None
    status: dict[str, Any] | None = None


class Activity(msgspec.Struct, gc=False):
    """An activity; the last three where it is flattened."""

    id: Key | None = None
    actor: Actor | None = None
    ipAddress: str | None = None
    ownerDomain: str | None = None
    networkInfo: dict[str, Any] | None = None
    events: list[Happened] | None = None
    type: str | None = None
    name: str | None = None
    parameters: Any = None


class Page(msgspec.Struct, gc=False):
    """What the API answers."""

    items: list[msgspec.Raw] | None = None


_decode, _page = msgspec.json.Decoder(Activity), msgspec.json.Decoder(Page)

SOURCE: Final = Source(
    name=FORMAT,
    title="Google Workspace activity",
    group="Token issuance",
    documents=(
        "Google Workspace Admin SDK: Reports API, Activities (list)",
        "Google Workspace Admin SDK: activity event names of token, login, admin, drive, rules",
    ),
    enable="Fetch `admin.reports.activities.list` for the applications `token`, `login`, `admin`, `drive` and `rules` "
    "with the scope `admin.reports.audit.readonly`, and send the pages as they are. Activities that a collector "
    "flattened are taken too.",
    links={
        "actor": "`actor.email`, else `actor.key`, `actor.profileId`",
        "human": "`actor.email` of people",
        "credential": "of `token` activity the grant of a person to a client (`google:grant/…`)",
        "issued": "of `authorize` the same grant",
        "policy": "`rule_name`, `CAA_ACCESS_LEVEL_APPLIED`",
        "address": "`ipAddress`",
    },
    needs={
        "credential": "the application `token`; other activities do not name the client that was used",
        "policy": "the applications `rules` and `context_aware_access`",
        "address": "acts of Google's own have none",
    },
    never={
        "session": "logins have no session id in this log",
        "request": "activities have no request id",
        "trace": "trace contexts are not logged",
        "tool_call": "Google does not see tools",
    },
    lost=(
        "which access or refresh token was used: a grant of a person to a client is all that is named",
        "`login` and `token` activities come up to hours late",
        "what was read in a document",
    ),
    ends="`revoke` ends the grant of a person to a client.",
    known=fields(Activity, "kind etag resourceDetails"),
    mark=rb'"admin#reports#activit|"applicationName".*"(?:parameters|events)"|"(?:parameters|events)".*"applicationName"',
    issuing=rb'"name"\s*:\s*"(?:authorize|revoke|login_success|login_failure|logout)"',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an activity, or a page of them."""
    return string(found.get("kind")).startswith("admin#reports#activit") or (
        "applicationName" in mapping(found.get("id")) and bool({"name", "events", "actor"} & found.keys())
    )


def split(value: bytes) -> list[bytes]:
    """The single activities of a page."""
    if b'"items"' not in value:
        return [value]
    found: Page = typed(_page, value)
    return [value] if found.items is None else [bytes(one) for one in few("items", found.items)]


def normalize(value: bytes, context: Context) -> list[Event]:
    """The events of one activity. Raises Invalid."""
    activity: Activity = typed(_decode, value)
    key = activity.id or Key()
    happened = few("events", activity.events or [Happened(activity.type, activity.name, activity.parameters)])
    time = instant("id.time", key.time, context)
    base = _id(key, value)
    events = []
    for number, one in enumerate(happened):
        if not one.name:
            raise Invalid("events[].name" if activity.events else "name", "the name of the event", "nothing")
        event = _event(activity, key, one, context)
        event.event_id, event.time = base if not number else f"{base}#{number}", time
        events.append(event)
    return events


def _id(key: Key, value: bytes) -> str:
    """Time, qualifier, application and customer identify an activity, says the vendor."""
    parts = (key.time, text_of(key.uniqueQualifier), key.applicationName, key.customerId)
    if not all(parts):
        return content_id(value)
    return hashlib.blake2b("\0".join(map(str, parts)).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _event(activity: Activity, key: Key, one: Happened, context: Context) -> Event:
    actor, parameters, application = activity.actor or Actor(), _parameters(one.parameters), key.applicationName or ""
    kind = _kind(actor)
    name = actor.email or actor.key or actor.profileId or ""
    event = Event(
        event_id="",
        kind="cloud_audit",
        time=0,
        format=FORMAT,
        action=f"workspace:{application}.{one.name}"[:256],
        outcome=_outcome(one),
        error=_error(one, parameters)[: context.text_limit],
        actor=name,
        actor_kind=kind,
        human=name if kind == "human" else "",
        account=key.customerId or "",
        resources=[text_of(parameters[field]) for field in _NAMES if parameters.get(field)][:16],
        address=activity.ipAddress or "",
        region=text_of((activity.networkInfo or {}).get("regionCode")),
        policy=next((text_of(parameters[field]) for field in _POLICIES if parameters.get(field)), ""),
        attributes=_attributes(activity, actor, one, parameters),
    )
    event.mentions = mentions(event.resources, context)
    _issue(event, application, one.name or "", parameters)
    return event


def _parameters(stated: Any) -> dict[str, Any]:
    """By name: a map as it is, a list of names with one value of several kinds each."""
    if isinstance(stated, dict):
        return dict(list(stated.items())[:64])
    found = {}
    for one in map(mapping, sequence(stated)[:64]):
        name = string(one.get("name"))
        found[name] = next((value for field, value in one.items() if field != "name" and value is not None), None)
    return found


def _kind(actor: Actor) -> str:
    if actor.callerType in ("KEY", "APPLICATION") or (actor.email or "").endswith("gserviceaccount.com"):
        return "workload"
    return "human" if actor.email or actor.callerType == "USER" else ""


def _outcome(one: Happened) -> str:
    stated = string((one.status or {}).get("eventStatus")).lower()
    failed = (one.name or "").endswith(("_failure", "_failed")) or stated.startswith(("fail", "error"))
    return "failure" if failed else "success"


def _error(one: Happened, parameters: dict[str, Any]) -> str:
    if _outcome(one) == "success":
        return ""
    stated = (one.status or {}).get("errorMessage") or parameters.get("login_failure_type")
    return text_of(stated)


def _attributes(activity: Activity, actor: Actor, one: Happened, parameters: dict[str, Any]) -> dict[str, str]:
    kept = {name: text_of(value) for name, value in list(parameters.items())[:_KEPT]}
    kept |= {
        "type": one.type or "",
        "profileId": actor.profileId or "",
        "callerType": actor.callerType or "",
        "ownerDomain": activity.ownerDomain or "",
        "oauthClientId": text_of((actor.applicationInfo or {}).get("oauthClientId")),
    }
    return {name[:128]: text[:256] for name, text in kept.items() if name and text}


def _issue(event: Event, application: str, what: str, parameters: dict[str, Any]) -> None:
    """Logins, and what a person grants to an application."""
    if what in _LOGINS:
        event.kind, event.issued_kind = "token_issuance", "login"
        if what == "logout":
            event.attributes["session"] = "ended"
    client = text_of(parameters.get("client_id"))
    if application != "token" or not client or not event.human:
        return
    grant = f"google:grant/{client}/{event.human.lower()}"
    if what == "authorize":
        event.kind, event.issued, event.issued_kind = "token_issuance", grant, "session"
        event.issued_subject = event.human
    elif what == "revoke":
        event.kind = "token_issuance"
        event.attributes[REVOKES] = grant
    else:
        event.credential = grant
