"""How Faust fetches from Kafka: without waiting longer for more than the other clients do."""

from __future__ import annotations

from typing import Any

import faust
from faust.transport.drivers import aiokafka

from pipeline.kit.clients import FETCH_WAIT


class _Thread(aiokafka.AIOKafkaConsumerThread):  # type: ignore[misc]
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust has 1.5 s here and no setting for it. A broker that is to answer when there is something answers then;
        # the embedded one takes its time, so that a hop took a quarter of a second of waiting (docs/decisions/0014).
        consumer._fetch_max_wait_ms = FETCH_WAIT
        return consumer


class _Consumer(aiokafka.Consumer):  # type: ignore[misc]
    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class _Transport(aiokafka.Transport):  # type: ignore[misc]
    Consumer = _Consumer


class App(faust.App):  # type: ignore[misc]
    """A Faust application that fetches so."""

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)
