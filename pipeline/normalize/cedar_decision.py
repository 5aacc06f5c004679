"""Cedar authorization decisions: each becomes a cloud audit event that names the policies that determined it.

Source: Cedar documentation, Authorization (decision and diagnostics); Janssen documentation, Cedarling logs, which adds
when it was, the policy store and the tokens. Links: `tokens.access_token.jti` is the credential used, written `jti:…`.
A workload that asks beside a user acts for that user. Decisions of Amazon Verified Permissions are in CloudTrail.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import identify, mapping, sequence, string, text_of, typed
from pipeline.normalize.source import Source, fields
from pipeline.normalize.times import instant
from schemas.event import Event

FORMAT: Final = "cedar.decision"
_OUTCOMES = {"allow": "success", "deny": "denied"}
#: Claims that name a person or a client, best first.
_PERSON, _CLIENT = ("email", "username", "sub"), ("client_id", "sub")


class Diagnostics(msgspec.Struct, gc=False):
    """diagnostics."""

    reason: list[Any] | None = None
    errors: list[Any] | None = None


class Decision(msgspec.Struct, gc=False):
    """The fields of a decision that are read."""

    id: str | None = None
    request_id: str | None = None
    timestamp: str | None = None
    log_kind: str | None = None
    decision: str | None = None
    principal: Any = None
    action: Any = None
    resource: Any = None
    diagnostics: Diagnostics | None = None
    policystore_id: str | None = None
    policystore_version: str | None = None
    application_id: str | None = None
    pdp_id: str | None = None
    tokens: dict[str, Any] | None = None
    User: dict[str, Any] | None = None
    Workload: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(Decision)


SOURCE: Final = Source(
    name=FORMAT,
    title="Cedar and Cedarling decisions",
    group="Policy decisions",
    documents=(
        "Cedar: Authorization, response with decision and diagnostics",
        "Janssen: Cedarling, logs (decision log entries)",
    ),
    enable="Have the application log Cedar's request and response as one JSON object with a `timestamp`; Cedarling "
    "does with `CEDARLING_LOG_TYPE=std_out`, `CEDARLING_LOG_LEVEL=INFO`. Decisions of Amazon Verified Permissions "
    "are data events of CloudTrail (`aws.cloudtrail`).",
    links={
        "actor": "`Workload.client_id`, else the person, else `principal`",
        "human": "`User.email`, `User.username` or `User.sub`",
        "credential": "`tokens.access_token.jti` (`jti:…`)",
        "request": "`request_id`",
        "policy": "`diagnostics.reason` with `policystore_id` and version",
    },
    needs={
        "human": "Cedarling is told which claims to log (`CEDARLING_DECISION_LOG_USER_CLAIMS`)",
        "credential": "Cedarling is told to log the token's `jti` (`CEDARLING_DECISION_LOG_DEFAULT_JWT_ID`)",
        "request": "Cedarling; Cedar itself has none",
        "policy": "a policy decided: a denial by default has none",
    },
    never={
        "session": "decisions have no session",
        "issued": "Cedar issues no credentials",
        "trace": "not logged",
        "tool_call": "a request has no place for it",
        "address": "not logged",
    },
    lost=("the context that was asked about", "policies of a denial by default"),
    ignores="a record of the engine about itself (start, metrics), no decision",
    known=fields(
        Decision,
        "level msg error_msg log_level application_version lock_client_id policystore_name pdp_version"
        " decision_time_ms decision_time_micro_sec cedar_lang_version cedar_sdk_version pushed_data context entities"
        " authz_info principals errors determiningPolicies application_name trace_id",
    ),
    mark=rb'"log_kind"\s*:\s*"Decision"|"decision"\s*:.*"diagnostics"',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like a decision of Cedar, or like another record of Cedarling."""
    if "log_kind" in found and "pdp_id" in found:
        return True
    return {"decision", "diagnostics", "action", "resource"} <= found.keys()


def split(value: bytes) -> list[bytes]:
    """One decision is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event; none for what is no decision. Raises Invalid."""
    found: Decision = typed(_decode, value)
    if found.log_kind not in (None, "Decision"):
        return []
    outcome = _OUTCOMES.get((found.decision or "").lower())
    if outcome is None:
        raise Invalid("decision", "ALLOW or DENY", found.decision or "nothing")
    diagnostics = found.diagnostics or Diagnostics()
    workload, person = _claim(found.Workload, _CLIENT), _claim(found.User, _PERSON)
    principals = [name for name in map(_entity, _listed(found.principal)) if name]
    jti = string(mapping((found.tokens or {}).get("access_token")).get("jti"))
    event = Event(
        event_id=identify(found.id, value),
        kind="cloud_audit",
        time=instant("timestamp", found.timestamp, context),
        format=FORMAT,
        action=f"cedar:{_entity(found.action)}",
        outcome=outcome,
        error="; ".join(text_of(error) for error in (diagnostics.errors or ())[:8])[: context.text_limit],
        actor=workload or person or next(iter(principals), ""),
        actor_kind="workload" if workload else "human" if person else "",
        human=person,
        account=found.application_id or "",
        credential=f"jti:{jti}" if jti else "",
        request=found.request_id or "",
        resources=[name for name in [_entity(found.resource)] if name],
        policy=_policy(found, diagnostics),
        attributes={name: text[:256] for name, text in _attributes(found, principals).items() if text},
    )
    event.attributes.update(delegation([workload, person]))
    return [event]


def _listed(stated: Any) -> list[Any]:
    return stated if isinstance(stated, list) else [stated]


def _entity(stated: Any) -> str:
    """An entity's uid: as text, or as Cedar's JSON has it, with a type and an id."""
    fields = mapping(stated)
    fields = mapping(fields.get("__entity")) or fields
    kind, identifier = string(fields.get("type")), string(fields.get("id"))
    return string(stated) or (f'{kind}::"{identifier}"' if kind or identifier else "")


def _claim(claims: dict[str, Any] | None, names: tuple[str, ...]) -> str:
    return next((text for text in (string((claims or {}).get(name)) for name in names) if text), "")


def _policy(found: Decision, diagnostics: Diagnostics) -> str:
    """The policies that determined the decision, and their store; a denial without any has none."""
    reasons = [string(one) or string(mapping(one).get("id")) for one in sequence(diagnostics.reason)[:16]]
    named = ", ".join(reason for reason in reasons if reason)
    store = " ".join(part for part in (found.policystore_id, found.policystore_version) if part and part != "undefined")
    return f"{named} ({store})"[:512] if named and store else named[:512]


def _attributes(found: Decision, principals: list[str]) -> dict[str, str]:
    texts = [string(mapping(one).get("description")) for one in (found.diagnostics or Diagnostics()).reason or ()]
    return {
        "principals": text_of(principals) if principals else "",
        "description": ", ".join(text for text in texts[:8] if text)[:256],
        "pdp": found.pdp_id or "",
    }
