"""The null pipeline: consume, parse, insert, no join. The least that any pipeline of this kind has to do.

One process on one core, in the way a careful engineer would write it: confluent-kafka in batches, typed msgspec
decoding of the dozen fields that a timeline shows, blocks of 20,000 rows inserted by column through
clickhouse-connect. `--stop-after` ends it earlier, to see what consuming and parsing cost by themselves.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date
from typing import Any

import clickhouse_connect
import msgspec
from clickhouse_connect.driver import Client
from confluent_kafka import Consumer, TopicPartition

BLOCK = 20_000
COLUMNS = ["event_id", "time", "kind", "action", "actor", "credential", "address", "outcome", "resource", "session"]


class Identity(msgspec.Struct, gc=False):
    arn: str = ""
    accessKeyId: str = ""


class Resource(msgspec.Struct, gc=False):
    ARN: str = ""


class Trail(msgspec.Struct, gc=False):
    eventID: str
    eventTime: str
    eventName: str
    eventSource: str
    userIdentity: Identity
    sourceIPAddress: str = ""
    errorCode: str = ""
    resources: list[Resource] = []


class Value(msgspec.Struct, gc=False):
    stringValue: str = ""


class Attribute(msgspec.Struct, gc=False):
    key: str
    value: Value


class Span(msgspec.Struct, gc=False):
    spanId: str
    traceId: str
    startTimeUnixNano: str
    attributes: list[Attribute]


class Envelope(msgspec.Struct, gc=False):
    span: Span


_trail = msgspec.json.Decoder(Trail).decode
_span = msgspec.json.Decoder(Envelope).decode


def row_of(name: bytes, value: bytes) -> tuple[Any, ...]:
    if name == b"aws.cloudtrail":
        event = _trail(value)
        seconds = _seconds(event.eventTime)
        resource = event.resources[0].ARN if event.resources else ""
        identity = event.userIdentity
        return (
            event.eventID, seconds * 1_000_000, "cloud_audit", event.eventSource + ":" + event.eventName, identity.arn,
            identity.accessKeyId, event.sourceIPAddress, event.errorCode, resource, "",
        )  # fmt: skip
    span = _span(value).span
    fields = {attribute.key: attribute.value.stringValue for attribute in span.attributes}
    return (
        span.spanId, int(span.startTimeUnixNano) // 1000, "tool_call", fields.get("gen_ai.tool.name", ""),
        fields.get("gen_ai.agent.id", ""), "", "", "", "", fields.get("gen_ai.conversation.id", ""),
    )  # fmt: skip


_days: dict[str, int] = {}


def _seconds(text: str) -> int:
    day = _days.get(text[:10])
    if day is None:
        day = _days[text[:10]] = (date.fromisoformat(text[:10]) - date(1970, 1, 1)).days * 86400
    return day + int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])


def opened(store: str) -> Client:
    """The embedded engine with an empty table in it."""
    client = clickhouse_connect.get_client(interface="chdb", path=store)
    client.command(
        "CREATE TABLE IF NOT EXISTS nulls (event_id String, time DateTime64(6), kind LowCardinality(String), "
        "action LowCardinality(String), actor String, credential String, address String, "
        "outcome LowCardinality(String), resource String, session String) ENGINE = MergeTree ORDER BY (time, event_id)"
    )
    return client


def insert(client: Client, rows: list[tuple[Any, ...]]) -> None:
    """A block, by column."""
    client.insert("nulls", list(zip(*rows, strict=True)), column_names=COLUMNS, column_oriented=True)


def run(bootstrap: str, topics: list[str], partitions: int, events: int, store: str, stop_after: str) -> dict[str, Any]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"null-{stop_after}", "fetch.wait.max.ms": 50})
    consumer.assign([TopicPartition(topic, number, 0) for topic in topics for number in range(partitions)])
    client = opened(store)
    seen, rows, started = 0, [], 0.0
    while seen < events:
        for message in consumer.consume(1000, 1.0):
            if message.error():
                continue
            started = started or time.time()
            seen += 1
            if stop_after == "consume":
                continue
            rows.append(row_of(message.headers()[0][1], message.value()))
        if stop_after == "parse":
            rows.clear()
        elif rows and (len(rows) >= BLOCK or seen >= events):
            insert(client, rows)
            rows.clear()
    seconds = time.time() - started
    consumer.close()
    client.close()
    return {"events": seen, "seconds": seconds}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topics", required=True)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--store", required=True)
    parser.add_argument("--stop-after", choices=["consume", "parse", "insert"], default="insert")
    given = parser.parse_args()
    result = run(
        given.bootstrap, given.topics.split(","), given.partitions, given.events, given.store, given.stop_after
    )
    json.dump(result, sys.stdout)
