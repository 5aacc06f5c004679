"""HashiCorp Vault audit: requests and responses become cloud audit events, tokens, leases and wrappings issuance.

Source: Vault documentation, Audit devices, Audit log entry schema (OpenBao's is the same). Links: the accessor, else
the token, of `request` is the credential used, that of `response.auth` the one issued; both are HMACs under a salt of
the audit device, so they link within one device's log. A wrapped answer issues `response.wrap_info`, a dynamic secret
its lease; revocations name accessors, leases, or whoever asks. The AWS secrets engine issues an AWS key where
`access_key` is exempt from hashing. `policy_results` names the policies that granted a request. A request and its
response are two events; what is raw (`log_raw`) is not kept.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.documents import identify, mapping, sequence, string, text_of, typed
from pipeline.normalize.mask import label
from pipeline.normalize.mentions import mentions
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import expiry, instant
from schemas.event import RENEWS, REVOKES, Event

FORMAT: Final = "vault.audit"
_TYPES = ("request", "response")
_HASHED: Final = "hmac-sha256:"
_LOGIN = re.compile(r"auth/(?:[^/]+/)+login(?:/|$)")
#: Paths that issue, renew or revoke, whether or not they succeed.
_ISSUING = re.compile(
    r"auth/token/(?:create|renew|revoke)|sys/(?:leases/(?:renew|revoke)|wrapping/unwrap)|[^/].*/(?:creds|sts)/"
)
#: Paths whose data name what is revoked. Revoking by prefix names none.
_LEASES: Final = "sys/leases/revoke"
_REVOKING = ("auth/token/revoke-accessor", "auth/token/revoke", "auth/token/revoke-orphan", _LEASES)
_AWS_KEY = re.compile(r"A[KS]IA[A-Z0-9]{12,124}")
#: Longest time to live that is believed, in seconds.
_TTL = 100 * 366 * 86_400


class Granting(msgspec.Struct, gc=False):
    """One of auth.policy_results.granting_policies."""

    name: str | None = None
    type: str | None = None


class Results(msgspec.Struct, gc=False):
    """auth.policy_results."""

    allowed: bool | None = None
    granting_policies: list[Granting] | None = None


class Auth(msgspec.Struct, gc=False):
    """auth and response.auth."""

    client_token: str | None = None
    accessor: str | None = None
    display_name: str | None = None
    entity_id: str | None = None
    token_type: str | None = None
    policies: list[str] | None = None
    metadata: dict[str, Any] | None = None
    policy_results: Results | None = None
    token_issue_time: str | None = None
    token_ttl: int | None = None


class Request(msgspec.Struct, gc=False):
    """request."""

    id: str | None = None
    operation: str | None = None
    path: str | None = None
    mount_type: str | None = None
    client_token: str | None = None
    client_token_accessor: str | None = None
    client_id: str | None = None
    remote_address: str | None = None
    namespace: dict[str, Any] | None = None
    headers: dict[str, Any] | None = None
    policy_override: bool | None = None
    data: msgspec.Raw = msgspec.Raw()


class Wrap(msgspec.Struct, gc=False):
    """response.wrap_info."""

    token: str | None = None
    accessor: str | None = None
    wrapped_accessor: str | None = None
    creation_path: str | None = None
    creation_time: str | None = None
    ttl: int | None = None


class Response(msgspec.Struct, gc=False):
    """response."""

    auth: Auth | None = None
    secret: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    wrap_info: Wrap | None = None


class Entry(msgspec.Struct, gc=False):
    """The fields of an audit entry that are read."""

    time: str | None = None
    type: str | None = None
    error: str | None = None
    auth: Auth | None = None
    request: Request | None = None
    response: Response | None = None


_decode = msgspec.json.Decoder(Entry)


SOURCE: Final = Source(
    name=FORMAT,
    title="HashiCorp Vault audit",
    group="Token issuance",
    documents=(
        "HashiCorp Vault: Audit devices",
        "HashiCorp Vault: Audit log entry schema",
        "HashiCorp Vault: Leases, Renewal and Revocation",
        "OpenBao: Audit devices",
    ),
    enable="`vault audit enable file file_path=…` (or `socket`, `syslog`) with `log_raw=false`; send the lines. Keep "
    "`hmac_accessor` as it is: what is compared is the hash. For AWS keys that link to CloudTrail, exempt their id: "
    "`vault secrets tune -audit-non-hmac-response-keys=access_key aws/`; for revocations by lease, `lease_id` of "
    "requests to `sys/`.",
    links={
        "actor": "`auth.entity_id`, else `auth.display_name`",
        "credential": "`request.client_token_accessor`, else `request.client_token` (`vault:hmac-sha256:…`)",
        "issued": "`response.auth.accessor`, `response.secret.lease_id`, `response.wrap_info.accessor` (`vault:…`); "
        "`response.data.access_key` (`aws:…`)",
        "request": "`request.id`, the same in request and response",
        "policy": "`auth.policy_results.granting_policies[]`",
        "address": "`request.remote_address`",
    },
    needs={
        "actor": "a token that belongs to an entity or has a display name; root tokens of old may have neither",
        "issued": "an AWS key only where `access_key` is exempt from hashing; batch tokens have no accessor and link "
        "by the hash of themselves",
        "policy": "Vault 1.9 or newer",
    },
    never={
        "human": "an entity is a person or a workload; Vault does not say which",
        "session": "a token is the session: follow the credential",
        "trace": "Vault does not log trace contexts",
        "tool_call": "Vault does not see tools",
    },
    lost=(
        "links across audit devices, and across an audit device that was disabled and enabled again: each has a salt "
        "of its own",
        "which token was revoked, if by itself (`auth/token/revoke`) and not by its accessor; what a revocation by "
        "prefix or of a parent took along; tokens that are tidied",
        "the id of a dynamic secret's credential at its service, where the response is hashed",
    ),
    ends="Revoked by `auth/token/revoke-accessor`, `auth/token/revoke-self`, `auth/token/revoke` of the token that "
    "asks, and `sys/leases/revoke` where the lease's id is in clear. Renewed by `auth/token/renew-self` and the like, "
    "which answer with the very token that asked. Tokens and wrappings state their expiry.",
    known=fields(
        Entry,
        "forwarded_from auth.entity_created auth.external_namespace_policies auth.identity_policies"
        " auth.no_default_policy auth.num_uses auth.remaining_uses auth.token_policies request.replication_cluster"
        " request.client_certificate_serial_number request.mount_point request.mount_accessor"
        " request.mount_running_version request.mount_running_sha256 request.mount_class"
        " request.mount_is_external_plugin request.remote_port request.wrap_ttl request.request_uri"
        " response.auth.entity_created response.auth.external_namespace_policies response.auth.identity_policies"
        " response.auth.no_default_policy response.auth.num_uses response.auth.remaining_uses"
        " response.auth.token_policies response.headers response.mount_accessor response.mount_class"
        " response.mount_is_external_plugin response.mount_point response.mount_running_sha256"
        " response.mount_running_plugin_version response.mount_type response.redirect response.warnings",
    ),
    mark=rb'"type"\s*:\s*"(?:request|response)".*"mount_(?:type|point|accessor|class)"',
    issuing=rb'"path"\s*:\s*"(?:auth/(?:[\w-]+/)+login|auth/token/(?:create|renew|revoke)|sys/leases/re(?:new|voke)'
    rb"|sys/wrapping/unwrap|[\w/-]+/(?:creds|sts)/)",
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an entry of an audit device."""
    return found.get("type") in _TYPES and bool({"operation", "path"} & mapping(found.get("request")).keys())


def split(value: bytes) -> list[bytes]:
    """One entry is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    entry: Entry = typed(_decode, value)
    if entry.type not in _TYPES:
        raise Invalid("type", "request or response", entry.type or "nothing")
    request, auth = entry.request or Request(), entry.auth or Auth()
    path = request.path or ""
    if not request.operation:
        raise Invalid("request.operation", "the operation, e.g. read", "nothing")
    login = _LOGIN.match(path) is not None
    event = Event(
        event_id=_id(entry, request, value),
        kind="token_issuance" if login or _ISSUING.match(path) else "cloud_audit",
        time=instant("time", entry.time, context),
        format=FORMAT,
        action=f"vault:{'login' if login else request.operation} {request.mount_type or ''}".rstrip(),
        phase="start" if entry.type == "request" else "end",
        outcome=_outcome(entry, auth),
        error=(entry.error or "").strip()[: context.text_limit],
        actor=auth.entity_id or auth.display_name or "",
        actor_kind="workload" if "service_account_name" in (auth.metadata or ()) else "",
        actor_name=auth.display_name or "",
        account=string((request.namespace or {}).get("path")),
        credential=_credential(request.client_token_accessor, request.client_token, context),
        request=request.id or "",
        resources=[path] if path else [],
        address=request.remote_address or "",
        user_agent=_user_agent(request),
        policy=_policy(auth),
        mentions=mentions(_named(path), context),
        attributes=_attributes(entry, request, auth),
    )
    if entry.type == "response" and event.outcome == "success":
        _issue(event, entry.response or Response(), context)
        if revoked := _revoked(path, request, event.credential, context):
            event.attributes[REVOKES] = revoked
    return [event]


def conceals(value: bytes, context: Context) -> bytes:
    """The entry without what its device did not hash: tokens, and data and headers that go with raw tokens or none."""
    entry: Entry = typed(_decode, value)
    tokens = [token for token in _tokens(entry) if token]
    if tokens and all(token.startswith(_HASHED) for token in tokens):
        return value
    found = msgspec.json.decode(value)
    hidden = _hidden(found, "", False, context)
    return value if hidden == found else msgspec.json.encode(hidden)


def _tokens(entry: Entry) -> list[str | None]:
    response = entry.response or Response()
    auths = [one.client_token for one in (entry.auth, response.auth) if one]
    return [*auths, entry.request.client_token if entry.request else None, (response.wrap_info or Wrap()).token]


def _hidden(found: Any, name: str, inside: bool, context: Context) -> Any:
    if isinstance(found, dict):
        return {key: _hidden(inner, key, inside or key in ("data", "headers"), context) for key, inner in found.items()}
    if isinstance(found, list):
        return [_hidden(inner, name, inside, context) for inner in found]
    if isinstance(found, str) and found and (inside or name in ("client_token", "token")):
        return found if found.startswith(_HASHED) else label("vault", found.encode("utf-8", "replace"), context)
    return found


def _id(entry: Entry, request: Request, value: bytes) -> str:
    """Request and response share an id; the response has it to itself."""
    name = identify(request.id, value)
    return f"{name}#request" if entry.type == "request" else name


def _outcome(entry: Entry, auth: Auth) -> str:
    if entry.error:
        return "denied" if "permission denied" in entry.error else "failure"
    if auth.policy_results is not None and auth.policy_results.allowed is False:
        return "denied"
    return "success" if entry.type == "response" else ""


def _credential(accessor: str | None, token: str | None, context: Context) -> str:
    """By its accessor, which is no secret; by its token where that has none (batch tokens), hashed if Vault did not."""
    if accessor:
        return f"vault:{accessor}"
    if not token:
        return ""
    hashed = token if token.startswith(_HASHED) else label("vault", token.encode("utf-8", "replace"), context)
    return f"vault:{hashed}"


def _user_agent(request: Request) -> str:
    stated = string(next(iter(sequence((request.headers or {}).get("user-agent"))), ""))
    return "" if stated.startswith(_HASHED) else stated[:512]


def _named(path: str) -> list[str]:
    """A path as requests have it, as people write it (KV version 2 puts `data` into it), and its last part."""
    mount, _, rest = path.partition("/data/")
    return [path, f"{mount}/{rest}" if rest else "", rest, path.rstrip("/").rpartition("/")[2]]


def _policy(auth: Auth) -> str:
    granting = auth.policy_results.granting_policies if auth.policy_results else None
    names = [f"{one.type}:{one.name}" if one.type else one.name for one in granting or () if one.name]
    return ", ".join(dict.fromkeys(names))[:512]


def _attributes(entry: Entry, request: Request, auth: Auth) -> dict[str, str]:
    wrap = (entry.response.wrap_info if entry.response else None) or Wrap()
    kept = {
        "policies": ", ".join(auth.policies or ()),
        "token_type": auth.token_type or "",
        "client_id": request.client_id or "",
        "policy_override": "true" if request.policy_override else "",
        "wrapped_accessor": wrap.wrapped_accessor or "",
        "creation_path": wrap.creation_path or "",
    }
    for name, text in list((auth.metadata or {}).items())[:16]:
        kept[f"metadata.{name}"[:128]] = text_of(text)
    return {name: text[:256] for name, text in kept.items() if text}


def _issue(event: Event, response: Response, context: Context) -> None:
    """What an answer hands out. A renewal answers with the very token that asked."""
    key, lease = string((response.data or {}).get("access_key")), string((response.secret or {}).get("lease_id"))
    auth, wrap = response.auth, response.wrap_info
    if _AWS_KEY.fullmatch(key):
        event.issued, event.issued_kind = f"aws:{key}", "lease"
    elif auth is not None and (auth.accessor or auth.client_token):
        event.issued, event.issued_kind = _credential(auth.accessor, auth.client_token, context), "session"
        event.issued_subject = auth.entity_id or auth.display_name or ""
        event.issued_expires = _expires(auth.token_issue_time, auth.token_ttl)
    elif lease:
        event.issued, event.issued_kind = f"vault:{lease}", "lease"
    elif wrap is not None and (wrap.accessor or wrap.token):
        event.issued, event.issued_kind = _credential(wrap.accessor, wrap.token, context), "wrapping"
        event.issued_expires = _expires(wrap.creation_time, wrap.ttl)
    if event.issued:
        event.kind = "token_issuance"
    if event.issued and event.issued == event.credential:
        event.attributes[RENEWS] = event.issued
        event.issued, event.issued_subject = "", ""


def _revoked(path: str, request: Request, own: str, context: Context) -> str:
    """What a request revoked: the token that asked, a token by its accessor, or a lease where its id is in clear.

    A token that is revoked by itself, not by its accessor, is known if it is the one that asked.
    """
    if path == "auth/token/revoke-self":
        return own
    if path not in _REVOKING:
        lease = path.removeprefix(f"{_LEASES}/")
        return f"vault:{lease}" if lease and lease != path else ""
    data = mapping(msgspec.json.decode(request.data)) if bytes(request.data) else {}
    if path == "auth/token/revoke-accessor":
        return _credential(string(data.get("accessor")), None, context)
    if path == _LEASES:
        lease = string(data.get("lease_id"))
        return f"vault:{lease}" if lease and not lease.startswith(_HASHED) else ""
    return own if data.get("token") and data["token"] == request.client_token else ""


def _expires(since: str | None, seconds: int | None) -> int:
    begun = expiry(since)
    return begun + seconds * 1_000_000 if begun and seconds and 0 < seconds < _TTL else 0
