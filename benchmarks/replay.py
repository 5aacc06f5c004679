"""How fast stored history is replayed, as a ratio to `investigate` on the same input in the same run.

    python -m benchmarks.replay --events 50000

The last line is one JSON object: entries a second of investigating, of replaying with the settings as they are (scored
once), with options (scored twice), the most memory of the process until then, bytes a row of what is kept for replays,
and how many differences there were: none.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.kit.config import Settings
from pipeline.run.investigate import Investigation
from pipeline.run.replay import Asked, Replaying
from pipeline.simulate.faults import Faults
from pipeline.simulate.organisation import write
from pipeline.sources.files import strands
from pipeline.store import Store, connect, replays

ANY = (-(2**62), 2**62)
_SIZES = """
SELECT table, sum(data_compressed_bytes) / sum(rows) FROM system.parts
WHERE active AND database = currentDatabase() AND table IN ('entries', 'steps') GROUP BY table
"""


def main() -> None:
    """Simulate, investigate, replay twice; print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whodid-replay-") as name:
        home = Path(name)
        write(home / "logs", options.events, options.seed, Faults(), lambda _: None)
        (home / "rules").mkdir()
        settings = Settings(data_dir=home, clickhouse=f"chdb://{home}/store", hash_key="0123456789abcdef")
        with connect(settings) as store:
            print(json.dumps(measured(settings, store, home)))


def measured(settings: Settings, store: Store, home: Path) -> dict[str, Any]:
    """All figures."""
    files = sorted(str(file) for file in (home / "logs").glob("*.jsonl") if file.name != "truth.jsonl")
    investigated, first = timed(lambda: Investigation(settings, store).run(*strands(files, "", [])).entries)
    found: dict[str, Any] = {"entries": investigated, "investigate": first}
    for name, given in (("replay", {}), ("replay_with_options", {"rules": home / "rules"})):
        made: list[int] = []

        def replay(given: dict[str, Any] = given, made: list[int] = made) -> int:
            there = replays.edges(store, *ANY)
            asked = Asked(there.first, there.last + 1, 0, 0, given, dict.fromkeys(given, "empty"))
            done = Replaying(settings, store, asked, lambda *_: None).run()
            made.append(sum(done.counts.values()))
            return done.replayed

        found[name] = timed(replay)[1]
        found[name]["ratio"] = round(found[name]["entries_per_second"] / first["entries_per_second"], 2)
        found[name]["differences"] = made[0]
    found["bytes_per_row"] = {table: round(size, 1) for table, size in store.rows(_SIZES)}
    found["steps"] = store.rows("SELECT count() FROM steps FINAL")[0][0]
    return found


def timed(run: Callable[[], int]) -> tuple[int, dict[str, Any]]:
    """What it returns, and how many of that a second; the most memory that the process had until then (MB)."""
    began = time.perf_counter()
    amount = run()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return amount, {"entries_per_second": round(amount / seconds), "seconds": round(seconds, 1), "peak_mb": peak}


if __name__ == "__main__":
    main()
