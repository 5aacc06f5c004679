"""An application gets a gate, and the pages and routes of who may pass it."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import FastAPI

from pipeline.console.access import api
from pipeline.console.access.cookies import Cookies
from pipeline.console.access.doors import Doors
from pipeline.console.access.gate import Gate
from pipeline.console.access.login import Login
from pipeline.console.access.oidc import Provider
from pipeline.console.access.record import Recorder, Tell
from pipeline.console.assets import STATIC, Assets
from pipeline.console.guard import Guard, is_loopback
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.store import access


def install(app: FastAPI, store: access.Writable, settings: Settings, tell: Tell | None = None) -> None:
    """`tell` takes events to the topic `cloud-audit`. Raises Invalid for settings that leave a door open."""
    provider = Provider(settings) if settings.oidc_issuer else None
    any_key = access.any_key(store)
    check(settings, any_key)
    doors, cookies = Doors(store, settings, any_key), Cookies(settings.hashing_key, settings.public_url)
    recorder = Recorder(store, tell)
    app.include_router(api.router(doors, store, recorder))
    app.include_router(Login(doors, cookies, recorder, provider, settings.public_url).router())
    app.mount(STATIC, Assets(), name="static")
    app.add_middleware(Gate, doors=doors, cookies=cookies, recorder=recorder, settings=settings)
    app.add_middleware(Guard, host=settings.host, public=public_host(settings))


def check(settings: Settings, any_key: bool) -> None:
    """Raises Invalid when others than this machine can reach the desk, and nobody could be asked who they are."""
    outside = not is_loopback(settings.host) or bool(settings.public_url)
    if outside and not any_key and not settings.oidc_issuer:
        raise Invalid(
            "host (WHODID_HOST)" if not is_loopback(settings.host) else "public_url (WHODID_PUBLIC_URL)",
            "loopback while nobody has to sign in: make a key first (`whodid keys create NAME --role admin "
            "--scope read --scope write`), or configure a login (WHODID_OIDC_ISSUER, docs/access.md)",
            settings.public_url or settings.host,
        )  # fmt: skip
    if settings.oidc_issuer and not settings.public_url and not is_loopback(settings.host):
        raise Invalid(
            "public_url (WHODID_PUBLIC_URL)", "the address at which browsers find the desk: the identity provider "
            "sends them back there"
        )  # fmt: skip


def public_host(settings: Settings) -> str:
    """The Host of requests that come by the name that people know."""
    return urlsplit(settings.public_url).netloc
