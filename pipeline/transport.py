"""How Faust speaks to Kafka: as the other clients do, and without waiting longer for more."""

from __future__ import annotations

import asyncio
from typing import Any

import faust
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.transport.drivers import aiokafka

from pipeline.kit.clients import FETCH_WAIT
from pipeline.kit.config import Settings
from pipeline.kit.connection import OAUTH, check, tls_context
from pipeline.kit.failures import Failure
from pipeline.kit.tokens import Tokens, tokens_of


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


class _Provider(AbstractTokenProvider):  # type: ignore[misc]
    """Tokens for aiokafka; they are fetched beside the event loop."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def token(self) -> str:
        try:
            return (await asyncio.to_thread(self._tokens.get)).value
        except Failure as error:
            # What aiokafka takes for a broker that is away, and tries again.
            raise KafkaConnectionError(str(error)) from error


def credentials(settings: Settings) -> Any:
    """What Faust is told of the connection; None for a plain one. Raises Invalid."""
    check(settings)
    context = tls_context(settings)
    if settings.kafka_mechanism == OAUTH:
        return OAuthCredentials(oauth_cb=_Provider(tokens_of(settings)), ssl_context=context)
    if settings.kafka_mechanism:
        return SASLCredentials(
            username=settings.kafka_username, password=settings.kafka_password, ssl_context=context,
            mechanism=settings.kafka_mechanism,
        )  # fmt: skip
    return None if context is None else SSLCredentials(context)
