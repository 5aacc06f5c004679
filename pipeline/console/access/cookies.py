"""What a browser keeps: a signed name of its session, and for some minutes what a login needs to be finished.

Both are HttpOnly and SameSite=Lax: a login comes back from the identity provider's site, and a Strict cookie would not.
Over https they are Secure, and that of the session has the prefix `__Host-`, which no other host can set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

_SESSION, _HOST = "whodid", "__Host-"
_LOGIN = "whodid-login"
#: Where a login happens, which is where its cookie goes.
LOGIN_PATH = "/login"
#: Seconds that a login may take.
LOGIN_LIFE = 600
#: Characters of a cookie that are looked at.
_MOST = 4096


class Cookies:
    """Signs with a key that all desks of one installation share."""

    def __init__(self, key: bytes, public_url: str = "") -> None:
        secret = hashlib.blake2b(key, person=b"whodid cookies", digest_size=32).digest()
        self._session = URLSafeTimedSerializer(secret, salt="session", serializer=json)
        self._login = URLSafeTimedSerializer(secret, salt="login", serializer=json)
        self._https = public_url.startswith("https://")

    def secure(self, request: HTTPConnection) -> bool:
        """Whether the browser speaks https, to this server or to the proxy before it."""
        return self._https or request.url.scheme in ("https", "wss")

    def session(self, request: HTTPConnection) -> str:
        """What names the session; empty if there is none, or somebody made it up."""
        return str(_opened(self._session, request.cookies.get(self._name(request), "")) or "")

    def begin(self, request: HTTPConnection, response: Response, name: str, life: int) -> None:
        """Have the browser keep the name of its session."""
        value = self._session.dumps(name)
        response.set_cookie(
            self._name(request), value if isinstance(value, str) else value.decode(), max_age=life, path="/",
            secure=self.secure(request), httponly=True, samesite="lax",
        )  # fmt: skip

    def end(self, request: HTTPConnection, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(
            self._name(request), path="/", secure=self.secure(request), httponly=True, samesite="lax"
        )

    def login(self, request: HTTPConnection) -> Mapping[str, str]:
        """What a login needs to be finished; nothing if none was begun here a short while ago."""
        found = _opened(self._login, request.cookies.get(_LOGIN, ""), LOGIN_LIFE)
        return found if isinstance(found, dict) else {}

    def keep_login(self, request: HTTPConnection, response: Response, said: Mapping[str, str]) -> None:
        """Have the browser keep that."""
        value = self._login.dumps(dict(said))
        response.set_cookie(
            _LOGIN, value if isinstance(value, str) else value.decode(), max_age=LOGIN_LIFE, path=LOGIN_PATH,
            secure=self.secure(request), httponly=True, samesite="lax",
        )  # fmt: skip

    def drop_login(self, request: HTTPConnection, response: Response) -> None:
        """Have the browser forget that."""
        response.delete_cookie(
            _LOGIN, path=LOGIN_PATH, secure=self.secure(request), httponly=True, samesite="lax"
        )  # fmt: skip

    def _name(self, request: HTTPConnection) -> str:
        return (_HOST if self.secure(request) else "") + _SESSION


def _opened(signer: URLSafeTimedSerializer, text: str, life: int | None = None) -> Any:  # noqa: ANN401  (JSON)
    if not text or len(text) > _MOST:
        return None
    try:
        return signer.loads(text, max_age=life)
    except BadSignature:
        return None
