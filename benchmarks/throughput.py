"""Events per second end to end, against a null pipeline in the same run, on the same broker and the same events.

    python -m benchmarks.throughput [--events N] [--rival-events N] [--bootstrap HOST:PORT] [--json]

Measured is the time from the first message consumed to the row after which only 0.1 % are missing: the last ones wait
for their grace (5 s in which an issuance may still come), however fast the pipeline is. The time to the very last row
is printed too. Ours runs as `whodid run` does, in
`--processes` processes; the null pipeline is one process. What ours wrote is checked against the load's truth: a fast
wrong answer counts as zero. The rival is a Faust application as its documentation has it, one event a message
(`benchmarks.per_event`), on the first events of the same load: on all of them it would take minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from benchmarks.children import ended
from benchmarks.load import Load, Truth
from benchmarks.processes import broker_cpu
from benchmarks.rig import rig
from benchmarks.volumes import volumes
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.metrics import SETTLED
from pipeline.kit.topics import PUBLIC, full_name
from pipeline.store import connect

SHAPES = {2: [["normalize", "correlate"], ["store"]], 3: [["normalize"], ["correlate"], ["store"]]}


def preload(settings: Settings, load: Load) -> None:
    producer = Producer({"bootstrap.servers": settings.bootstrap, "compression.type": "lz4", "linger.ms": 20})
    for n, (topic, name, value) in enumerate(load):
        producer.produce(
            full_name(settings, topic), value, headers={"format": name}, partition=n // 5 % settings.partitions
        )
        if n % 1000 == 0:
            producer.poll(0)
        if n % 50_000 == 49_999:
            producer.flush()
    producer.flush()


def null(settings: Settings, events: int, home: Path, stop_after: str) -> float:
    command = [
        sys.executable, "-m", "benchmarks.null", "--bootstrap", settings.bootstrap, "--events", str(events),
        "--topics", ",".join(full_name(settings, topic) for topic in PUBLIC), "--store", str(home / "null"),
        "--partitions", str(settings.partitions), "--stop-after", stop_after,
    ]  # fmt: skip
    result = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return float(result["events"] / result["seconds"])


def ours(settings: Settings, home: Path, shape: list[list[str]], idle: float) -> dict[str, Any]:
    environment = {
        **os.environ, "WHODID_BOOTSTRAP": settings.bootstrap, "WHODID_CLICKHOUSE": settings.clickhouse,
        "WHODID_PREFIX": settings.prefix, "WHODID_DATA_DIR": str(home), "WHODID_SESSION_TIMEOUT": "2",
    }  # fmt: skip
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", *roles, "--until-idle", str(idle), "--summary", "json"],
            env=environment, stdout=subprocess.PIPE,
        )
        for roles in shape
    ]  # fmt: skip
    said: dict[str, Any] = {"counts": {}, "times": {}, "settled": {}, "cpu": {}}
    busy = machine_busy()
    for child, roles in zip(children, shape, strict=True):
        out = child.stdout.read() if child.stdout else b""
        said["cpu"]["+".join(roles)] = ended(child, None)
        if child.returncode:
            raise SystemExit(f"a process of ours ended with status {child.returncode}")
        report = json.loads(out.splitlines()[-1])
        said["counts"] |= report["counts"]
        said["times"] |= report["times"]
        said["settled"] |= {name: moment for name, moment in report["settled"].items() if moment}
    said["cpu"]["broker, and whatever else runs"] = machine_busy() - busy - sum(said["cpu"].values())
    return said


def rival(settings: Settings, events: int, tables: str) -> dict[str, Any]:
    """What per-event Faust reached, and whether that is right; rate 0 if it is not."""
    command = [
        sys.executable, "-m", "benchmarks.per_event", "--bootstrap", settings.bootstrap, "--events", str(events),
        "--tables", tables, "--json",
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if not lines:
        raise SystemExit(f"the per-event Faust application ended with status {done.returncode}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found | ({"rate": 0.0} if done.returncode else {})


def machine_busy() -> float:
    """Seconds that the cores of this machine have worked (Linux; elsewhere 0)."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _wait, *interrupts = map(int, stat.read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + sum(interrupts[:2])) / os.sysconf("SC_CLK_TCK")


def check(settings: Settings, truth: Truth) -> dict[str, Any]:
    store = connect(settings)
    rows = store.rows("SELECT count(), countIf(unbound = '') FROM entries FINAL")[0]
    wrong = [
        (event_id, actor)
        for event_id, actor in truth.sample.items()
        if store.rows("SELECT actor FROM entries FINAL WHERE event_id = {id:String}", {"id": event_id}) != [(actor,)]
    ]
    store.close()
    return {
        "expected": truth.events, "entries": rows[0], "bound": rows[1], "checked": len(truth.sample),
        "wrong": len(wrong), "of": wrong[:3],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--bootstrap", help="a running Kafka; default: the embedded broker")
    parser.add_argument("--rival-events", type=int, default=20_000, help="events for per-event Faust; 0 leaves it out")
    parser.add_argument("--tables", choices=["rocksdb", "memory"], default="rocksdb", help="where Faust has its tables")
    parser.add_argument("--processes", type=int, choices=list(SHAPES), default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    given = parser.parse_args()
    with rig("bench", given.bootstrap) as (settings, home):
        result = measure(settings, home, given.events, SHAPES[given.processes])
        if given.rival_events:
            compare(result, rival(settings, min(given.rival_events, given.events), given.tables))
    show(result, as_json=given.json)
    if result["check"]["wrong"] or result["check"]["entries"] != result["check"]["expected"]:
        raise SystemExit("wrong answer: counts as zero")


def measure(settings: Settings, home: Path, events: int, shape: list[list[str]]) -> dict[str, Any]:
    ensure_topics(settings)
    load = Load(events)
    preload(settings, load)
    rates = {f"null: {step}": null(settings, events, home, step) for step in ("consume", "parse")}
    # Before and after ours: a shared machine may be half as fast a minute later.
    before = null(settings, events, home / "before", "insert")
    broker = broker_cpu()
    said = ours(settings, home, shape, 6.0)
    broker = broker_cpu() - broker
    after = null(settings, events, home / "after", "insert")
    rates |= {"null: insert": 2 / (1 / before + 1 / after), "null, before": before, "null, after": after}
    began = said["times"]["records"][0]
    rates["ours"] = SETTLED * events / (said["settled"]["rows"] - began)
    rates["ours, last row"] = events / (said["times"]["rows"][1] - began)
    cpu = {name: round(seconds / events * 1e6, 1) for name, seconds in said["cpu"].items()}
    return {
        "events": events,
        "rates": rates,
        "cpu": cpu,
        "scoring": round(said["counts"].get("scoring_us", 0) / events, 1),
        "counts": said["counts"],
        "check": check(settings, load.truth),
        "volumes": {"broker_us": round(broker / events * 1e6, 1), **volumes(settings, events)},
    }


def compare(result: dict[str, Any], found: dict[str, Any]) -> None:
    """Put the rival's figures beside ours."""
    result["rival"] = found
    if found["rate"]:
        result["rates"]["per-event Faust"] = found["rate"]
        result["times_rival"] = round(result["rates"]["ours"] / found["rate"], 1)


def show(result: dict[str, Any], *, as_json: bool) -> None:
    base = result["rates"]["null: insert"]
    result["ratio"] = round(result["rates"]["ours"] / base, 3)
    if as_json:
        print(json.dumps(result))
        return
    print(f"{result['events']:,} native events, one broker, 2 cores or what this machine has")
    for name, rate in result["rates"].items():
        print(f"  {name:16} {rate:12,.0f} events/s   {rate / base:5.2f} of null")
    print("  CPU time of ours for each event, microseconds, start and end included:")
    for name, microseconds in result["cpu"].items():
        print(f"    {name:32} {microseconds:8.1f}")
    worker = sum(spent for name, spent in result["cpu"].items() if "correlate" in name or "normalize" in name)
    print(f"    of which scoring: {result['scoring']:.1f}, {result['scoring'] / worker:.1%} of the worker's time")
    print(f"  checked: {result['check']}")
    if "rival" in result:
        print(f"  ours / per-event Faust: {result.get('times_rival', 'the rival is wrong, so it does not count')}")
        print("    " + "  ".join(f"{name} {value}" for name, value in result["rival"].items()))


if __name__ == "__main__":
    main()
