"""Questions about alerts, and decisions about them, become the JSON objects of the API and of the command line.

An alert has the fields of `schemas.alert` (see `pipeline.alert.body`), none is ever absent: times in ISO 8601. Those
that nobody was told of (suppressed, or part of a storm or of another alert) are shown with `everything=true`, or by
`part_of`.

One by its id has besides: `evidence` (entries as in a timeline, oldest first), `missing` (ids of those that are not
shown), `deliveries` (attempts, latest first), `responses`, and `similar` (other alerts of this fingerprint, latest
first).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pipeline.alert import body, life
from pipeline.alert.body import iso
from pipeline.console import asked, shapes
from pipeline.console.access import reading
from pipeline.console.shapes import moment
from pipeline.kit.failures import Invalid
from pipeline.store import alerts as stored
from pipeline.store import queries
from pipeline.store.pivots import MAX_LIMIT, Rows
from schemas.alert import Alert, Decision, Delivery, Response

PARAMETERS = (*stored.FILTERS, "since", "until", "everything", "after", "limit")
DEFAULT_LIMIT = 100
#: Entries that are read as evidence; attempts, and similar alerts, that are shown with one.
MOST, ATTEMPTS, SIMILAR = 200, 50, 10
#: What takes a decision to the alert stage; returns when it is safe there. Raises Transient.
Decide = Callable[[Decision], None]
_FIELDS = ("what", "by", "reason", "verdict", "hook")


def listing(store: Rows, given: Mapping[str, str]) -> dict[str, Any]:
    """A page: `alerts`, the one with the latest event first, and `next`. Raises Invalid for a wrong parameter."""
    asked.only(given, PARAMETERS)
    for name in stored.FILTERS:
        if len(given.get(name, "")) > asked.MAX_VALUE:
            raise Invalid(name, f"at most {asked.MAX_VALUE} characters", f"{len(given[name])} characters")
    page = stored.alerts(
        store,
        {name: [given[name]] for name in stored.FILTERS if given.get(name)},
        since=moment(given["since"], "since") if given.get("since") else None,
        until=moment(given["until"], "until") if given.get("until") else None,
        after=asked.place(given["after"]) if given.get("after") else None,
        limit=asked.number(given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        everything=asked.flag(given, "everything"),
    )
    return {
        "alerts": [item(one) for one in page.alerts],
        "next": asked.cursor(page.next) if page.next else None,
    }


def single(store: Rows, alert_id: str) -> dict[str, Any] | None:
    """One alert with all that belongs to it; None if there is none of that id."""
    found = stored.alert(store, alert_id)
    if found is None:
        return None
    evidence = queries.events(store, found.entries[:MOST])
    there = {entry.event.event_id for entry in evidence}
    similar = stored.alerts(store, {"fingerprint": [found.fingerprint]}, limit=SIMILAR + 1).alerts
    return {
        **item(found),
        "evidence": [shapes.entry(entry) for entry in evidence],
        "missing": [name for name in found.entries if name not in there],
        "deliveries": [delivery(one) for one in stored.deliveries(store, alert_id=alert_id, limit=ATTEMPTS)],
        "responses": [response(one) for one in stored.responses(store, alert_id)],
        "similar": [item(one) for one in similar if one.alert_id != alert_id][:SIMILAR],
    }


def deliveries(store: Rows, given: Mapping[str, str]) -> dict[str, Any]:
    """Attempts to tell somebody, latest first. Raises Invalid for a wrong parameter."""
    asked.only(given, ("alert", "destination", "outcome", "limit"))
    found = stored.deliveries(
        store, alert_id=given.get("alert", ""), destination=given.get("destination", ""),
        outcome=given.get("outcome", ""), limit=asked.number(given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
    )  # fmt: skip
    return {"deliveries": [delivery(one) for one in found]}


def responses(store: Rows, given: Mapping[str, str]) -> dict[str, Any]:
    """Responses, latest first. Raises Invalid for a wrong parameter."""
    asked.only(given, ("alert", "state", "limit"))
    limit = asked.number(given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    found = stored.responses(store, given.get("alert", ""), given.get("state", ""), limit)
    return {"responses": [response(one) for one in found]}


def item(one: Alert) -> dict[str, Any]:
    """The JSON object of one alert, as whoever asks may have it."""
    return reading.prose(body.item(one), one.quotes)


def delivery(one: Delivery) -> dict[str, Any]:
    """The JSON object of one attempt."""
    return {**msgspec.structs.asdict(one), "at": iso(one.at)}


def response(one: Response) -> dict[str, Any]:
    """The JSON object of one response: the request is exactly what is sent, but for the secrets that it names."""
    values: dict[str, Any] = msgspec.to_builtins(one)
    changes = [{**change, "at": iso(change["at"])} for change in values["changes"]]
    values["request"]["body"] = reading.text(one.request.body)
    return {**values, "at": iso(one.at), "changes": changes}


def decision(store: Rows, about: str, given: Mapping[str, Any]) -> Decision | None:
    """What somebody decides about an alert or a response; None if there is none of that id. Raises Invalid."""
    for name, value in given.items():
        if name not in _FIELDS:
            raise Invalid(name[:40], "no such field; there are " + ", ".join(_FIELDS))
        if not isinstance(value, str):
            raise Invalid(name, "text", value)
        if not value.isascii() and value != value.encode("utf-8", "replace").decode():
            raise Invalid(name, "Unicode without lone surrogates")
    said = {name: given.get(name, "") for name in _FIELDS}
    alert = stored.alert(store, about)
    if alert is None and stored.response(store, about) is None:
        return None
    allowed = life.ALERT if alert is not None else ("approve", "reject")
    if said["what"] not in allowed:
        raise Invalid("what", "one of " + ", ".join(allowed), said["what"])
    return life.checked(
        Decision(decision_id=uuid.uuid4().hex, about=about, at=int(time.time() * 1e6), alert=alert, **said)
    )
