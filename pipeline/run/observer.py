"""What the broker knows of this process's groups, and the disk of its models, become metrics, now and then.

In:     the broker's offsets; model files
Out:    gauges
Fails:  never: a broker that is away is a trouble of the process
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

from confluent_kafka import KafkaException

from pipeline.kit import measured
from pipeline.kit.admin import lag_by_partition
from pipeline.kit.config import Settings
from pipeline.kit.failures import Failure
from pipeline.kit.metrics import Metrics
from pipeline.run.status import GROUPS, destinations

#: Seconds between two questions to the broker.
ASK_EVERY = 15.0


class Observer:
    """Use as a context manager: a thread asks meanwhile, so that a scrape waits for nobody."""

    def __init__(self, settings: Settings, metrics: Metrics, roles: Sequence[str], every: float = ASK_EVERY) -> None:
        self._settings = settings
        self._metrics = metrics
        self._roles = roles
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def __enter__(self) -> Observer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _run(self) -> None:
        while True:
            self.look()
            if self._stop.wait(self._every):
                return

    def look(self) -> None:
        """Ask once."""
        try:
            behind: dict[tuple[str, ...], float] = {
                (group, topic, str(number)): float(amount)
                for group in self._groups()
                for (topic, number), amount in lag_by_partition(self._settings, self._settings.prefix + group).items()
            }
        except (KafkaException, Failure) as error:
            self._metrics.trouble("kafka", str(error))
            return
        self._metrics.trouble("kafka", "")
        self._metrics.replace(measured.LAG, behind)
        self._metrics.set(measured.LAG_ASKED, time.time())

    def _groups(self) -> Iterator[str]:
        """Groups of the roles of this process. Each process tells of its own: the greatest of several counts."""
        yield from (group for role, group in GROUPS.items() if role in self._roles)
        if "alert" in self._roles:
            yield from destinations(self._settings).values()
