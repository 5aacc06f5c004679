"""How well a simulated organisation is attributed, and how much that varies from one organisation to the next.

    python -m benchmarks.attribution --events 100000 --seeds 10
    python -m benchmarks.attribution --events 100000 --seeds 10 --faults loss=0.02,duplicates=0.02,delay=30,skew=3

Each seed is simulated, investigated and evaluated by the commands that anybody can run; the last line is one JSON
object with least, mean and greatest of every measure. No seed is left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

OVERALL = ("actor", "session", "tool_call", "prompt", "human", "causal_path")
WHOLE = ("lost", "duplicated")
#: Scenario and question for each target of the project.
ASKED = (("agent", "tool_call"), ("shared credential", "tool_call"), ("shared credential", "session"))


def main() -> None:
    """Run all seeds; returns nothing, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--faults", default="")
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    for seed in range(options.first, options.first + options.seeds):
        for name, value in measures(evaluated(options.events, seed, options.faults)).items():
            found.setdefault(name, []).append(value)
        line = "  ".join(
            f"{name} {values[-1]:.4f}" for name, values in found.items() if name.startswith(("a", "s", "t"))
        )
        print(f"seed {seed}: {line}", file=sys.stderr, flush=True)
    spread = {
        name: {"min": min(values), "mean": round(fmean(values), 5), "max": max(values)}
        for name, values in found.items()
    }
    print(json.dumps({"events": options.events, "seeds": options.seeds, "faults": options.faults, "measures": spread}))


def evaluated(events: int, seed: int, faults: str) -> dict[str, Any]:
    """What `whodid evaluate attribution` prints for one seed."""
    with tempfile.TemporaryDirectory(prefix="whodid-attribution-") as home:
        folder = str(Path(home) / "organisation")
        simulate = ["simulate", folder, "--events", str(events), "--seed", str(seed), "--faults", faults]
        subprocess.run([sys.executable, "-m", "pipeline", *simulate], check=True, stdout=subprocess.DEVNULL)
        evaluate = [sys.executable, "-m", "pipeline", "evaluate", "attribution", folder]
        report: dict[str, Any] = json.loads(subprocess.run(evaluate, check=True, stdout=subprocess.PIPE).stdout)
        return report


def measures(report: dict[str, Any]) -> dict[str, float]:
    """The numbers that are compared, by name."""
    found = {f"{name} {kind}": report[name][kind] for name in OVERALL for kind in ("precision", "recall")} | {
        name: float(report[name]) for name in WHOLE
    }
    for scenario, name in ASKED:
        for kind in ("precision", "recall"):
            found[f"{scenario}: {name} {kind}"] = report["scenarios"][scenario][name][kind]
    weights = [(abs(stated - observed), count) for stated, observed, count in report["calibration"]]
    found["calibration error"] = round(sum(error * count for error, count in weights) / sum(c for _, c in weights), 5)
    return found


if __name__ == "__main__":
    main()
