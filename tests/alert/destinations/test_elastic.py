"""Documents for Elasticsearch: fields of ECS with their types, and what a bulk answer says of them."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from datetime import datetime
from typing import Any

import pytest

from pipeline.alert.destinations.elastic import Elastic, payload
from pipeline.alert.ecs import VERSION, document
from pipeline.alert.wire import Away, Refused
from pipeline.kit.failures import Invalid
from tests.alert.destinations.pages import in_json
from tests.alert.raw import Raw, answer
from tests.alert.said import configured, hostile, said

#: Fields of ECS 8.17 that we use, with the types that its reference gives them (written down here, by hand).
ECS = {
    "@timestamp": "date", "ecs.version": "keyword", "message": "match_only_text", "tags": "keyword",
    "event.kind": "keyword", "event.category": "keyword", "event.type": "keyword", "event.action": "keyword",
    "event.id": "keyword", "event.module": "keyword", "event.dataset": "keyword", "event.provider": "keyword",
    "event.severity": "long", "event.risk_score": "float", "event.start": "date", "event.end": "date",
    "event.url": "keyword", "event.reason": "keyword", "event.sequence": "long", "rule.name": "keyword",
    "rule.id": "keyword", "rule.category": "keyword", "rule.ruleset": "keyword", "rule.version": "keyword",
    "rule.description": "keyword", "user.name": "keyword", "user.id": "keyword", "user.email": "keyword",
    "source.ip": "ip", "source.address": "keyword", "cloud.account.id": "keyword", "threat.framework": "keyword",
    "threat.tactic.id": "keyword", "threat.tactic.name": "keyword", "threat.technique.id": "keyword",
    "related.user": "keyword", "related.ip": "ip",
}  # fmt: skip
ARRAYS = {"tags", "event.category", "event.type", "threat.tactic.id", "threat.tactic.name", "threat.technique.id",
          "related.user", "related.ip"}  # fmt: skip
CATEGORIES = {"iam", "configuration", "intrusion_detection"}
TYPES = {"info", "start", "change", "end"}


def flat(given: dict[str, Any], path: str = "") -> dict[str, Any]:
    found = {}
    for name, value in given.items():
        if path == "" and name == "whodid":
            continue
        found |= flat(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return found


def fits(value: Any, kind: str) -> bool:
    if kind == "long":
        return isinstance(value, int)
    if kind == "float":
        return isinstance(value, float | int)
    if not isinstance(value, str):
        return False
    if kind == "ip":
        return bool(ipaddress.ip_address(value))
    return kind != "date" or bool(datetime.fromisoformat(value))


@pytest.mark.parametrize("notice", [said(), said("details"), hostile(), said(state="closed", news="closed")])
def test_every_field_is_one_of_ecs_and_of_its_type(notice):
    for name, value in flat(json.loads(payload(notice, "x").splitlines()[1])).items():
        assert name in ECS, f"{name} is no field of ECS {VERSION}"
        assert isinstance(value, list) == (name in ARRAYS), name
        for one in value if isinstance(value, list) else [value]:
            assert fits(one, ECS[name]), (name, one)
    found = document(notice)
    assert set(found["event"]["category"]) <= CATEGORIES
    assert set(found["event"]["type"]) <= TYPES


def test_an_alert_is_one_document_that_a_late_revision_does_not_overwrite():
    action, _ = payload(said(revision=3), "alerts").splitlines()
    assert json.loads(action) == {"index": {
        "_index": "alerts", "_id": said().alert.alert_id, "version": 3, "version_type": "external_gte",
    }}  # fmt: skip


def test_with_history_every_revision_is_a_document_of_its_own():
    notice = said(revision=3)
    action, _ = payload(notice, "alerts", history=True).splitlines()
    assert json.loads(action) == {"create": {"_index": "alerts", "_id": notice.key}}


def test_texts_cannot_break_the_lines():
    assert len(payload(hostile(), "alerts").splitlines()) == 2
    assert len(payload(hostile(), "alerts")) < 512 * 1024


def bulk(status: int, error: str = "") -> bytes:
    item = {"status": status, **({"error": {"type": error, "reason": error}} if error else {})}
    return answer(200, json.dumps({"errors": status >= 400, "items": [{"index": item}]}).encode())


def sent(*answers: bytes, **more: Any) -> Any:
    async def main() -> Any:
        async with Raw(*answers) as raw:
            there = configured(Elastic, kind="elastic", url=raw.url, **more)
            wire = there.wire()
            try:
                await there.send(said(), wire)
            finally:
                await wire.close()
            return raw.asked

    return asyncio.run(main())


@pytest.mark.parametrize("status", [200, 201, 409])
def test_what_is_there_is_delivered(status):
    (asked,) = sent(bulk(status))
    assert asked.line.startswith("POST /hook/_bulk ")
    assert asked.headers["content-type"] == "application/x-ndjson"


@pytest.mark.parametrize(
    ("given", "failure", "says"),
    [
        (bulk(400, "mapper_parsing_exception"), Refused, "mapper_parsing_exception"),
        (bulk(429, "es_rejected_execution_exception"), Away, "429"),
        (bulk(503), Away, "503"),
        (bulk(400, "illegal_argument_exception"), Away, "illegal_argument"),
        (bulk(404, "index_not_found_exception"), Away, "index_not_found"),
        (answer(200, b"<html>a login page</html>"), Away, "no answer of a bulk API"),
        (answer(200, b'{"items": []}'), Away, "no answer"),
        (answer(401), Away, "401"),
        (answer(413), Refused, "413"),
    ],
)
def test_an_answer_of_200_may_still_be_a_failure(given, failure, says):
    with pytest.raises(failure, match=says):
        sent(given)


def test_keys_and_passwords_come_from_secrets(tmp_path):
    (tmp_path / "s").write_text("abc\n")
    secret = {"file": str(tmp_path / "s")}
    (asked,) = sent(bulk(201), api_key=secret)
    assert asked.headers["authorization"] == "ApiKey abc"
    (asked,) = sent(bulk(201), user="whodid", password=secret)
    assert asked.headers["authorization"] == "Basic d2hvZGlkOmFiYw=="
    with pytest.raises(Invalid, match="`api_key`, or `user` and `password`"):
        sent(bulk(201), user="whodid")


def test_the_example_of_the_page_is_what_is_sent():
    shown = in_json("elastic.md", '"@timestamp": "2026')
    found = json.loads(payload(said(), "x").splitlines()[1])
    assert {**found, "whodid": shown["whodid"]} == shown


def test_the_mapping_of_the_page_has_the_types_of_ecs():
    mapping = in_json("elastic.md", '"index_patterns"')["template"]["mappings"]["properties"]
    found = {}

    def walk(given: dict[str, Any], path: str) -> None:
        for name, one in given.items():
            if "properties" in one:
                walk(one["properties"], f"{path}{name}.")
            else:
                found[path + name] = one["type"]

    walk({name: one for name, one in mapping.items() if name != "whodid"}, "")
    assert found == ECS
