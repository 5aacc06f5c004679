"""Ten times what can be kept up with, for a while: whether memory stays bounded, and all is worked off.

    python -m benchmarks.backpressure [--seconds S] [--times X] [--rate R] [--bootstrap HOST:PORT] [--json]

A worker (normalize, correlate) and a desk (store, alert, console, collect). First what they can keep up with is
measured, unless `--rate` says it: events a second of a backlog. Then X times that comes in for S seconds, once straight
into the public topics, and once through the collector, whose clients send at that pace whatever became of the request
before, and send again as long after 429 or 503 as Retry-After says. Printed are the memory of each process before and
at most, the lag that the desk told meanwhile (`/v1/status`, which `whodid status` shows), how long working it off
took after the load had ended, and the collector's answers. Every event sent must have its entry, every event of an
answered request must be there, and some are checked to have the right actor.

The issue's minute is `--seconds 60`; working off takes some ten times S for the first part. What waits is in the
broker: the embedded one has it in memory, so it is told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

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

WORKER, DESK = ("normalize", "correlate"), ("store", "alert", "console", "collect")
#: Events to warm up with, and with which to measure what can be kept up with.
WARM, TRIAL = 2_000, 15_000
#: Seconds without anything new after which the timeline is what it will be, and that working off may take.
QUIET, PATIENCE = 5.0, 1800.0
#: More than anybody sends: the load is taken from the front of it.
ENDLESS = 100_000_000


class Looking:
    """Looks at memory and lag beside what is done. Use as a context manager."""

    def __init__(self, crew: Crew, settings: Settings) -> None:
        self._crew, self._settings = crew, settings
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
            "most_lag": self.lag, "status_unanswered": self.unanswered,
        }  # fmt: skip

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

    def run(self, seconds: float, times: float, rate: float) -> dict[str, Any]:
        """Blocks; `rate` 0: measure what can be kept up with."""
        settings = self._settings
        ensure_topics(settings)
        with Crew(settings, self._home / "log") as crew, Watcher(settings) as watcher:
            crew.start("worker", WORKER)
            crew.start("desk", DESK)
            self._burst(WARM, crew, watcher)
            rate = rate or self._burst(TRIAL, crew, watcher)
            parts: dict[str, Callable[[], dict[str, Any]]] = {
                "topics": lambda: self._topics(times * rate, seconds),
                "collector": lambda: self._collector(times * rate, seconds),
            }
            found = {
                name: self._pressed(part, int(times * rate * seconds), crew, watcher) for name, part in parts.items()
            }
            for name in crew.names:
                crew.end(name)
        return {"sustainable": round(rate), "times": times, "seconds": seconds, **found,
                "check": check(settings, self._load.truth)}  # fmt: skip

    def _prepare(self, count: int) -> None:
        """Make events beforehand, which takes longer than sending them."""
        self._messages = chain([next(self._messages) for _ in range(count)], self._messages)

    def _pressed(self, part: Callable[[], dict[str, Any]], load: int, crew: Crew, watcher: Watcher) -> dict[str, Any]:
        before = self._load.truth.events
        self._prepare(load)
        with Looking(crew, self._settings) as looking:
            said = part()
            ended = time.monotonic()
            self._await(crew, watcher)
            return {
                "events": self._load.truth.events - before, **said,
                "worked_off_after": round(time.monotonic() - ended - QUIET, 1), **looking.result(),
            }  # fmt: skip

    def _topics(self, rate: float, seconds: float) -> dict[str, Any]:
        paced, began = Paced(self._feed.send, self._messages, rate), time.monotonic()
        paced.start()
        paced.join(seconds)
        paced.stop.set()
        paced.join()
        self._feed.flush()
        return {"sent": paced.given, "offered": round(paced.given / (time.monotonic() - began))}

    def _collector(self, rate: float, seconds: float) -> dict[str, Any]:
        address = f"http://{self._settings.host}:{self._settings.port}"
        answers = asyncio.run(flood(address, self._messages, rate, seconds))
        if answers.accepted != answers.sent:
            raise SystemExit(f"{answers.sent} events were sent, {answers.accepted} accepted")
        return {**answers._asdict(), "offered": round(answers.sent / seconds), "seconds": round(answers.seconds, 1)}

    def _burst(self, count: int, crew: Crew, watcher: Watcher) -> float:
        """Let so many events through; how many a second that was."""
        batch: list[Native] = [next(self._messages) for _ in range(count)]
        began = time.monotonic()
        self._feed.send(batch)
        self._feed.flush()
        self._await(crew, watcher)
        return count / (watcher.heard - began)

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
        print(f"  through the {part}: {found['offered']:,} events/s offered, {found['events']:,} events in all, "
              f"worked off {found['worked_off_after']} s after the end")  # fmt: skip
        for name, (before, peak) in found["memory_mb"].items():
            where = "   (the embedded broker has the backlog in memory)" if name == BROKER else ""
            print(f"    {name:8} {before:6,} MB before, {peak:6,} at most{where}")
        lag = ", ".join(f"{stage} {behind:,}" for stage, behind in found["most_lag"].items())
        print(f"    most lag told: {lag}; not answered {found['status_unanswered']} times")
        if "statuses" in found:
            print(f"    answers: {found['statuses']}, Retry-After {found['retry_after']} s at most; all "
                  f"{found['accepted']:,} events accepted after {found['seconds']} s")  # fmt: skip
    print(f"  checked: {result['check']}")


if __name__ == "__main__":
    main()
