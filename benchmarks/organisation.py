"""What an organisation of some days is made of: events a day, identities by kind, events an identity and day.

    python -m benchmarks.organisation --days 28 --seeds 1

The last line is one JSON object. An identity is what truth names as the actor; it counts on days on which it does
something. Times are of telling alone, nothing is written.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict

from pipeline.simulate.attacks import ATTACKS
from pipeline.simulate.controls import CONTROLS
from pipeline.simulate.days import inject
from pipeline.simulate.staff.hire import organisation
from pipeline.simulate.staff.office import DAY, FIRST

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def told(seed: int, days: int, scale: float, injected: bool) -> dict[str, object]:
    """One organisation's figures."""
    chosen = {**ATTACKS, **CONTROLS} if injected else {}
    by_day: Counter[int] = Counter()
    scenarios: Counter[str] = Counter()
    identities: dict[str, Counter[int]] = defaultdict(Counter)
    malicious, started = 0, time.perf_counter()
    for one in inject(seed, days, chosen, scale=scale):
        day = (one.time - FIRST) // DAY
        for truth in one.truths:
            by_day[day] += 1
            scenarios[truth.scenario] += 1
            identities[truth.actor][day] += 1
            malicious += truth.malicious
    seconds, events = time.perf_counter() - started, by_day.total()
    rates = sorted(found.total() / len(found) for found in identities.values())
    week = [count for day, count in by_day.items() if day % 7 < 5 and day < days]
    weekend = [count for day, count in by_day.items() if day % 7 > 4 and day < days]
    kinds = Counter(type(one).__name__ for one in organisation(seed, days, scale).staff)
    return {
        "seed": seed, "events": events, "malicious": malicious, "hired": dict(kinds), "actors": len(identities),
        "weekday": [min(week, default=0), max(week, default=0)],
        "weekend": [min(weekend, default=0), max(weekend, default=0)],
        "events_per_actor_and_day": {str(q): round(rates[min(len(rates) - 1, int(q * len(rates)))]) for q in QUANTILES},
        "calm_scenarios": {name: count for name, count in scenarios.most_common() if name not in chosen},
        "seconds_per_100k": round(seconds / events * 100_000, 2),
    }  # fmt: skip


def main() -> None:
    """Each seed's figures; the last line has them all."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--days", type=int, default=28)
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("--injected", action="store_true", help="with every attack and every control")
    asked = options.parse_args()
    found = []
    for seed in range(1, asked.seeds + 1):
        found.append(told(seed, asked.days, asked.scale, asked.injected))
        print(found[-1]["seed"], found[-1]["events"], found[-1]["events_per_actor_and_day"])
    print(json.dumps({"days": asked.days, "scale": asked.scale, "organisations": found}))


if __name__ == "__main__":
    main()
