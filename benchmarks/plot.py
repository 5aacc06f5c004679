"""The picture of `benchmarks.throughput --json`: events per second of each, and what CPU time ours spends where.

    python -m benchmarks.throughput --json > result.json
    python -m benchmarks.plot result.json… -o docs/pictures/performance.svg

Of several results, each bar is the median and a line shows the least and the most. The scale of rates is logarithmic:
per-event Faust would not be seen beside the others. SVG by hand, readable on light and dark pages; no dependency.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

#: Bars: key of the result's rates, what it is called, its colour.
BARS = (
    ("null: consume", "consume only", "other"), ("null: parse", "consume, parse", "other"),
    ("null: insert", "null pipeline: consume, parse, insert", "other"), ("ours", "whodid, everything on", "ours"),
    ("per-event Faust", "Faust, one event a message", "rival"),
)  # fmt: skip
WIDTH, LEFT, RIGHT = 760, 270, 150
TOP, ROW, BAR = 52, 30, 20
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.small { font-size: 11.5px; fill: #57606a }
.other { fill: #8c959f }
.ours { fill: #0969da }
.rival { fill: #bf5b16 }
.grid { stroke: #d0d7de }
.range { stroke: #24292f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .other { fill: #6e7681 }
  .ours { fill: #4493f8 }
  .rival { fill: #db7d3c }
  .grid { stroke: #30363d }
  .range { stroke: #e6edf3 }
}
"""


class Figure:
    """Parts of an SVG, and how far down they reach."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = 0.0

    def text(self, x: float, y: float, said: str, style: str = "", anchor: str = "start") -> None:
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(said)}</text>')

    def bar(self, length: float, style: str) -> None:
        self.parts.append(
            f'<rect x="{LEFT}" y="{self.y:.1f}" width="{max(length, 1):.1f}" height="{BAR}" rx="2" class="{style}"/>'
        )

    def line(self, points: Sequence[float], style: str) -> None:
        x1, y1, x2, y2 = points
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>')

    def svg(self, label: str) -> str:
        size = f'viewBox="0 0 {WIDTH} {self.y:.0f}" width="{WIDTH}" height="{self.y:.0f}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">'
        return "\n".join([head, f"<style>{STYLE}</style>", *self.parts, "</svg>\n"])


def drawn(results: Sequence[Mapping[str, Any]]) -> str:
    """The picture. Raises SystemExit when a result is of a wrong answer."""
    for result in results:
        if result["check"]["wrong"] or result["check"]["entries"] != result["check"]["expected"]:
            raise SystemExit("a result is of a wrong answer, which counts as zero: it is not drawn")
    figure = Figure()
    _rates(figure, results)
    _cpu(figure, results)
    events = " and ".join(sorted({f"{result['events']:,}" for result in results}))
    runs = f"; median, least and most of {len(results)} runs" if len(results) > 1 else ""
    figure.text(8, figure.y + 12, f"{events} native events of 1.6 KB, everything on one machine{runs}", "small")
    figure.y += 20
    return figure.svg("Events per second, and CPU time by process")


def _rates(figure: Figure, results: Sequence[Mapping[str, Any]]) -> None:
    rows = [(label, style, [one["rates"][key] for one in results if key in one["rates"]]) for key, label, style in BARS]
    rows = [row for row in rows if row[2]]
    least, most = min(min(rates) for *_, rates in rows), max(max(rates) for *_, rates in rows)
    low, high = math.floor(math.log10(least)), math.log10(most)
    scale = (WIDTH - LEFT - RIGHT) / (high - low)
    base = statistics.median(one["rates"]["null: insert"] for one in results)
    figure.text(8, 22, "Events per second, end to end (logarithmic)", "title")
    bottom = TOP + ROW * len(rows)
    for power in range(low, math.floor(high) + 1):
        x = LEFT + (power - low) * scale
        figure.line((x, TOP - 8, x, bottom - 4), "grid")
        figure.text(x, TOP - 12, f"{10**power:,}", "small", "middle")
    figure.y = TOP
    for label, style, rates in rows:
        middle = statistics.median(rates)
        figure.bar((math.log10(middle) - low) * scale, style)
        ends = [LEFT + (math.log10(rate) - low) * scale for rate in (min(rates), max(rates))]
        _row(figure, label, ends, f"{middle:,.0f} · {_share(middle / base)}")


def _share(ratio: float) -> str:
    return f"{ratio:.2f} of null" if ratio >= 0.1 else f"{ratio:.3f} of null"


def _cpu(figure: Figure, results: Sequence[Mapping[str, Any]]) -> None:
    names = list(results[0]["cpu"])
    spent = {name: [one["cpu"][name] for one in results if name in one["cpu"]] for name in names}
    most = max(max(values) for values in spent.values())
    scale = (WIDTH - LEFT - RIGHT) / most
    figure.y += 18
    figure.text(8, figure.y + 8, "Microseconds of CPU an event, by process of whodid", "title")
    figure.y += 22
    for name, values in spent.items():
        middle = statistics.median(values)
        figure.bar(middle * scale, "other" if name.startswith("broker") else "ours")
        _row(figure, name, [LEFT + one * scale for one in (min(values), max(values))], f"{middle:.1f} µs")


def _row(figure: Figure, label: str, ends: Sequence[float], said: str) -> None:
    middle = figure.y + BAR / 2
    if ends[1] - ends[0] > 1:
        figure.line((ends[0], middle, ends[1], middle), "range")
    figure.text(LEFT - 10, middle + 4.5, label, anchor="end")
    figure.text(max(ends) + 8, middle + 4.5, said)
    figure.y += ROW


def read(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Results, one in each file. Raises SystemExit naming the file that holds none."""
    for path in paths:
        try:
            result = json.loads(path.read_text())
            yield {name: result[name] for name in ("events", "rates", "cpu", "check")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SystemExit(f"{path}: no output of `benchmarks.throughput --json`: {error}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULT.json")
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.write_text(drawn(list(read(given.results))))


if __name__ == "__main__":
    main()
