"""The list of metrics becomes docs/metrics.md: `python -m pipeline.run.metrics_page` (or `make schemas`)."""

from __future__ import annotations

from pathlib import Path

from pipeline.kit.measured import ALL, Measured

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
_BEGINNING = """# Metrics

What Prometheus reads at `/metrics` ([observability.md](observability.md) says where). Written by `make schemas` from
`pipeline/kit/measured.py`. Besides these there are `process_…` and `python_gc_…` of prometheus-client.

A counter counts from the start of its process. What several processes tell of one group is to be read with `max by`
(`whodid_consumer_lag_messages`), all else with `sum by`.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Markdown."""
    return _BEGINNING + "".join(map(_row, ALL))


def _row(metric: Measured) -> str:
    name = metric.family + ("_total" if metric.kind == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{name}` | {metric.kind} | {labels} | {metric.meaning} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
