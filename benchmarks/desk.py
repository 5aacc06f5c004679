"""How long the desk takes to answer, page by page and route by route, over a store of many entries.

    python -m benchmarks.desk [--entries N] [--store DIR] [--rounds N] [--only PREFIX] [--json]

A made-up organisation with every attack in it is investigated; then its rows are written again under other names and
times until there are N (as `benchmarks.search` does), and the inventory is told of all of them. Each page is
asked for in this process, as its server would be, for names drawn from all that there are: so every page is asked for
things that nothing has read yet. The aim is a 95th percentile of 200 ms. Beside it stands what reading one column of
every row takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from benchmarks.reconstruction import SEED
from benchmarks.search import made
from pipeline.console import links
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.store import Store, columns

AIM = 0.2
MONTHS = "SELECT DISTINCT toYYYYMM(time) AS month FROM entries ORDER BY month"


def filled(home: Path, entries: int) -> Store:
    """A store of so many entries, of which its inventory knows; one that is there already is taken as it is."""
    there = (home / "store").exists()
    store = made(home, entries)
    told = ", ".join(columns.TOLD)
    for (month,) in [] if there else store.rows(MONTHS, {}):
        print(f"the inventory is told of {month}", file=sys.stderr, flush=True)
        store.command(
            f"INSERT INTO arrivals ({told}) SELECT {told} FROM entries FINAL WHERE toYYYYMM(time) = {{month:UInt32}}",
            {"month": month},
        )
    return store


def drawn(store: Store, rounds: int) -> dict[str, list[str]]:
    """Names of everything that has a page, drawn from all there are."""
    chance = random.Random(SEED)
    found = {
        "session": "SELECT DISTINCT session FROM entries WHERE session != ''",
        "identity": "SELECT DISTINCT actor FROM entries WHERE actor != ''",
        "credential": "SELECT DISTINCT credential FROM entries WHERE credential != ''",
        "event": "SELECT event_id FROM entries WHERE cityHash64(event_id) % 1000 = 7",
        "address": "SELECT DISTINCT address FROM entries WHERE address != ''",
        "alert": "SELECT alert_id FROM alerts", "finding": "SELECT finding_id FROM findings",
    }  # fmt: skip
    names = {of: sorted(name for (name,) in store.rows(sql, {})) for of, sql in found.items()}
    return {of: [chance.choice(those) for _ in range(rounds)] for of, those in names.items() if those}


def asked(names: dict[str, list[str]], rounds: int) -> Iterator[tuple[str, list[str]]]:
    """What is asked for: a name of it, and its addresses."""
    for fixed in FIXED:
        yield fixed, [fixed] * min(rounds, 10)
    for of, link in (("session", links.session), ("identity", links.identity), ("credential", links.credential),
                     ("event", links.event), ("alert", links.alert), ("finding", links.finding)):  # fmt: skip
        yield f"page of {of}", [link(name) for name in names.get(of, [])]
    for field in ("actor", "session", "credential", "address"):
        of = {"actor": "identity"}.get(field, field)
        yield f"/timeline?q={field}:…", [links.timeline(field, name) for name in names.get(of, [])]
        terms = [links.term(field, name) for name in names.get(of, [])]
        yield f"/v1/search?q={field}:…", [links.with_query("/v1/search", {"q": term}) for term in terms]
        yield f"/v1/search/points?q={field}:…", [links.with_query("/v1/search/points", {"q": term}) for term in terms]
    for query in QUERIES:
        yield f"/v1/search?q={query}", [links.with_query("/v1/search", {"q": query})] * min(rounds, 10)
        yield f"/timeline?q={query}", [links.search(query)] * min(rounds, 10)


FIXED = (
    "/", "/alerts", "/findings", "/cases", "/inventory?of=identities", "/inventory?of=credentials",
    "/inventory?of=sessions", "/coverage", "/status", "/dead-letters", "/settings", "/timeline",
)  # fmt: skip
#: Questions without a name in them: what a page can be helped by is the time, and that rows are read in order.
QUERIES = (
    "action:s3.* outcome:denied", "risk:>0.8", "kind:prompt payment", "address:10.0.0.0/8", "-outcome:success since:7d",
    "action:iam.CreateAccessKey", "tool:read_mail origin:result", "nothing-of-this-name",
)  # fmt: skip


async def times(app: FastAPI, addresses: Sequence[str]) -> tuple[list[float], set[int]]:
    """Seconds that each took, and the statuses that came."""
    took, statuses = [], set()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8470", timeout=120) as client:
        for address in addresses:
            begun = time.monotonic()
            answer = await client.get(address)
            took.append(time.monotonic() - begun)
            statuses.add(answer.status_code)
    return took, statuses


def measure(home: Path, entries: int, rounds: int, only: str) -> dict[str, Any]:
    with filled(home, entries) as store:
        settings = Settings(clickhouse=f"chdb://{home}/store", data_dir=home, hash_key="made-up-organisations")
        app = create(store, settings, lambda: {"lag": {}, "troubles": {}, "counts": {}})
        found = {}
        for name, addresses in asked(drawn(store, rounds), rounds):
            if addresses and only in name:
                took, statuses = asyncio.run(times(app, addresses))
                found[name] = {"p50": statistics.median(took), "p95": _p95(took), "most": max(took), "asked": len(took),
                               "statuses": sorted(statuses)}  # fmt: skip
                print(_line(name, found[name]), file=sys.stderr, flush=True)
        begun = time.monotonic()
        (amount,) = store.rows("SELECT count(), sum(length(action)) FROM entries FINAL", {})[0][:1]
        return {"entries": amount, "scan": time.monotonic() - begun, "routes": found}


def _p95(took: list[float]) -> float:
    return sorted(took)[max(0, -(-len(took) * 95 // 100) - 1)]


def _line(name: str, one: dict[str, Any]) -> str:
    late = "" if one["p95"] <= AIM else "  over the aim"
    took = "  ".join(f"{what} {one[what] * 1000:7.0f} ms" for what in ("p50", "p95", "most"))
    return f"{name:<44} {took}  {one['asked']:>3} times  {one['statuses']}{late}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=40, help="names of each kind that are asked for")
    parser.add_argument("--only", default="", help="only what has this in its name")
    parser.add_argument("--store", type=Path, help="a folder that is kept, instead of one that is thrown away")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whodid-desk-") as home:
        found = measure(given.store or Path(home), given.entries, given.rounds, given.only)
    if given.json:
        print(json.dumps(found))
        return
    print(f"{found['entries']:,} entries; one column of all of them takes {found['scan'] * 1000:.0f} ms")
    for name, one in found["routes"].items():
        print(_line(name, one))


if __name__ == "__main__":
    main()
