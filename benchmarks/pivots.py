"""The five pivots at millions of entries: time, rows read and memory, beside a join over raw tables sorted for each.

    python -m benchmarks.pivots [--entries N] [--rounds N] [--values N] [--store DIR] [--json]

A store is filled (benchmarks/pivot_store.py says how) with a made-up timeline (benchmarks/pivot_world.py), and so are
raw tables (benchmarks/pivot_rival.py). Printed is what a row takes the real writer when the store is empty and when it
is full, and bytes on disk. Then the first page of a timeline is asked for, 200 entries as the desk shows them, by each
pivot for values that are busy (in every slice, up to 2 % of all rows), quiet (in one slice), and rare (scheduled jobs:
no two rows near each other): `oldest` is `whodid timeline`, `newest` is `whodid search`. The raw join is asked for the
oldest page, with chains of 1, 2 and 3 issuances. Its depth has to be known; with 3 it knows all of this world's, and
then must find the same events with the same actor, person and session, or the command ends with status 1.

All times are warm (each question is asked once before), of whole answers in this process, decoded. Rows read are the
engine's count over all statements of a page, granules those of `EXPLAIN indexes = 1`; memory is the growth of this
process's highest mark, which includes the embedded engine; of all three the most of a few values.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import pivot_rival as rival
from benchmarks.pivot_cost import Recorder, cost, memory
from benchmarks.pivot_store import fill, on_disk, written_for_real
from benchmarks.pivot_world import DEEPEST, SLICE, SPAN, START, entries
from pipeline.kit.config import Settings
from pipeline.query import parse
from pipeline.query.rendering import quoted
from pipeline.store import Store, connect
from pipeline.store.pivots import PIVOTS, timeline
from pipeline.store.search import search
from schemas.entry import Entry

#: Entries of a page; values whose cost is looked at.
PAGE, FEW = 200, 5
SORTS = ("busy", "quiet", "rare")
#: Raw tables take over so many slices at once.
TOGETHER = 10
_BUSY = {
    "actor": "arn:aws:iam::123456789012:role/agent", "session": "conversation", "credential": "aws:AKIA-agent",
    "human": "person", "address": "address",
}  # fmt: skip
_RARE = {
    "actor": "job", "session": "schedule", "credential": "aws:AKIA-job", "human": "owner", "address": "address-job",
}  # fmt: skip


def made(home: Path, amount: int) -> tuple[Store, dict[str, Any]]:
    """A store of so many entries, with raw tables, and how it was filled; of one that was there, as it was then."""
    store = connect(Settings(clickhouse=f"chdb://{home}/store", data_dir=home))
    size = min(SLICE, max(1000, amount // 4))
    slices, said = max(2, round(amount / size)), home / "filled.json"
    if not said.exists():
        filled = fill(store, slices, size) | {"slices": slices, "size": size}
        filled["disk"] = on_disk(store)
        began = time.monotonic()
        rival.make(store)
        for number in range(0, slices, TOGETHER):
            rival.fill(store, START + number * SPAN, START + (number + TOGETHER) * SPAN)
        filled["raw_seconds"] = time.monotonic() - began
        said.write_text(json.dumps(filled))
    return store, json.loads(said.read_text())


def drawn(filled: Mapping[str, Any], most: int = 12) -> dict[tuple[str, str], list[str]]:
    """At most so many values to ask for, by pivot and sort."""
    rng = random.Random(7)
    copies = [n for n in range(filled["slices"]) if n == 0 or not written_for_real(n, filled["slices"])]
    first = entries(0, filled["size"])
    values: dict[tuple[str, str], list[str]] = {}
    for pivot in PIVOTS:
        names = sorted(set(map(_field(pivot), first)))
        for sort, begin in (("busy", _BUSY[pivot]), ("rare", _RARE[pivot])):
            found = [one for one in names if re.fullmatch(rf"{begin}-\d+", one)]
            values[pivot, sort] = rng.sample(found, min(most, len(found)))
        found = [one for one in names if one.endswith("~0")]
        values[pivot, "quiet"] = [f"{rng.choice(found)[:-1]}{rng.choice(copies)}" for _ in range(most)]
    return values


def _field(pivot: str) -> Callable[[Entry], str]:
    if pivot in ("credential", "address"):
        return lambda one: str(getattr(one.event, pivot))
    return lambda one: str(getattr(one, pivot))


def oldest(store: Any, pivot: str, value: str) -> list[Entry]:  # noqa: ANN401
    return timeline(store, pivot, value, limit=PAGE).entries


def newest(store: Any, pivot: str, value: str) -> list[Entry]:  # noqa: ANN401
    return search(store, parse(f"{pivot}:{quoted(value)}"), limit=PAGE).entries


def joined(store: Any, pivot: str, value: str, depth: int) -> list[Any]:  # noqa: ANN401
    rows: list[Any] = store.rows(rival.question(pivot, depth), {"value": value, "most": PAGE})
    return rows


def wrong(store: Store, pivot: str, value: str) -> str:
    """What differs between our page and that of the join; empty when nothing does."""
    ours = [(one.event.event_id, one.actor, one.human, one.session) for one in oldest(store, pivot, value)]
    theirs = [(row[0], *row[-3:]) for row in joined(store, pivot, value, DEEPEST)]
    if ours and ours == theirs:
        return ""
    first = next((pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]), None)
    return f"{pivot} {value}: {len(ours)} of ours, {len(theirs)} of the join; first difference {first}"


def took(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


def measure(store: Store, values: Mapping[tuple[str, str], list[str]], rounds: int) -> list[dict[str, Any]]:
    """Times and costs by pivot and sort of value; the first round is not counted."""
    found = []
    for (pivot, sort), those in values.items():
        times: dict[str, list[float]] = {}
        for number in range(rounds + 1):
            # The join takes longer, and a few rounds tell by how much.
            for name, ask in _asks(store, pivot, those, joins=number <= max(1, rounds // 3)):
                spent = took(ask)
                if number:
                    times.setdefault(name, []).append(spent)
        some = {name: [round(statistics.median(one), 1), round(_p95(one), 1)] for name, one in times.items()}
        found.append({"pivot": pivot, "sort": sort, **_costs(store, pivot, those), "ms": some})
    return found


def _asks(store: Store, pivot: str, values: list[str], *, joins: bool) -> Iterator[tuple[str, Callable[[], object]]]:
    for value in values:
        yield "oldest", partial(oldest, store, pivot, value)
        yield "newest", partial(newest, store, pivot, value)
        for depth in range(1, DEEPEST + 1 if joins else 1):
            yield f"join {depth}", partial(joined, store, pivot, value, depth)


def _costs(store: Store, pivot: str, values: list[str]) -> dict[str, Any]:
    """The most that any of a few values costs."""
    found: dict[str, Any] = {}
    pages: dict[str, Callable[[Any, str, str], object]] = {
        "oldest": oldest, "newest": newest, "join": partial(joined, depth=DEEPEST),
    }  # fmt: skip
    for name, page in pages.items():
        spent = []
        for value in values[:FEW]:
            recorder = Recorder(store)
            page(recorder, pivot, value)
            held = memory(partial(page, store, pivot, value))
            spent.append(cost(store, recorder.asked) | {"memory": held})
        found[name] = {what: max(one[what] for one in spent) for what in spent[0]}
    return found


def _p95(some: list[float]) -> float:
    return sorted(some)[min(len(some) - 1, int(0.95 * len(some)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="how often each of the values is asked for")
    parser.add_argument("--values", type=int, default=12, help="of each pivot and sort")
    parser.add_argument("--store", type=Path, help="a folder that is kept, instead of one that is thrown away")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whodid-pivots-", ignore_cleanup_errors=True) as home:
        result = run(given.store or Path(home), given.entries, given.rounds, given.values)
    show(result, as_json=given.json)
    if result["wrong"]:
        raise SystemExit("wrong answer: counts as zero")


def run(home: Path, amount: int, rounds: int, most: int) -> dict[str, Any]:
    """Fill, check, measure."""
    store, filled = made(home, amount)
    with store:
        values = drawn(filled, most)
        checked = [wrong(store, pivot, value) for (pivot, _), those in values.items() for value in those]
        return {
            "entries": filled["slices"] * filled["size"], "filled": filled, "checked": len(checked),
            "wrong": [one for one in checked if one], "pages": measure(store, values, rounds),
        }  # fmt: skip


def show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    amount, filled = result["entries"], result["filled"]
    print(f"{amount:,} entries; a row takes the real writer, in a store of so many, microseconds:")
    for rows, each in filled["real"]:
        print(f"  {rows:12,} {each:8.1f}   {each / filled['real'][0][1]:5.2f} of the first")
    copied = ", ".join(f"{one:,}" for one in filled["millions"])
    print(f"  copied by the engine, rows a second, million by million: {copied}")
    print("bytes on disk for each entry:")
    for table, size, rows, _ in filled["disk"]:
        print(f"  {table:12} {size / amount:8.1f}   ({rows:,} rows)")
    print(f"  {'all':12} {sum(size for _, size, *_ in filled['disk']) / amount:8.1f}")
    print(f"pages of {PAGE}: ms p50, p95; rows read, their share, granules, MB; ratio: p50 of the join to oldest's")
    for page in result["pages"]:
        _show_page(page, amount)
    print(f"checked against the join: {result['checked']} pages, {len(result['wrong'])} wrong")
    for one in result["wrong"][:5]:
        print(f"  {one}")


def _show_page(page: dict[str, Any], amount: int) -> None:
    for name, (half, most) in page["ms"].items():
        said = f"  {page['pivot']:10} {page['sort']:5} {name:7} {half:8.1f} {most:8.1f}"
        spent = page.get("join" if name == f"join {DEEPEST}" else name)
        costs = ""
        if spent:
            share = spent["rows"] / amount
            costs = f"{spent['rows']:10,} {share:7.2%} {spent['granules']:6,} {spent['memory'] / 1e6:7.1f}"
        ratio = f"  ratio {half / page['ms']['oldest'][0]:6.2f}" if name.startswith("join") else ""
        print(f"{said} {costs:34}{ratio}")


if __name__ == "__main__":
    main()
