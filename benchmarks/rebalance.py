"""A worker joins, one leaves and one is killed while events flow: what that holds up, and whether all is there."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.feeding import Feed, Native, Paced
from benchmarks.load import Load
from benchmarks.processes import Crew
from benchmarks.rig import rig
from benchmarks.watching import Watcher
from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import ApacheKafka
from pipeline.kit.config import Settings
from pipeline.run import proof
from pipeline.run.disturb import Groups
from pipeline.run.investigate import Investigation
from pipeline.store import connect
from schemas.rejected import Record

WORKER = ("normalize", "correlate")
#: What happens, and for how many seconds it is watched.
UNDISTURBED, JOINS, LEAVES, DIES = "undisturbed", "a worker joins", "a worker leaves (SIGTERM)", "one dies (SIGKILL)"
PHASES = {UNDISTURBED: 10.0, JOINS: 15.0, LEAVES: 15.0, DIES: 25.0}
PILOT, PATIENCE, QUIET = 40, 300.0, 5.0


def rebalance(bootstrap: str | None, rate: int, timeout: float) -> dict[str, Any]:
    """Figures; `holds` says whether the timeline is what it must be."""
    with ExitStack() as stack:
        broker, name = bootstrap, "the broker that was given"
        if broker is None and not ApacheKafka.missing():
            broker, name = stack.enter_context(ApacheKafka.start()).bootstrap, "Apache Kafka"
        embedded = broker is None
        settings, home = stack.enter_context(rig("rebalance", broker))
        settings.session_timeout = timeout
        found = disturbed(settings, home, rate, embedded)
    return {"broker": "the embedded broker" if embedded else name, "session_timeout": timeout, **found}


def disturbed(settings: Settings, home: Path, rate: int, embedded: bool) -> dict[str, Any]:
    load = Load(int(rate * sum(PHASES.values())))
    messages = list(load)
    ensure_topics(settings)
    groups = Groups(settings) if embedded else None
    with Crew(settings, home / "log") as crew, Watcher(settings) as watcher:
        for name in ("worker 0", "worker 1"):
            crew.start(name, WORKER)
        crew.start("store", ["store"])
        feed = Feed(settings)
        feed.send(messages[:PILOT])
        if not (watcher.wait(1, PATIENCE, crew.check) and watcher.quiet(timeout_of(settings), PATIENCE)):
            raise SystemExit("the first events did not get through")
        stalls = _phases(crew, watcher, feed, messages[PILOT:], rate, groups)
        complete = watcher.wait(load.truth.events, PATIENCE, crew.check) and watcher.quiet(QUIET, PATIENCE)
        for name in crew.names:
            crew.end(name)
    same, said = _same(settings, home, messages)
    return {
        "rate": rate, "events": len(messages), "stalls": stalls, "holds": complete and same, "timeline": said,
        "groups_deleted": groups.deleted if groups else 0,
    }  # fmt: skip


def timeout_of(settings: Settings) -> float:
    """After so long a silence the groups have come to rest."""
    return 1.5 * settings.session_timeout


def _phases(
    crew: Crew, watcher: Watcher, feed: Feed, messages: list[Native], rate: int, groups: Groups | None
) -> dict[str, dict[int, float]]:
    paced = Paced(feed.send, iter(messages), rate)
    paced.start()
    happens = {
        JOINS: lambda: crew.start("worker 2", WORKER), LEAVES: lambda: crew.end("worker 0"),
        DIES: lambda: crew.kill("worker 1"),
    }  # fmt: skip
    begun = {}
    for phase, seconds in PHASES.items():
        begun[phase] = time.monotonic()
        happens.get(phase, lambda: None)()
        while time.monotonic() - begun[phase] < seconds:
            if groups is not None:
                groups.look()
            feed.poll()
            time.sleep(0.1)
    paced.join()
    feed.flush()
    ends = [*list(begun.values())[1:], time.monotonic()]
    # A partition that is held up beyond the end of a phase is so by what happened last.
    return {
        phase: {number: round(stall, 2) for number, stall in watcher.longest(since, until).items()}
        for (phase, since), until in zip(begun.items(), ends, strict=True)
    }


def _same(settings: Settings, home: Path, messages: list[Native]) -> tuple[bool, str]:
    """Whether the timeline is what investigating the same records gives."""
    records = (Record(value, name, topic, 0, n) for n, (topic, name, value) in enumerate(messages))
    with connect(settings.model_copy(update={"clickhouse": f"chdb://{home}/undisturbed"})) as store:
        Investigation(settings, store).run(records)
        undisturbed = proof.found(store)
    with connect(settings) as store:
        check, _ = proof.timeline(undisturbed, proof.found(store))
    return check.holds, f"{check.name}: {check.seen}"
