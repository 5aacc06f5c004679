"""A correlator that Kafka has not told of its topics, or not of all: it waits, and reads as soon as it is told."""

import threading
import time
from types import SimpleNamespace

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from pipeline.app import CHANGELOGS, Correlator
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run.correlate import CorrelateRole
from pipeline.run.ending import Ending
from tests.flow.harness import settings_for, wait_until


@pytest.fixture
def away(monkeypatch):
    """Whoever asks about topics by name gets no answer for a second after the first has asked; the times of asking.

    So it is when Kafka goes away between a correlator's first request, which asks about no topic, and its second.
    """
    refused = []
    real = AIOKafkaClient._metadata_update

    async def update(client, cluster, topics):
        if topics and (not refused or time.monotonic() - refused[0] < 1):
            refused.append(time.monotonic())
            return False
        return await real(client, cluster, topics)

    monkeypatch.setattr(AIOKafkaClient, "_metadata_update", update)
    return refused


def test_a_correlator_that_got_no_answer_about_its_topics_reads_them_soon(kafka, tmp_path, away):
    settings = settings_for(kafka, tmp_path)
    ensure_topics(settings)
    metrics, stop = Metrics(), threading.Event()
    role = threading.Thread(target=CorrelateRole(settings, metrics).run, args=(Ending(stop),))
    role.start()
    try:
        # Whoever has partitions sends marks into them, and reads those.
        wait_until(lambda: metrics.counts.get("batches"), 30)
    finally:
        stop.set()
        role.join()
    assert away


def cluster_of(topics, partitions):
    """What a leader knows when it was told of these topics."""
    cluster = ClusterMetadata()
    told = [(0, topic, False, [(0, n, 1, [1], [1]) for n in range(partitions)]) for topic in topics]
    cluster.update_metadata(
        SimpleNamespace(API_VERSION=1, brokers=[(1, "localhost", 9092, None)], controller_id=1, topics=told)
    )
    return cluster


def test_nothing_is_assigned_while_one_topic_is_unknown(tmp_path):
    settings = Settings(data_dir=tmp_path)
    assignor = Correlator(settings, Metrics()).app.assignor
    topics = {full_name(settings, name) for hop in CHANGELOGS.items() for name in hop}
    mine = assignor.metadata(topics)
    members = {"leader": ConsumerProtocolMemberMetadata(mine.version, list(topics), mine.user_data)}

    def assigned(known):
        (given,) = assignor.assign(cluster_of(known, settings.partitions), members).values()
        return {topic for topic, partitions in given.assignment for _ in partitions}

    for topic in topics:
        assert assigned(topics - {topic}) == set()
    assert assigned(set()) == set()
    assert assigned(topics) == topics
