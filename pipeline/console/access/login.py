"""People come in: by the identity provider, or with a key that they paste; and leave."""

from __future__ import annotations

import re
from importlib.resources import files
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, StrictUndefined

from pipeline.console import assets
from pipeline.console.access.cookies import Cookies
from pipeline.console.access.doors import Doors
from pipeline.console.access.gate import address_of
from pipeline.console.access.oidc import Provider
from pipeline.console.access.record import Recorder
from pipeline.console.access.who import Who, who
from pipeline.console.bodies import form
from pipeline.console.inert import inert
from pipeline.kit.failures import Invalid, Transient

#: Bytes of the form.
_FORM = 8192
#: Characters of an address to go on to: a path of this server, printable, with nothing that a browser reads otherwise.
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}|/")


class Login:
    """The page and what it leads to."""

    def __init__(
        self,
        doors: Doors,
        cookies: Cookies,
        recorder: Recorder,
        provider: Provider | None,
        public_url: str,
    ) -> None:
        self._doors, self._cookies, self._recorder, self._provider = doors, cookies, recorder, provider
        self._public_url = public_url
        environment = Environment(autoescape=True, undefined=StrictUndefined)
        environment.filters["inert"] = inert
        environment.globals["static"] = assets.address
        text = files("pipeline.console.access").joinpath("login.html").read_text(encoding="utf-8")
        self._template = environment.from_string(text)

    def router(self) -> APIRouter:
        """The routes."""
        routes = APIRouter(include_in_schema=False)
        routes.get("/login")(self.page)
        routes.post("/login")(self.by_key)
        routes.get("/login/oidc")(self.begin)
        routes.get("/login/callback")(self.finish)
        routes.post("/logout")(self.leave)
        return routes

    def page(self, request: Request) -> HTMLResponse:
        """Where somebody signs in."""
        return self._page(onward(request.query_params.get("next", "")))

    async def by_key(self, request: Request) -> Response:
        """A key becomes a session."""
        given = await form(request, _FORM)
        wanted = onward(given.get("next", ""))
        try:
            found = await run_in_threadpool(self._doors.by_key, given.get("key", "").strip(), address_of(request))
            if "read" not in found.scopes:
                raise Invalid("key", "one with the scope read: this one is for a program")
        except Invalid as failure:
            await self._failed(request, "", "key", str(failure))
            return self._page(wanted, str(failure), 401)
        return await self._enter(request, found, wanted)

    async def begin(self, request: Request) -> Response:
        """On to the identity provider."""
        wanted = onward(request.query_params.get("next", ""))
        if self._provider is None:
            return self._page(wanted, "No identity provider is configured here: sign in with a key.", 404)
        try:
            url, kept = await self._provider.begin(f"{self._site(request)}/login/callback")
        except (Invalid, Transient) as failure:
            return self._page(wanted, str(failure), 503)
        response = RedirectResponse(url, 302)
        self._cookies.keep_login(request, response, {**kept, "next": wanted})
        return response

    async def finish(self, request: Request) -> Response:
        """Back from the identity provider."""
        kept = self._cookies.login(request)
        wanted = onward(kept.get("next", ""))
        if self._provider is None:
            return self._page(wanted, "No identity provider is configured here: sign in with a key.", 404)
        try:
            found = await self._provider.finish(request.query_params, kept)
        except Invalid as failure:
            await self._failed(request, "", "oidc", str(failure))
            return self._dropped(request, self._page(wanted, str(failure), 403))
        except Transient as failure:
            return self._dropped(request, self._page(wanted, str(failure), 503))
        return self._dropped(request, await self._enter(request, found, wanted))

    async def leave(self, request: Request) -> Response:
        """The session ends, here and in the store."""
        caller = who(request)
        if caller.session:
            await run_in_threadpool(self._doors.end, caller.session)
            await run_in_threadpool(
                self._recorder.login, "logout", caller.name, caller.via, address_of(request), about=caller.key
            )
        response = RedirectResponse("/login", 303)
        self._cookies.end(request, response)
        return response

    async def _enter(self, request: Request, found: Who, wanted: str) -> Response:
        """A session of its own for every login: none that was there before is gone on with."""
        before = self._cookies.session(request)
        if before:
            old = await run_in_threadpool(self._doors.by_session, before)
            if old is not None:
                await run_in_threadpool(self._doors.end, old.session)
        await run_in_threadpool(
            self._recorder.login, "login", found.name, found.via, address_of(request), about=found.key
        )
        name, life = await run_in_threadpool(self._doors.begin, found)
        response = RedirectResponse(quote(wanted, safe="/?&=%#:;,+@!$'()*~-._"), 303)
        self._cookies.begin(request, response, name, life)
        return response

    async def _failed(self, request: Request, name: str, via: str, reason: str) -> None:
        await run_in_threadpool(self._recorder.login, "login", name, via, address_of(request), reason=reason)

    def _site(self, request: Request) -> str:
        # Without a name that people know, the desk is on loopback, and the guard has looked at the Host.
        return self._public_url or f"{request.url.scheme}://{request.headers['host']}"

    def _page(self, wanted: str, error: str = "", code: int = 200) -> HTMLResponse:
        html = self._template.render(wanted=wanted, error=error, oidc=self._provider is not None)
        return HTMLResponse(html, code)

    def _dropped(self, request: Request, response: Response) -> Response:
        self._cookies.drop_login(request, response)
        return response


def onward(text: str) -> str:
    """Where to go on to after a login: a path of this server, else its first page."""
    if not _PATH.fullmatch(text):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc or parts.path.startswith("/login") else text
