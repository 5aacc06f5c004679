"""A member with a name of its own comes back to its partitions, and no other member notices."""

import signal
import subprocess
import sys

import pytest
from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from pipeline.kit.admin import ensure_topics
from pipeline.kit.clients import check_alive, consumer_config
from pipeline.kit.config import Settings
from pipeline.kit.connection import librdkafka
from pipeline.kit.topics import full_name
from tests.flow.harness import environment, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
#: Seconds within which a member must be back: more than a start takes on a busy machine.
TIMEOUT = 60


def settings_of(safe, instance, home, prefix):
    return Settings(
        **safe.scram(), prefix=prefix, instance=instance, data_dir=home, session_timeout=TIMEOUT,
        clickhouse="chdb://memory",
    )  # fmt: skip


class Member:
    """A consumer of librdkafka that counts what happens to its partitions."""

    def __init__(self, settings):
        self.assigned, self.changes = (), 0
        self.consumer = Consumer(consumer_config(settings, "whodid-normalize"))
        self.consumer.subscribe([full_name(settings, "prompts")], on_assign=self._on, on_revoke=self._on)

    def _on(self, _consumer, partitions):
        self.changes += 1
        self.assigned = sorted(one.partition for one in partitions)


def polled(*members):
    for one in members:
        one.consumer.poll(0.1)
    return sorted(number for one in members for number in one.assigned)


def test_a_member_of_librdkafka_that_restarts_disturbs_nobody(safe, tmp_path):
    first, second = (settings_of(safe, name, tmp_path, "static-") for name in ("a", "b"))
    ensure_topics(first)
    one, other = Member(first), Member(second)
    wait_until(lambda: polled(one, other) == [0, 1, 2, 3] and one.assigned and other.assigned)
    held, before = one.assigned, other.changes
    one.consumer.close()
    again = Member(first)
    wait_until(lambda: polled(again, other) == [0, 1, 2, 3])
    assert again.assigned == held
    assert other.changes == before
    for member in (again, other):
        member.consumer.close()


def test_of_two_with_one_name_the_first_is_told_that_it_is_out(safe, tmp_path):
    settings = settings_of(safe, "twin", tmp_path, "twins-")
    ensure_topics(settings)
    first = Member(settings)
    wait_until(lambda: polled(first) == [0, 1, 2, 3])
    second = Member(settings)
    wait_until(lambda: polled(second) == [0, 1, 2, 3])
    errors = []

    def out():
        message = first.consumer.poll(0.1)
        errors.extend([message.error()] if message is not None and message.error() else [])
        return errors

    wait_until(out)
    with pytest.raises(KafkaException, match=r"same group\.instance\.id"):
        check_alive(errors[0])
    for member in (first, second):
        member.consumer.close()


def start(settings, log):
    command = [sys.executable, "-m", "pipeline", "--verbose", "run", "correlate"]
    with log.open("ab") as said:
        return subprocess.Popen(command, env=environment(settings), stdout=said, stderr=said)


def assignments(settings):
    """Number of partitions by instance, of members that have any."""
    client = AdminClient({**librdkafka(settings), "log_level": 0})
    group = f"{settings.prefix}whodid-correlate"
    members = client.describe_consumer_groups([group])[group].result().members
    return {
        one.group_instance_id: sorted((tp.topic, tp.partition) for tp in one.assignment.topic_partitions)
        for one in members
        if one.assignment and one.assignment.topic_partitions
    }


def joined(log):
    return log.read_text().count("newly assigned partitions")


def test_a_correlator_that_is_killed_and_started_again_disturbs_nobody(safe, tmp_path):
    named = {name: settings_of(safe, name, tmp_path / name, "workers-") for name in ("w1", "w2")}
    ensure_topics(named["w1"])
    logs = {name: tmp_path / f"{name}.log" for name in named}
    children = {name: start(settings, logs[name]) for name, settings in named.items()}
    try:
        wait_until(lambda: set(assignments(named["w1"])) == set(named) and all(map(joined, logs.values())))
        held, before = assignments(named["w1"]), joined(logs["w2"])
        children["w1"].send_signal(signal.SIGKILL)
        children["w1"].wait()
        earlier = joined(logs["w1"])
        children["w1"] = start(named["w1"], logs["w1"])
        wait_until(lambda: joined(logs["w1"]) > earlier)
        assert assignments(named["w1"]) == held
        assert joined(logs["w2"]) == before
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.wait(40)
