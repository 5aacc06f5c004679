"""Events per second of `whodid investigate`, against parsing and inserting the same files in one process.

    python -m benchmarks.investigate [--events N] [--json]

The load of `benchmarks.throughput` as files: JSON lines as they are, one file for each public topic. Ours is the
command itself with everything on: correlation, scoring, alerts, evidence, the inventory, a store on disk. The baseline
(`benchmarks.null_files`) knows each file's format, reads a dozen fields and inserts them. It runs before and after
ours: a shared machine may be half as fast a minute later. Both are measured from outside, start and end of the process
included: seconds by the clock, and seconds of CPU with those of its children. What ours wrote is checked against the
load's truth: a fast wrong answer counts as zero and ends with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from benchmarks.children import ended
from benchmarks.load import Load
from benchmarks.throughput import check
from pipeline.kit.config import Settings


def written(folder: Path, load: Load) -> int:
    """Put the load into files, named by format and topic; returns their size in bytes."""
    folder.mkdir()
    with ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}
        for topic, name, value in load:
            path = f"{name}~{topic}.jsonl"
            if path not in files:
                files[path] = stack.enter_context((folder / path).open("wb"))
            files[path].write(value + b"\n")
    return sum(file.stat().st_size for file in folder.iterdir())


def timed(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """What a command says in its last line, with seconds by the clock and of CPU. Raises SystemExit if it fails."""
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=subprocess.PIPE) as child:
        out = child.stdout.read() if child.stdout else b""
        cpu = ended(child, None)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {child.returncode}")
    wall = time.monotonic() - began
    return {"said": json.loads(out.splitlines()[-1]), "wall": wall, "cpu": cpu}


def measure(home: Path, events: int) -> dict[str, Any]:
    """Figures and whether the answer is right. `home` is a folder of this run's own."""
    load, folder = Load(events), home / "files"
    size = written(folder, load)
    settings = Settings(clickhouse=f"chdb://{home}/store", data_dir=home, bootstrap="")
    environment = {**os.environ, **settings.environment()}
    before = _null(folder, home / "before", environment)
    ours = timed(
        ["pipeline", "investigate", str(folder), "--store", str(home / "store"), "--summary", "json"], environment
    )
    after = _null(folder, home / "after", environment)
    null = {what: (before[what] + after[what]) / 2 for what in ("wall", "cpu")}
    return {
        "events": events, "bytes": size, "ratio": round(null["wall"] / ours["wall"], 3),
        "seconds": {"ours": round(ours["wall"], 2), "null": round(null["wall"], 2),
                    "null, before": round(before["wall"], 2), "null, after": round(after["wall"], 2)},
        "cpu_seconds": {"ours": round(ours["cpu"], 2), "null": round(null["cpu"], 2)},
        "rates": {"ours": events / ours["wall"], "null": events / null["wall"]},
        "cores": round(ours["cpu"] / ours["wall"], 2), "summary": ours["said"], "check": check(settings, load.truth),
    }  # fmt: skip


def _null(folder: Path, store: Path, environment: dict[str, str]) -> dict[str, Any]:
    return timed(["benchmarks.null_files", str(folder), "--store", str(store)], environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whodid-investigate-") as home:
        result = measure(Path(home), given.events)
    print(json.dumps(result) if given.json else _table(result))
    if result["check"]["wrong"] or result["check"]["entries"] != result["check"]["expected"]:
        raise SystemExit("wrong answer: counts as zero")


def _table(result: dict[str, Any]) -> str:
    lines = [f"{result['events']:,} native events, {result['bytes'] / 1e6:,.0f} MB of JSON lines"]
    for name, rate in result["rates"].items():
        seconds, cpu = result["seconds"][name], result["cpu_seconds"][name]
        each = cpu / result["events"] * 1e6
        lines.append(
            f"  {name:5} {rate:10,.0f} events/s  {seconds:8.2f} s  {cpu:8.2f} s of CPU  {each:7.1f} µs of CPU each"
        )
    lines.append(f"  ours / null {result['ratio']:.2f}, ours on {result['cores']} cores")
    lines.append(f"  null before {result['seconds']['null, before']} s, after {result['seconds']['null, after']} s")
    lines.append(f"  checked: {result['check']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
