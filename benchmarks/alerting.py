"""How soon a finding is with its receiver, what a storm of findings is told as, and what a hostile receiver loses.

    python -m benchmarks.alerting [--findings N] [--storm N] [--hostile N] [--bootstrap HOST:PORT] [--json]

`whodid run correlate` and `whodid run alert` beside a webhook receiver on loopback. Findings come at a steady pace,
each of another actor; measured is from handing one to the Kafka client to the receiver's having read the body. The same
bodies posted one after the other by a plain HTTP client are the baseline. Then a storm, as fast as it goes; then as
many alerts to a receiver that is slow, busy, wrong, resets connections and hangs, a third of the time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Producer

from benchmarks.children import processes
from benchmarks.figures import spread
from benchmarks.receiver import Receiver, receiving, told
from benchmarks.rig import rig
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.topics import full_name
from schemas.batch import Findings
from schemas.finding import Finding

SEVERITIES = ("low", "medium", "high", "critical")
PATIENCE = 180.0


@contextmanager
def running(settings: Settings, home: Path, receiver: Receiver, **destination: object) -> Iterator[None]:
    ensure_topics(settings)
    alerts = told(home, receiver, 8, **destination)
    with processes(settings.model_copy(update={"alerts": alerts}), [["correlate"], ["alert"]]):
        yield


class Sender:
    def __init__(self, settings: Settings) -> None:
        self._producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 0})
        self._topic = full_name(settings, "findings")

    def send(self, *findings: Finding) -> None:
        self._producer.produce(self._topic, msgspec.msgpack.encode(Findings(list(findings))), partition=0)
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.flush()


def finding(name: str, *, hour: int = 0, severity: str = "high", detection: str = "llmjacking") -> Finding:
    return Finding(
        finding_id=name, detection=detection, title="A stolen credential is turned to models", family="llm",
        time=1_772_442_000_000_000 + hour * 3_600_000_000, actor=f"actor-{name}", credential="aws:AKIAEXAMPLE",
        action="bedrock:InvokeModel", p_value=0.0004, sentence="It is unusual.", entries=[f"{name}-entry"],
        severity=severity,
    )  # fmt: skip


def wait(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def latency(settings: Settings, home: Path, count: int) -> dict[str, Any]:
    """Milliseconds from finding to receiver, and of the same posts without any pipeline."""
    with receiving() as receiver, running(settings, home, receiver):
        sender, sent = Sender(settings), {}
        sender.send(finding("first"))
        if not wait(lambda: receiver.came):
            raise SystemExit("nothing was received: see the messages above")
        for place in range(count):
            # Each begins in an hour of its own, so that none is part of a storm.
            sent[f"actor-{place}"] = time.time()
            sender.send(finding(str(place), hour=place))
            time.sleep(0.05)
        wait(lambda: len(receiver.came) > count)
        took = [1000 * (receiver.came[actor] - at) for actor, at in sent.items() if actor in receiver.came]
        plain = _plain(receiver, count)
    return {"sent": count, **spread(took), "plain_p50": plain["p50"], "plain_p99": plain["p99"]}


def _plain(receiver: Receiver, count: int) -> dict[str, float]:
    body = json.dumps(
        {"key": "k", "data": {"actor": "plain", "alert_id": "p", "revision": 0, "x": "x" * 1500}}
    ).encode()
    connection, took = http.client.HTTPConnection("127.0.0.1", receiver.port), []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("POST", "/", body)
        connection.getresponse().read()
        took.append(1000 * (time.perf_counter() - began))
    connection.close()
    return spread(took)


def storm(settings: Settings, home: Path, count: int) -> dict[str, Any]:
    """As many findings of almost as many actors within one hour, as fast as they go."""
    chance = random.Random(11)
    with receiving() as receiver, running(settings, home, receiver):
        sender = Sender(settings)
        began = time.monotonic()
        for place in range(0, count, 250):
            batch = [(chance.choice(SEVERITIES), f"detection-{chance.randrange(32)}") for _ in range(250)]
            sender.send(*(finding(f"{place + n}", severity=one[0], detection=one[1]) for n, one in enumerate(batch)))
        sender.flush()
        sender.send(finding("last", hour=9))
        done = wait(lambda: "actor-last" in receiver.came)
        seconds = time.monotonic() - began
        time.sleep(1)
        return {
            "findings": count, "seconds": round(seconds, 1), "all_taken": done, "alerts": len(receiver.order) - 1,
            "webhooks": sum(receiver.keys.values()) - 1,
        }  # fmt: skip


def hostile(settings: Settings, home: Path, count: int) -> dict[str, Any]:
    """As many alerts, 30 % of the attempts in trouble: none may be lost."""
    with receiving() as receiver, running(settings, home, receiver, timeout=1.0, at_once=32):
        receiver.chance = random.Random(7)
        sender = Sender(settings)
        began = time.monotonic()
        for place in range(0, count, 8):
            sender.send(*(finding(str(place + n), hour=place // 8) for n in range(8)))
        sender.flush()
        wait(lambda: len(receiver.order) >= count, 1200)
        return {
            "alerts": count, "seconds": round(time.monotonic() - began, 1), "lost": count - len(receiver.order),
            "repeated": sum(times > 1 for times in receiver.keys.values()),
            "out_of_order": sum(revisions != sorted(revisions) for revisions in receiver.order.values()),
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, default=600)
    parser.add_argument("--storm", type=int, default=100_000)
    parser.add_argument("--hostile", type=int, default=10_000)
    parser.add_argument("--bootstrap", help="a running Kafka; default: the embedded broker")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    given = parser.parse_args()
    found: dict[str, Any] = {}
    parts = (("latency", latency, given.findings), ("storm", storm, given.storm), ("hostile", hostile, given.hostile))
    for name, measure, count in parts:
        if count:
            with rig(f"alerting-{name}", given.bootstrap) as (settings, home):
                found[name] = measure(settings, home, count)
            if not given.json:
                print(name, "  ".join(f"{key} {value:,}" for key, value in found[name].items()), flush=True)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
