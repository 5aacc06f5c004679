"""What a process has measured becomes text that Prometheus reads.

In:     Metrics
Out:    its text format, or OpenMetrics where that is asked for
"""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pipeline.kit import measured
from pipeline.kit.measured import COUNTERS, Measured
from pipeline.kit.metrics import Metrics, Sample
from pipeline.run.health import unready


class Exposition(Collector):
    """Asks a process's metrics when it is asked itself: counting costs what it did."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def text(self, accept: str) -> tuple[bytes, str]:
        """The text in the format that the header Accept asks for, and its content type."""
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client. Every family of the list is there, also before it has a sample."""
        counts = self._metrics.counts
        for name, metric in COUNTERS.items():
            yield CounterMetricFamily(metric.family, metric.meaning, counts.get(name, 0) * metric.scale)
        found: defaultdict[Measured, list[Sample]] = defaultdict(list)
        for sample in (*self._metrics.samples(), *self._own()):
            found[sample.metric].append(sample)
        counted = set(COUNTERS.values())
        for metric in measured.ALL:
            if metric not in counted:
                yield _family(metric, found[metric])

    def _own(self) -> Iterator[Sample]:
        """What is not counted but known."""
        yield Sample(measured.BUILD, (version("whodid"), platform.python_version()), 1)
        yield Sample(measured.READY, (), not unready(self._metrics))


def _family(metric: Measured, samples: Iterable[Sample]) -> Metric:
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.family, metric.meaning, labels=metric.labels)
        for sample in samples:
            bounds = [*(f"{bound:g}" for bound in metric.buckets), "+Inf"]
            up_to = zip(bounds, accumulate(sample.buckets), strict=True)
            histogram.add_metric(sample.labels, [(bound, amount) for bound, amount in up_to], sample.value)
        return histogram
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = make(metric.family, metric.meaning, labels=metric.labels)
    for sample in samples:
        family.add_metric(sample.labels, sample.value)
    return family
