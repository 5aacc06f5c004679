"""What an installation has on disk in the middle of its work: everything of Kafka, the store, and the evidence.

    python -m tests.flow.kept VERSION     # once a release, with the release: writes tests/flow/releases/VERSION.json.gz

It is what a later version finds when it is started on it (`test_upgrade.py`).
"""

import base64
import gzip
import json
import sys
import tempfile
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.load import Load
from pipeline.kit.admin import ensure_topics, positions
from pipeline.kit.broker import EmbeddedBroker
from pipeline.kit.clients import consumer_config
from pipeline.kit.state import FORMAT
from pipeline.kit.topics import catalogue, full_name
from pipeline.run.disturb import STAGES
from pipeline.store import connect
from pipeline.store.migrations import known, migrate
from tests.flow.harness import drain, send, settings_for

HERE = Path(__file__).parent / "releases"
EVENTS = 240
#: Tables whose rows are read back; others are filled by views.
TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name"
_COLUMNS = """
SELECT name FROM system.columns
WHERE database = currentDatabase() AND table = {table:String} AND default_kind != 'EPHEMERAL' ORDER BY position
"""


def halves():
    """What was sent before the upgrade, and what is sent after it."""
    messages = list(Load(EVENTS))
    return messages[: EVENTS // 2], messages[EVENTS // 2 :]


def taken(settings):
    """Everything that is there, as JSON can hold it."""
    with connect(settings, migrated=False) as store:
        tables = {}
        for (table,) in store.rows(TABLES):
            names = [name for (name,) in store.rows(_COLUMNS, {"table": table})]
            rows = store.raw(f"SELECT {', '.join(names)} FROM {table} FORMAT Native")
            if rows:
                tables[table] = {"columns": names, "rows": _text(rows)}
    files = [path for path in settings.data_dir.rglob("evidence*") if path.is_file()]
    files += [path for path in (settings.data_dir / "store.evidence").rglob("*") if path.is_file()]
    return {
        "format": FORMAT, "migrations": len(known()), "tables": tables, "topics": _messages(settings),
        "groups": {
            group: [[topic, partition, at.committed] for (topic, partition), at in
                    positions(settings, settings.prefix + group).items()]
            for group, _ in STAGES.values()
        },
        "files": {str(path.relative_to(settings.data_dir)): _text(path.read_bytes()) for path in files},
    }  # fmt: skip


def laid_out(settings, found):
    """The same on a fresh broker, in a fresh store."""
    ensure_topics(settings)
    producer = Producer({"bootstrap.servers": settings.bootstrap, "max.in.flight": 1})
    for topic, partition, key, value, headers in found["topics"]:
        producer.produce(
            full_name(settings, topic), _bytes(value), _bytes(key), partition=partition,
            headers={name: _bytes(one) for name, one in headers.items()},
        )  # fmt: skip
        producer.poll(0)
    assert producer.flush(60) == 0
    for group, offsets in found["groups"].items():
        consumer = Consumer(consumer_config(settings, group))
        at = [TopicPartition(full_name(settings, topic), number, offset) for topic, number, offset in offsets]
        if at:
            consumer.commit(offsets=at, asynchronous=False)
        consumer.close()
    for name, data in found["files"].items():
        path = settings.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes(data))
        path.chmod(0o600)
    with connect(settings, migrated=False) as store:
        assert migrate(store, known()[: found["migrations"]]) == list(range(1, found["migrations"] + 1))
        for table, held in found["tables"].items():
            with store._borrowed() as client:
                client.raw_insert(table, held["columns"], _bytes(held["rows"]), fmt="Native")


def _messages(settings):
    found = []
    for topic in catalogue():
        consumer = Consumer({**consumer_config(settings, "kept"), "enable.partition.eof": True})
        parts = [TopicPartition(full_name(settings, topic), number, 0) for number in range(settings.partitions)]
        consumer.assign(parts)
        ended = set()
        while len(ended) < settings.partitions:
            message = consumer.poll(10)
            assert message is not None
            if message.error() is not None:
                ended.add(message.partition())
                continue
            headers = {name: _text(value) for name, value in message.headers() or ()}
            found.append([topic, message.partition(), _text(message.key()), _text(message.value()), headers])
        consumer.close()
    return found


def _text(data):
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text):
    return None if text is None else base64.b64decode(text)


def read(path):
    """What `main` wrote."""
    return json.loads(gzip.decompress(path.read_bytes()))


def main(version):
    """Run a pipeline over the first half, and keep what it leaves."""
    with EmbeddedBroker.start() as broker, tempfile.TemporaryDirectory() as name:
        settings = settings_for(broker, Path(name))
        send(settings, halves()[0])
        drain(settings)
        data = json.dumps(taken(settings)).encode()
    path = HERE / f"{version}.json.gz"
    path.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
