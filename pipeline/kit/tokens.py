"""Client credentials become tokens for Kafka (OAUTHBEARER), kept until shortly before they expire.

One source for both clients: librdkafka asks from a thread of its own, Faust's aiokafka out of an event loop.

Fails: Permanent when the identity provider refuses the client, Transient when it is away or answers nonsense.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import httpx2
from pydantic import BaseModel, Field, ValidationError

from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent, Transient

#: Seconds for an answer; and how long a token counts whose life is not told.
ANSWER, LIFE = 10.0, 300.0
#: Share of its life that is left when a token is renewed. (librdkafka asks for the next when a fifth is left.)
RENEW = 0.25


class Token(NamedTuple):
    """A token, the Unix time at which it expires, and how long it was to live."""

    value: str
    expires: float
    life: float


class _Answer(BaseModel):
    """What a token endpoint answers (RFC 6749, 5.1). The token goes into a line of Kafka's protocol as it is."""

    access_token: str = Field(pattern=r"^[\x21-\x7e]+$", max_length=65_536)
    expires_in: float = Field(LIFE, gt=0)


class Tokens:
    """Tokens of one client. Thread-safe: who comes while a token is being fetched waits for that one."""

    def __init__(
        self, url: str, client: tuple[str, str], scope: str = "", ca: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """`client`: id and secret. `ca`: trusted beside what the system trusts."""
        self._url = url
        self._client = client
        self._scope = scope
        self._ca = ca
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None

    def get(self) -> Token:
        """One that is good for a while. Raises Permanent or Transient."""
        with self._lock:
            if self._token is None or self._token.expires - self._clock() < RENEW * self._token.life:
                self._token = self._fetch()
            return self._token

    def _fetch(self) -> Token:
        context = ssl.create_default_context()
        if self._ca is not None:
            context.load_verify_locations(self._ca)
        form = {"grant_type": "client_credentials", **({"scope": self._scope} if self._scope else {})}
        asked = self._clock()
        try:
            answer = httpx2.post(self._url, data=form, auth=self._client, verify=context, timeout=ANSWER)
        except httpx2.HTTPError as error:
            raise Transient(f"tokens for Kafka: {self._url} does not answer: {error}") from error
        if answer.status_code in (400, 401, 403):
            raise Permanent(
                f"tokens for Kafka: {self._url} refuses the client {self._client[0]!r} with status "
                f"{answer.status_code}{_reason(answer)}: see WHODID_KAFKA_CLIENT_ID, _CLIENT_SECRET and _SCOPE"
            )
        try:
            told = _Answer.model_validate_json(answer.content if answer.is_success else b"")
        except ValidationError as error:
            raise Transient(
                f"tokens for Kafka: {self._url} gave no token but status {answer.status_code}{_reason(answer)}"
            ) from error
        return Token(told.access_token, asked + told.expires_in, told.expires_in)


def _reason(answer: httpx2.Response) -> str:
    """What the endpoint says in its own words (RFC 6749, 5.2), as far as it fits into a line."""
    try:
        said = answer.json()
        words = " ".join(str(said[name]) for name in ("error", "error_description") if name in said)
    except (ValueError, TypeError):
        return ""
    return f" ({''.join(c for c in words[:200] if c.isprintable())})" if words else ""


def tokens_of(settings: Settings) -> Tokens:
    """The source that all clients of this process share."""
    client = settings.kafka_client_id, settings.kafka_client_secret
    return _shared(settings.kafka_token_url, client, settings.kafka_scope, settings.kafka_ca)


@cache
def _shared(url: str, client: tuple[str, str], scope: str, ca: Path | None) -> Tokens:
    return Tokens(url, client, scope, ca)
