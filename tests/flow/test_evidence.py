"""What the role `store` writes verifies: after a crash, after a topic was made anew, while it runs, under a new key."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time

import msgspec
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from pipeline.evidence.head import decoded
from pipeline.evidence.keys import KeyFile
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run.ending import Ending
from pipeline.run.store import StoreRole
from pipeline.run.verify import Verification
from pipeline.store import connect, evidence
from schemas.batch import Entries, Records
from schemas.entry import Entry
from tests.events import call
from tests.evidence.logged import record
from tests.flow.harness import environment, kill, running, settings_for, wait_until


def produce(settings, first, count):
    producer = Producer({"bootstrap.servers": settings.bootstrap})
    for n in range(first, first + count):
        entries = [Entry(event=call(n + part / 10, "C", f"{n}-{part}"), actor="ben") for part in range(3)]
        value = msgspec.msgpack.encode(Entries(entries))
        producer.produce(full_name(settings, "entries"), value, partition=n % settings.partitions)
        value = msgspec.msgpack.encode(Records([record(f"{n:032x}", n, offset=n)]))
        producer.produce(full_name(settings, "records"), value, partition=n % settings.partitions)
    producer.flush()


def drained(settings):
    """Run the role until nothing comes any more."""
    role = StoreRole(settings, Metrics())
    role.run(Ending(threading.Event(), until_idle=3))
    return role.store


def verified(settings, store):
    run = Verification(settings, store)
    report = run.run()
    assert report.problems == []
    return report


def settings_of(broker, home, **more):
    settings = settings_for(broker, home, head_every=0.3, **more)
    ensure_topics(settings)
    return settings


def test_all_that_was_written_is_under_heads_when_the_role_ends(broker, tmp_path):
    settings = settings_of(broker, tmp_path)
    produce(settings, 0, 20)
    with drained(settings) as store:
        report = verified(settings, store)
    assert (report.rows, report.leaves, report.pending, report.logs) == (80, 80, 0, 8)
    reader = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "r", "auto.offset.reset": "earliest"})
    reader.subscribe([full_name(settings, "tree-heads")])
    messages = []
    wait_until(lambda: messages.extend(reader.consume(100, 0.2)) or len(messages) >= report.heads)
    reader.close()
    published = {decoded(message.value()).hash for message in messages}
    with connect(settings) as store:
        assert published == {decoded(json.dumps(row._asdict()).encode()).hash for row in evidence.heads(store)}


def test_a_killed_role_goes_on_where_its_last_head_was(embedded, tmp_path):
    settings = settings_of(embedded, tmp_path)
    produce(settings, 0, 30)
    with running(settings, ["store"]) as child:
        wait_until(lambda: list((tmp_path / "store.evidence").rglob("0*.json")))
        produce(settings, 30, 30)
        time.sleep(0.5)
        kill(child)
    produce(settings, 60, 10)
    with drained(settings) as store:
        report = verified(settings, store)
        assert (report.rows, report.leaves, report.pending) == (280, 280, 0)
        assert {epoch for _, epoch, *_ in evidence.logs(store)} == {0}


def test_a_topic_that_is_made_anew_begins_an_epoch(embedded, tmp_path):
    settings = settings_of(embedded, tmp_path)
    produce(settings, 0, 10)
    drained(settings).close()
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    name = full_name(settings, "entries")
    admin.delete_topics([name])[name].result(10)
    wait_until(lambda: name not in admin.list_topics(timeout=5).topics)
    ensure_topics(settings)
    produce(settings, 100, 4)
    with drained(settings) as store:
        verified(settings, store)
        assert {(log.split("/")[0], epoch) for log, epoch, *_ in evidence.logs(store)} == {
            (name, 0), (name, 1), (full_name(settings, "records"), 0),
        }  # fmt: skip


def test_a_running_desk_verifies_and_a_rotated_key_is_followed(embedded, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = settings_of(embedded, tmp_path, port=port)
    produce(settings, 0, 10)

    def whodid(*command):
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *command], env=environment(settings), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def covered():
        code, said = whodid("evidence", "heads", "--format", "json")
        return code == 0 and sum(row["covered"] for row in json.loads(said))

    with running(settings, ["store", "console"]) as child:
        wait_until(lambda: covered() == 40)
        first = KeyFile(settings.evidence_key_file).key().fingerprint
        code, new = whodid("evidence", "rotate")
        assert code == 0
        produce(settings, 10, 10)
        wait_until(lambda: covered() == 80)
        code, said = whodid("verify", "--checkpoint", str(tmp_path / "checkpoint.json"))
        assert (code, "Everything verifies." in said) == (0, True), said
        code, said = whodid("evidence", "proof", "call-3-1")
        shown = json.loads(said)["leaves"][0]
        assert shown["covered"]
        assert json.loads(shown["head"])["key"] == first
        produce(settings, 20, 1)
        wait_until(lambda: covered() == 84)
        code, said = whodid("verify", "--checkpoint", str(tmp_path / "checkpoint.json"), "--format", "json")
        assert code == 0
        assert json.loads(said)["leaves"] == 4
        assert whodid("evidence", "keys")[1].count("\n") == 2
        assert new.strip() in whodid("evidence", "keys")[1]
        child.send_signal(signal.SIGTERM)
        child.wait(30)
    with connect(settings) as store:
        store.command("DELETE FROM entries WHERE event_id = 'call-3-1'")
    code, said = whodid("verify")
    assert code == 1
    assert "deleted: entry call-3-1 in" in said
    assert "1 things do NOT verify" in said


def test_a_store_without_heads_says_what_to_do(tmp_path):
    command = [sys.executable, "-m", "pipeline", "verify", "--data-dir", str(tmp_path)]
    with connect(Settings(data_dir=tmp_path, clickhouse=f"chdb://{tmp_path}/clickhouse")) as store:
        assert store.embedded
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no signed head" in done.stderr
