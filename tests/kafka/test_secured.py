"""Apache Kafka with TLS: every way to say who one is works for both clients; who is refused is told why and ends."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import aiokafka
import pytest
from confluent_kafka import Consumer, Producer
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from benchmarks.load import Load
from pipeline.kit.admin import ensure_topics, lag
from pipeline.kit.clients import consumer_config, producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run.correlate import CorrelateRole
from pipeline.run.ending import Ending
from pipeline.transport import credentials
from tests.flow.harness import drain, environment, send, timeline

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
EVENTS = 200


def settings_for(way, name, home):
    return Settings(
        **way, prefix=f"{name}-", data_dir=home / name, clickhouse=f"chdb://{home}/{name}/store", session_timeout=6,
        hash_key="0123456789abcdef",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["plain", "scram-256", "scram-512", "mtls", "oauth", "loopback"])
def test_what_either_client_writes_the_other_reads(safe, name, tmp_path):
    settings = settings_for(safe.ways()[name], f"two-{name}", tmp_path)
    ensure_topics(settings)
    topic = full_name(settings, "prompts")
    producer = Producer(producer_config(settings))
    producer.produce(topic, b"of librdkafka", partition=0)
    assert producer.flush(20) == 0
    assert asyncio.run(_read_and_write(settings, topic)) == b"of librdkafka"
    consumer = Consumer(consumer_config(settings, "reader"))
    consumer.subscribe([topic])
    found = [message.value() for message in consumer.consume(2, 20)]
    consumer.commit(asynchronous=False)
    consumer.close()
    assert found == [b"of librdkafka", b"of aiokafka"]
    assert lag(settings, f"{settings.prefix}reader") == {"prompts": 0}


async def _read_and_write(settings, topic):
    """With Faust's client, told what Faust tells it."""
    told = {"bootstrap_servers": settings.bootstrap, **credentials_to_aiokafka_auth(credentials(settings))}
    async with aiokafka.AIOKafkaProducer(**told) as producer:
        await producer.send_and_wait(topic, b"of aiokafka", partition=0)
    consumer = aiokafka.AIOKafkaConsumer(topic, auto_offset_reset="earliest", **told)
    async with consumer:
        return (await asyncio.wait_for(consumer.getone(), 20)).value


def test_the_whole_pipeline_runs_by_certificate_and_by_token(safe, tmp_path):
    # By SCRAM in test_acls.py.
    ways = {name: settings_for(safe.ways()[name], name, tmp_path) for name in ("mtls", "oauth")}
    for settings in ways.values():
        send(settings, Load(EVENTS))
    with ThreadPoolExecutor() as pool:
        counts = list(pool.map(lambda settings: drain(settings, idle=3), ways.values()))
    for counted, (name, settings) in zip(counts, ways.items(), strict=True):
        assert counted["records"] == EVENTS
        assert len(timeline(settings)) == counted["events"], name


def refusals(safe):
    """Whoever is refused, how, with what status and why."""
    return {
        "wrong password": (safe.scram(password="wrong-secret"), 1, "invalid credentials with SASL mechanism SCRAM"),
        "no such user": (safe.scram(user="nobody"), 1, "invalid credentials"),
        "untrusted": ({**safe.scram(), "kafka_ca": safe.folder / "stranger.pem"}, 1, "not of an authority in"),
        "another host": (safe.scram(listener="STRANGE"), 1, "or not of the host that was asked for"),
        "no certificate": ({**safe.tls("MTLS"), "kafka_protocol": "ssl"}, 1, "bad certificate|certificate required"),
        "wrong secret": (safe.oauth("wrong-secret"), 1, "refuses the client 'whodid' with status 401"),
        "no endpoint": ({**safe.oauth(), "kafka_token_url": "http://127.0.0.1:9/"}, 3, "127.0.0.1:9/ does not answer"),
    }  # fmt: skip


def test_who_is_refused_is_told_why_in_one_line_and_ends(safe, tmp_path):
    children = {}
    for name, (way, status, why) in refusals(safe).items():
        settings = settings_for(way, "refused", tmp_path / name.replace(" ", "-"))
        child = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", "normalize"], env=environment(settings), stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        children[name] = (child, status, why)
    for name, (child, status, why) in children.items():
        _, said = child.communicate(timeout=60)
        assert child.returncode == status, (name, said)
        assert len(said.splitlines()) == 1, (name, said)
        assert any(one in said for one in why.split("|")), (name, said)
        assert "wrong-secret" not in said


def test_a_token_that_has_expired_is_refused_by_kafka_and_said_so(safe, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.kit.admin.ANSWER", 3.0)
    safe.provider.life = -100
    # Another scope, so that no token of an earlier test is kept.
    settings = settings_for({**safe.oauth(), "kafka_scope": "expired"}, "expired", tmp_path)
    try:
        with pytest.raises(
            Transient, match=r"closes every connection: .*the token of http://127.*its own log says why"
        ):
            ensure_topics(settings)
    finally:
        safe.provider.life = 600


def test_the_correlator_that_is_refused_by_itself_ends_too(safe, tmp_path):
    settings = settings_for(safe.scram(password="wrong-secret"), "alone", tmp_path)
    with pytest.raises(Transient, match="does not answer") as refused:
        CorrelateRole(settings, Metrics()).run(Ending(threading.Event()))
    assert "wrong-secret" not in str(refused.value)
