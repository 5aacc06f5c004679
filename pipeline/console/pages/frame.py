"""What all pages share: the frame around them, how values are shown, and what becomes of failures.

A page is a function of a request; it returns the name of a template and what fills it. Templates escape every value;
what came from outside is written with `inert` too, so that nothing in it moves a cursor or turns a line around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from pipeline.console import assets, links
from pipeline.console.access.who import LOCAL, STATE, Role, Who
from pipeline.console.inert import brief, inert
from pipeline.console.shapes import iso
from pipeline.kit.failures import Invalid, Transient
from pipeline.store.findings import SEVERITIES

#: Pages in the order of the menu: address, title, key that goes there after `g`.
MENU = (
    ("/", "Overview", "o"),
    ("/timeline", "Timeline", "t"),
    ("/alerts", "Alerts", "a"),
    ("/findings", "Findings", "f"),
    ("/cases", "Cases", "i"),
    ("/inventory?of=identities", "Identities", "d"),
    ("/inventory?of=credentials", "Credentials", "c"),
    ("/inventory?of=sessions", "Sessions", "s"),
    ("/coverage", "Coverage", "v"),
    ("/dead-letters", "Dead letters", "l"),
    ("/status", "Status", "u"),
    ("/settings", "Settings", "e"),
)


class Page(NamedTuple):
    """What a page shows."""

    template: str
    title: str
    values: Mapping[str, Any]
    status: int = 200


def answer(request: Request, page: Page) -> HTMLResponse:
    """The document of a page; for htmx only its main part, with the title."""
    part = request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"
    somebody = request.scope.get(STATE, LOCAL)
    html = _template(page.template)(
        layout="part.html" if part else "layout.html", title=page.title, menu=MENU, path=request.url.path,
        here=_here(request), who=somebody, may_write=_may_write(somebody),
        # In whose name forms speak; where nobody has to sign in they ask.
        known=somebody.name if somebody is not None and somebody.known else "", **page.values,
    )  # fmt: skip
    return HTMLResponse(html, page.status, {"vary": "HX-Request"})


def answered(request: Request, made: Callable[[], Page]) -> HTMLResponse:
    """The document, or one that says what is wrong and what to do."""
    try:
        return answer(request, made())
    except Invalid as failure:
        return answer(request, failed("That cannot be asked", str(failure), 400))
    except Transient as failure:
        return answer(request, failed("The store does not answer", str(failure), 503))


def missing(what: str, name: str, why: str) -> Page:
    """There is no such thing; `why` says what to do."""
    return failed(f"No {what} of this name", f"{name[:200]} is not here. {why}", 404)


def surety(confidence: float) -> str:
    """The CSS class of a confidence."""
    if confidence >= 0.9:
        return "sure"
    if confidence >= 0.7:
        return "likely"
    return "doubtful" if confidence > 0 else "unknown"


def gravity(severity: str) -> str:
    """The CSS class of a severity."""
    return severity if severity in SEVERITIES else "dim"


def band(risk: float) -> str:
    """The CSS class of a risk: that of the severity whose band it lies in (docs/query.md)."""
    return next((name for name, least in _BANDS if risk >= least), "calm")


_BANDS = (("critical", 0.95), ("high", 0.8), ("medium", 0.55), ("low", 0.0001))


def failed(title: str, message: str, status: int, typed: str = "") -> Page:
    """Something is wrong; the message says what to do. What somebody typed is given back."""
    return Page("failure.html", title, {"message": message, "typed": typed}, status)


def clock(seconds: int) -> Markup:
    """A time, seconds since 1970, as pages show times."""
    text = iso(seconds * 1_000_000)
    return Markup('<time datetime="{}">{}</time>').format(text, text[:19].replace("T", " "))


def counted(amount: int, one: str, many: str = "") -> str:
    """`1 alert`, `2 alerts`, `1,200 entries`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def _may_write(somebody: Who | None) -> bool:
    """Whether forms that say something are shown: to others they would promise what the gate refuses."""
    return somebody is not None and somebody.role >= Role.ANALYST and "write" in somebody.scopes


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


@cache
def _template(name: str) -> Callable[..., str]:
    environment = Environment(
        loader=FunctionLoader(_source), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        inert=inert, brief=brief, surety=surety, gravity=gravity, band=band, counted=counted, clock=clock,
    )  # fmt: skip
    environment.globals.update(links=links, static=assets.address)
    return environment.get_template(name).render


def _source(name: str) -> str:
    return files("pipeline.console").joinpath("templates").joinpath(name).read_text(encoding="utf-8")
