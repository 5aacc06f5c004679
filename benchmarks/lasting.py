"""A load without end, in which time passes: credentials, sessions and actors come, are used, and are never seen again.

Of the kind of `benchmarks.load`. Each event is STEP seconds of event time after the one before, so that hours of a run
are years of an organisation, and what is to be forgotten after days or months is forgotten while somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from benchmarks.load import Load

#: One event in so many issues a credential; so many of them are in use; each lives for so long (seconds).
ISSUING, IN_USE, LIFE = 20, 10, 2 * 86400


class Lasting(Load):
    """Endless native events: (topic, format, bytes). `step`: seconds of event time between two."""

    def __init__(self, step: float, start: int, seed: int = 7) -> None:
        super().__init__(0, seed, start=start)
        self._step = step
        #: Event time of the latest, seconds since 1970.
        self.reached = start

    def __iter__(self) -> Iterator[tuple[str, str, bytes]]:
        n = 0
        while True:
            self.reached = seconds = int(self._start + n * self._step)
            self.truth.events += 2 if n % 100 == 4 else 1
            if n % 5 == 4:
                yield "tool-calls", "otel.genai", self._span(n, seconds)
            elif n % ISSUING == 0:
                yield "token-issuance", "aws.cloudtrail", self._assume(n, seconds)
                del self._live[:-IN_USE]
            else:
                yield "cloud-audit", "aws.cloudtrail", self._call(n, seconds)
            n += 1

    def _expires(self, seconds: int) -> str:
        return datetime.fromtimestamp(seconds + LIFE, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
