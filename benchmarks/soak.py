"""Constant load for as long as you like: what grows, and by how much a minute.

    python -m benchmarks.soak [--minutes M] [--rate R] [--days D] [--every S] [--live N] [--bootstrap HOST:PORT]
                              [--json]
    make soak MINUTES=10

All roles, in three processes: normalize | correlate | desk (store, alert, console, collect). R events a second come in,
in which D days of event time pass each minute of the run: credentials, sessions and actors keep coming, are used and
end, and what is to be forgotten after 7, 60 or 180 days is forgotten while somebody looks. (The grace and the late
window are settings, and are set to a tenth of a second and a minute of the run.) Every S seconds a line says
what each process has in memory, how far each stage is behind, how many values the state of all hops has and how large
they are, and how many entries the store has. At the end: how much a minute each grew in the second half (a line fitted
through the samples), what a live credential, session and actor takes (`benchmarks.state`; N of each, 0 leaves it out),
and whether the timeline has every event. Ctrl-C ends it early, with what there is.

Two things grow by design and are told apart: the embedded broker keeps all messages in memory, and the desk holds the
embedded ClickHouse engine, whose parts, marks and caches grow with the rows. A worker must not grow.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.changelogs import Changelogs
from benchmarks.feeding import Feed, Paced
from benchmarks.lasting import Lasting
from benchmarks.processes import BROKER, Crew
from benchmarks.rig import rig
from benchmarks.throughput import check
from benchmarks.watching import Watcher
from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import free_port
from pipeline.kit.config import Settings

PROCESSES = {
    "normalize": ("normalize",), "correlate": ("correlate",), "desk": ("store", "alert", "console", "collect"),
}  # fmt: skip
#: What grows because it keeps everything.
BY_DESIGN = {BROKER: "keeps all messages in memory", "desk": "holds the embedded ClickHouse engine"}
DAY, PATIENCE, QUIET = 86_400, 180.0, 5.0
#: Grace and late window in seconds of the run.
GRACE, LATE = 0.1, 60.0
BARS = "▁▂▃▄▅▆▇█"


class Soak:
    """One run. `samples` has what was seen so far."""

    def __init__(self, settings: Settings, home: Path, rate: float, days: float) -> None:
        """`days` of event time pass each minute."""
        # What waits for others or may be revised does so for as long, by the clock on the wall, as it takes others.
        settings.grace, settings.late_window = GRACE * days * DAY / 60, LATE * days * DAY / 60
        self._settings, self._home, self._rate = settings, home, rate
        self._step = days * DAY / 60 / rate
        # It ends about now, if it lasts an hour.
        self._load = Lasting(self._step, int(time.time() - 60 * days * DAY))
        self.samples: list[dict[str, Any]] = []
        self.sorts: dict[str, dict[str, int]] = {}
        self.complete = False

    def run(self, minutes: float, every: float, show: bool) -> None:
        """Blocks. Raises SystemExit when a process of ours ends by itself."""
        settings = self._settings
        ensure_topics(settings)
        with ExitStack() as stack:
            crew = stack.enter_context(Crew(settings, self._home / "log"))
            for name, roles in PROCESSES.items():
                crew.start(name, roles)
            changelogs = stack.enter_context(Changelogs(settings))
            watcher = stack.enter_context(Watcher(settings))
            feed = Feed(settings)
            paced = Paced(feed.send, iter(self._load), self._rate)
            paced.start()
            with interruptible():
                self._look(crew, changelogs, watcher, minutes, every, show)
            paced.stop.set()
            paced.join()
            feed.flush()
            self.complete = watcher.wait(self._load.truth.events, PATIENCE, crew.check)
            self.complete &= watcher.quiet(QUIET, PATIENCE) and len(watcher.seen) == self._load.truth.events
            self.sorts = changelogs.sorts()
            for name in crew.names:
                crew.end(name)

    def _look(
        self, crew: Crew, changelogs: Changelogs, watcher: Watcher, minutes: float, every: float, show: bool
    ) -> None:
        began = time.monotonic()
        while time.monotonic() - began < 60 * minutes:
            time.sleep(min(every, max(0.0, began + 60 * minutes - time.monotonic())))
            crew.check()
            sample = self._sample(crew, changelogs, watcher, time.monotonic() - began)
            self.samples.append(sample)
            if show:
                print(line(sample), flush=True)

    def _sample(self, crew: Crew, changelogs: Changelogs, watcher: Watcher, passed: float) -> dict[str, Any]:
        status = asked(self._settings)
        return {
            "seconds": round(passed, 1),
            "memory": {name: round(size / 1e6, 1) for name, size in crew.memory().items()},
            "lag": status.get("lag", {}),
            "state": changelogs.sizes(),
            "sent": self._load.truth.events,
            "events": len(watcher.seen),
            "rows": status.get("store", {}).get("entries", 0),
        }

    def check(self) -> dict[str, Any]:
        """Whether every event that was sent has its entry, and some of them the right actor."""
        return {**check(self._settings, self._load.truth), "complete": self.complete}


def asked(settings: Settings) -> dict[str, Any]:
    """What the desk says of itself; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{settings.host}:{settings.port}/v1/status", timeout=10) as answer:
            found: dict[str, Any] = json.loads(answer.read())
    except (OSError, ValueError):
        return {}
    return found


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends what is done here, and nothing else."""
    with contextlib.suppress(KeyboardInterrupt):
        yield


def slope(samples: list[dict[str, Any]], name: str) -> float:
    """Growth of a process over the second half of the samples, MB a minute; 0 for fewer than four."""
    later = samples[len(samples) // 2 :]
    if len(samples) < 4:
        return 0.0
    fit = statistics.linear_regression([one["seconds"] / 60 for one in later], [one["memory"][name] for one in later])
    return round(fit.slope, 2)


def live(count: int) -> dict[str, Any]:
    """What a live credential, session and actor takes, in a process that has nothing else."""
    command = [sys.executable, "-m", "benchmarks.state", "--credentials", str(count), "--sessions", str(count),
               "--actors", str(count), "--json"]  # fmt: skip
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def line(sample: dict[str, Any]) -> str:
    memory = "  ".join(f"{name} {size:,.0f}" for name, size in sample["memory"].items())
    lag = " ".join(f"{stage} {behind:,}" for stage, behind in sample["lag"].items())
    values, size = (sum(one[what] for one in sample["state"].values()) for what in ("values", "bytes"))
    return (
        f"{sample['seconds']:7.0f} s  MB: {memory}  lag: {lag or 'no answer'}  state: {values:,} values, "
        f"{size / 1e6:.1f} MB  sent {sample['sent']:,}, rows {sample['rows']:,}"
    )


def sparkline(numbers: list[float], width: int = 40) -> str:
    """Numbers as a row of bars, from 0 to the largest."""
    every = max(1, -(-len(numbers) // width))
    shown = [max(numbers[at : at + every]) for at in range(0, len(numbers), every)]
    most = max(shown, default=0) or 1
    return "".join(BARS[int((len(BARS) - 1) * number / most)] for number in shown)


def curves(samples: list[dict[str, Any]]) -> Iterator[str]:
    for name in samples[-1]["memory"] if samples else ():
        sizes = [one["memory"].get(name, 0.0) for one in samples]
        why, grew = f"   ({BY_DESIGN[name]})" if name in BY_DESIGN else "", slope(samples, name)
        yield f"  {name:10} {sparkline(sizes)}  {sizes[0]:7.0f} → {sizes[-1]:7.0f} MB  {grew:+7.2f}{why}"
    for what in ("values", "bytes", "changelog"):
        totals = [float(sum(one[what] for one in sample["state"].values())) for sample in samples]
        yield f"  state: {what:10} {sparkline(totals)}  {totals[-1]:14,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=300.0, help="events a second")
    parser.add_argument("--days", type=float, default=60.0, help="days of event time that pass each minute")
    parser.add_argument("--every", type=float, default=15.0, help="seconds between two samples")
    parser.add_argument(
        "--live", type=int, default=20_000, help="live credentials, sessions, actors to measure; 0: none"
    )
    parser.add_argument("--bootstrap", help="a running Kafka; default: the embedded broker")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    given = parser.parse_args()
    with rig("soak", given.bootstrap) as (settings, home):
        settings.port = free_port()
        soak = Soak(settings, home, given.rate, given.days)
        soak.run(given.minutes, given.every, show=not given.json)
        result: dict[str, Any] = {"rate": given.rate, "days": given.days, "check": soak.check(), "sorts": soak.sorts}
    result["growth"] = {
        name: slope(soak.samples, name) for name in (*PROCESSES, BROKER) if name in soak.samples[-1]["memory"]
    }
    result |= {"samples": soak.samples, "live": live(given.live) if given.live else {}}
    if given.json:
        print(json.dumps(result))
    else:
        show(result)
    if not result["check"]["complete"] or result["check"]["wrong"]:
        raise SystemExit("events are missing, or have wrong actors: counts as zero")


def show(result: dict[str, Any]) -> None:
    print("What each process has in memory; growth over the second half in MB a minute:")
    print("\n".join(curves(result["samples"])))
    for name, sorts in result["sorts"].items():
        print(f"  {name}: " + ", ".join(f"{key}/ {count:,}" for key, count in sorted(sorts.items())))
    for name, value in result["live"].items():
        print(f"  {name:30} {value:>12,}")
    print(f"  checked: {result['check']}")


if __name__ == "__main__":
    main()
