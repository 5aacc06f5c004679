"""A webhook of anybody's, signed as Standard Webhooks 1.0 says (github.com/standard-webhooks/standard-webhooks).

In:     Notice
Out:    POST of JSON: `pipeline.alert.body.told`, whose schema is `schemas/json/alert-notification.json`
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Literal

from pydantic import Field

from pipeline.alert.body import told
from pipeline.alert.destination import Destination, Url
from pipeline.alert.notice import Notice
from pipeline.alert.plain import encoded
from pipeline.alert.secret import Secret
from pipeline.alert.wire import Away, Reply, Wire

_PREFIX = "whsec_"


class Webhook(Destination):
    """One or two signing keys: while a key is replaced, both sign, and the receiver may know either."""

    kind: Literal["webhook"]
    url: Url
    signing: list[Secret] = Field([], max_length=4)
    #: A header such as `Authorization`, whose value is a secret.
    headers: dict[str, Secret] = {}

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        body = payload(notice)
        return await wire.request("POST", self.url, body, self._headers(notice.key, body))

    def _headers(self, key: str, body: bytes, now: Callable[[], float] = time.time) -> dict[str, str]:
        moment = str(int(now()))
        given = {name: secret.read() for name, secret in self.headers.items()}
        signed = " ".join(signature(secret.read(), key, moment, body) for secret in self.signing)
        return {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "webhook-id": key,
            "webhook-timestamp": moment,
            **({"webhook-signature": signed} if signed else {}),
            **given,
        }


def payload(notice: Notice) -> bytes:
    """What is sent."""
    return encoded(told(notice))


def signature(secret: str, key: str, moment: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of id, time and body. Raises Away if the secret is none."""
    try:
        raw = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (ValueError, binascii.Error) as error:
        raise Away("signing: expected whsec_ and base64 (Standard Webhooks)") from error
    if len(raw) < 24:
        raise Away("signing: expected at least 24 bytes, e.g. of `openssl rand -base64 32`")
    digest = hmac.new(raw, b".".join((key.encode(), moment.encode(), body)), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
