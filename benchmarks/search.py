"""How long the desk's questions take in a store of many entries: server time by kind of question.

    python -m benchmarks.search [--entries N] [--rounds N] [--store DIR] [--json]

A made-up organisation with every attack in it is investigated; its rows, and the findings about them, are written again
under other names and times until there are N entries (benchmarks/reconstruction.py). Then questions of every kind are
asked, with values drawn from the store: each round draws others. A page is what `GET /v1/search` does: 200 entries and
their risk. The baseline is a scan of all entries for what none of them has, without the pivots and windows of a search.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.reconstruction import DAYS, SCALE, SEED, WEEK, WEEKS, fill
from pipeline.kit.config import Settings
from pipeline.query import parse
from pipeline.query.rendering import quoted
from pipeline.run.investigate import Investigation
from pipeline.run.reconstructions import records
from pipeline.simulate.attacks import ATTACKS
from pipeline.simulate.days import inject
from pipeline.simulate.truth import Truth
from pipeline.store import Store, connect
from pipeline.store.amounts import count, histogram
from pipeline.store.limits import TooMuch
from pipeline.store.points import points
from pipeline.store.risk import risks
from pipeline.store.search import search

DAY = 86_400_000_000
_COPIED_FINDINGS = """
INSERT INTO findings SELECT * REPLACE (
    concat(finding_id, {copy:String}) AS finding_id, addSeconds(time, {later:Int64}) AS time,
    if(actor = '', '', concat(actor, {tenant:String})) AS actor,
    if(human = '', '', concat(human, {tenant:String})) AS human,
    if(session = '', '', concat(session, {copy:String})) AS session,
    arrayMap(one -> concat(one, {copy:String}), entries) AS entries)
FROM findings AS f FINAL WHERE NOT match(f.finding_id, '~')
"""
_DRAWN = """
SELECT event_id, actor, human, session, credential, address, action, toUnixTimestamp64Micro(time), outcome, trace,
    prompt_event, resources
FROM entries FINAL WHERE cityHash64(event_id) % {every:UInt64} = {rest:UInt64} LIMIT 400
"""
_BASELINE = "SELECT count() FROM entries FINAL WHERE position(lower(text), {word:String}) > 0 OR actor = {word:String}"


def made(home: Path, entries: int) -> Store:
    """A store of so many entries."""
    settings = Settings(clickhouse=f"chdb://{home}/store", data_dir=home, hash_key="made-up-organisations")
    store = connect(settings)
    if not store.rows("SELECT count() FROM entries")[0][0]:
        truths: dict[str, Truth] = {}
        Investigation(settings, store).run(records(inject(SEED, DAYS, ATTACKS, scale=SCALE), truths))
        (base,) = store.rows("SELECT count() FROM entries FINAL")[0]
        for number in range(1, max(0, round(entries / base) - 1) + 1):
            tenant, week = divmod(number, WEEKS)
            given = {"copy": f"~{number}", "tenant": f"~{tenant}" if tenant else "", "later": -week * WEEK}
            store.command(_COPIED_FINDINGS, given)
        fill(store, entries)
    return store


def questions(row: tuple[Any, ...], rng: random.Random) -> dict[str, str]:
    """Questions of every kind about one entry."""
    event_id, actor, human, session, credential, address, action, at, _, trace, prompt, resources = row
    since, until = moment(at - DAY), moment(at + DAY)
    network = ".".join(address.split(".")[:2]) + ".0.0/16" if address.count(".") == 3 else "10.0.0.0/8"
    family = action.partition(":")[0].partition(".")[0]
    found = {
        "everything": "", "since": f"since:{since}", "day": f"since:{since} until:{until}",
        "actor": f"actor:{quoted(actor)}", "human": f"human:{quoted(human)}", "session": f"session:{quoted(session)}",
        "credential": f"credential:{quoted(credential)}", "address": f"address:{quoted(address)}",
        "network": f"address:{network}", "action": f"action:{quoted(action)}", "action pattern": f"action:{family}*",
        "actor, action": f"actor:{quoted(actor)} action:{quoted(action)} -outcome:success",
        "denied": "outcome:(denied or failure)", "event": f"event:{quoted(event_id)}",
        "used-token": f"used-token:{quoted(credential)}", "caused-by": f"caused-by:{quoted(prompt)}",
        "trace": f"trace:{quoted(trace)}", "risk": "risk:>0.8", "risk, day": f"risk:>0.5 since:{since} until:{until}",
        "severity": "severity:critical",
        "the issue's": f"actor:{quoted(actor)} action:{family}* risk:>0.8 -outcome:success",
        "resource": f"resource:{quoted(resources[0] if resources else '')}",
        "confidence": "confidence:<0.5 -unbound:true",
        "word": rng.choice(("invoice", "deploy", "AccessDenied", "backup")),
        "word, day": f"{rng.choice(('invoice', 'deploy', 'report'))} since:{since} until:{until}",
        "rare word": f"zq{rng.randrange(10**6)}x", "no such action": f"action:none{rng.randrange(10**6)}",
        "no such pattern": f"actor:*none{rng.randrange(10**6)}*",
    }  # fmt: skip
    return {kind: text for kind, text in found.items() if '""' not in text}


def moment(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at / 1e6))


def page(store: Store, text: str) -> None:
    found = search(store, parse(text))
    risks(store, [one.event.event_id for one in found.entries])


def took(asked: Callable[[], object]) -> float:
    begun = time.perf_counter()
    try:
        asked()
    except TooMuch as error:
        print(error, file=sys.stderr)
    return (time.perf_counter() - begun) * 1000


def measure(store: Store, rounds: int) -> dict[str, list[float]]:
    """Milliseconds by kind of question."""
    rng, times = random.Random(7), {}
    rows = store.rows(_DRAWN, {"every": 5000, "rest": 3})
    rows = [row for row in rows if row[3] or row[4]]
    others: dict[str, Callable[[str], object]] = {
        "count": lambda text: count(store, parse(text)), "histogram": lambda text: histogram(store, parse(text)),
        "points": lambda text: points(store, parse(text)),
    }  # fmt: skip
    for number in range(rounds):
        for kind, text in questions(rng.choice(rows), rng).items():
            times.setdefault(f"page: {kind}", []).append(took(lambda text=text: page(store, text)))
            if number < 3 and kind in ("everything", "actor", "denied", "day", "risk", "action", "word"):
                for name, ask in others.items():
                    times.setdefault(f"{name}: {kind}", []).append(took(lambda ask=ask, text=text: ask(text)))
        word = {"word": f"zq{rng.randrange(10**6)}y"}
        if number < 3:
            times.setdefault("baseline: scan", []).append(took(lambda word=word: store.rows(_BASELINE, word)))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--store", type=Path, help="a folder that is kept, instead of one that is thrown away")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="whodid-desk-") as home,
        made(given.store or Path(home), given.entries) as store,
    ):
        amount = store.rows("SELECT count() FROM entries FINAL")[0][0]
        found = store.rows("SELECT count() FROM findings FINAL")[0][0]
        times = measure(store, given.rounds)
    pages = [one for kind, those in times.items() if kind.startswith("page") for one in those]
    result = {
        "entries": amount, "findings": found, "all pages": summed(pages),
        **{kind: summed(those) for kind, those in times.items()},
    }  # fmt: skip
    if given.json:
        print(json.dumps(result))
        return
    print(f"{amount:,} entries, {found:,} findings; ms: p50, p95, max")
    for kind, (half, most, worst) in list(result.items())[2:]:
        print(f"  {kind:<24} {half:8.0f} {most:8.0f} {worst:8.0f}")


def summed(those: list[float]) -> list[float]:
    ordered = sorted(those)
    at = min(len(ordered) - 1, int(0.95 * len(ordered)))
    return [round(statistics.median(ordered), 1), round(ordered[at], 1), round(ordered[-1], 1)]


if __name__ == "__main__":
    main()
