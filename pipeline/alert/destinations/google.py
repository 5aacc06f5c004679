"""The key of a Google service account becomes an access token (RFC 7523; developers.google.com/identity).

In:     the JSON of the key
Out:    a bearer token, kept until shortly before it ends
Fails:  Away
"""

from __future__ import annotations

import base64
import importlib.util
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec

from pipeline.alert.wire import Away, Refused, Wire

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class _Key(msgspec.Struct):
    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105  (an address)
    private_key_id: str = ""


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float = 0.0


class Account:
    """The token that was given last."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._token, self._until, self._key = "", 0.0, ""

    def forget(self) -> None:
        """It is not taken any more."""
        self._until = 0.0

    async def token(self, key: str, wire: Wire) -> str:
        """A token that is good for a minute at least."""
        if key != self._key or self._now() >= self._until - 60:
            await self._ask(key, wire)
        return self._token

    async def _ask(self, key: str, wire: Wire) -> None:
        try:
            given = msgspec.json.decode(key, type=_Key)
        except msgspec.MsgspecError as error:
            raise Away("key: expected the JSON file of a service account's key") from error
        body = urlencode({"grant_type": GRANT, "assertion": assertion(given, int(self._now()))}).encode()
        try:
            reply = await wire.request(
                "POST", given.token_uri, body, {"Content-Type": "application/x-www-form-urlencoded"}
            )
            granted = msgspec.json.decode(reply.body, type=_Granted)
        except Refused as refused:
            # About the key, never about the alert.
            raise Away(f"key: {refused}", refused.status) from refused
        except msgspec.MsgspecError as error:
            raise Away("key: no token in the answer") from error
        self._token, self._until, self._key = granted.access_token, self._now() + granted.expires_in, key


def available() -> bool:
    """Whether the package that signs is there."""
    return importlib.util.find_spec("cryptography") is not None


def assertion(key: _Key, now: int) -> str:
    """A JWT of RS256 that says for an hour who we are. Raises Away if the key is none."""
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  (optional)
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    claims = {"iss": key.client_email, "scope": SCOPE, "aud": key.token_uri, "iat": now, "exp": now + 3600}
    header = {"alg": "RS256", "typ": "JWT", **({"kid": key.private_key_id} if key.private_key_id else {})}
    signed = f"{_part(header)}.{_part(claims)}"
    try:
        private = serialization.load_pem_private_key(key.private_key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise Away("key: its private_key cannot be read") from error
    if not isinstance(private, rsa.RSAPrivateKey):
        raise Away("key: expected a private_key of RSA")
    signature = private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_base64(signature)}"


def _part(value: dict[str, Any]) -> str:
    return _base64(msgspec.json.encode(value))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
