"""Clouds deliver by HTTP: their envelopes become events, and they are answered as they want it."""

import asyncio
import base64
import gzip
import json

import httpx
import pytest
from fastapi import FastAPI

from pipeline.kit.config import Settings
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.sources import collector, deliveries
from pipeline.sources.body import Refused
from schemas.rejected import Record
from tests.console.access.test_rights import Sent
from tests.sources.kafka import messages

PROMPT = b'{"kind": "prompt", "time": "2026-01-31T12:00:00Z", "session": "s-1", "text": "Pay"}'
TRAIL = {
    "eventVersion": "1.11", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
    "eventName": "GetObject", "eventID": "4f6c", "awsRegion": "eu-west-1", "sourceIPAddress": "192.0.2.1",
    "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ana", "accessKeyId": "AKIAEXAMPLE"},
}  # fmt: skip


def packed(data):
    return base64.b64encode(data).decode()


def subscription(*lines, kind="DATA_MESSAGE"):
    """What CloudWatch Logs sends for a subscription filter."""
    events = [{"id": str(at), "timestamp": 1_769_860_800_000, "message": line} for at, line in enumerate(lines)]
    told = {"messageType": kind, "owner": "123456789012", "logGroup": "trail", "logStream": "a", "logEvents": events}
    return gzip.compress(json.dumps(told).encode())


def firehose(*datas):
    return {"requestId": "r-1", "timestamp": 1, "records": [{"data": packed(data)} for data in datas]}


def test_firehose_is_answered_as_it_wants_and_cloudwatch_unpacked(address, settings):
    given = firehose(PROMPT, subscription(json.dumps(TRAIL), json.dumps({**TRAIL, "eventID": "4f6d"})))
    answer = httpx.post(
        f"{address}/v1/firehose/cloud-audit", content=gzip.compress(json.dumps(given).encode()),
        headers={"content-type": "application/json", "content-encoding": "gzip", "x-amz-firehose-request-id": "r-1"},
    )  # fmt: skip
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"requestId": "r-1", "timestamp": answer.json()["timestamp"]}
    assert answer.json()["timestamp"] > 1_700_000_000_000
    found = messages(settings, "cloud-audit")
    events = [
        event for name, value in found for one in process(Record(value, name), Context(b"k")) for event in one.events
    ]
    assert sorted((one.format, one.action) for one in events) == [
        ("aws.cloudtrail", "s3:GetObject"), ("aws.cloudtrail", "s3:GetObject"), ("canonical", "user_message"),
    ]  # fmt: skip


def test_a_push_of_pubsub_is_taken(address, settings):
    push = {"message": {"data": packed(PROMPT), "messageId": "1", "attributes": {"a": "b"}}, "subscription": "p/s"}
    answer = httpx.post(f"{address}/v1/pubsub/prompts?format=canonical", json=push)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1})
    assert messages(settings, "prompts") == [("canonical", PROMPT)]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (PROMPT, [PROMPT]),
        (b"[" + PROMPT + b"," + PROMPT + b"]", [PROMPT, PROMPT]),
        (PROMPT + b"\n" + PROMPT + b"\n", [PROMPT, PROMPT]),
        (gzip.compress(PROMPT, mtime=0), [PROMPT]),
        (subscription("no JSON", "{}"), [b"no JSON", b"{}"]),
        (subscription("CWL CONTROL MESSAGE", kind="CONTROL_MESSAGE"), []),
        (b'{"logEvents": 7}', [b'{"logEvents": 7}']),
        (b"", []),
        # What cannot be understood is for the dead letters: it would come again for ever.
        (b"no JSON", [b"no JSON"]),
        (b"{}{}", [b"{}{}"]),
    ],
)
def test_what_is_within_becomes_its_events(data, events):
    push = {"message": {"data": packed(data)}, "subscription": "s"}
    assert deliveries.pushed(json.dumps(push).encode(), 10_000) == events


@pytest.mark.parametrize(
    ("path", "given", "status", "says"),
    [
        ("firehose/nothing", firehose(), 404, "prompts, tool-calls"),
        ("firehose/prompts", {"requestId": "r-1", "records": []}, 400, "timestamp"),
        ("firehose/prompts", {**firehose(), "records": [{"data": "%"}]}, 400, "records[0].data: expected base64"),
        ("firehose/prompts", firehose(b"{}", gzip.compress(b"{}")[:-3]), 400, "records[1].data: the gzip stream ends"),
        ("firehose/prompts", firehose(b"\x1f\x8bnothing"), 400, "records[0].data: body: expected gzip"),
        ("firehose/prompts", firehose(b"{}", gzip.compress(b"x" * 20_000)), 413, "records[1].data: expected at most"),
        ("pubsub/nothing", {}, 404, "prompts, tool-calls"),
        ("pubsub/prompts", {"message": {"data": 7}, "subscription": "s"}, 400, "message.data"),
        ("pubsub/prompts", {"message": {"data": "e30"}, "subscription": "s"}, 400, "message.data: expected base64"),
    ],
)
def test_a_wrong_envelope_is_refused_and_nothing_of_it_sent(path, given, status, says):
    sent, app = Sent(), FastAPI()
    app.include_router(collector.router(Settings(message_limit=20_000), sent))

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            return await client.post(f"/v1/{path}", json=given, headers={"x-amz-firehose-request-id": "r-1"})

    answer = asyncio.run(ask())
    assert answer.status_code == status, answer.text
    told = answer.json()
    if path.startswith("firehose"):
        assert (told["requestId"], set(told)) == ("r-1", {"requestId", "timestamp", "errorMessage"})
    assert says in (told["errorMessage"] if path.startswith("firehose") else told["error"]["message"])
    assert sent.messages == []


def test_a_small_gzip_of_much_is_cut_off_before_it_is_unpacked():
    much = gzip.compress(gzip.compress(b"x" * 50_000_000), mtime=0)
    request = deliveries.firehose(json.dumps(firehose(*[gzip.compress(b"x" * 5_000, mtime=0)] * 3)).encode())
    with pytest.raises(Refused, match=r"records\[2\]"):
        deliveries.records(request, 12_000)
    # One layer is taken off, no more.
    assert (
        len(deliveries.pushed(json.dumps({"message": {"data": packed(much)}, "subscription": ""}).encode(), 10**6)) == 1
    )
