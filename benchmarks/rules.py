"""What rules cost an entry: with none, and with many that do and do not speak of it.

python -m benchmarks.rules --rules 200
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from pipeline.kit.state import PartitionState
from pipeline.score.rules.rulebook import STATE, Rulebook
from schemas.entry import Entry
from schemas.event import Event

RULE = """
title: Rule {number}
logsource: {{product: aws, service: cloudtrail}}
detection:
  selection:
    eventSource: service{number}.amazonaws.com
    eventName: [CreateThing{number}, DeleteThing{number}]
  filter:
    userIdentity.arn|contains: terraform
  condition: selection and not filter
level: medium
"""


def entry(number: int, action: str) -> Entry:
    """An entry of CloudTrail."""
    event = Event(
        event_id=str(number), kind="cloud_audit", time=number, format="aws.cloudtrail", action=action,
        actor="arn:aws:iam::123456789012:user/ana", address="192.0.2.1", attributes={"identityType": "IAMUser"},
    )  # fmt: skip
    return Entry(event=event, actor=event.actor, actor_kind="human")


def measured(rules: Rulebook, entries: list[Entry]) -> float:
    """Microseconds an entry, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        state = PartitionState(STATE)
        begin = time.perf_counter()
        for one in entries:
            rules.apply(one, state)
        best = min(best, time.perf_counter() - begin)
    return best / len(entries) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--entries", type=int, default=50_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        for number in range(given.rules):
            (Path(home) / f"r{number}.yml").write_text(RULE.format(number=number))
        begin = time.perf_counter()
        rules = Rulebook.load(Path(home))
        print(f"{given.rules} rules read in {time.perf_counter() - begin:.2f} s")
    none = measured(Rulebook(None), [entry(n, f"s3:Get{n % 50}") for n in range(given.entries)])
    print(f"no rules                            {none:7.2f} µs an entry")
    for told, action in (
        ("none speaks of the action", lambda n: f"s3:Get{n % 50}"),
        ("one speaks of every action", lambda n: f"service{n % given.rules}:CreateThing{n % given.rules}"),
        ("every action is a new one", lambda n: f"s3:Get{n}"),
    ):
        cost = measured(rules, [entry(n, action(n)) for n in range(given.entries)])
        print(f"{given.rules} rules, {told:27} {cost:7.2f} µs an entry ({cost / none:.1f} × no rules)")


if __name__ == "__main__":
    main()
