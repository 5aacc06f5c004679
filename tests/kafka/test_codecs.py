"""Whatever producers compress in, both clients read it; where one could not, nothing starts."""

import asyncio
import subprocess
import sys

import aiokafka
import pytest
from confluent_kafka import Consumer, Producer
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from pipeline.kit import codecs
from pipeline.kit.admin import ensure_topics
from pipeline.kit.clients import consumer_config, producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run.roles import run_roles
from pipeline.transport import credentials

#: So alike that each codec makes them smaller.
VALUES = [b"the same again and again " * 40 + str(n).encode() for n in range(20)]


@pytest.fixture(scope="module")
def sent(safe):
    """Settings of topics in which there is something in every codec."""
    settings = Settings(**safe.scram(), prefix="codecs-")
    ensure_topics(settings)
    for partition, codec in enumerate(codecs.CODECS):
        producer = Producer({**producer_config(settings), "compression.type": codec, "linger.ms": 100})
        for value in VALUES:
            producer.produce(full_name(settings, "prompts"), value, partition=partition)
        assert producer.flush(20) == 0
    return settings


@pytest.mark.kafka
def test_librdkafka_reads_all(sent):
    consumer = Consumer(consumer_config(sent, "librdkafka"))
    consumer.subscribe([full_name(sent, "prompts")])
    found = consumer.consume(len(VALUES) * len(codecs.CODECS), 20)
    consumer.close()
    assert sorted(message.value() for message in found) == sorted(VALUES * len(codecs.CODECS))


@pytest.mark.kafka
def test_aiokafka_reads_all_and_without_its_library_none_but_gzip(sent, monkeypatch):
    for partition, codec in enumerate(codecs.CODECS):
        assert asyncio.run(_read(sent, partition)) == VALUES, codec
    monkeypatch.setattr("aiokafka.codec.cramjam", None)
    for partition, codec in enumerate(codecs.CODECS):
        if codec != "gzip":
            # So it was compressed indeed.
            with pytest.raises(aiokafka.errors.UnsupportedCodecError):
                asyncio.run(_read(sent, partition))


async def _read(settings, partition):
    told = {"bootstrap_servers": settings.bootstrap, **credentials_to_aiokafka_auth(credentials(settings))}
    async with aiokafka.AIOKafkaConsumer(auto_offset_reset="earliest", **told) as consumer:
        consumer.assign([aiokafka.TopicPartition(full_name(settings, "prompts"), partition)])
        return [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in VALUES]


def test_a_codec_that_faust_lacks_is_said_at_start_with_what_to_install(monkeypatch):
    codecs.require(faust=True)
    monkeypatch.setattr("aiokafka.codec.cramjam", None)
    with pytest.raises(Permanent, match=r"cannot read snappy, lz4, zstd.*pip install cramjam"):
        run_roles(Settings(bootstrap="127.0.0.1:1"), ["correlate"], Metrics())
    codecs.require(faust=False)


def test_a_codec_that_librdkafka_lacks_is_said_at_start(monkeypatch):
    monkeypatch.setattr(codecs, "CODECS", ("gzip", "brotli"))
    with pytest.raises(Permanent, match=r"librdkafka was built without brotli.*install confluent-kafka"):
        run_roles(Settings(bootstrap="127.0.0.1:1"), ["normalize"], Metrics())


def test_a_worker_without_faust_does_not_load_aiokafka_for_that():
    code = "import sys; from pipeline.kit import codecs; codecs.require(faust=False); print('aiokafka' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
