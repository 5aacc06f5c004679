"""What an identity or a credential is, and how that was concluded: a source says so, or else the first rule that holds.

Rules are SQL over columns of the inventory (schemas/clickhouse/0004_inventory.sql says what each bit of `acts` is), so
that a listing can be filtered by their outcome. None is a guess from statistics.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from schemas.event import ActorKind

#: Kinds that a source can declare for an actor; a session has its actor's.
ACTOR_KINDS: tuple[str, ...] = tuple(kind for kind in get_args(ActorKind) if kind)
#: Kinds of identities. Tools and MCP servers are such by the field they stand in.
IDENTITY_KINDS = (*ACTOR_KINDS, "mcp-server", "tool")
CredentialKind = Literal["standing", "temporary"]
CREDENTIAL_KINDS: tuple[str, ...] = get_args(CredentialKind)
DECLARED = "stated by a source"


class Rule(NamedTuple):
    """A kind, the reason that people read, and when it holds."""

    kind: str
    reason: str
    condition: str


#: What an actor did is stronger than how it is called.
IDENTITY_RULES = (
    Rule("agent", "called tools", "bitTest(acts, 0)"),
    Rule("agent", "answered as a model", "bitTest(acts, 1)"),
    Rule("human", "signed in at a console", "bitTest(acts, 2)"),
    Rule("service", "acted as a cloud service", "bitTest(acts, 4)"),
    Rule("ci", "named as GitHub Actions", "position(name, ':oidc-provider/token.actions.githubusercontent.com:') > 0"),
    Rule("ci", "named as a GitHub bot", "endsWith(name, '[bot]')"),
    Rule("workload", "named as a Kubernetes service account", "position(name, 'system:serviceaccount:') > 0"),
    Rule("workload", "named by a SPIFFE id", "startsWith(name, 'spiffe://')"),
    Rule("workload", "named as an EC2 instance", "match(name, ':assumed-role/[^/]+/i-[0-9a-f]{8,17}$')"),
    Rule("service", "named as a Google service account", "endsWith(name, '.gserviceaccount.com')"),
    Rule("service", "named as an AWS service", r"match(name, '^[a-z0-9.-]+\\.amazonaws\\.com$|/AWSServiceRoleFor')"),
    Rule("human", "named as a person of a SAML provider", "position(name, ':saml-provider/') > 0"),
    Rule("human", "proved a second factor", "bitTest(acts, 3)"),
    Rule("human", "named by an e-mail address", r"match(name, '^[^@/:\\s]+@[^@/:\\s]+$')"),
    Rule("human", "others act for it", "bitTest(acts, 5)"),
)
CREDENTIAL_RULES = (
    Rule("temporary", "issued as a session", "issued_kind IN ('session', 'lease', 'wrapping')"),
    Rule("temporary", "issued with an expiry", "expires > 0"),
    Rule("standing", "issued as a key", "issued_kind IN ('access-key', 'service-credential', 'api-key', 'password')"),
    Rule("standing", "named as an AWS access key", "startsWith(name, 'aws:AKIA')"),
    Rule("temporary", "named as a temporary AWS key", "startsWith(name, 'aws:ASIA')"),
)


def _first(rules: tuple[Rule, ...], field: Literal["kind", "reason"]) -> str:
    outcomes = ", ".join(f"{rule.condition}, '{getattr(rule, field)}'" for rule in rules)
    return f"multiIf({outcomes}, '')"


#: SQL of what the rules conclude, of the kind that counts, and of how it was concluded; '' when nothing does.
IDENTITY_OBSERVED = f"if(class = 'actor', {_first(IDENTITY_RULES, 'kind')}, class)"
IDENTITY_KIND = f"if(declared != '', declared, {IDENTITY_OBSERVED})"
IDENTITY_REASON = (
    f"multiIf(class != 'actor', 'named as one', declared != '', '{DECLARED}', {_first(IDENTITY_RULES, 'reason')})"
)
CREDENTIAL_KIND = _first(CREDENTIAL_RULES, "kind")
CREDENTIAL_REASON = _first(CREDENTIAL_RULES, "reason")
