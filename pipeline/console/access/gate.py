"""Before any route runs: who asks is found out, and turned away unless the table of rights allows it.

Whoever is turned away gets 401 (nobody knows who it is), 403 (it may not), 404 or 405 (there is no such route) or 429
(it asks too much), and no route has seen the request. What a route gives of contents is recorded before it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from urllib.parse import urlencode

from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.console.access import reading
from pipeline.console.access.cookies import LOGIN_PATH, Cookies
from pipeline.console.access.doors import Doors
from pipeline.console.access.keys import LENGTH
from pipeline.console.access.limits import Buckets, Slots, neighbourhood, slow
from pipeline.console.access.record import Recorder
from pipeline.console.access.rights import HEAVY, Right, Table
from pipeline.console.access.who import STATE, Who
from pipeline.console.guard import check_same_origin
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient

_SAFE = ("GET", "HEAD", "OPTIONS")
#: Producers send more often than people ask.
_PRODUCER = 20
#: Keys that are not known, an address: at once, and a second after that. Logins: the same, of an address and of all.
_GUESSES, _GUESS_RATE = 30, 1.0
_LOGINS, _LOGIN_RATE = 10, 0.2
_ALL_LOGINS, _ALL_LOGIN_RATE = 100, 10.0
_TRIES = (("POST", LOGIN_PATH), ("GET", f"{LOGIN_PATH}/callback"))


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, doors: Doors, cookies: Cookies, recorder: Recorder, settings: Settings) -> None:
        self._app, self._doors, self._cookies, self._recorder = app, doors, cookies, recorder
        self._key = settings.hashing_key
        self._table = Table()
        self._slots = Slots(HEAVY)
        self._rate = settings.request_rate
        self._asked = Buckets(self._rate, 4 * self._rate)
        self._sent = Buckets(_PRODUCER * self._rate, 4 * _PRODUCER * self._rate)
        self._guessed = Buckets(_GUESS_RATE, _GUESSES)
        self._noted = Buckets(_ALL_LOGIN_RATE, _ALL_LOGINS)
        self._logins, self._all_logins = Buckets(_LOGIN_RATE, _LOGINS), Buckets(_ALL_LOGIN_RATE, _ALL_LOGINS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            # There is none, so whoever adds one adds its guard.
            await send({"type": "websocket.close", "code": 1008})
        else:
            try:
                await self._http(scope, receive, send)
            except (HTTPException, Transient) as refusal:
                await _refused(scope, refusal)(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HTTPConnection(scope)
        rights = self._table.rights(scope["method"], scope["path"])
        caller, by_key = await self._caller(request)
        self._let_in(scope, caller, rights)
        self._slow_down(scope, caller, rights)
        if scope["method"] not in _SAFE and not by_key:
            _check_origin(scope, caller)
        scope[STATE] = caller
        with ExitStack() as held:
            for name in self._table.names(scope["method"], scope["path"]):
                held.enter_context(self._slots.taken(name))
            if caller is None:
                await self._app(scope, receive, send)
                return
            one = reading.Reading(caller, self._key)
            held.enter_context(reading.reading(one))
            await self._app(scope, receive, _Recorded(self._recorder, one, scope, receive, send))

    async def _caller(self, request: HTTPConnection) -> tuple[Who | None, bool]:
        """Who asks, and whether by a key in a header, which no browser adds by itself."""
        given = request.headers.getlist("authorization") or [
            # The only header of a sender's own that Amazon Data Firehose has; no browser adds it by itself either.
            f"Bearer {key}"
            for key in request.headers.getlist("x-amz-firehose-access-key")
        ]
        if given and await self._closed():
            return await self._by_key(given, address_of(request)), True
        name = self._cookies.session(request)
        if name:
            found = await run_in_threadpool(self._doors.by_session, name)
            if found is not None:
                return found, False
        return await run_in_threadpool(self._doors.anybody), False

    async def _closed(self) -> bool:
        return await run_in_threadpool(self._doors.closed)

    async def _by_key(self, given: list[str], address: str) -> Who:
        near = neighbourhood(address)
        wait = self._guessed.wait(near)
        if wait:
            raise slow(wait, "key: too many that are not known came from this address")
        kind, _, text = given[0].partition(" ")
        if len(given) > 1 or kind.lower() != "bearer" or len(text) > 2 * LENGTH:
            raise _stranger("Authorization: expected one header, `Bearer whodid_…`")
        try:
            return await run_in_threadpool(self._doors.by_key, text.strip(), address)
        except Invalid as failure:
            self._guessed.take(near)
            if not self._noted.take("all"):
                # From however many addresses they come: rows of those who may not come in fill no disk.
                await run_in_threadpool(self._recorder.login, "key", "", "key", address, reason=str(failure))
            raise _stranger(str(failure)) from failure

    def _let_in(self, scope: Scope, caller: Who | None, rights: list[Right]) -> None:
        """Raises HTTPException unless every line of the table allows it."""
        if rights and all(right.role is None for right in rights):
            return
        if caller is None:
            wait = self._asked.take("stranger " + neighbourhood(address_of(HTTPConnection(scope))))
            raise slow(wait, "too many requests") if wait else _stranger("login: this desk has to know who asks")
        if not rights:
            methods = self._table.methods(scope["path"])
            if methods:
                raise HTTPException(405, f"method: expected {' or '.join(methods)}", {"allow": ", ".join(methods)})
            raise HTTPException(404, "path: there is nothing here")
        for right in rights:
            if not right.allows(caller):
                raise HTTPException(403, _lack(right, caller))

    def _slow_down(self, scope: Scope, caller: Who | None, rights: list[Right]) -> None:
        address = neighbourhood(address_of(HTTPConnection(scope)))
        if (scope["method"], scope["path"]) in _TRIES:
            wait = self._logins.take(address) or self._all_logins.take("all")
        elif caller is None:
            wait = self._asked.take("stranger " + address)
        elif not caller.known:
            # Whoever sits at this machine; its producers send as fast as the broker takes it.
            return
        else:
            producing = any(right.scope == "collect" for right in rights)
            wait = (self._sent if producing else self._asked).take(caller.key or caller.session)
        if wait:
            raise slow(wait, "too many requests: wait as long as Retry-After says")


class _Recorded:
    """Sends an answer on, each part after what it gives of contents was recorded."""

    def __init__(self, recorder: Recorder, one: reading.Reading, scope: Scope, receive: Receive, send: Send) -> None:
        self._recorder, self._one, self._scope, self._receive, self._send = recorder, one, scope, receive, send
        self._refused = False

    async def __call__(self, message: Message) -> None:
        """Raises Transient in the midst of an answer whose next part cannot be recorded: it ends there."""
        if self._refused:
            return
        given = self._one.take()
        if given is not None:
            try:
                await run_in_threadpool(
                    self._recorder.read, self._one.who, given, f"{self._scope['method']} {self._scope['path']}",
                    self._scope["query_string"].decode("latin-1"), address_of(HTTPConnection(self._scope)),
                )  # fmt: skip
            except Transient as failure:
                if message["type"] != "http.response.start":
                    raise
                self._refused = True
                told = Transient(f"reading is recorded, and that failed, so nothing is given: {failure}")
                await _refused(self._scope, told)(self._scope, self._receive, self._send)
                return
        await self._send(message)


def address_of(request: HTTPConnection) -> str:
    """Where a request came from: of one by a configured proxy, what that says."""
    return request.client.host if request.client else ""


def _check_origin(scope: Scope, caller: Who | None) -> None:
    """One rule for whatever changes something and comes without a key: a page of ours sends it.

    Programs use an open desk without a key. They say no Origin, which browsers always do, and use the API, which takes
    nothing that a form can send.
    """
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    program = caller is not None and not caller.known and scope["path"].startswith("/v1/")
    if program and b"origin" not in headers and b"sec-fetch-site" not in headers:
        return
    check_same_origin(scope)


def _lack(right: Right, caller: Who) -> str:
    if right.role is not None and caller.role < right.role:
        return f"role: this takes {right.role.title}, {caller.name} is {caller.role.title}"
    return f"scope: this takes a key with the scope {right.scope}, {caller.name} has {', '.join(sorted(caller.scopes))}"


def _stranger(message: str) -> HTTPException:
    return HTTPException(401, message, {"www-authenticate": 'Bearer realm="whodid"'})


def _refused(scope: Scope, refusal: HTTPException | Transient) -> ASGIApp:
    """The answer: for a browser that has to sign in the page where it does, else JSON as of any error."""
    code = refusal.status_code if isinstance(refusal, HTTPException) else 503
    message = str(refusal.detail) if isinstance(refusal, HTTPException) else str(refusal)
    headers = dict(refusal.headers or {}) if isinstance(refusal, HTTPException) else {}
    accepts = dict(scope["headers"]).get(b"accept", b"")
    if code == 401 and scope["method"] == "GET" and b"text/html" in accepts and not scope["path"].startswith("/v1/"):
        query = scope["query_string"].decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"{LOGIN_PATH}?" + urlencode({"next": wanted}), 303)
    error = {"error": {"parameter": message.partition(":")[0] if ":" in message else "", "message": message}}
    return JSONResponse(error, code, headers)
