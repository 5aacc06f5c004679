"""SPIRE audit lines: SVIDs that are issued become token issuance, all other calls of its APIs cloud audit.

Source: SPIRE documentation, server and agent configuration (`audit_log_enabled`, `log_format`), and its sources:
pkg/common/telemetry/names.go (names of the fields), pkg/common/api/audit, pkg/server/api/svid/v1 (what calls note).
Links: `caller_id` is who calls, mostly the agent of a node; `spiffe_id` whom the SVID is for; `entry_id` the
registration entry that entitles it. An audit line knows the request for a certificate by its hash (`csr`) and states no
id of the SVID; the line "Signed X509 SVID", at level debug, states the certificate's serial number. Of JWT-SVIDs none.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.documents import content_id, string, text_of, typed
from pipeline.normalize.mask import without
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import EARLIEST, LATEST, expiry, instant
from schemas.event import Event

FORMAT: Final = "spire.audit"
_ACCESSED: Final = "API accessed"
_SIGNED = {"Signed X509 SVID": "X.509", "Signed X509 CA SVID": "X.509 CA"}
_ISSUING = frozenset({"MintX509SVID", "MintJWTSVID", "MintWITSVID", "BatchNewX509SVID", "NewJWTSVID", "BatchNewWITSVID",
                      "NewDownstreamX509CA", "AttestAgent", "RenewAgent", "CreateJoinToken"})  # fmt: skip
_DENIED = frozenset({"PermissionDenied", "Unauthenticated"})
_SECRETS = frozenset({"join_token", "token"})
_KEPT = (
    "authorized_as", "authorized_via", "csr", "entry_id", "dns_name", "subject", "audience", "ttl", "status_code",
    "caller_gid", "caller_path", "caller_user_sid", "node_attestor_type", "agent_id", "parent_id", "selectors",
    "downstream", "admin", "trust_domain_id", "serial_num", "revision_number", "service", "subsystem_name",
)  # fmt: skip


class Line(msgspec.Struct, gc=False):
    """The fields of a line of the log that are read by name."""

    time: str | None = None
    msg: str | None = None
    type: str | None = None
    status: str | None = None
    status_code: Any = None
    status_message: Any = None
    error: Any = None
    method: str | None = None
    service: str | None = None
    caller_id: str | None = None
    caller_addr: str | None = None
    caller_uid: Any = None
    spiffe_id: str | None = None
    entry_id: str | None = None
    expires_at: Any = None
    expiration: Any = None
    serial_num: Any = None
    request_id: str | None = None


_decode = msgspec.json.Decoder(Line)
_fields = msgspec.json.Decoder(dict[str, Any])


SOURCE: Final = Source(
    name=FORMAT,
    title="SPIRE audit log",
    group="Token issuance",
    documents=(
        "SPIRE: Server and Agent Configuration Reference (audit_log_enabled, log_format, log_level)",
        "SPIRE sources: pkg/common/telemetry/names.go, pkg/common/api/audit, pkg/server/api/svid/v1",
    ),
    enable='`audit_log_enabled = true` and `log_format = "JSON"` in the block `server` (of `agent` for its admin API); '
    'send the lines of the log. With `log_level = "DEBUG"` the serial numbers of X.509-SVIDs are told too.',
    links={
        "actor": "`caller_id`; callers of the local socket have a `caller_uid` instead",
        "issued": "`serial_num` of the line `Signed X509 SVID` (`x509:serial/…`)",
        "request": "`request_id`, the same in all lines of a call",
        "policy": "`entry_id`: the registration entry that entitles to the SVID",
        "address": "`caller_addr`, without its port",
    },
    needs={
        "issued": '`log_level = "DEBUG"`; audit lines state the hash of the request for a certificate only (`csr`)',
        "policy": "SVIDs that are issued by an entry, not minted by an administrator",
    },
    never={
        "human": "SPIRE identifies workloads",
        "session": "calls are authenticated one by one",
        "credential": "which SVID the caller showed is not logged, only its name",
        "trace": "SPIRE does not log trace contexts",
        "tool_call": "SPIRE does not see tools",
    },
    lost=(
        "ids of JWT-SVIDs: none is logged. Who takes them may send their claims as `token.claims`",
        "which process a node's agent fetched an SVID for: the server sees the agent",
    ),
    ends="SVIDs state their expiry where they are signed. Banning or evicting an agent (`BanAgent`, `DeleteAgent`) and "
    "deleting an entry name no SVID, so nothing revokes.",
    ignores="a line of the log that tells of no call and no signature",
    known=fields(
        Line,
        " ".join(_KEPT) + " level logger caller_user_sid created_at issued_at csr_spiffe_id hint federates_with"
        " x509_svid_ttl jwt_svid_ttl store_svid id_type reason mode kid local_authority_id authority_id name path"
        " by_banned by_can_reattest by_selector_match by_selectors federates_with_match trust_domain"
        " bundle_endpoint_url bundle_endpoint_profile refresh_hint sequence_number"
        " x509_authorities_asn1_sha256 jwt_authority_key_id"
        " jwt_authority_expires_at jwt_authority_public_key_sha256 svid_serial_num new_serial_num pid count version"
        " delegated_selectors registered received registration_entry_event endpoint_spiffe_id network address"
        " plugin_name plugin_type external rettestable retry_interval join_token token x509_authority_id"
        " deprecated_service_name preferred_service_name elapsed_time slot upstream_authority_id svid_type peer_id",
    ),
    mark=rb'"msg"\s*:\s*"(?:API accessed|Signed X509)',
    issuing=rb'"method"\s*:\s*"(?:MintX509SVID|MintJWTSVID|MintWITSVID|BatchNewX509SVID|NewJWTSVID|BatchNewWITSVID'
    rb'|NewDownstreamX509CA|AttestAgent|RenewAgent|CreateJoinToken)"|"msg"\s*:\s*"Signed X509',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a line of SPIRE's log: of an API's call, or another one of a subsystem."""
    if not {"msg", "level", "time"} <= found.keys():
        return False
    return "subsystem_name" in found or found.get("msg") in (_ACCESSED, *_SIGNED)


def split(value: bytes) -> list[bytes]:
    """One line is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event; none for a line that tells of no call and no signature. Raises Invalid."""
    line: Line = typed(_decode, value)
    signed = _SIGNED.get(line.msg or "", "")
    if line.type != "audit" and not signed:
        return []
    if not signed and not line.method:
        raise Invalid("method", "the method of the API, e.g. BatchNewX509SVID", "nothing")
    issues = bool(signed) or line.method in _ISSUING
    actor = _actor(line)
    outcome = "success" if signed else _outcome(line)
    event = Event(
        event_id=content_id(value),
        kind="token_issuance" if issues else "cloud_audit",
        time=instant("time", line.time, context),
        format=FORMAT,
        action=f"spire:{'sign ' + signed if signed else line.method}",
        outcome=outcome,
        error="" if outcome == "success" else _error(line)[: context.text_limit],
        actor=actor,
        actor_kind=_kind(actor),
        request=line.request_id or "",
        resources=_resources(line, issues),
        address=_host(line.caller_addr or ""),
        policy=f"entry {line.entry_id}"[:512] if issues and line.entry_id else "",
        attributes=_attributes(_fields.decode(value)),
    )
    if issues:
        _issue(event, line)
    return [event]


def conceals(value: bytes, context: Context) -> bytes:
    """The line without join tokens."""
    return without(value, _SECRETS, context)


def _actor(line: Line) -> str:
    uid = text_of(line.caller_uid)
    return line.caller_id or (f"uid:{uid}" if uid else "")


def _resources(line: Line, issues: bool) -> list[str]:
    """Whom an SVID is for, or what a call was about."""
    entry = f"entry/{line.entry_id}" if line.entry_id and not issues else ""
    return [name for name in (line.spiffe_id, entry) if name]


def _kind(name: str) -> str:
    """SPIRE's own agents and servers have reserved paths."""
    if name.startswith("spiffe://"):
        return "service" if "/spire/" in name else "workload"
    return ""


def _outcome(line: Line) -> str:
    if line.status == "success":
        return "success"
    return "denied" if text_of(line.status_code) in _DENIED else "failure"


def _error(line: Line) -> str:
    parts = (text_of(line.status_code), text_of(line.status_message) or text_of(line.error))
    return ": ".join(part for part in parts if part)


def _host(address: str) -> str:
    """Without the port; a local socket has no address."""
    host, colon, port = address.rpartition(":")
    return host.strip("[]") if colon and port.isdigit() else "" if address == "@" else address


def _attributes(found: dict[str, Any]) -> dict[str, str]:
    return {name: text for name in _KEPT if (text := text_of(found.get(name)))}


def _issue(event: Event, line: Line) -> None:
    """For whom, until when, and by which serial number if that is stated."""
    event.issued_kind = "session"
    if event.outcome != "success":
        return
    serial = text_of(line.serial_num)
    event.issued = f"x509:serial/{serial}" if serial else ""
    event.issued_subject = line.spiffe_id or string(event.attributes.get("agent_id"))
    event.issued_expires = _until(line.expires_at) or _until(line.expiration)


def _until(stated: object) -> int:
    """Seconds since 1970, as a number or digits, or ISO 8601; 0 if it is none of that."""
    if isinstance(stated, str) and not stated.isdigit():
        return expiry(stated)
    if isinstance(stated, bool) or not isinstance(stated, (int, str)) or len(str(stated)) > 12:
        return 0
    microseconds = int(stated) * 1_000_000
    return microseconds if EARLIEST <= microseconds <= LATEST else 0
