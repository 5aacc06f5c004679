"""The role `correlate`: the Faust application in this process's event loop, until told to stop or nothing arrives."""

from __future__ import annotations

import asyncio
import contextlib

from aiokafka.errors import KafkaConnectionError

from pipeline.app import Correlator
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.metrics import Metrics
from pipeline.run.ending import Ending
from pipeline.run.owned import ROLE, Owned


class CorrelateRole:
    """Runs the correlator; blocks in `run`."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics

    def run(self, end: Ending) -> None:
        """Blocks; raises Transient when Faust gave up (the supervisor starts it again from the last checkpoint).

        Raises Permanent for state that a later version wrote.
        """
        asyncio.run(self._run(end))

    async def _run(self, end: Ending) -> None:
        correlator = Correlator(self._settings, self._metrics)
        app = correlator.app
        app.finalize()
        owned = Owned(correlator)
        try:
            await app.start()
        except KafkaConnectionError as error:
            with contextlib.suppress(asyncio.CancelledError):
                await app.stop()
            raise Transient(f"correlate: Kafka at {self._settings.bootstrap} does not answer: {error}") from error
        try:
            while not app.should_stop and not end.due(correlator.last_active):
                if correlator.failed is not None:
                    raise correlator.failed
                owned.look()
                await asyncio.sleep(0.05)
            if app.should_stop and not end.stop.is_set():
                raise Transient(f"correlate: stopped by Faust: {app.crash_reason!r}")
            await correlator.finish()
        finally:
            self._metrics.rest(ROLE)
            with contextlib.suppress(asyncio.CancelledError):
                await app.stop()
