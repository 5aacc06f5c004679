"""How long a reconstruction takes in a store of many entries, and how that grows.

    python -m benchmarks.reconstruction [--entries N] [--clues N] [--store DIR] [--json]

A made-up organisation with every attack in it is investigated; then its rows are written again and again under other
names and times, inside the engine, until there are N. Copies are tenants with names of their own, each at work for 26
weeks, so that an identity has a long past. From clues of every kind the time of a whole reconstruction is taken, in
the small store and in the large one: the ratio says how it grows. The inventory knows the original only.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.kit.config import Settings
from pipeline.reconstruct import reconstruct
from pipeline.run.investigate import Investigation
from pipeline.run.reconstructions import clues_of, entries_of, records, told_of
from pipeline.simulate.attacks import ATTACKS
from pipeline.simulate.days import inject
from pipeline.simulate.truth import Truth
from pipeline.store import Store, connect
from schemas.incident import Clue

SEED, DAYS, SCALE, WEEKS = 1, 7, 0.4, 26
WEEK = 7 * 86_400
#: Columns that name something which belongs to a tenant.
NAMED = ("actor", "human", "issued_subject", "stated_actor", "stated_human", "address")
BRIEF = ("session", "parent_session", "credential", "issued", "stated_session")


def fill(store: Store, entries: int) -> int:
    """Write the rows again as others until there are so many; returns how many there are."""
    (base,) = store.rows("SELECT count() FROM entries FINAL", {})[0]
    if base >= entries:
        return int(base)
    columns = [name for (name,) in store.rows(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'entries'"
        " AND default_kind != 'EPHEMERAL'", {},
    )]  # fmt: skip
    copies = max(0, round(entries / base) - 1)
    store.command("CREATE TABLE IF NOT EXISTS original AS entries")
    store.command(f"INSERT INTO original ({', '.join(columns)}) SELECT {', '.join(columns)} FROM entries FINAL")
    begun = time.monotonic()
    for number in range(1, copies + 1):
        tenant, week = divmod(number, WEEKS)
        store.command(
            f"INSERT INTO entries ({', '.join(columns)}) SELECT {', '.join(_copied(name) for name in columns)}"
            " FROM original SETTINGS max_partitions_per_insert_block = 0",
            {"copy": f"~{number}", "tenant": f"~{tenant}" if tenant else "", "later": -week * WEEK},
        )
        if number % 50 == 0:
            print(f"{number * base:,} rows after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return base * (copies + 1)


def _copied(name: str) -> str:
    if name == "time":
        return "addSeconds(time, {later:Int64})"
    if name in ("event_id", "tool_call", "tool_call_event", "prompt_event"):
        return f"if({name} = '', '', concat({name}, {{copy:String}}))"
    if name == "resources":
        return "arrayMap(one -> concat(one, {tenant:String}), resources)"
    if name in BRIEF:
        # A standing key stays with its tenant; sessions and what is issued for one are of their week.
        of = f"if({name} LIKE 'aws:AKIA%', {{tenant:String}}, {{copy:String}})"
        return f"if({name} = '', '', concat({name}, {of}))"
    return f"if({name} = '', '', concat({name}, {{tenant:String}}))" if name in NAMED else name


def clues(store: Store, truths: dict[str, Truth], most: int) -> Iterator[Clue]:
    """Clues of every kind, of as many attacks."""
    bad: dict[str, list[str]] = defaultdict(list)
    for truth in truths.values():
        if truth.malicious:
            bad[truth.scenario].append(truth.event_id)
    told = told_of(store)
    for number, (scenario, ids) in enumerate(sorted(bad.items())):
        if number < most:
            yield from clues_of(entries_of(store, ids), told, random.Random(scenario))


def times(store: Store, given: list[Clue]) -> dict[str, list[float]]:
    """Seconds that each reconstruction took, by kind of clue."""
    took: dict[str, list[float]] = defaultdict(list)
    for clue in given:
        begun = time.monotonic()
        reconstruct(store, clue)
        took[clue.kind].append(time.monotonic() - begun)
        print(f"{clue.kind} {clue.value}: {took[clue.kind][-1]:.2f} s", file=sys.stderr, flush=True)
    return took


def measure(home: Path, entries: int, most: int) -> dict[str, Any]:
    settings = Settings(clickhouse=f"chdb://{home}/store", data_dir=home, hash_key="made-up-organisations")
    truths: dict[str, Truth] = {}
    with connect(settings) as store:
        Investigation(settings, store).run(records(inject(SEED, DAYS, ATTACKS, scale=SCALE), truths))
        given = list(clues(store, truths, most))
        small = times(store, given)
        amount = fill(store, entries)
        large = times(store, given)
    every = [one for those in large.values() for one in those]
    before = [one for those in small.values() for one in those]
    return {
        "entries": amount, "reconstructions": len(every), "median": statistics.median(every), "most": max(every),
        "small_entries": len(truths), "small_median": statistics.median(before),
        "ratio": statistics.median(every) / statistics.median(before),
        "by_clue": {kind: [round(statistics.median(those), 3), round(max(those), 3)] for kind, those in large.items()},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000_000)
    parser.add_argument("--clues", type=int, default=10, help="attacks from which clues are taken")
    parser.add_argument("--store", type=Path, help="a folder that is kept, instead of one that is thrown away")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whodid-reconstruct-") as home:
        found = measure(given.store or Path(home), given.entries, given.clues)
    if given.json:
        print(json.dumps(found))
        return
    print(f"{found['entries']:,} entries, {found['reconstructions']} reconstructions: median {found['median']:.2f} s,"
          f" most {found['most']:.2f} s")  # fmt: skip
    print(f"{found['small_entries']:,} entries: median {found['small_median']:.2f} s; ratio {found['ratio']:.1f}")
    for kind, (median, most) in found["by_clue"].items():
        print(f"  {kind:<12} median {median:.2f} s, most {most:.2f} s")


if __name__ == "__main__":
    main()
