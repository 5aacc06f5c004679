"""One entry with everything that is known of it: how each link was made, on what it rests, and what was rejected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request

from pipeline.console import asked, links, shapes
from pipeline.console.access import reading
from pipeline.console.findings import item
from pipeline.console.pages.desk import Desk
from pipeline.console.pages.frame import Page, missing
from pipeline.console.pages.lanes import LANES
from pipeline.store import queries
from pipeline.store.findings import current
from pipeline.store.risk import NONE, risks

#: Time on either side of an entry, in "what happened around it".
AROUND = timedelta(minutes=5)
#: Findings that are shown of one entry, the worst first.
FINDINGS = 20
#: Characters of a text that are shown at once, and of one in a list; the rest is a click away (texts are bounded where
#: they are stored, but nothing says how long an identifier is).
LONG, SHORT = 4000, 400
#: What a method of a link means (docs/timeline.md).
METHODS = {
    "stated": "the source itself says so",
    "credential": "the very credential was seen when it was issued",
    "session-name": "the name that whoever asked for the credential chose for it",
    "login": "the sign-in that the cloud session came out of",
    "trace": "a trace that both belong to",
    "in-flight": "the tool call that was open, weighed against the others that were",
    "identity": "the event's own identity",
    "none": "nothing says so",
}
ORIGINS = {
    "prompt": "was in the prompt", "result": "was in a tool's result", "both": "was in the prompt and in a result",
    "agent": "was nowhere before: the agent made it up",
}  # fmt: skip
#: What stands for the producer of a record that was not authenticated.
NOBODY = "nobody: its record was not authenticated"
#: Groups of the rest, in the order in which people look for them: a title, and keys of the shape with their names.
GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("What the source itself said", (
        ("stated_actor", "Actor"), ("stated_actor_kind", "Kind of actor"), ("stated_actor_name", "Name of actor"),
        ("stated_human", "For whom"), ("stated_session", "Session"), ("stated_parent_session", "Opened by session"),
        ("stated_tool_call", "Tool call"), ("parent_tool_call", "Opened by tool call"),
    )),
    ("Where from", (
        ("address", "Address"), ("user_agent", "Client"), ("account", "Account"), ("region", "Region"),
        ("source_identity", "Source identity"), ("session_name", "Session name"),
    )),
    ("How it was recorded", (
        ("event_id", "Event"), ("kind", "Kind"), ("format", "Format"), ("phase", "Phase"), ("trace", "Trace"),
        ("span", "Span"), ("parent_span", "Parent span"), ("request", "Request"), ("tool", "Tool"),
        ("revision", "Revision"), ("vouched", "Vouched for by"),
    )),
)  # fmt: skip


def page(desk: Desk, request: Request, name: str) -> Page:
    """One entry, as a page of its own or, for htmx, as what the side panel holds."""
    asked.only(request.query_params, ())
    entry = single(desk, name)
    if entry is None:
        return missing("entry", name, "It may not have arrived yet: reload in a moment, or search the timeline.")
    return Page("event.html", title(entry), {"entry": entry})


def record(desk: Desk, request: Request, name: str) -> Page:
    """The raw record that an event came from, as it was received, if whoever asks may have it."""
    asked.only(request.query_params, ())
    found = queries.record(desk.store, name)
    if found is None:
        return missing("record", name, "Raw records are kept for a shorter time than entries.")
    text = reading.raw(name, found.value.decode("utf-8", "backslashreplace"))
    values = {"record": found, "received": shapes.iso(found.time), "text": text, "long": LONG}
    return Page("record.html", f"Record {name}", values)


def single(desk: Desk, name: str) -> dict[str, Any] | None:
    """What the template of an entry shows; None if there is none of that id."""
    found = queries.event(desk.store, name)
    if found is None:
        return None
    shape = shapes.entry(found)
    shape["vouched"] = shape["producer"] or NOBODY
    risk = risks(desk.store, [name]).get(name, NONE)
    told = current(desk.store, risk.findings[:FINDINGS])
    return shape | {
        "lane": LANES.get(shape["kind"], "other"),
        "made": [_link(shape, one) for one in shape["links"]],
        "around": _around(found.event.time),
        "risk": risk.risk, "risks": [item(told[one]) for one in risk.findings if one in told],
        "groups": [(title, said) for title, rows in GROUPS if (said := _told(shape, rows))],
        "origins": ORIGINS, "long": LONG, "short": SHORT,
    }  # fmt: skip


def title(entry: dict[str, Any]) -> str:
    """What the page is called."""
    who = entry["actor"] or entry["stated_actor"] or "somebody"
    return f"{entry['action'] or entry['kind']} by {who}"[:SHORT]


def _link(shape: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """A link with what it points to, what its method means, and the candidates that were rejected."""
    value = shape["prompt_event"] if one["target"] == "prompt" else shape.get(one["target"], "")
    rejected = [other for other in one["candidates"] if other != value]
    return one | {"value": value, "meaning": METHODS.get(one["method"], ""), "rejected": rejected}


def _told(shape: dict[str, Any], rows: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(label, str(shape[key])) for key, label in rows if shape[key]]


def _around(time: int) -> str:
    """Where that can be seen which happened about then; empty for a time that is no date."""
    try:
        at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time)
        since, until = at - AROUND, at + AROUND
    except OverflowError:
        return ""
    return links.timeline(since=since.isoformat(), until=until.isoformat())
