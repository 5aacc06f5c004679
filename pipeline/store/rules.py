"""Two names become one identity where a vendor's documentation says that they are: a short list, read from the top.

In:     names, as sources gave them
Out:    for each rule its Reading of a name, or None where it has nothing to say
Fails:  never

A rule reads a name as a key; names of one key are one identity. No rule compares how similar names are. What a rule
cannot know it does not conclude: names that are unique only within a cluster are joined only while all that the store
knows of that name can be of one cluster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple


class Reading(NamedTuple):
    """What a rule makes of a name."""

    key: str
    #: How the name is written, and within what it is unique; empty where the name does not say.
    form: str = ""
    issuer: str = ""


class Rule(NamedTuple):
    """Which names are one, and who says so."""

    name: str
    holds: str
    source: str
    #: Two names that are one by this rule, and one that looks alike and is not.
    example: tuple[str, str]
    unlike: str
    read: Callable[[str], Reading | None]
    #: SQL of the key for the names where it holds that it could be one; `read` decides.
    sql: str


class Relation(NamedTuple):
    """What one name says of another without being the same identity."""

    name: str
    holds: str
    source: str
    example: tuple[str, str]
    of: Callable[[str], str]


_IAM = re.compile(r"(arn:aws[a-z-]*:iam::\d{12}:(?:user|role)/)(?:[!-~]*/)?([\w+=,.@-]+)", re.ASCII)
_MAIL = re.compile(r"[^@/:\s]+@[^@/:\s]+\.[^@/:\s]+")
_MEMBER = re.compile(r"(?:user|serviceAccount):([^@/:\s]+@[^@/:\s]+\.[^@/:\s]+)")
#: Names as Kubernetes allows them: a namespace is a DNS label, a service account a DNS subdomain.
_NAMED = r"([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)", r"([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)"
_ACCOUNT = "system:serviceaccount:{}:{}".format(*_NAMED)
_SERVICE_ACCOUNTS = (
    ("kubernetes", re.compile(f"(){_ACCOUNT}")),
    ("oidc", re.compile(rf"arn:aws[a-z-]*:iam::\d{{12}}:oidc-provider/([^:]+):[^:]+:{_ACCOUNT}", re.ASCII)),
    ("spiffe", re.compile("spiffe://([a-z0-9._-]+)/ns/{}/sa/{}".format(*_NAMED))),
)
_SESSION = re.compile(r"arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([\w+=,.@-]+)/[\w+=,.@-]+", re.ASCII)


def _iam(name: str) -> Reading | None:
    found = _IAM.fullmatch(name)
    return Reading(found[1] + found[2].lower()) if found else None


def _mail(name: str) -> Reading | None:
    return Reading(name.lower()) if name.isascii() and _MAIL.fullmatch(name) else None


def _member(name: str) -> Reading | None:
    found = _MEMBER.fullmatch(name)
    address = found[1] if found else name
    # Without the prefix it is the same principal, whatever else it is.
    return Reading(address) if _MAIL.fullmatch(address) else None


def _service_account(name: str) -> Reading | None:
    for form, pattern in _SERVICE_ACCOUNTS:
        if found := pattern.fullmatch(name):
            return Reading(f"system:serviceaccount:{found[2]}:{found[3]}", form, found[1])
    return None


def _role(name: str) -> str:
    found = _SESSION.fullmatch(name)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else ""


_KUBERNETES_SQL = (
    r"if(startsWith(name, 'spiffe://'), replaceRegexpOne(name, '^spiffe://[^/]+/ns/([^/]+)/sa/([^/]+)$', "
    r"'system:serviceaccount:\\1:\\2'), substring(name, position(name, 'system:serviceaccount:')))"
)
RULES: tuple[Rule, ...] = (
    Rule(
        "iam-path",
        "an IAM user or role is one in its account whatever path its ARN has, and whatever the case of its name",
        "AWS IAM API, CreateUser and CreateRole: names are unique in an account and not distinguished by case",
        ("arn:aws:iam::123456789012:user/finance/ana", "arn:aws:iam::123456789012:user/Ana"),
        "arn:aws:iam::210987654321:user/ana",
        _iam,
        r"if(startsWith(name, 'arn:aws'), concat(extract(name, '^(arn:[a-z-]+:iam::[0-9]+:(?:user|role)/)'), "
        r"lower(extract(name, '([^/]+)$'))), '')",
    ),
    Rule(
        "kubernetes-service-account",
        "a service account as its API server, an OIDC provider in AWS and a SPIFFE id name it, while the store "
        "knows one provider and one trust domain with that namespace and name",
        "Kubernetes, Authenticating: service account tokens (user name, and subject of its tokens); CloudTrail, "
        "userIdentity of a WebIdentityUser (provider:audience:subject); Istio, identity (spiffe://domain/ns/…/sa/…)",
        (
            "system:serviceaccount:finance:invoice-bot",
            "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/EX:sts.amazonaws.com:"
            "system:serviceaccount:finance:invoice-bot",
        ),
        "spiffe://cluster.local/ns/finance/sa/invoice-bot/wl/other",
        _service_account,
        _KUBERNETES_SQL,
    ),
    Rule(
        "google-member",
        "a Google account with and without the prefix that policies write before it",
        "Google Cloud IAM, principal identifiers: user:EMAIL, serviceAccount:EMAIL",
        (
            "serviceAccount:build@acme.iam.gserviceaccount.com",
            "build@acme.iam.gserviceaccount.com",
        ),
        "deleted:serviceAccount:build@acme.iam.gserviceaccount.com?uid=1",
        _member,
        "replaceRegexpOne(name, '^(?:user|serviceAccount):', '')",
    ),
    Rule(
        "mail-case",
        "an e-mail address in capitals and small letters (only those of ASCII)",
        "RFC 5321, 2.4: domains have no case, and mailboxes that differ in case only are discouraged. A directory may "
        "allow them all the same (Amazon Cognito does where it is set to): part those by an alias of itself",
        ("Ana@Example.com", "ana@example.com"),
        "ana@example.org",
        _mail,
        "if(position(name, '@') > 0, lower(name), '')",
    ),
)
RELATIONS: tuple[Relation, ...] = (
    Relation(
        "role",
        "a role session is a session of its role: of everybody who may assume it, so never the same identity",
        "AWS IAM identifiers: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION (without the role's path)",
        ("arn:aws:sts::123456789012:assumed-role/deploy/ana", "arn:aws:iam::123456789012:role/deploy"),
        _role,
    ),
)


def mates(rule: Rule, names: Iterable[str]) -> list[list[str]]:
    """Names that are one identity by this rule, in groups of two and more."""
    keys: dict[str, dict[tuple[str, str], list[str]]] = {}
    for name in names:
        if found := rule.read(name):
            keys.setdefault(found.key, {}).setdefault((found.form, found.issuer), []).append(name)
    groups: list[list[str]] = []
    for written in keys.values():
        forms = [form for form, _ in written]
        # Two clusters have a service account of that name: which of them a name without a cluster means is not known.
        certain = len(forms) == len(set(forms))
        groups += [[name for same in written.values() for name in same]] if certain else written.values()
    return [group for group in groups if len(group) > 1]
