"""Every record handed over is acknowledged, or a dead letter, or an error."""

import hashlib
import json
import uuid

import msgspec
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import ApacheKafka, EmbeddedBroker
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.sources import publish
from pipeline.sources.publish import Publisher
from schemas.batch import DeadLetters
from schemas.rejected import Record
from tests.sources.kafka import messages


@pytest.fixture(scope="module")
def embedded():
    with EmbeddedBroker.start() as running:
        yield running


@pytest.fixture
def settings(embedded):
    made = Settings(bootstrap=embedded.bootstrap, prefix=f"p{uuid.uuid4().hex[:8]}-", message_limit=20_000)
    ensure_topics(made)
    return made


def dead_letters(settings):
    batches = [msgspec.msgpack.decode(value, type=DeadLetters) for _, value in messages(settings, "dead-letters")]
    return [rejected for batch in batches for rejected in batch.rejected]


def test_all_records_arrive_with_their_format_and_bytes(settings):
    publisher = Publisher(settings)
    values = [json.dumps({"n": n}).encode() for n in range(2000)]
    for value in values:
        publisher.send(Record(value, "mcp"), "tool-calls")
    publisher.flush()
    assert publisher.sent == 2000
    assert sorted(messages(settings, "tool-calls")) == sorted(("mcp", value) for value in values)


def test_a_record_without_a_format_has_no_header(settings):
    publisher = Publisher(settings)
    publisher.send(Record(b"{}"), "prompts")
    publisher.flush()
    assert messages(settings, "prompts") == [("", b"{}")]


def test_a_record_too_large_for_a_message_becomes_a_dead_letter(settings):
    publisher = Publisher(settings)
    value = json.dumps({"a": "x" * 30_000}).encode()
    publisher.send(Record(value, "mcp", "file.json", 0, 3), "prompts")
    publisher.send(Record(b'{"a": 1}', "mcp"), "prompts")
    publisher.flush()
    assert (publisher.sent, publisher.rejected) == (1, 1)
    assert len(messages(settings, "prompts")) == 1
    (letter,) = dead_letters(settings)
    assert (letter.stage, letter.topic, letter.offset, letter.format) == ("send", "file.json", 3, "mcp")
    assert letter.value == value[:10_000]
    assert str(len(value)) in letter.reason
    assert letter.rejected_id == hashlib.blake2b(b"file.json\x003\x00" + value, digest_size=16).hexdigest()


def test_a_broker_that_is_away_is_told_and_nothing_is_counted_as_sent(settings, monkeypatch):
    monkeypatch.setattr(publish, "PATIENCE", 0.5)
    publisher = Publisher(settings.model_copy(update={"bootstrap": "127.0.0.1:9"}))
    publisher.send(Record(b"{}"), "prompts")
    with pytest.raises(Transient, match="1 records were not acknowledged"):
        publisher.flush()
    assert publisher.sent == 0


@pytest.mark.kafka
def test_a_record_that_only_the_broker_finds_too_large_becomes_a_dead_letter_too():
    if reason := ApacheKafka.missing():
        pytest.skip(reason)
    with ApacheKafka.start() as broker:
        settings = Settings(bootstrap=broker.bootstrap)
        client = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        small = NewTopic("prompts", settings.partitions, 1, config={"max.message.bytes": "10000"})
        for future in client.create_topics([small]).values():
            future.result()
        ensure_topics(settings)
        publisher = Publisher(settings)
        large = b'"' + hashlib.shake_128(b"seed").hexdigest(20_000).encode() + b'"'
        publisher.send(Record(large), "prompts")
        publisher.flush()
        publisher.send(Record(b"{}"), "prompts")
        publisher.flush()
        assert (publisher.sent, publisher.rejected) == (1, 1)
        assert [value for _, value in messages(settings, "prompts")] == [b"{}"]
        (letter,) = dead_letters(settings)
        assert "max.message.bytes" in letter.reason
        assert letter.value == large
