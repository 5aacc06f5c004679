"""Events of PagerDuty's API v2, held against what its documentation says of each field."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipeline.alert.destinations.pagerduty import PagerDuty, payload
from pipeline.alert.plain import encoded
from pipeline.alert.wire import Away, Refused
from schemas.alert import Change
from tests.alert.raw import Raw, answer
from tests.alert.said import configured, hostile, said

KEY = "0123456789abcdef0123456789ABCDEF"
TEXT = {"type": "string", "minLength": 1}
#: Of developer.pagerduty.com/docs/events-api-v2/trigger-events, as read in 2026.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["routing_key", "event_action", "dedup_key"],
    "additionalProperties": False,
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": TEXT,
        "client_url": {"type": "string", "pattern": "^https?://"},
        "links": {"type": "array", "items": {
            "type": "object", "required": ["href"], "additionalProperties": False,
            "properties": {"href": {"type": "string", "pattern": "^https?://"}, "text": TEXT},
        }},
        "payload": {
            "type": "object",
            "required": ["summary", "source", "severity"],
            "additionalProperties": False,
            "properties": {
                "summary": {**TEXT, "maxLength": 1024},
                "source": TEXT,
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
                "component": TEXT, "group": TEXT, "class": TEXT,
                "custom_details": {"type": "object"},
            },
        },
    },
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
}  # fmt: skip
SEVERAL = {
    "whole": said(), "example": said(is_example=True), "hostile": hostile(),
    "empty": said(title="", sentence="", actor="", family="", accounts=[], detections={}, at=0),
    "closed": said(state="closed", verdict="true", revision=3),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_what_is_sent_is_as_the_documentation_says(name: str) -> None:
    body = encoded({"routing_key": KEY, **payload(SEVERAL[name])})
    assert len(body) <= 512 * 1024
    jsonschema.validate(json.loads(body), SCHEMA)


@pytest.mark.parametrize(("state", "revision", "action"), [
    ("open", 0, "trigger"), ("open", 4, "trigger"), ("acknowledged", 2, "acknowledge"), ("closed", 3, "resolve"),
])  # fmt: skip
def test_an_incident_lives_as_its_alert_does(state: str, revision: int, action: str) -> None:
    found = payload(said(state=state, revision=revision))
    assert (found["event_action"], found["dedup_key"]) == (action, "example-0001")
    assert ("payload" in found) == (action == "trigger")


@pytest.mark.parametrize(
    ("ours", "theirs"), [("critical", "critical"), ("high", "error"), ("medium", "warning"), ("low", "info")]
)
def test_severities_are_theirs(ours: str, theirs: str) -> None:
    assert payload(said(severity=ours))["payload"]["severity"] == theirs


def test_who_is_called_at_night_reads_what_matters() -> None:
    found = payload(said())
    event = found["payload"]
    assert event["summary"].startswith("A token is used in two places: build-7 assumed arn:aws:iam::123456789012:role/")
    assert (event["source"], event["component"]) == ("123456789012", "build-7")
    assert (event["group"], event["class"]) == ("token", "token-in-two-places")
    assert event["custom_details"]["runbook"][0] == "Ask ana@example.com whether this was meant."
    assert found["links"][0]["href"] == "https://whodid.example.com/alerts/example-0001"
    assert payload(said(is_example=True))["payload"]["summary"].startswith("EXAMPLE: ")


def test_what_is_too_long_is_cut_visibly() -> None:
    event = payload(said(title="x" * 5000, unusual=["y" * 2000] * 5000, changes=[Change("note", "ana", 1)] * 900))[
        "payload"
    ]
    assert len(event["summary"]) == 1024
    assert event["summary"].endswith("…")
    assert event["custom_details"]["unusual"][-1].startswith("… and ")
    assert event["custom_details"]["actor"] == "build-7"


def deliver(tmp_path: Path, said_back: bytes, routing_key: str = KEY) -> list[Any]:
    async def trial() -> list[Any]:
        (tmp_path / "key").write_text(routing_key)
        async with Raw(said_back) as raw:
            there = configured(
                PagerDuty, kind="pagerduty", url=raw.url, routing_key={"file": str(tmp_path / "key")}
            )  # fmt: skip
            wire = there.wire()
            try:
                await there.send(said(), wire)
            finally:
                await wire.close()
            return raw.asked

    return asyncio.run(trial())


def test_it_is_posted_with_its_key(tmp_path: Path) -> None:
    (asked,) = deliver(tmp_path, answer(202, b'{"status":"success"}'))
    assert asked.json == {"routing_key": KEY, **json.loads(encoded(payload(said())))}
    assert asked.headers["content-type"] == "application/json"


def test_too_many_events_are_told_later(tmp_path: Path) -> None:
    with pytest.raises(Away) as caught:
        deliver(tmp_path, answer(429, b"slow down", Retry_After="60"))
    assert caught.value.retry_after == 60


def test_an_event_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        deliver(tmp_path, answer(400, b'{"status":"invalid event","errors":["\'severity\' is missing"]}'))


@pytest.mark.parametrize("key", [KEY, "short"])
def test_a_wrong_routing_key_is_not_the_alerts_fault(tmp_path: Path, key: str) -> None:
    with pytest.raises(Away) as caught:
        deliver(tmp_path, answer(400, b'{"errors":["\'routing_key\' ' + KEY.encode() + b' is unknown"]}'), key)
    assert KEY not in str(caught.value)
