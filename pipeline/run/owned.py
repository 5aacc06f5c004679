"""What a correlator owns becomes what is told of it: partitions, their checkpoints and state, models.

In:     a Correlator
Out:    Samples, asked for by another thread than its own
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from pipeline.app import CHANGELOGS, Correlator
from pipeline.correlate.watermark import ENDED
from pipeline.kit import measured
from pipeline.kit.metrics import Sample

ROLE = "correlate"


class Owned:
    """Looks at one correlator."""

    def __init__(self, correlator: Correlator) -> None:
        self._correlator = correlator
        self._metrics = correlator.metrics
        self._known: Counter[str] = Counter()
        self._metrics.ready(ROLE, False)
        self._metrics.probe(self.samples)

    def look(self) -> None:
        """The loop has come round: note that, which partitions there are, and whether their state was read."""
        app = self._correlator.app
        cut = len(self._correlator.settings.prefix)
        found = Counter(tp.topic[cut:] for tp in app.consumer.assignment())
        mine = Counter({name: found[name] for name in CHANGELOGS if found[name]})
        self._metrics.beat(ROLE)
        self._metrics.ready(ROLE, bool(mine) and not app.rebalancing and not app.in_recovery)
        if mine != self._known:
            self._known = mine
            self._metrics.owned(ROLE, mine)

    def samples(self) -> Iterator[Sample]:
        """See `pipeline.kit.metrics.Probe`."""
        for name, hop in zip(CHANGELOGS, self._correlator.hops, strict=True):
            partitions = list(hop.partitions.copy().values())
            if partitions:
                yield Sample(measured.STATE_VALUES, (name,), sum(len(one.state) for one in partitions))
                yield Sample(measured.STATE_BYTES, (name,), sum(one.state.live for one in partitions))
                yield Sample(measured.CHECKPOINT_AGE, (name,), max(one.waiting for one in partitions))
        yield from self._watermark()
        yield from self._models()

    def _watermark(self) -> Iterator[Sample]:
        stages = [one.stage for one in self._correlator.first.partitions.copy().values()]
        known = [stage.watermarks.settled for stage in stages if 0 < stage.watermarks.settled < ENDED]
        if known:
            yield Sample(measured.WATERMARK_DELAY, (), max(0.0, time.time() - min(known) / 1e6))

    def _models(self) -> Iterator[Sample]:
        for name, written in self._correlator.models.items():
            base, _, version = name.partition("@")
            yield Sample(measured.MODEL_TIME, (base, version), written)
