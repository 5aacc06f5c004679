"""How much a run of the pipeline wrote: messages and bytes of each topic, bytes of each table, cost of a mark.

`volumes` is what `benchmarks.throughput --json` adds to its result, for `benchmarks.scaling` to reckon with.
"""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition

from pipeline.correlate.watermark import LEVELS, NORMALIZER, Watermarks
from pipeline.kit.config import Settings
from pipeline.kit.topics import catalogue, full_name
from pipeline.store import connect
from schemas.batch import Mark

#: Seconds without a message after which a topic has ended, and that reading one may take.
SILENT, PATIENCE = 2.0, 120.0
#: Tables of the store: bytes on disk as they are when everything is written, merges under way or not.
_TABLES = """
SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table
HAVING sum(bytes_on_disk) > 0 ORDER BY table
"""


def volumes(settings: Settings, events: int) -> dict[str, Any]:
    """Per event, of a run that has ended.

    `topics`: `messages`, `bytes` (keys and values), and `wire` (as fetched: compressed, with what surrounds batches);
    `tables`: bytes on disk; `mark`: what one costs.
    """
    topics = {name: read(settings, name) for name in catalogue()}
    with connect(settings) as store:
        tables = {str(table): round(size / events, 2) for table, size in store.rows(_TABLES)}
    each = {name: {what: round(amount / events, 4) for what, amount in found.items()} for name, found in topics.items()}
    return {"partitions": settings.partitions, "topics": each, "tables": tables, "mark": mark()}


def read(settings: Settings, topic: str) -> dict[str, int]:
    """Messages and bytes of a topic, from its first to its last message."""
    told: list[str] = []
    consumer = Consumer({
        "bootstrap.servers": settings.bootstrap, "group.id": f"{settings.prefix}volumes", "enable.auto.commit": False,
        "enable.partition.eof": True, "statistics.interval.ms": 100, "stats_cb": told.append, "log_level": 2,
        "fetch.message.max.bytes": settings.transport_limit,
    })  # fmt: skip
    found = {"messages": 0, "bytes": 0}
    open_ends = set(range(settings.partitions))
    deadline = time.monotonic() + PATIENCE
    try:
        consumer.assign([TopicPartition(full_name(settings, topic), number, 0) for number in open_ends])
        while open_ends:
            if time.monotonic() > deadline:
                raise SystemExit(f"{topic} was not read to its end within {PATIENCE:.0f} s")
            for message in consumer.consume(500, 0.1):
                error = message.error()
                if error is None:
                    found["messages"] += 1
                    found["bytes"] += len(message.value() or b"") + len(message.key() or b"")
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ends.discard(message.partition())
        last = len(told)
        while len(told) == last:
            consumer.poll(0.05)
    finally:
        consumer.close()
    return {**found, "wire": sum(broker["rxbytes"] for broker in json.loads(told[-1])["brokers"].values())}


#: Senders of whom somebody knows while marks are measured, and how often they tell.
SENDERS, TURNS = 64, 200


def mark() -> dict[str, float]:
    """Microseconds to decode a mark and take it in, and to look at one when asked how far time is; bytes of one."""
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(list[Mark]).decode
    values = [
        encode([Mark(f"{NORMALIZER}cloud-audit/{number}", [turn + 1] * LEVELS, turn) for number in range(SENDERS)])
        for turn in range(TURNS)
    ]
    watermarks, taking, looking = Watermarks(), 0.0, 0.0
    for value in values:
        began = time.thread_time()
        watermarks.update(decode(value))
        taken = time.thread_time()
        reached = watermarks.settled
        looking += time.thread_time() - taken
        taking += taken - began
    assert reached == 0, "no partition has told anything"
    each = 1e6 / TURNS / SENDERS
    return {"take_us": round(taking * each, 3), "look_us": round(looking * each, 3),
            "bytes": round(len(values[0]) / SENDERS, 1)}  # fmt: skip
