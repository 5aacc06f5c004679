"""What is sent to Elasticsearch, and what a bulk answer says of it. See test_ecs for the documents."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from pipeline.alert.destinations.elastic import Elastic, payload
from pipeline.alert.wire import Away, Refused
from pipeline.kit.failures import Invalid
from tests.alert.destinations.pages import in_json
from tests.alert.raw import Raw, answer
from tests.alert.said import configured, hostile, said


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


def bulk(status: int, error: str = "", reason: str = "") -> bytes:
    item = {"status": status, **({"error": {"type": error, "reason": reason}} if error else {})}
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
        (bulk(400, "index_closed_exception"), Away, "index_closed"),
        (bulk(404, "index_not_found_exception"), Away, "index_not_found"),
        (answer(200, b"<html>a login page</html>"), Away, "no answer of a bulk API"),
        (bulk(403, "cluster_block_exception"), Away, "cluster_block"),
        (bulk(400, "document_parsing_exception"), Refused, "document_parsing"),
        (bulk(400, "strict_dynamic_mapping_exception"), Refused, "strict_dynamic"),
        (bulk(400, "illegal_argument_exception", "at least one immense term in field"), Refused, "immense term"),
        (bulk(400, "mapper_parsing_exception", "it says illegal_argument_exception"), Refused, "mapper_parsing"),
        (answer(200, b'{"items": []}'), Away, "no answer"),
        (answer(200, b'{"items": [{}]}'), Away, "no answer"),
        (answer(429), Away, "429"),
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
    (tmp_path / "s").write_text("pä:ss\n")
    (asked,) = sent(bulk(201), user="whodid", password=secret)
    assert base64.b64decode(asked.headers["authorization"][6:]).decode() == "whodid:pä:ss"


@pytest.mark.parametrize("changes", [
    {"user": "a"}, {"password": {"env": "A"}}, {"index": "Upper"}, {"index": "_x"}, {"index": "a/b"},
    {"api_key": {"env": "A"}, "user": "a", "password": {"env": "A"}}, {"api_key": "plain"},
])  # fmt: skip
def test_settings_that_cannot_be_are_named(changes):
    with pytest.raises(Invalid, match="expected"):
        configured(Elastic, kind="elastic", url="https://es.example.com", **changes)


def test_the_example_of_the_page_is_what_is_sent():
    shown = in_json("elastic.md", '"@timestamp": "2026')
    found = json.loads(payload(said(), "x").splitlines()[1])
    assert {**found, "whodid": shown["whodid"]} == shown
