"""Ten times what can be kept up with, for a while: whether memory stays bounded, and all is worked off.

    python -m benchmarks.backpressure [--seconds S] [--times X] [--rate R] [--bootstrap HOST:PORT] [--json]

A worker (normalize, correlate) and a desk (store, alert, console, collect). First what they can keep up with is
measured, unless `--rate` says it: events a second of a backlog. Then X times that comes in for S seconds, once straight
into the public topics, and once through the collector, whose clients send at that pace whatever became of the request
before, and send again as long after 429 or 503 as Retry-After says. Printed are the memory of each process before and
at most, the lag that the desk told meanwhile (`/v1/status`, which `whodid status` shows), how long working it off
took after the load had ended, and the collector's answers. Every event sent must have its entry, every event of an
answered request must be there, and some are checked to have the right actor.

What is live is kept for a week of event time, so a worker grows with the events whatever their rate: the size of the
state, encoded, is printed beside it. The issue's minute is `--seconds 60`; working off takes some ten times S in
each part. What waits is in the broker: the embedded one has it in memory, so it is told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.changelogs import Changelogs
from benchmarks.feeding import Feed, Native, Paced
from benchmarks.flooding import flood
from benchmarks.load import Load
from benchmarks.processes import BROKER, Crew
from benchmarks.rig import rig
from benchmarks.soak import asked
from benchmarks.throughput import check
from benchmarks.watching import Watcher
from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import free_port
from pipeline.kit.config import Settings
from pipeline.kit.metrics import SETTLED

WORKER, DESK = ("normalize", "correlate"), ("store", "alert", "console", "collect")
#: Events to warm up with, and with which to measure what can be kept up with.
WARM, TRIAL = 2_000, 15_000
#: Seconds without anything new after which the timeline is what it will be, and that working off may take.
QUIET, PATIENCE = 5.0, 1800.0
#: Sends events at a rate, and says what came of it.
Part = Callable[[list[Native], float], dict[str, Any]]
#: More than anybody sends: the load is taken from the front of it.
ENDLESS = 100_000_000


class Looking:
    """Looks at memory and lag beside what is done. Use as a context manager."""

    def __init__(self, crew: Crew, settings: Settings, changelogs: Changelogs) -> None:
        self._crew, self._settings, self._changelogs = crew, settings, changelogs
        self._state = self._kept()
        self.before = crew.memory()
        self.peak = dict(self.before)
        self.lag: dict[str, int] = {}
        self.unanswered = 0
        self._end = threading.Event()
        self._threads = [threading.Thread(target=one) for one in (self._weigh, self._ask)]

    def __enter__(self) -> Looking:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def result(self) -> dict[str, Any]:
        return {
            "memory_mb": {name: [self.before[name] // 10**6, peak // 10**6] for name, peak in self.peak.items()},
            "state_mb": [self._state // 10**6, self._kept() // 10**6],
            "most_lag": self.lag, "status_unanswered": self.unanswered,
        }  # fmt: skip

    def _kept(self) -> int:
        return sum(one["bytes"] + one["changelog"] for one in self._changelogs.sizes().values())

    def _weigh(self) -> None:
        while not self._end.wait(0.5):
            for name, size in self._crew.memory().items():
                self.peak[name] = max(self.peak.get(name, 0), size)

    def _ask(self) -> None:
        while not self._end.wait(1.0):
            lag = asked(self._settings).get("lag")
            self.unanswered += not lag
            for stage, behind in (lag or {}).items():
                self.lag[stage] = max(self.lag.get(stage, 0), behind)


class Pressure:
    """One pipeline under pressure."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self._settings, self._home = settings, home
        self._load = Load(ENDLESS)
        self._messages: Iterator[Native] = iter(self._load)
        self._feed = Feed(settings)
        self._changelogs = Changelogs(settings)

    def run(self, seconds: float, times: float, rate: float) -> dict[str, Any]:
        """Blocks; `rate` 0: measure what can be kept up with."""
        settings = self._settings
        ensure_topics(settings)
        with Crew(settings, self._home / "log") as crew, Watcher(settings) as watcher, self._changelogs:
            crew.start("worker", WORKER)
            crew.start("desk", DESK)
            self._burst(WARM, crew, watcher)
            rate = rate or self._burst(TRIAL, crew, watcher)
            parts: dict[str, Part] = {"topics": self._topics, "collector": self._collector}
            found = {name: self._pressed(part, times * rate, seconds, crew, watcher) for name, part in parts.items()}
            for name in crew.names:
                crew.end(name)
        return {"sustainable": round(rate), "times": times, "seconds": seconds, **found,
                "check": check(settings, self._load.truth)}  # fmt: skip

    def _pressed(self, part: Part, rate: float, seconds: float, crew: Crew, watcher: Watcher) -> dict[str, Any]:
        # Made beforehand, which takes longer than sending them.
        batch = self._made(int(rate * seconds))
        with Looking(crew, self._settings, self._changelogs) as looking:
            began = time.monotonic()
            said = part(batch, rate)
            ended = time.monotonic()
            self._await(crew, watcher)
            return {
                "sent": len(batch), "offered": round(len(batch) / (ended - began)), **said,
                "worked_off_after": round(watcher.heard - ended, 1), **looking.result(),
            }  # fmt: skip

    def _topics(self, batch: list[Native], rate: float) -> dict[str, Any]:
        paced = Paced(self._feed.send, iter(batch), rate)
        paced.start()
        paced.join()
        self._feed.flush()
        return {}

    def _collector(self, batch: list[Native], rate: float) -> dict[str, Any]:
        address = f"http://{self._settings.host}:{self._settings.port}"
        answers = asyncio.run(flood(address, iter(batch), rate))
        if answers.accepted != len(batch):
            raise SystemExit(f"{len(batch)} events were sent, {answers.accepted} accepted")
        return answers._asdict()

    def _made(self, count: int) -> list[Native]:
        return [next(self._messages) for _ in range(count)]

    def _burst(self, count: int, crew: Crew, watcher: Watcher) -> float:
        """Let so many events through; how many a second that was, without the last, which wait for their grace."""
        batch, before, began = self._made(count), len(watcher.seen), time.monotonic()
        self._feed.send(batch)
        self._feed.flush()
        self._await(crew, watcher)
        times = sorted(watcher.seen.values())[before:]
        return SETTLED * count / (times[int(SETTLED * (len(times) - 1))] - began)

    def _await(self, crew: Crew, watcher: Watcher) -> None:
        if not watcher.wait(self._load.truth.events, PATIENCE, crew.check) or not watcher.quiet(QUIET, PATIENCE):
            missing = self._load.truth.events - len(watcher.seen)
            raise SystemExit(f"{missing:,} events have no entry after {PATIENCE:.0f} s: counts as zero")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long the load lasts")
    parser.add_argument("--times", type=float, default=10.0, help="how many times what can be kept up with")
    parser.add_argument("--rate", type=float, default=0.0, help="what can be kept up with; 0: it is measured")
    parser.add_argument("--bootstrap", help="a running Kafka; default: the embedded broker")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    given = parser.parse_args()
    with rig("backpressure", given.bootstrap) as (settings, home):
        settings.port = free_port()
        result = Pressure(settings, home).run(given.seconds, given.times, given.rate)
    print(json.dumps(result)) if given.json else show(result)
    if result["check"]["wrong"] or result["check"]["entries"] != result["check"]["expected"]:
        raise SystemExit("wrong answer: counts as zero")


def show(result: dict[str, Any]) -> None:
    print(f"{result['sustainable']:,} events/s can be kept up with; {result['times']:g} times that for "
          f"{result['seconds']:g} s:")  # fmt: skip
    for part in ("topics", "collector"):
        found = result[part]
        print(f"  through the {part}: {found['sent']:,} events, {found['offered']:,} a second, "
              f"worked off {found['worked_off_after']} s after the end")  # fmt: skip
        for name, (before, peak) in found["memory_mb"].items():
            where = "   (the embedded broker has the backlog in memory)" if name == BROKER else ""
            print(f"    {name:8} {before:6,} MB before, {peak:6,} at most{where}")
        before, after = found["state_mb"]
        print(f"    state of all hops and its changelogs, encoded: {before:,} MB before, {after:,} after")
        lag = ", ".join(f"{stage} {behind:,}" for stage, behind in found["most_lag"].items())
        print(f"    most lag told: {lag}; not answered {found['status_unanswered']} times")
        if "statuses" in found:
            print(f"    answers: {found['statuses']}, Retry-After {found['retry_after']} s at most; all "
                  f"{found['accepted']:,} events accepted after {found['seconds']:.1f} s")  # fmt: skip
    print(f"  checked: {result['check']}")


if __name__ == "__main__":
    main()
