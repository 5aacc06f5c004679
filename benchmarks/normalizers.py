"""What a record costs in the stage `normalize`, format by format, against decoding the same bytes in the same run.

    python -m benchmarks.normalizers [--rounds N] [--json]

The records are the formats' examples (`schemas/examples/`), as they are; and grown to 100 KB in one text each, every
text in turn, with plain words, with braces, with secrets and with escapes: what somebody would send who wants to cost
us time. Microseconds of one core; `ratio` is to `json.loads`, the baseline.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from pipeline.normalize.context import Context
from pipeline.normalize.formats import FORMATS
from pipeline.normalize.stage import process
from pipeline.run.source_pages import record
from schemas.rejected import Record

LARGE = 100_000
#: Texts of a format that are grown, evenly over its example.
GROWN = 12
#: What a text is grown with.
FILLINGS = {
    "words": "the agent pays an invoice of 120.50 EUR to ana@example.com, ",
    "braces": '{"a": [1, {"b": "c"}], "d": "e"} ',
    "secrets": "password=correcthorse and ghp_abcdefghijklmnopqrstuvwxyz0123456789 ",
    "signs": '://a:\\"artif.eyJ--{}[]@%2e+49',
}
CONTEXT = Context(b"benchmarks/normalizers")


def examples(name: str) -> list[Any]:
    """The records of a format's example."""
    found = json.loads(record(name))
    return found if isinstance(found, list) else [found]


def texts(part: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each text in a document."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in inner:
        if isinstance(value, str):
            yield (*at, key)
        yield from texts(value, (*at, key))


def changed(part: Any, at: tuple[Any, ...], text: str) -> Any:  # noqa: ANN401  (any JSON)
    """The same document with another text at a path."""
    if not at:
        return text
    copy = dict(part) if isinstance(part, dict) else list(part)
    copy[at[0]] = changed(part[at[0]], at[1:], text)
    return copy


def took(call: Callable[[], object], rounds: int) -> float:
    """Microseconds, the least of some rounds: what it takes when nothing else runs."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best * 1e6


def small(name: str, rounds: int) -> dict[str, float]:
    """A record as it is: bytes, microseconds, and times the baseline; medians over the example."""
    values = [json.dumps(one).encode() for one in examples(name)]
    times = [took(lambda value=value: process(Record(value, name), CONTEXT), rounds) for value in values]  # type: ignore[misc]
    plain = [took(lambda value=value: json.loads(value), rounds) for value in values]  # type: ignore[misc]
    ratios = [ours / base for ours, base in zip(times, plain, strict=True)]
    return {"bytes": median(map(len, values)), "us": round(median(times), 1), "ratio": round(median(ratios), 1)}


def large(name: str) -> list[tuple[float, str, str]]:
    """Records of 100 KB: microseconds, which text was grown, and with what."""
    found = []
    places = [(one, at) for one in examples(name) for at in texts(one)]
    for one, at in places[:: len(places) // GROWN + 1]:
        for filling, text in FILLINGS.items():
            value = json.dumps(changed(one, at, text * (LARGE // len(text)))).encode()
            ours = took(lambda value=value: process(Record(value, name), CONTEXT), 2)  # type: ignore[misc]
            found.append((ours, ".".join(map(str, at)), filling))
    return found


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.normalizers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    told: dict[str, dict[str, float]] = {}
    every: list[tuple[float, str, str]] = []
    for name in FORMATS:
        print(f"{name:24}", end="\r", file=sys.stderr, flush=True)
        grown = large(name)
        every += grown
        told[name] = {**small(name, asked.rounds), **{filling: spread(grown, filling)["p50"] for filling in FILLINGS}}
    whole = {filling: spread(every, filling) for filling in FILLINGS}
    if asked.json:
        print(json.dumps({"formats": told, "us_100KB": whole, "records_100KB": len(every)}))
        return
    print(f"{'format':24} {'bytes':>6} {'us':>7} {'ratio':>6}  of 100 KB: " + " ".join(f"{one:>8}" for one in FILLINGS))
    for name, row in told.items():
        fillings = " ".join(f"{row[one]:8,}" for one in FILLINGS)
        print(f"{name:24} {row['bytes']:6.0f} {row['us']:7.1f} {row['ratio']:6.1f} {'':13}{fillings}")
    for filling, times in whole.items():
        print(f"100 KB of {filling}: " + ", ".join(f"{share} {time:,} us" for share, time in times.items()))


def spread(grown: list[tuple[float, str, str]], filling: str) -> dict[str, int]:
    """Microseconds of the records that were grown with it."""
    ordered = sorted(time for time, _, what in grown if what == filling)
    return {f"p{share}": round(ordered[len(ordered) * share // 101]) for share in (50, 99, 100)}


if __name__ == "__main__":
    main()
