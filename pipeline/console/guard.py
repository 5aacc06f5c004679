"""Every response gets the headers that make a browser careful; foreign host names are turned away on loopback."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: What no page of the desk asks a browser for.
_NOTHING_ALLOWED = ", ".join(f"{one}=()" for one in (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope",
    "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "usb",
    "xr-spatial-tracking",
))  # fmt: skip
#: For a year, once a browser came by https.
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")


#: Pages load from this server alone, and run no script and no style that is written into them.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Guard:
    """ASGI middleware. `host` is the address that the server listens on, `public` the name that a proxy gives it."""

    def __init__(self, app: ASGIApp, host: str, public: str = "") -> None:
        self._app = app
        self._loopback = is_loopback(host)
        self._public = public
        self._headers = [
            (b"content-security-policy", CONTENT_POLICY.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            # Not no-referrer: with it browsers send forms without their origin, which is what tells ours from others'.
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"permissions-policy", _NOTHING_ALLOWED.encode()),
            (b"cache-control", b"no-store"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", []))
                # A page that has a script of its own comes with a policy of its own.
                named = {name.lower() for name, _ in given}
                added = [*self._headers, *([_HTTPS_ONLY] if scope.get("scheme") == "https" else [])]
                message["headers"] = [*given, *(one for one in added if one[0] not in named)]
            await send(message)

        if self._loopback and not _named_loopback(scope) and not self._named_publicly(scope):
            # A web page whose name was made to point at 127.0.0.1 could otherwise read everything (DNS rebinding).
            detail = {"error": {"parameter": "Host", "message": "Host: expected localhost, 127.0.0.1 or [::1]"}}
            await JSONResponse(detail, 421)(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)

    def _named_publicly(self, scope: Scope) -> bool:
        named = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        return bool(self._public) and named == self._public


def check_same_origin(scope: Scope) -> None:
    """Raises HTTPException unless a form comes from a page of this server: others' pages may send forms here."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    try:
        named = urlsplit(origin).netloc
    except ValueError:
        named = ""
    if not named or named != host or headers.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
        raise HTTPException(403, "Origin: expected a page of this console")


def is_loopback(host: str) -> bool:
    """Whether an address or a name is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _named_loopback(scope: Scope) -> bool:
    named = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    try:
        host = urlsplit(f"//{named}").hostname or ""
    except ValueError:
        return False
    return host in _LOOPBACK or is_loopback(host)
