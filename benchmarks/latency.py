"""How soon an event is a row that a question finds, and how soon one that alerts is with the receiver, under load.

    python -m benchmarks.latency [--load SHARE | --rate N] [--seconds N] [--bootstrap HOST:PORT] [--json]

First a short burst, run as `make bench` runs it, says what rate this machine sustains; then events come at `--load` of
it (or at `--rate`), their times being the time. Normalize, correlate and the store are a process each; the store's also
serves the desk, and `whodid run alert` is the fourth. Measured is from handing an event to the Kafka client

* to the answer of the desk (`GET /v1/timeline`) that shows it, asked again every 20 ms: of one call in 250, and of the
  spans of one user in 60. Events that are shown before it is known who made them count apart: their own issuance comes
  after them, or never, so the first row says so and a later one corrects it;
* to a webhook receiver's having read the alert: of a call, with a credential and of an actor of its own, that a rule
  finds.

The first seconds are left out. Each probed row's actor is compared with the truth in the end, and the status is 1 if
one is wrong or anything is missing. The process that measures and the one that makes the load are one of those that
share the cores.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.asking import Asking, Probe
from benchmarks.children import processes
from benchmarks.figures import spread
from benchmarks.load import Alarms, Load
from benchmarks.receiver import Receiver, receiving, told
from benchmarks.rig import rig
from benchmarks.throughput import SHAPES, check, ours, preload
from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import free_port
from pipeline.kit.config import Settings
from pipeline.kit.metrics import SETTLED
from pipeline.kit.topics import full_name

#: Calls and spans that are looked for: one in so many, beginning with.
CALLS, USERS, FIRST = 250, 60, 7
#: Alarms a second, and how many seconds before its call the credential of each is issued.
ALARMS, BEFORE = 4, 3
#: Seconds that are not measured, and seconds after the last event in which its row must come.
WARM, PATIENCE = 8.0, 60.0
PROCESSES = [["normalize"], ["correlate"], ["store", "console"], ["alert"]]
LAST = ("sent", "late_ms", "missing", "untold", "wrong", "of")
RULE = "removed-by-hand"
_RULE = """
title: A bucket is removed
why: A benchmark needs calls that are found.
severity: high
frameworks: [ASI03]
sentence: "{actor} did {action}"
when:
  selection: {action: "s3:DeleteBucket"}
  condition: selection
blind_spots: [Everything else.]
runbook: [Look at it.]
examples:
  found:
    - {name: removed, entries: [{action: "s3:DeleteBucket", actor: "a", outcome: success}]}
  silent:
    - {name: read, entries: [{action: "s3:GetObject", actor: "a", outcome: success}]}
"""


class Heard(Receiver):
    """Keeps alerts of the rule only: of the load, other detections may find something too."""

    def keep(self, said: dict[str, Any], now: float) -> None:
        if RULE in said["data"]["detections"]:
            super().keep(said, now)


class Sender:
    """Hands the load to the Kafka client at a steady rate, alarms in between."""

    def __init__(self, settings: Settings, rate: int, seconds: float) -> None:
        self.settings = settings
        self.rate = rate
        self.events = int(rate * seconds)
        self.began = time.time()
        self.load = Load(self.events, start=int(self.began), rate=rate, sampled=(CALLS, FIRST))
        #: When each probe was handed over, by event id; and each alarm, by its actor.
        self.calls: dict[str, float] = {}
        self.spans: dict[str, float] = {}
        self.alarms: dict[str, float] = {}
        self.late = 0.0
        self._alarms = Alarms(0, start=int(self.began))
        self._producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 0})
        self._every = max(1, rate // ALARMS)

    def run(self) -> None:
        """Blocks until all is sent."""
        for n, (topic, name, value) in enumerate(self.load):
            due = self.began + n / self.rate
            while (ahead := due - time.time()) > 0:
                self._producer.poll(min(ahead, 0.005))
            self.late = max(self.late, -ahead)
            self._note(n)
            self._send(topic, name, value, n // 5)
            if n % self._every == 0:
                self._alarm(n // self._every)
        self._producer.flush()

    def _note(self, n: int) -> None:
        if n % 5 == 4 and n // 100 % USERS == FIRST:
            self.spans[f"{n // 100 + 1:032x}:{n + 1:016x}"] = time.time()
        elif n % CALLS == FIRST and n > CALLS:
            self.calls[self.load.event_id(n)] = time.time()

    def _alarm(self, number: int) -> None:
        now, used = int(time.time()), number - BEFORE * ALARMS
        self._send("token-issuance", "aws.cloudtrail", self._alarms.issuance(number, now), number)
        if used >= 0:
            self.alarms[Alarms.actor(used)] = time.time()
            self._send("cloud-audit", "aws.cloudtrail", self._alarms.call(used, now), number)

    def _send(self, topic: str, name: str, value: bytes, turn: int) -> None:
        self._producer.produce(
            full_name(self.settings, topic), value, headers={"format": name}, partition=turn % self.settings.partitions
        )


def burst(settings: Settings, home: Path, events: int) -> float:
    """Events per second that ours sustains. Raises SystemExit when what it wrote is wrong."""
    ensure_topics(settings)
    load = Load(events)
    preload(settings, load)
    said = ours(settings, home, SHAPES[3], 6.0)
    found = check(settings, load.truth)
    if found["wrong"] or found["entries"] != found["expected"]:
        raise SystemExit(f"wrong answer in the burst: {found}")
    return float(SETTLED * events / (said["settled"]["rows"] - said["times"]["records"][0]))


def measure(settings: Settings, home: Path, rate: int, seconds: float) -> dict[str, Any]:
    """Milliseconds of rows and webhooks at a rate. `home` is a folder of this run's own."""
    ensure_topics(settings)
    with receiving(Heard()) as receiver:
        live = settings.model_copy(update={
            "alerts": told(home, receiver, 10_000), "rules": ruled(home), "port": free_port(),
        })  # fmt: skip
        with processes(live, PROCESSES) as used:
            asking = Asking(live)
            asking.ready()
            sender = Sender(live, rate, seconds + WARM)
            probes = [Probe("address", f"192.0.2.{FIRST}", sender.calls),
                      Probe("human", f"user-{FIRST}@example.com", sender.spans)]  # fmt: skip
            _watch(sender, asking, probes, receiver)
            _actors(sender, asking, probes)
            asking.close()
    cpu = {name: round(seconds / sender.events * 1e6, 1) for name, seconds in used.items()}
    return _told(sender, probes, receiver) | {"cpu": cpu}


def ruled(home: Path) -> Path:
    """A folder with the rule that finds alarms."""
    folder = home / "rules"
    folder.mkdir()
    (folder / f"{RULE}.yml").write_text(_RULE)
    return folder


def _watch(sender: Sender, asking: Asking, probes: list[Probe], receiver: Receiver) -> None:
    """Until all is seen, or nothing more comes."""
    sending = threading.Thread(target=sender.run)
    sending.start()
    while sending.is_alive():
        asking.look(probes)
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and (any(probe.waiting for probe in probes) or sender.alarms.keys() - receiver.came):
        asking.look(probes)
    sending.join()


def _actors(sender: Sender, asking: Asking, probes: list[Probe]) -> None:
    """What the last revisions say: those that had to wait for an issuance have it by then."""
    truth = sender.load.truth.sample
    ends = time.monotonic() + PATIENCE
    while True:
        found = {entry["event_id"]: entry["actor"] for entry in asking.all(probes[0], sender.began)}
        probes[0].wrong = [
            (name, found.get(name), truth[name]) for name in probes[0].sent if found.get(name) != truth[name]
        ]
        if not probes[0].wrong or time.monotonic() > ends:
            return
        time.sleep(0.5)


def _told(sender: Sender, probes: list[Probe], receiver: Receiver) -> dict[str, Any]:
    measured = sender.began + WARM
    calls, spans = (probe.took(measured) for probe in probes)
    alarms = {actor: at for actor, at in sender.alarms.items() if at >= measured}
    hooks = [1000 * (receiver.came[actor] - at) for actor, at in alarms.items() if actor in receiver.came]
    return {
        "sent": sender.events, "late_ms": round(1000 * sender.late, 1),
        "rows": spread(calls + spans), "calls": spread(calls), "spans": spread(spans),
        "unattributed at first": spread(probes[0].took(measured, unbound=True)), "webhooks": spread(hooks),
        "missing": sum(len(probe.waiting) for probe in probes), "untold": len(sender.alarms.keys() - receiver.came),
        "wrong": len(probes[0].wrong), "of": probes[0].wrong[:3],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", type=float, default=0.5, help="share of what the burst reached")
    parser.add_argument("--rate", type=int, help="events a second, instead of a burst and a share of it")
    parser.add_argument("--burst", type=int, default=60_000, help="events of the burst")
    parser.add_argument("--seconds", type=float, default=60.0, help="that are measured")
    parser.add_argument("--bootstrap", help="a running Kafka; default: the embedded broker")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    given = parser.parse_args()
    result: dict[str, Any] = {}
    with rig("latency", given.bootstrap) as (settings, home):
        if given.rate is None:
            result["burst"] = round(burst(settings, home, given.burst), 1)
        result["rate"] = given.rate or max(1, int(given.load * result["burst"]))
        apart = home / "live"
        apart.mkdir()
        live = settings.model_copy(update={
            "prefix": f"{settings.prefix}live-", "data_dir": apart, "clickhouse": f"chdb://{apart}/store",
        })  # fmt: skip
        result |= measure(live, apart, result["rate"], given.seconds)
    print(json.dumps(result) if given.json else "\n".join(_lines(result)))
    if result["wrong"] or result["missing"] or result["untold"]:
        raise SystemExit("wrong or missing: counts as zero")


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield f"{result['rate']:,} events/s" + (f" of {result['burst']:,.0f}" if "burst" in result else "")
    for name, value in result.items():
        if isinstance(value, dict) and name != "cpu":
            yield f"  {name:22} " + "  ".join(f"{key} {one:,}" for key, one in value.items())
    each = ", ".join(f"{name} {microseconds}" for name, microseconds in result["cpu"].items())
    yield f"  µs of CPU an event, start and end included: {each}"
    yield "  milliseconds; " + ", ".join(f"{name} {result[name]}" for name in LAST)


if __name__ == "__main__":
    main()
