"""Anybody's own token service: what it issues, exchanges, refreshes and revokes, told by the tokens' claims.

Source: RFC 7519, RFC 8693 (token exchange), RFC 7662 (introspection), RFC 7009 (revocation), RFC 8417 (security event
tokens), OpenID Connect Back-Channel Logout. The envelope is whodid's own: `event`, `time`, `claims` of the token that
it is about, and of those it was made from `subject_claims` and `actor_claims`, or their ids. Security events may come
bare. Tokens of CI jobs and of pods come this way as well (`claims`). A token that is given raw becomes a keyed hash.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.claims import attributes, credential, moment, parties, session
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import identify, string, text_of, typed
from pipeline.normalize.mask import without
from pipeline.normalize.security_event import told
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import checked, instant
from schemas.event import RENEWS, REVOKES, Event

FORMAT: Final = "token.claims"
_GRANTS = ("issued", "exchanged", "refreshed")
_USES = ("used", "introspected")
_EVENTS = (*_GRANTS, *_USES, "revoked", "logout")
_KINDS = ("human", "agent", "service", "workload", "ci")
_OUTCOMES = ("success", "failure", "denied")
_TOKENS = frozenset({"claims", "subject_claims", "token_id", "subject_token_id", "token", "subject_token"})
#: Where tokens and secrets stand, of requests and answers as RFC 6749, 7523 and 8693 name them.
_SECRETS = frozenset({
    "token", "access_token", "refresh_token", "id_token", "subject_token", "actor_token", "logout_token", "assertion",
    "client_assertion", "client_secret", "code", "code_verifier", "device_code", "password",
})  # fmt: skip


class Told(msgspec.Struct, gc=False):
    """What a token service tells of; a bare security event token has the fields from iss on."""

    event: str | None = None
    time: int | float | str | None = None
    id: str | None = None
    claims: dict[str, Any] | None = None
    subject_claims: dict[str, Any] | None = None
    actor_claims: dict[str, Any] | None = None
    token_id: str | None = None
    subject_token_id: str | None = None
    actor_token_id: str | None = None
    token: str | None = None
    subject_token: str | None = None
    client_id: str | None = None
    actor_kind: str | None = None
    grant_type: str | None = None
    session_id: str | None = None
    tenant: str | None = None
    resource: str | list[str] | None = None
    outcome: str | None = None
    error: str | None = None
    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    policy: str | None = None
    events: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(Told)
_fields = msgspec.json.Decoder(dict[str, Any])


SOURCE: Final = Source(
    name=FORMAT,
    title="Claims of tokens (any token service)",
    group="Token issuance",
    documents=(
        "RFC 7519: JSON Web Token",
        "RFC 8693: OAuth 2.0 Token Exchange",
        "RFC 7662: OAuth 2.0 Token Introspection; RFC 7009: Token Revocation",
        "RFC 8417: Security Event Token; RFC 9493: Subject Identifiers",
        "OpenID Shared Signals Framework, CAEP and RISC",
        "OpenID Connect Back-Channel Logout",
        "GitHub: OpenID Connect (Actions); GitLab: ID tokens",
        "Kubernetes: Managing Service Accounts (projected tokens)",
    ),
    enable="Have the token service, or whoever takes its tokens, write a line of JSON for each act: "
    '`{"event": "issued", "time": …, "claims": {…}}`. `event` is one of issued, exchanged, refreshed, used, '
    "introspected, revoked, logout; `claims` are those of the token that it is about, an answer of "
    "introspection as it is; `subject_claims` and "
    "`actor_claims`, or `subject_token_id` and `actor_token_id`, those that it was made from. Beside them `client_id`, "
    "`grant_type`, `address`, `request_id`, `trace_id`, `outcome`, `error`, `policy`, `resource`. In a job of GitHub "
    "Actions or GitLab send the claims of its ID token. Security event tokens are taken as they are, decoded.",
    links={
        "actor": "the outermost `act`; else `actor_claims.sub`; else the client (`client_id`, `azp`) that acts for "
        "`sub`; else `sub`. Of CI jobs `sub`",
        "human": "`email`, `preferred_username`, `username` or `upn`; of a chain its last; of GitHub's jobs `actor`, "
        "of GitLab's `user_email`, else `user_login`",
        "session": "`sid`, else `session_id`; of CI jobs the run (`github:run/…`, `gitlab:pipeline/…`)",
        "credential": "`jti` of a token used; of a grant that of `subject_claims`, or `subject_token_id` (`jti:…`, of "
        "Kubernetes `kubernetes:JTI=…`, of Entra `entra:…` by `uti`); else the hash of the token itself",
        "issued": "`jti` of `claims`, in the same spelling; else the hash of the token itself",
        "request": "`request_id`, or `txn` of a security event",
        "trace": "`trace_id`",
        "policy": "`policy`",
        "address": "`address`, or `last_known_ip` of a security event",
    },
    needs={
        "credential": "tokens with a `jti`, or a raw `token` in the record: its keyed hash links uses that are told "
        "the same way",
        "human": "claims that name a person; an opaque `sub` is the end of the chain, but no name that others know",
    },
    never={"tool_call": "a token service does not see tools"},
    lost=("impersonation: an exchange without `act` cannot be told from the subject acting",),
    ends="`revoked` ends the token of `claims` or `token_id`; a refresh that answers with the same `jti` renews it. "
    "`logout`, `session-revoked` and back-channel logout end the session; a subject of the format `jwt_id`, the token. "
    "Grants state their expiry by `exp`.",
    known=fields(
        Told, " ".join(sorted(_SECRETS)) + " iss iat jti aud sub sub_id sid toe txn exp nbf scope nonce trace_id"
    ),
    mark=rb'"event"\s*:\s*"(?:issued|exchanged|refreshed|used|introspected|revoked|logout)"'
    rb'|"events"\s*:\s*\{\s*"https?://schemas\.openid\.net/',
    issuing=rb'"event"\s*:\s*"(?:issued|exchanged|refreshed|revoked|logout)"|"events"\s*:\s*\{',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like what a token service tells, or like a security event token."""
    if found.get("event") in _EVENTS:
        return bool(_TOKENS & found.keys())
    return isinstance(found.get("events"), dict) and {"iss", "iat"} <= found.keys()


def split(value: bytes) -> list[bytes]:
    """One act is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event; of a security event token one for each that it tells of. Raises Invalid."""
    found: Told = typed(_decode, value)
    claims = found.claims or {}
    if found.event is None and found.events is not None:
        return told(_fields.decode(value), value, FORMAT, _time(found, {}, context, needed=False), context)
    if found.event not in _EVENTS:
        raise Invalid("event", "one of " + ", ".join(_EVENTS), found.event or "nothing")
    if found.outcome not in (None, *_OUTCOMES):
        raise Invalid("outcome", "one of " + ", ".join(_OUTCOMES), found.outcome)
    if "events" in claims:
        return told(claims, value, FORMAT, _time(found, claims, context, needed=False), context)
    return [_event(found, claims, value, context)]


def conceals(value: bytes, context: Context) -> bytes:
    """The record without the tokens, codes and secrets that stand where requests and answers have them."""
    return without(value, _SECRETS, context)


def _event(found: Told, claims: dict[str, Any], value: bytes, context: Context) -> Event:
    subject, actor = found.subject_claims or {}, found.actor_claims or {}
    who = parties(claims, subject, actor, found.client_id or "", found.grant_type or "")
    event = Event(
        event_id=identify(found.id, value),
        kind="cloud_audit" if found.event in _USES else "token_issuance",
        time=_time(found, claims, context, needed=True),
        format=FORMAT,
        action=f"token:{found.event}",
        outcome=_outcome(found, claims),
        error=(found.error or "")[: context.text_limit],
        actor=who.actor,
        actor_kind=found.actor_kind if found.actor_kind in _KINDS else who.kind,
        human=who.human,
        account=found.tenant or string(claims.get("tid")),
        session=session(claims) or found.session_id or session(subject),
        trace=found.trace_id or "",
        span=found.span_id or "",
        request=found.request_id or "",
        resources=_resources(found),
        address=found.address or "",
        user_agent=(found.user_agent or "")[:512],
        policy=(found.policy or "")[:512],
        attributes={**attributes(claims), **delegation(who.chain)},
    )
    _turn(event, found, claims, context)
    kept = {
        "client_id": (found.client_id or "")[:256],
        "grant_type": (found.grant_type or "")[:256],
        "actor_token": credential(actor, found.actor_token_id, None, context)[:256],
        "session": "ended" if found.event == "logout" and event.outcome == "success" else "",
    }
    event.attributes.update({name: text for name, text in kept.items() if text})
    return event


def _outcome(found: Told, claims: dict[str, Any]) -> str:
    """As it is said; else a token that is not active is one that is not let in."""
    if found.outcome:
        return found.outcome
    return "denied" if claims.get("active") is False else "failure" if found.error else "success"


def _resources(found: Told) -> list[str]:
    stated = [found.resource] if isinstance(found.resource, str) else found.resource or []
    return [one for one in stated if one][:16]


def _time(found: Told, claims: dict[str, Any], context: Context, *, needed: bool) -> int:
    """`time` as ISO 8601 or a NumericDate; of a grant without it, when the token was issued."""
    stated: object = found.time
    if isinstance(stated, str) and not stated.isdigit():
        return instant("time", stated, context)
    if stated is None and found.event in _GRANTS:
        stated = claims.get("iat")
    if stated is None:
        return instant("time", None, context) if needed else 0
    return checked("time", moment(stated), context, text_of(stated))


def _turn(event: Event, found: Told, claims: dict[str, Any], context: Context) -> None:
    """What was used, issued, renewed and revoked."""
    own = credential(claims, found.token_id, found.token, context)
    used = credential(found.subject_claims or {}, found.subject_token_id, found.subject_token, context)
    if found.event in _USES:
        event.credential = own
    elif found.event in _GRANTS:
        event.credential, event.issued_kind = used, "session"
        if event.outcome != "success":
            return
        event.issued_expires = moment(claims.get("exp"))
        if own and own == used:
            event.attributes[RENEWS] = own
        else:
            event.issued, event.issued_subject = own, string(claims.get("sub"))
    elif found.event == "revoked":
        event.credential = used
        if own and event.outcome == "success":
            event.attributes[REVOKES] = own
