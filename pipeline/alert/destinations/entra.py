"""A secret of an application of Microsoft Entra becomes an access token (OAuth 2.0, client credentials).

In:     whose secret, and what for
Out:    a bearer token, kept until shortly before it ends
Fails:  Away
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from pipeline.alert.wire import Away, Refused, Wire

#: Seconds before its end at which a token is replaced.
BEFORE = 300.0


class Asks(NamedTuple):
    """Who asks for a token, whom, and what for."""

    authority: str
    tenant: str
    client: str
    secret: str
    scope: str


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float


class Account:
    """The token that was given last. However many need one, it is asked for once."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._token, self._until, self._asks = "", 0.0, Asks("", "", "", "", "")
        self._asking = asyncio.Lock()

    def __eq__(self, other: object) -> bool:
        """What is kept is no part of the settings: these are the same as long as they say the same."""
        return isinstance(other, Account)

    __hash__ = None  # type: ignore[assignment]

    def forget(self, token: str) -> None:
        """It is not taken any more; a newer one is kept."""
        if token == self._token:
            self._until = 0.0

    async def token(self, asks: Asks, wire: Wire) -> str:
        """A token that is good for a while. Raises Away."""
        async with self._asking:
            if asks != self._asks or self._now() >= self._until:
                await self._ask(asks, wire)
            return self._token

    async def _ask(self, asks: Asks, wire: Wire) -> None:
        url = f"{asks.authority.rstrip('/')}/{quote(asks.tenant, safe='')}/oauth2/v2.0/token"
        form = {"grant_type": "client_credentials", "client_id": asks.client, "client_secret": asks.secret,
                "scope": asks.scope}  # fmt: skip
        try:
            reply = await wire.request(
                "POST", url, urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
            )
            granted = msgspec.json.decode(reply.body, type=_Granted, strict=False)
        except (Refused, Away) as failure:
            # About the secret or the authority, never about the alert.
            said = f"token: {failure}".replace(asks.secret, "<secret>")
            raise Away(said, failure.status, getattr(failure, "retry_after", 0.0)) from failure
        except msgspec.MsgspecError as error:
            raise Away("token: none in the answer") from error
        if not granted.access_token or not (granted.access_token.isascii() and granted.access_token.isprintable()):
            raise Away("token: expected one line of ASCII in the answer")
        # Half of a short life: one that ends before BEFORE would be asked for again and again.
        good = max(granted.expires_in - BEFORE, granted.expires_in / 2)
        self._token, self._until, self._asks = granted.access_token, self._now() + good, asks
