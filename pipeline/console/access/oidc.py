"""A person's login at an identity provider becomes who they are and their role.

OpenID Connect, authorization code with PKCE (RFC 7636): `begin` gives the address to send the browser to and what its
cookie has to keep, `finish` takes the answer. State and nonce are compared, the ID token's signature, issuer, audience
and times checked; somebody without a group that has a role does not come in.

Fails: Invalid (the provider refused, or says something that cannot be so), Transient (it does not answer)
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from pipeline.console.access.who import BY_TITLE, Role, Who
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.report.content import ROLES

#: Seconds for an answer of the provider; for which its metadata and keys are believed; that clocks may differ by.
_TIMEOUT, _BELIEVED, _LEEWAY = 10.0, 3600.0, 60
#: Signatures: of the provider's private keys only, never of a secret that it shares with us, and never none.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
#: Characters of a name, and of what the provider may send back.
_NAME, _MOST = 200, 4096


class Provider:
    """One identity provider."""

    def __init__(self, settings: Settings) -> None:
        """Raises Invalid for settings that cannot be so."""
        self._settings = settings
        self._roles = roles(settings.oidc_roles)
        if not settings.oidc_client_id:
            raise Invalid("oidc_client_id (WHODID_OIDC_CLIENT_ID)", "the id that the identity provider has for whodid")
        if not self._roles:
            raise Invalid("oidc_roles (WHODID_OIDC_ROLES)", "`group=role; …`: without it nobody may come in")
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._until = 0.0

    async def begin(self, redirect: str) -> tuple[str, dict[str, str]]:
        """The address to send a browser to, and what it has to keep until it comes back to `redirect`."""
        said = {
            "state": secrets.token_urlsafe(24), "nonce": secrets.token_urlsafe(24),
            "verifier": secrets.token_urlsafe(48), "redirect": redirect,
        }  # fmt: skip
        metadata = await self._known()
        async with self._client(redirect) as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=said["state"], nonce=said["nonce"],
                code_verifier=said["verifier"],
            )  # fmt: skip
        return str(url), said

    async def finish(self, given: Mapping[str, str], kept: Mapping[str, str]) -> Who:
        """Who came back, from the query of the address that they came back to and what their browser kept."""
        state = given.get("state", "")
        if not kept or not secrets.compare_digest(state.encode(), kept.get("state", "").encode()):
            raise Invalid("state", "that of a login which this browser began a few minutes ago: begin again")
        if given.get("error"):
            raise Invalid("login", f"the identity provider to agree: {given['error'][:100]!r}")
        code = given.get("code", "")
        if not 0 < len(code) <= _MOST:
            raise Invalid("code", "what the identity provider gave")
        metadata = await self._known()
        try:
            async with self._client(kept["redirect"]) as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"], code=code, code_verifier=kept["verifier"],
                    grant_type="authorization_code",
                )  # fmt: skip
                claims = await self._claims(token, kept["nonce"])
                if self._settings.oidc_groups_claim not in claims and metadata.get("userinfo_endpoint"):
                    claims = {**await self._more(client, metadata["userinfo_endpoint"], claims["sub"]), **claims}
        except OAuthError as error:
            raise Invalid("code", f"one that the identity provider takes: {error.error}") from error
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Transient(f"identity provider: no answer that can be used: {type(error).__name__}") from error
        return self._who(claims)

    async def _claims(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        keys = await self._key_set()
        try:
            decoded = jwt.decode(token["id_token"], keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            # It may sign with a new key by now.
            decoded = await self._again(token["id_token"])
        metadata = await self._known()
        wanted = {"iss": metadata["issuer"], "aud": self._settings.oidc_client_id}
        claims = CodeIDToken(
            decoded.claims, decoded.header, {name: {"essential": True, "value": one} for name, one in wanted.items()},
            {"nonce": nonce, "client_id": self._settings.oidc_client_id, "access_token": token.get("access_token")},
        )  # fmt: skip
        try:
            if not nonce or claims.get("nonce") != nonce:
                raise Invalid("nonce", "that of this login")
            claims.validate(leeway=_LEEWAY)
        except (JoseError, OAuthError) as error:
            raise Invalid("id_token", f"one for this desk that is good now: {error}") from error
        return dict(claims)

    async def _again(self, id_token: str) -> jwt.Token:
        self._keys = None
        try:
            return jwt.decode(id_token, await self._key_set(), algorithms=_ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise Invalid("id_token", f"one that the identity provider has signed: {error}") from error

    async def _more(self, client: AsyncOAuth2Client, url: str, subject: str) -> dict[str, Any]:
        answer = await client.get(url)
        answer.raise_for_status()
        found = answer.json()
        # OpenID Connect Core 5.3.2: what is said of somebody else is not to be used.
        if not isinstance(found, dict) or found.get("sub") != subject:
            raise Invalid("userinfo", "the same subject as the ID token")
        return found

    def _who(self, claims: Mapping[str, Any]) -> Who:
        groups = claims.get(self._settings.oidc_groups_claim, [])
        named = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        found = [self._roles[one] for one in named if isinstance(one, str) and one in self._roles]
        name = _name(claims)
        if not found:
            raise Invalid("groups", f"one of {name} that may use this desk; ask whoever keeps WHODID_OIDC_ROLES")
        role = max(found)
        return Who(name, role, ROLES[role.title], frozenset(("read", "write")), "oidc")

    async def _known(self) -> dict[str, Any]:
        if self._metadata and time.monotonic() < self._until:
            return self._metadata
        found = await _get(self._settings.oidc_issuer + "/.well-known/openid-configuration")
        if str(found.get("issuer", "")).rstrip("/") != self._settings.oidc_issuer:
            raise Invalid("oidc_issuer", "what the provider calls itself", found.get("issuer"))
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            self._check(name, str(found.get(name, "")))
        self._metadata, self._keys, self._until = found, None, time.monotonic() + _BELIEVED
        return found

    def _check(self, name: str, url: str) -> None:
        plain = self._settings.oidc_issuer.startswith("http://")
        if not url.startswith("https://") and not (plain and url.startswith("http://")):
            raise Invalid(name, "an https address from the identity provider", url)

    async def _key_set(self) -> KeySet:
        if self._keys is None:
            try:
                self._keys = KeySet.import_key_set(await _get((await self._known())["jwks_uri"]))  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise Transient(f"identity provider: its keys cannot be read: {error}") from error
        return self._keys

    def _client(self, redirect: str) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self._settings.oidc_client_id, self._settings.oidc_client_secret or None, scope=self._settings.oidc_scope,
            redirect_uri=redirect, code_challenge_method="S256", timeout=_TIMEOUT, follow_redirects=False,
            token_endpoint_auth_method="client_secret_basic" if self._settings.oidc_client_secret else "none",
        )  # fmt: skip


def roles(text: str) -> dict[str, Role]:
    """The role of each group, from `group=role; group=role`. Raises Invalid."""
    found = {}
    for part in filter(str.strip, text.split(";")):
        # A group may be a distinguished name, with equals signs of its own.
        group, _, role = part.rpartition("=")
        if not group.strip() or role.strip() not in BY_TITLE:
            raise Invalid("oidc_roles (WHODID_OIDC_ROLES)", "`group=role; …` with " + ", ".join(BY_TITLE), part.strip())
        found[group.strip()] = BY_TITLE[role.strip()]
    return found


def _name(claims: Mapping[str, Any]) -> str:
    email = claims.get("email") if claims.get("email_verified") is not False else None
    for one in (email, claims.get("preferred_username"), claims.get("sub")):
        if isinstance(one, str) and one.strip():
            return one.strip()[:_NAME]
    raise Invalid("id_token", "a subject")


async def _get(url: str) -> dict[str, Any]:
    try:
        async with httpx2.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client:
            answer = await client.get(url)
            answer.raise_for_status()
            found = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise Transient(
            f"identity provider: {url} gives no answer that can be used ({type(error).__name__})"
        ) from error
    if not isinstance(found, dict):
        raise Transient(f"identity provider: {url} gives no JSON object")
    return found
