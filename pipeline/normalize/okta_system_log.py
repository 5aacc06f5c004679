"""Okta System Log: events become cloud audit events; token grants, API tokens and logins become token issuance.

Source: Okta developer documentation, System Log API (LogEvent) and Event Types; of token grants, what orgs log. Links:
`authenticationContext.externalSessionId` is the login session; `transaction.detail.requestApiTokenId` the API token
used; of a grant, the hash, else the id, of the token among `target` is the credential issued, to `detailEntry.subject`;
of a revocation, the one revoked.
Along an exchange for an agent (ID-JAG) the actor changes from the person to the agent, and the person is a target: both
are stated as a chain. Okta writes `unknown` and `-` for what it does not know. Event hooks, EventBridge are unwrapped;
events out of a data warehouse, whose columns have no capitals, are read as well.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import chain_of, delegation
from pipeline.normalize.documents import few, identify, mapping, string, text_of, too_deep, typed
from pipeline.normalize.mask import without
from pipeline.normalize.mentions import mentions
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import expiry, instant
from schemas.event import REVOKES, SIGNS_ON, Event

FORMAT: Final = "okta.system-log"
_ISSUING = re.compile(
    r"app\.oauth2\.(?:as\.)?(?:token\.(?:grant|revoke)|authorize)|system\.api_token\.|user\.session\.(?:start|end)$"
)
_SECRETS = frozenset({"clientSecret"})
_AWS = re.compile(r"(?i)\baws\b|amazon web services|amazon_aws")
_UNKNOWN = ("", "unknown", "-", "null")
_KINDS = {
    "user": "human", "aiagent": "agent", "workloadprincipal": "agent", "publicclientapp": "workload",
    "client": "workload", "systemprincipal": "service",
}  # fmt: skip
_OUTCOMES = {"SUCCESS": "success", "ALLOW": "success", "FAILURE": "failure", "DENY": "denied"}
_DEBUG = (
    "grantType", "grantedScopes", "requestedScopes", "authorizationServerName", "resourceConnectionId", "dtHash",
    "requestId", "requestUri", "threatSuspected", "privilegeGranted", "behaviors", "logOnlySecurityData",
)  # fmt: skip


class Party(msgspec.Struct, gc=False):
    """actor, and one of target."""

    id: str | None = None
    type: str | None = None
    alternateId: str | None = None
    displayName: str | None = None
    detailEntry: dict[str, Any] | None = None


class Client(msgspec.Struct, gc=False):
    """client."""

    id: str | None = None
    ipAddress: str | None = None
    userAgent: dict[str, Any] | None = None
    zone: str | None = None
    device: str | None = None


class Authentication(msgspec.Struct, gc=False):
    """authenticationContext."""

    externalSessionId: str | None = None
    rootSessionId: str | None = None
    authenticationProvider: str | None = None
    credentialType: str | None = None


class Outcome(msgspec.Struct, gc=False):
    """outcome."""

    result: str | None = None
    reason: str | None = None


class Transaction(msgspec.Struct, gc=False):
    """transaction."""

    id: str | None = None
    detail: dict[str, Any] | None = None


class Debug(msgspec.Struct, gc=False):
    """debugContext."""

    debugData: dict[str, Any] | None = None


class Entry(msgspec.Struct, gc=False):
    """The fields of a LogEvent that are read."""

    uuid: str | None = None
    published: str | None = None
    eventType: str | None = None
    legacyEventType: str | None = None
    displayMessage: str | None = None
    actor: Party | None = None
    client: Client | None = None
    authenticationContext: Authentication | None = None
    outcome: Outcome | None = None
    transaction: Transaction | None = None
    debugContext: Debug | None = None
    securityContext: Any = None
    target: list[Party] | None = None


class Hook(msgspec.Struct, gc=False):
    """data of an event hook."""

    events: list[msgspec.Raw] | None = None


class Envelope(msgspec.Struct, gc=False):
    """An event hook's request, or an EventBridge event."""

    published: Any = None
    data: Hook | None = None
    detail: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(Entry)
_envelope = msgspec.json.Decoder(Envelope)


SOURCE: Final = Source(
    name=FORMAT,
    title="Okta System Log",
    group="Token issuance",
    documents=("Okta: System Log API (LogEvent)", "Okta: Event types", "Okta: Cross App Access (ID-JAG)"),
    enable="The System Log is always on; it is kept for 90 days. Have it sent by an event hook, by log streaming to "
    "Amazon EventBridge (both envelopes are unwrapped), or fetch `/api/v1/logs` and send the pages.",
    links={
        "actor": "`actor.alternateId` of people (the login that other logs know), `actor.id` of all others",
        "human": "the actor, or of a grant to somebody else the `target[]` of type User",
        "session": "`authenticationContext.externalSessionId`; `rootSessionId` is its parent",
        "credential": "`transaction.detail.requestApiTokenId` (`okta:…`)",
        "issued": "of the token among `target[]`: `detailEntry.hash`, else `id` (`okta:…`)",
        "request": "`transaction.id`",
        "policy": "policy and rule among `target[]`",
        "address": "`client.ipAddress`",
    },
    needs={
        "credential": "calls made with an API token; people in the web console have a session only",
        "issued": "`app.oauth2…token.grant.*` and `system.api_token.*`; a grant that failed names no token",
        "policy": "`policy.evaluate_sign_on` and the like; other events name policies as their objects only",
    },
    never={"trace": "Okta does not log trace contexts", "tool_call": "Okta does not see tools"},
    lost=("which token paid for a grant: an exchange names who, not with what",),
    ends="Revoked by `system.api_token.revoke`, and by `app.oauth2…token.revoke` that names the token with its hash. "
    "Grants state their expiry. Revocations of all tokens of a user or a client name none.",
    known=fields(
        Entry,
        "version severity client.geographicalContext request displayMessage authenticationContext.authenticationStep"
        " authenticationContext.credentialProvider authenticationContext.interface authenticationContext.issuer"
        " transaction.type securityContext debugContext.debugData",
    ),
    mark=rb'"(?:legacyEventType|debugContext|externalSessionId)"|"com\.okta\.event_hook"|aws\.partner/okta\.com',
    issuing=rb'"(?:app\.oauth2\.(?:as\.)?(?:token\.|authorize)|system\.api_token\.|user\.session\.(?:start|end)")',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a LogEvent, an event hook's request or Okta's EventBridge event."""
    if (
        string(found.get("source")).startswith("aws.partner/okta.com")
        or found.get("eventType") == "com.okta.event_hook"
    ):
        return True
    if "eventtype" in found and {"published", "actor"} <= found.keys():
        return True
    return "eventType" in found and bool({"published", "legacyEventType", "debugContext", "outcome"} & found.keys())


def split(value: bytes) -> list[bytes]:
    """The single events of an event hook's request or an EventBridge event."""
    if b'"com.okta.event_hook"' not in value and b"aws.partner/okta.com" not in value:
        return [value]
    found: Envelope = typed(_envelope, value)
    if found.published is None and found.data is not None and found.data.events is not None:
        return [bytes(event) for event in few("data.events", found.data.events)]
    return [bytes(found.detail)] if found.published is None and bytes(found.detail)[:1] == b"{" else [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    entry: Entry = typed(_decode, value)
    if not entry.eventType:
        raise Invalid("eventType", "the type of the event, e.g. user.session.start", "nothing")
    actor, client = entry.actor or Party(), entry.client or Client()
    login, outcome = entry.authenticationContext or Authentication(), entry.outcome or Outcome()
    transaction = entry.transaction or Transaction()
    session, root = _known(login.externalSessionId), _known(login.rootSessionId)
    token = _known(string((transaction.detail or {}).get("requestApiTokenId")))
    came = _OUTCOMES.get(outcome.result or "", "")
    event = Event(
        event_id=identify(entry.uuid, value),
        kind="token_issuance" if _ISSUING.match(entry.eventType) else "cloud_audit",
        time=instant("published", entry.published, context),
        format=FORMAT,
        action=f"okta:{entry.eventType}",
        outcome=came,
        error="" if came == "success" else _known(outcome.reason)[: context.text_limit],
        actor=_name(actor),
        actor_kind=_kind(actor),
        actor_name=_known(actor.displayName),
        human=_name(actor) if _kind(actor) == "human" else "",
        session=session,
        parent_session=root if root != session else "",
        credential=f"okta:{token}" if token else "",
        request=_known(transaction.id),
        resources=[f"{one.type or 'Object'}/{_name(one)}" for one in entry.target or () if _name(one)][:16],
        address=client.ipAddress or "",
        user_agent=string((client.userAgent or {}).get("rawUserAgent"))[:512],
        policy=_policy(entry),
        mentions=mentions(
            [name for one in entry.target or () for name in (_name(one), one.displayName or "")], context
        ),
        attributes=_attributes(entry, actor, client, login),
    )
    if event.kind == "token_issuance":
        _issue(event, entry.eventType, entry.target or [])
    return [event]


def conceals(value: bytes, context: Context) -> bytes:
    """The event without a client's secret, which Okta notes among the debug data of some grants."""
    return without(value, _SECRETS, context)


def _known(text: str | None) -> str:
    return text if text is not None and text not in _UNKNOWN else ""


def _kind(party: Party) -> str:
    name = "".join(letter for letter in (party.type or "").lower() if letter.isalpha())
    return "agent" if name in _KINDS and (party.id or "").startswith("wlp") else _KINDS.get(name, "")


def _name(party: Party) -> str:
    """A person by the login that other logs know too, all others by their id."""
    identifier, login = _known(party.id), _known(party.alternateId)
    return login or identifier if _kind(party) == "human" else identifier or login


def _policy(entry: Entry) -> str:
    """The policy and the rule that an evaluation names; other events name policies as their objects only."""
    if not (entry.eventType or "").startswith("policy.evaluate"):
        return ""
    names = [one.displayName for one in entry.target or () if (one.type or "").startswith("Policy") and one.displayName]
    return " / ".join(dict.fromkeys(names))[:512]


def _attributes(entry: Entry, actor: Party, client: Client, login: Authentication) -> dict[str, str]:
    debug = (entry.debugContext.debugData if entry.debugContext else None) or {}
    kept = {name: text_of(debug[name]) for name in _DEBUG if name in debug}
    kept |= {
        "actorId": actor.id or "",
        "actorType": actor.type or "",
        "clientId": client.id or "",
        "zone": client.zone or "",
        "device": client.device or "",
        "credentialType": login.credentialType or "",
        "authenticationProvider": login.authenticationProvider or "",
        "displayMessage": entry.displayMessage or "",
        "legacyEventType": entry.legacyEventType or "",
        "isProxy": text_of(mapping(entry.securityContext).get("isProxy")),
        "targets": ", ".join(one.displayName for one in entry.target or () if one.displayName),
        "result": entry.outcome.result or "" if entry.outcome else "",
        "session": "ended" if entry.eventType == "user.session.end" else "",
        SIGNS_ON: _cloud(entry) if entry.eventType == "user.authentication.sso" else "",
    }
    return {name: text[:256] for name, text in kept.items() if _known(text)}


def _cloud(entry: Entry) -> str:
    """The cloud whose application a person opens: its name says so in Okta's catalogue, and should in anybody's own."""
    names = [name for one in entry.target or () for name in (one.alternateId, one.displayName) if name]
    return "aws" if any(_AWS.search(name) for name in names) else ""


def _issue(event: Event, what: str, targets: list[Party]) -> None:
    """What was granted to whom. A failed grant names no token."""
    event.issued_kind = "login" if what.startswith("user.session") else "session"
    token, person = _token(what, targets), next((one for one in targets if _kind(one) == "human"), Party())
    if event.actor_kind != "human":
        event.human = _name(person)
    detail = (token.detailEntry if token else None) or {}
    chain = [event.actor, *_actors(detail), event.human]
    event.attributes.update(delegation(chain))
    if token is None or event.outcome in ("failure", "denied"):
        return
    identifier = _known(text_of(detail.get("hash"))) or _known(token.id)
    if "revoke" in what:
        hashed = "hash" in detail or what.startswith("system.api_token")
        if identifier and hashed and event.outcome == "success":
            event.attributes[REVOKES] = f"okta:{identifier}"
        return
    event.issued = f"okta:{identifier}" if identifier else ""
    event.issued_kind = "api-key" if what.startswith("system.api_token") else "session"
    event.issued_expires = expiry(detail.get("expires"))
    event.issued_subject = _known(text_of(detail.get("subject"))) or event.human or event.actor


def _token(what: str, targets: list[Party]) -> Party | None:
    """The token among the objects of a grant: the one that the event's type ends in, else what has a token's hash."""
    if what.startswith("system.api_token"):
        return next((one for one in targets if (one.type or "").lower() == "token"), None)
    named = what.rpartition(".")[2]
    hashed = [one for one in targets if "hash" in (one.detailEntry or ())]
    return next((one for one in targets if one.type == named), None) or next(iter(hashed), None)


def _actors(detail: dict[str, Any]) -> list[str]:
    """Who acts with a token, as its `act` claim says, given as JSON or as a name."""
    stated: Any = detail.get("actor")
    if isinstance(stated, str) and stated[:1] == "{" and not too_deep(stated.encode("utf-8", "replace")):
        try:
            stated = msgspec.json.decode(stated)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return []
    return [_known(string(stated))] if not isinstance(stated, dict) else chain_of({"act": stated})
