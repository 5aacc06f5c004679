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
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Producer

from benchmarks.rig import rig
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.topics import full_name
from schemas.batch import Findings
from schemas.finding import Finding

SEVERITIES = ("low", "medium", "high", "critical")
PATIENCE = 180.0


class Receiver:
    """Keeps when each body came, by alert and key."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self.keys: dict[str, int] = {}
        self.order: dict[str, list[int]] = {}
        self.chance: random.Random | None = None
        self.lock = threading.Lock()
        self.port = 0

    def take(self, handler: BaseHTTPRequestHandler, body: bytes) -> int:
        now, said = time.time(), json.loads(body)
        drawn = self.chance.random() if self.chance else 1.0
        if drawn < 0.30:
            return self._fault(handler, drawn, said, now)
        self._keep(said, now)
        return 200

    def _keep(self, said: dict[str, Any], now: float) -> None:
        with self.lock:
            self.came.setdefault(said["data"]["actor"], now)
            self.keys[said["key"]] = self.keys.get(said["key"], 0) + 1
            self.order.setdefault(said["data"]["alert_id"], []).append(said["data"]["revision"])

    def _fault(self, handler: BaseHTTPRequestHandler, drawn: float, said: dict[str, Any], now: float) -> int:
        if drawn < 0.02:
            time.sleep(1.5)  # longer than the destination waits
            return 200
        if drawn < 0.06:
            time.sleep(0.3)
            self._keep(said, now)
            return 200
        if drawn < 0.10:
            # It is taken, and the connection is reset before that is said.
            self._keep(said, now)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(handler.connection.detach())
            handler.close_connection = True
            return 0
        return 429 if drawn < 0.15 else 302 if drawn < 0.17 else 503


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status = receiver.take(self, self.rfile.read(int(self.headers["Content-Length"])))
            if not status:
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == 302:
                self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            """Connections that were reset are what is wanted."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running(settings: Settings, home: Path, receiver: Receiver, **destination: object) -> Iterator[None]:
    siem = {"name": "siem", "kind": "webhook", "url": f"http://127.0.0.1:{receiver.port}/", "allow": ["127.0.0.0/8"]}
    file = home / "alerts.yml"
    file.write_text(json.dumps({"destinations": [{**siem, **destination}], "storm": 8}))
    environment = {**os.environ, **settings.environment(), "WHODID_ALERTS": str(file)}
    ensure_topics(settings)
    children = [
        subprocess.Popen([sys.executable, "-m", "pipeline", "run", role], env=environment)
        for role in ("correlate", "alert")
    ]
    try:
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(30)


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
    return {"sent": count, "received": len(took), **_spread(took), "plain_p50": plain["p50"], "plain_p99": plain["p99"]}


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
    return _spread(took)


def _spread(took: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=100)
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1), "most": round(max(took), 1)}


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
