"""The claims of a token become nouns: which credential it is, in which session, who acts with it, and for whom.

Source: RFC 7519 (registered claims), RFC 8693 (act, may_act), RFC 9068 (client_id), OpenID Connect Core (azp, sid), the
documents of those whose tokens have claims of their own: GitHub Actions' and GitLab's OIDC, Kubernetes' projected
tokens, Entra's `uti`. A credential is spelled as the log of whoever takes the token spells it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.normalize.context import Context
from pipeline.normalize.delegation import chain_of
from pipeline.normalize.documents import mapping, string, text_of
from pipeline.normalize.mask import label
from pipeline.normalize.times import EARLIEST, LATEST

_PERSON = ("email", "preferred_username", "username", "upn")
_CLIENT = ("azp", "client_id", "cid")
_ENTRA = ("https://login.microsoftonline.com/", "https://sts.windows.net/")
_MACHINES = ("system:serviceaccount:", "spiffe://", "repo:", "project_path:")
_KEPT = (
    "iss", "aud", "scope", "scp", "amr", "acr", "auth_time", "token_type", "repository", "ref", "sha", "workflow_ref",
    "job_workflow_ref", "run_attempt", "event_name", "environment", "runner_environment", "project_path", "job_id",
    "pipeline_source", "ci_config_ref_uri", "runner_id",
)  # fmt: skip


class Parties(msgspec.Struct, gc=False):
    """Who acts with a token and for whom; the chain has the current actor first."""

    actor: str = ""
    kind: str = ""
    human: str = ""
    chain: list[str] = []


def credential(claims: dict[str, Any], identifier: str | None, token: str | None, context: Context) -> str:
    """What a token is called: by an id, else, where only the token itself is there, by its keyed hash."""
    jti, uti = text_of(claims.get("jti")) or identifier or "", string(claims.get("uti"))
    if uti and string(claims.get("iss")).startswith(_ENTRA):
        return f"entra:{uti}"
    if jti:
        return f"kubernetes:JTI={jti}" if _kubernetes(claims) else f"jti:{jti}"
    if not token:
        return ""
    return label("jwt" if token.startswith("eyJ") else "token", token.encode("utf-8", "replace"), context)


def session(claims: dict[str, Any]) -> str:
    """The login session; of a CI job's token, the run."""
    if _github(claims):
        return f"github:run/{text_of(claims['run_id'])}"
    if _gitlab(claims):
        return f"gitlab:pipeline/{text_of(claims['pipeline_id'])}"
    return string(claims.get("sid"))


def parties(claims: dict[str, Any], subject: dict[str, Any], actor: dict[str, Any], client: str, grant: str) -> Parties:
    """Who acts with a token, as it, the tokens it was exchanged for (`subject`, `actor`) and the request say."""
    sub = string(claims.get("sub")) or string(subject.get("sub"))
    if _github(claims) or _gitlab(claims):
        human = _triggered(claims)
        return Parties(sub, "ci", human, [sub, human])
    person = _stated(claims, _PERSON) or _stated(subject, _PERSON)
    client = client or _stated(claims, _CLIENT)
    chain = chain_of(claims)
    if not chain and actor:
        chain = [*(chain_of(actor)[:-1] or [string(actor.get("sub"))]), sub]
    if chain:
        human = person or ("" if is_machine(chain[-1]) else chain[-1])
        return Parties(chain[0], "workload" if is_machine(chain[0]) else "", human, [*chain[:-1], human or chain[-1]])
    own = not sub or sub in (client, f"{client}@clients") or grant == "client_credentials"
    if client and not own and not is_machine(sub):
        return Parties(client, "workload", person, [client, person or sub])
    if own or is_machine(sub):
        return Parties(sub or client, "workload" if sub or client else "")
    return Parties(person or sub, "human" if person else "", person)


def is_machine(name: str) -> bool:
    """Whether a subject's form says that it is no person: service accounts, SPIFFE ids, CI jobs, Auth0's clients."""
    return name.startswith(_MACHINES) or name.endswith("@clients")


def moment(value: object) -> int:
    """Microseconds of a NumericDate (some write milliseconds, or digits); 0 if it is none or not plausible."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or len(str(value)) > 24:
        return 0
    try:
        microseconds = int(float(value) * (1_000 if float(value) > 100_000_000_000 else 1_000_000))
    except (ValueError, OverflowError):
        return 0
    return microseconds if EARLIEST <= microseconds <= LATEST else 0


def attributes(claims: dict[str, Any]) -> dict[str, str]:
    """What else a token says, as text."""
    kept = {name: text_of(claims.get(name)) for name in _KEPT}
    bound, pod = mapping(claims.get("cnf")), mapping(claims.get("kubernetes.io"))
    kept["cnf.jkt"], kept["cnf.x5t#S256"] = text_of(bound.get("jkt")), text_of(bound.get("x5t#S256"))
    kept["may_act"] = string(mapping(claims.get("may_act")).get("sub"))
    kept["namespace"] = string(pod.get("namespace"))
    kept["pod-name"] = string(mapping(pod.get("pod")).get("name"))
    kept["node-name"] = string(mapping(pod.get("node")).get("name"))
    return {name: text[:256] for name, text in kept.items() if text}


def _stated(claims: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((text for text in (string(claims.get(name)) for name in names) if text), "")


def _github(claims: dict[str, Any]) -> bool:
    return {"repository", "run_id", "actor"} <= claims.keys()


def _gitlab(claims: dict[str, Any]) -> bool:
    return {"project_path", "pipeline_id"} <= claims.keys()


def _kubernetes(claims: dict[str, Any]) -> bool:
    return isinstance(claims.get("kubernetes.io"), dict)


_BOT: Final = "[bot]"


def _triggered(claims: dict[str, Any]) -> str:
    """The person who set off a CI job; bots are none."""
    login = string(claims.get("actor")) or string(claims.get("user_email")) or string(claims.get("user_login"))
    return "" if login.endswith(_BOT) else login
