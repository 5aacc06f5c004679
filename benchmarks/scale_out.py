"""What more workers bring, and what a worker that joins, leaves or dies holds up.

    python -m benchmarks.scale_out [--events N] [--workers 1,2,4] [--rate R] [--session-timeout S]
                                   [--bootstrap HOST:PORT] [--json]

A worker is a process with the roles normalize and correlate, bound to one core; the store and the broker are bound to
the last core. `split` is one worker as two processes, one a role. Input is sent when all are ready, and figures end
when all but a thousandth is done, so neither start nor end is in them. On a machine of two cores more workers than one
share the cores with broker and store: there it is the CPU time of an event, which must not grow with the number of
workers, that tells whether they would scale; events a second tell it only where each has a core. 0 events leave this
part out.

Then a rebalance under load, at R events a second (0 leaves it out): of two workers, a third joins, one is ended by
SIGTERM, one by SIGKILL. For each partition of the second hop it is printed for how long no further event became an
entry (`benchmarks.watching`), beside the group's session timeout. The timeline must be, row for row, what
`whodid investigate` makes of the same records. This runs on Apache Kafka if that can be started here (Java, Maven),
since the embedded broker waits for a leader that has left (docs/chaos.md).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.feeding import Feed, Native
from benchmarks.load import Load, Truth
from benchmarks.processes import Crew, pinned
from benchmarks.rebalance import rebalance
from benchmarks.rig import rig
from benchmarks.throughput import check
from benchmarks.watching import Watcher
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.metrics import SETTLED

WORKER = ("normalize", "correlate")
SPLIT: dict[str, tuple[str, ...]] = {"normalize": ("normalize",), "correlate": ("correlate",)}
#: Events that are sent first, to see that all are ready; and seconds that anything may take.
PILOT, PATIENCE = 40, 300.0
#: Seconds without anything new after which the timeline is what it will be.
QUIET = 3.0


def shapes(workers: list[int]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Processes by name, by name of the shape."""
    numbered = {f"{count} worker{'s' * (count > 1)}": _workers(count) for count in workers}
    return {**numbered, "split: normalize | correlate": SPLIT}


def _workers(count: int) -> dict[str, tuple[str, ...]]:
    return {f"worker {number}": WORKER for number in range(count)}


def measure(settings: Settings, home: Path, crew: dict[str, tuple[str, ...]], messages: list[Native], truth: Truth
            ) -> dict[str, Any]:  # fmt: skip
    """One shape, with topics and a store of its own."""
    cores = sorted(os.sched_getaffinity(0))
    ensure_topics(settings)
    with Crew(settings, home / "log") as processes, pinned(cores[-1:]), Watcher(settings) as watcher:
        for number, (name, roles) in enumerate(crew.items()):
            processes.start(name, roles, [cores[number % len(cores)]])
        processes.start("store", ["store"], cores[-1:])
        feed = Feed(settings)
        _pilot(feed, watcher, processes, messages, settings.session_timeout)
        ready = len(watcher.seen)
        before, began = processes.cpu(), time.monotonic()
        feed.send(messages[PILOT:])
        feed.flush()
        watcher.wait(ready + int(SETTLED * (truth.events - ready)), PATIENCE, processes.check)
        after, took = processes.cpu(), time.monotonic() - began
        complete = watcher.wait(truth.events, PATIENCE, processes.check) and watcher.quiet(QUIET, PATIENCE)
        for name in processes.names:
            processes.end(name)
    spent = {name: round((after[name] - before[name]) / (truth.events - ready) * 1e6, 1) for name in before}
    return {
        "events_per_second": round(SETTLED * (truth.events - ready) / took) if complete else 0,
        "cpu": spent, "cpu_workers": round(sum(spent[name] for name in crew), 1), "check": check(settings, truth),
    }  # fmt: skip


def _pilot(feed: Feed, watcher: Watcher, processes: Crew, messages: list[Native], timeout: float) -> None:
    """Until the first events are through, and the groups have come to rest."""
    feed.send(messages[:PILOT])
    feed.flush()
    if not (watcher.wait(1, PATIENCE, processes.check) and watcher.quiet(2 * timeout, PATIENCE)):
        raise SystemExit("the first events did not get through")


def scale(settings: Settings, home: Path, events: int, workers: list[int]) -> dict[str, Any]:
    """All shapes, one after the other, on the same broker and the same events."""
    load = Load(events)
    messages = list(load)
    found = {}
    for number, (shape, crew) in enumerate(shapes(workers).items()):
        place = home / f"shape{number}"
        own = settings.model_copy(update={
            "prefix": f"{settings.prefix}{number}-", "data_dir": place, "clickhouse": f"chdb://{place}/store",
        })  # fmt: skip
        found[shape] = measure(own, place, crew, messages, load.truth)
    return found


def right(result: dict[str, Any]) -> bool:
    """Whether every answer is."""
    checks = [one["check"] for one in result.get("scale", {}).values()]
    held = all(one["wrong"] == 0 and one["entries"] == one["expected"] for one in checks)
    return held and result.get("rebalance", {}).get("holds", True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--workers", default="1,2,4", help="numbers of workers, with commas")
    parser.add_argument("--rate", type=int, default=800, help="events a second during the rebalance; 0: none")
    parser.add_argument("--session-timeout", type=float, default=6.0, help="of the group during the rebalance, seconds")
    parser.add_argument("--bootstrap", help="a running Kafka; default: the embedded broker, and Apache Kafka if it can")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    result: dict[str, Any] = {"events": given.events, "cores": len(cores)}
    if given.events:
        with pinned(cores[-1:]), rig("scale", given.bootstrap) as (settings, home):
            os.sched_setaffinity(0, cores)
            result["scale"] = scale(settings, home, given.events, [int(one) for one in given.workers.split(",")])
    if given.rate:
        result["rebalance"] = rebalance(given.bootstrap, given.rate, given.session_timeout)
    if given.json:
        print(json.dumps(result))
    else:
        show(result)
    if not right(result):
        raise SystemExit("wrong answer: counts as zero")


def show(result: dict[str, Any]) -> None:
    if "scale" in result:
        _show_scale(result)
    if "rebalance" in result:
        _show_rebalance(result["rebalance"])


def _show_scale(result: dict[str, Any]) -> None:
    print(f"{result['events']:,} native events, one broker, {result['cores']} cores: worker n on core n modulo "
          f"{result['cores']}, broker and store on the last")  # fmt: skip
    if result["cores"] < 4:
        print("  Workers share these cores with broker and store, so read the CPU time of an event: level = it scales.")
    base = next(iter(result["scale"].values()))
    for shape, one in result["scale"].items():
        rate, spent = one["events_per_second"], one["cpu_workers"]
        print(f"  {shape:30} {rate:7,} events/s ({rate / max(1, base['events_per_second']):4.2f} of the first)   "
              f"{spent:7.1f} µs of workers' CPU an event ({spent / base['cpu_workers']:4.2f})")  # fmt: skip
        print("      " + ", ".join(f"{name} {micro}" for name, micro in one["cpu"].items()))
        print(f"      checked: {one['check']}")


def _show_rebalance(found: dict[str, Any]) -> None:
    print(
        f"Rebalance on {found['broker']}: {found['events']:,} events at {found['rate']:,}/s, session timeout "
        f"{found['session_timeout']:.0f} s"
    )
    print("  longest time without a further entry, by partition of the second hop:")  # fmt: skip
    for phase, stalls in found["stalls"].items():
        worst = max(stalls.values())
        said = "within the session timeout" if worst <= found["session_timeout"] else "LONGER THAN THE SESSION TIMEOUT"
        print(
            f"  {phase:36} " + "  ".join(f"{number}: {stall:4.1f} s" for number, stall in stalls.items()) + f"   {said}"
        )
    print(f"  {found['timeline']}; {found['groups_deleted']} groups deleted (embedded broker only)")


if __name__ == "__main__":
    main()
