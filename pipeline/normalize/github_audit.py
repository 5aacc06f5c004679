"""GitHub audit log of an organisation or enterprise: events become cloud audit events, grants of tokens issuance.

Source: GitHub documentation, Audit log events for your enterprise, Token data in the audit log, Audit log events for
agents. Links: `hashed_token` (base64 SHA-256 of the token), else `token_id`, is the credential used; acts in the web
interface have none. `agent_session_id` is an agent's session, whose `user` is the person that started it; a run of a
workflow is one too. A GitHub App's user-to-server token acts for the actor. The log names no token that Actions' OIDC
provider issues, nor the making of an installation's token.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.delegation import delegation
from pipeline.normalize.documents import content_id, mapping, sequence, string, text_of, typed
from pipeline.normalize.mentions import mentions
from pipeline.normalize.source import Source
from pipeline.normalize.times import epoch, instant
from schemas.event import Event

FORMAT: Final = "github.audit"
_ACTION = re.compile(r"[a-z0-9_]+\.[a-z0-9_.]+")
_DOCUMENT = re.compile(r"[A-Za-z0-9_-]{22}")
_ISSUING = re.compile(
    r"(?:personal_access_token|user_programmatic_access|oauth_access|oauth_authorization|org_credential_authorization"
    r"|public_key)\.|(?:integration|oauth_application)\.(?:(?:generate|remove)_client_secret|reset_secret"
    r"|revoke_(?:all_)?tokens)$"
)
#: What such an action does if it grants nothing.
_TAKES = re.compile(r"revoke|remove|destroy|delete|deauthori[sz]|denied|cancel")
_MARKS = frozenset({"_document_id", "@timestamp", "created_at", "org", "business", "repo"})
_KEPT = (
    "actor_id", "programmatic_access_type", "token_id", "token_scopes", "operation_type", "transport_protocol_name",
    "external_identity_nameid", "oauth_application_id", "integration", "workflow_run_id", "run_attempt", "workflow_id",
    "job_workflow_ref", "environment_name", "event", "conclusion", "visibility", "public_repo", "overridden_codes",
    "permission", "business",
)  # fmt: skip
_USER_TO_SERVER: Final = "GitHub App user-to-server token"
_Names = str | list[str] | None


class Entry(msgspec.Struct, gc=False):
    """The fields of an audit log event that are read by name."""

    action: str | None = None
    timestamp: int | float | str | None = msgspec.field(default=None, name="@timestamp")
    created_at: int | float | str | None = None
    document_id: str | None = msgspec.field(default=None, name="_document_id")
    actor: str | None = None
    actor_ip: str | None = None
    actor_is_bot: bool | None = None
    actor_is_agent: bool | None = None
    agent_session_id: str | None = None
    user: str | None = None
    user_agent: str | None = None
    hashed_token: str | None = None
    token_id: int | str | None = None
    workflow_run_id: int | str | None = None
    programmatic_access_type: str | None = None
    request_id: str | None = None
    status_code: int | None = None
    org: _Names = None
    business: _Names = None
    repo: _Names = None
    repository: _Names = None
    team: str | None = None
    reasons: list[Any] | None = None


_decode = msgspec.json.Decoder(Entry)
_fields = msgspec.json.Decoder(dict[str, Any])


SOURCE: Final = Source(
    name=FORMAT,
    title="GitHub audit log",
    group="Cloud audit",
    documents=(
        "GitHub: Audit log events for your enterprise",
        "GitHub: About token data in the audit log for an enterprise",
        "GitHub: Streaming the audit log for your enterprise",
        "GitHub: Audit log events for agents",
    ),
    enable="Stream the enterprise's audit log, or fetch `/enterprises/ENTERPRISE/audit-log?include=all` (an "
    "organisation's under `/orgs/`), which Git events need. Switch on the disclosure of IP addresses, and of API "
    "requests where they matter. Token data is there for enterprises only.",
    links={
        "actor": "`actor`",
        "human": "`user` of an agent's session; `actor` where `actor_is_bot` is false and no token was used, or a "
        "GitHub App acted with a user-to-server token",
        "session": "`agent_session_id`; else the run of a workflow, `workflow_run_id` (`github:run/…`)",
        "credential": "`hashed_token`, the base64 SHA-256 of the token, else `token_id` (`github:…`)",
        "request": "`request_id`",
        "policy": "`reasons[].code` of `protected_branch.rejected_ref_update`",
        "address": "`actor_ip`",
    },
    needs={
        "credential": "acts outside of the web interface: personal access tokens, OAuth tokens, tokens of GitHub Apps "
        "(as an installation or for a user), SSH and deploy keys",
        "request": "events of API requests",
        "address": "disclosure of IP addresses is switched on",
        "session": "acts of agents and events of workflows",
    },
    never={
        "issued": "`hashed_token` is documented as the token that authenticated, so an event that grants a token does "
        "not name it. Making an installation's token is no audit event at all; it first shows when it is used",
        "trace": "GitHub does not log trace contexts",
        "tool_call": "GitHub does not see tools",
    },
    lost=(
        "tokens that the OIDC provider of Actions issues: have the workflow or whoever takes them send their claims as "
        "`token.claims`; the run is their session",
        "how most acts ended: the log holds what was done",
    ),
    ends="`personal_access_token.access_revoked`, `oauth_access.destroy`, `integration.revoke_tokens` and the like are "
    "told, but none says which token it ended: see `issued`.",
    # No list of fields: each of the hundreds of actions has its own, and GitHub's document of them changes every week.
    mark=rb'"action"\s*:\s*"[a-z0-9_]+\.[a-z0-9_.]+"',
    issuing=rb'"(?:personal_access_token|oauth_access|oauth_authorization|org_credential_authorization|public_key)\.'
    rb'|"(?:integration|oauth_application)\.(?:(?:generate|remove)_client_secret|reset_secret|revoke_(?:all_)?tokens)"',
)


def recognizes(found: dict[str, Any]) -> bool:
    """Whether a JSON object looks like an event of the audit log."""
    named = _ACTION.fullmatch(string(found.get("action"))) is not None
    return named and isinstance(found.get("actor", ""), str) and bool(_MARKS & found.keys())


def split(value: bytes) -> list[bytes]:
    """One event is one record."""
    return [value]


def normalize(value: bytes, context: Context) -> list[Event]:
    """One event. Raises Invalid."""
    entry: Entry = typed(_decode, value)
    if not entry.action:
        raise Invalid("action", "the action, e.g. repo.create", "nothing")
    kind, actor = _kind(entry), entry.actor or ""
    human = _human(entry, kind)
    resources = _resources(entry, human)
    event = Event(
        event_id=_id(entry, value),
        kind="token_issuance" if _ISSUING.match(entry.action) else "cloud_audit",
        time=_time(entry, context),
        format=FORMAT,
        action=f"github:{entry.action}",
        outcome=_outcome(entry),
        actor=actor,
        actor_kind=kind,
        human=human,
        account=next(iter(_names(entry.org) or _names(entry.business)), ""),
        session=_session(entry),
        credential=_credential(entry),
        request=entry.request_id or "",
        resources=resources,
        address=entry.actor_ip or "",
        user_agent=(entry.user_agent or "")[:512],
        policy=_policy(entry),
        mentions=mentions([*resources, *(name.rpartition("/")[2] for name in resources)], context),
        attributes=_attributes(_fields.decode(value)),
    )
    if event.kind == "token_issuance":
        event.issued_kind = "" if _TAKES.search(entry.action.rpartition(".")[2]) else "access-key"
    if kind == "agent":
        event.attributes.update(delegation([actor, human]))
    return [event]


def _id(entry: Entry, value: bytes) -> str:
    stated = entry.document_id or ""
    return stated if _DOCUMENT.fullmatch(stated) else content_id(value)


def _time(entry: Entry, context: Context) -> int:
    """`@timestamp` is when it happened, `created_at` when it was recorded: milliseconds, or ISO 8601 in exports."""
    field, stamp = ("@timestamp", entry.timestamp) if entry.timestamp is not None else ("created_at", entry.created_at)
    if isinstance(stamp, str) or stamp is None:
        return instant(field, stamp, context)
    return epoch(field, stamp, 1000, context)


def _kind(entry: Entry) -> str:
    """An account that is no bot is a person's; with a token of it anything may act."""
    actor = entry.actor or ""
    if entry.actor_is_agent:
        return "agent"
    if actor == "github-actions[bot]":
        return "ci"
    if entry.actor_is_bot or actor.endswith("[bot]"):
        return "workload"
    return "human" if entry.actor_is_bot is False and not entry.programmatic_access_type else ""


def _human(entry: Entry, kind: str) -> str:
    if kind == "agent":
        return entry.user or ""
    return entry.actor or "" if kind == "human" or entry.programmatic_access_type == _USER_TO_SERVER else ""


def _outcome(entry: Entry) -> str:
    """The log holds what was done, and says of few events how it went."""
    if entry.action == "protected_branch.rejected_ref_update" or entry.status_code in (401, 403):
        return "denied"
    if entry.status_code:
        return "success" if entry.status_code < 400 else "failure"
    return "failure" if entry.action == "user.failed_login" else ""


def _credential(entry: Entry) -> str:
    if entry.hashed_token:
        return f"github:{entry.hashed_token}"
    return f"github:token/{entry.token_id}" if entry.token_id not in (None, "", 0, "0") else ""


def _session(entry: Entry) -> str:
    """An agent's, else the run of a workflow, as the claims of its tokens name it too (`claim_parties`)."""
    run = entry.workflow_run_id
    return entry.agent_session_id or (f"github:run/{run}" if run not in (None, "", 0, "0") else "")


def _names(stated: _Names) -> list[str]:
    return [stated] if isinstance(stated, str) and stated else [name for name in stated or () if name]


def _resources(entry: Entry, human: str) -> list[str]:
    concerned = [entry.user] if entry.user and entry.user != human else []
    team = [entry.team] if entry.team else []
    return list(dict.fromkeys([*_names(entry.repo), *_names(entry.repository), *team, *concerned]))[:16]


def _policy(entry: Entry) -> str:
    """The protections of a branch that refused a push."""
    if entry.action != "protected_branch.rejected_ref_update":
        return ""
    codes = [string(mapping(reason).get("code")) for reason in entry.reasons or ()]
    stated = ", ".join(code for code in codes if code)
    return f"branch protection: {stated}"[:512] if stated else ""


def _attributes(found: dict[str, Any]) -> dict[str, str]:
    kept = {name: text_of(found[name]) for name in _KEPT if found.get(name) not in (None, "", [])}
    if country := string(mapping(found.get("actor_location")).get("country_code")):
        kept["country"] = country
    if secrets := sequence(found.get("secrets_passed")):
        kept["secrets_passed"] = text_of(secrets)
    return kept
