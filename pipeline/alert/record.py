"""What was decided and done about alerts becomes events of the timeline itself: whodid is audited like everybody.

In:     what the alert stage told, and the decisions that it was given
Out:    canonical events (JSON) for the topic `cloud-audit`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from pipeline.alert.body import iso
from pipeline.alert.kept import Told
from pipeline.alert.life import ITSELF
from pipeline.alert.plain import short, valid
from schemas.alert import Decision, Response

_TEXT = 1000


def events(told: Told, decisions: Iterable[Decision]) -> Iterator[bytes]:
    """One event a decision, and one for each response that nobody asked for."""
    refused = {id(decision): reason for decision, reason in told.refused}
    for decision in decisions:
        yield _decided(decision, refused.get(id(decision), ""))
    for response in told.responses:
        if response.revision == 0 and response.changes[0].by == ITSELF:
            yield _proposed(response)


def _decided(decision: Decision, refusal: str) -> bytes:
    """Who decided what. What a call came to is a decision of the program, about its response."""
    report = decision.what == "report"
    failed = refusal or (decision.reason if report and decision.verdict != "done" else "")
    return event(
        f"whodid-decision-{decision.decision_id}",
        decision.at,
        decision.by or "unknown",
        "service" if decision.by == ITSELF else "human",
        f"whodid:response.{decision.what}" if decision.what in ("approve", "reject", "report") else
        f"whodid:alert.{decision.what}",
        [decision.about],
        {"reason": decision.reason, "verdict": decision.verdict, "hook": decision.hook},
        failed,
    )  # fmt: skip


def _proposed(response: Response) -> bytes:
    request = f"{response.request.method} {response.request.url}"
    what = "approved" if response.state == "approved" else "proposed"
    return event(
        f"whodid-response-{response.response_id}", response.at, ITSELF, "service", f"whodid:response.{what}",
        [response.response_id, response.alert_id],
        {"hook": response.hook, "title": response.title, "request": request}, "",
    )  # fmt: skip


def event(  # noqa: PLR0913, PLR0917  (the fields of an event)
    name: str, at: int, by: str, kind: str, action: str, about: list[str], said: dict[str, str], error: str,
    address: str = "",
) -> bytes:  # fmt: skip
    """Something that was done with whodid itself, as a canonical event (JSON) of `cloud-audit`; `at`: microseconds."""
    body: dict[str, Any] = {
        "kind": "cloud_audit", "event_id": name[:2000], "time": iso(at) or "1970-01-01T00:00:01Z",
        "actor": {"id": _valid(by), "kind": kind}, "action": action, "resources": [_valid(one) for one in about if one],
        "outcome": "failure" if error else "success",
        "attributes": {key: _valid(value) for key, value in said.items() if value},
    }  # fmt: skip
    if address:
        body["address"] = _valid(address)
    if error:
        body["error"] = _valid(error)
    return msgspec.json.encode(body)


def _valid(text: str) -> str:
    return str(valid(short(text, _TEXT)))
