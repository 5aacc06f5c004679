"""The same join as a team would write it from Faust's documentation: one event a message, agents, tables.

    python -m benchmarks.per_event [--events N] [--tables rocksdb|memory] [--bootstrap HOST:PORT] [--json]

Agents read the four public topics and decode each event's JSON. What a credential did goes by way of a topic keyed by
credential to an agent that looks in the table of issuances who stands behind it; an issuance becomes a binding, keyed
by the credential that it made, so chains of any depth are followed. What is used before its issuance was read waits in
a second table and is written again. Spans go by way of a topic keyed by conversation to a table of sessions. Rows
travel through a topic too, so that a crash loses none, and are inserted a thousand at a time (`stream.take`).

Left as Faust has it: at-least-once, JSON, one changelog message for each write to a table. Only its fetches do not wait
1.5 s for more, since the embedded broker would let each of them. One process. Scores, links of sessions to credentials,
evidence and the inventory, which whodid does besides, are not done here. `revised` says how many rows were written
before their issuance was read, and again after it. What it wrote is checked against the load's truth; the status is 1
if a row is missing or a sampled actor wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import resource
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import clickhouse_connect
import faust

from benchmarks.load import Load, Truth
from benchmarks.per_event_app import STORES, Progress, build
from benchmarks.rig import rig
from benchmarks.throughput import preload
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.metrics import SETTLED

#: Seconds in which no agent does anything, after which it is taken to have lost what is missing.
STALLED = 20.0


async def _until_done(app: faust.App, events: int, progress: Progress) -> None:
    await app.start()
    try:
        while len(progress.seen) < events or progress.unbound:
            if app.should_stop:
                raise SystemExit(f"per-event Faust stopped: {app.crash_reason!r}")
            if time.monotonic() - progress.moved > STALLED:
                break
            await asyncio.sleep(0.05)
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await app.stop()


def run(settings: Settings, home: Path, truth: Truth, events: int, tables: str) -> dict[str, Any]:
    """Join what the public topics hold; the figures, and how right the outcome is."""
    client = clickhouse_connect.get_client(interface="chdb", path=str(home / "rival"))
    before = _cpu()
    progress = Progress()
    app = build(settings, home, tables, client, progress)
    app.finalize()
    asyncio.run(_until_done(app, events, progress))
    used = _cpu() - before
    ended = next((at for at, rows in progress.inserted if rows >= SETTLED * events), 0.0)
    found = dict(client.query("SELECT event_id, actor FROM rival FINAL").result_rows)
    client.close()
    wrong = [(name, found.get(name), actor) for name, actor in truth.sample.items() if found.get(name) != actor]
    return {
        "events": events, "tables": tables, "rate": SETTLED * events / (ended - progress.began) if ended else 0.0,
        "cpu": round(used / events * 1e6, 1), "revised": progress.revised,
        "check": {"expected": events, "rows": len(found), "checked": len(truth.sample), "wrong": len(wrong),
                  "unattributed": len(progress.unbound), "of": wrong[:3]},
    }  # fmt: skip


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--tables", choices=list(STORES), default="rocksdb")
    parser.add_argument("--bootstrap", help="a running Kafka; default: the embedded broker")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    given = parser.parse_args()
    if given.tables == "rocksdb" and find_spec("rocksdict") is None:
        raise SystemExit("--tables rocksdb: rocksdict is missing; pip install rocksdict, or take --tables memory")
    # An agent that fails says so here, and begins again.
    logging.basicConfig(level=logging.ERROR)
    with rig("per-event", given.bootstrap) as (settings, home):
        ensure_topics(settings)
        load = Load(given.events)
        preload(settings, load)
        result = run(settings, home, load.truth, given.events, given.tables)
    print(json.dumps(result) if given.json else "\n".join(f"  {name:8} {value}" for name, value in result.items()))
    if result["check"]["wrong"] or result["check"]["rows"] != result["check"]["expected"]:
        raise SystemExit("wrong answer: counts as zero")


if __name__ == "__main__":
    main()
