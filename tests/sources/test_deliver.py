"""What is followed is noted as sent only when the broker has it; whoever is killed goes on where that was."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from threading import Event

import pytest

from pipeline.kit.broker import EmbeddedBroker
from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent, Transient
from pipeline.sources import deliver
from pipeline.sources.checkpoint import Checkpoint, default_path
from pipeline.sources.deliver import Delivery, Order
from pipeline.sources.follow import Follower
from tests.sources.kafka import messages

PATIENCE = 60


class Sink:
    """A broker's client; one that refuses fails at the flush, like a Publisher."""

    def __init__(self, log, refusing):
        self._log, self._refusing, self._waiting = log, refusing, []
        self.sent = self.rejected = 0

    def send(self, record, topic):
        self._waiting.append((topic, record.value))

    def flush(self):
        if self._refusing:
            raise Transient("kafka: away")
        self._log += self._waiting
        self.sent += len(self._waiting)
        self._waiting = []


def line(n):
    return json.dumps({"kind": "prompt", "n": n}).encode() + b"\n"


def delivery(tmp_path, delivered, refusals=0, stop=None, **more):
    left = [refusals]

    def sink():
        left[0] -= 1
        return Sink(delivered, left[0] >= 0)

    return Delivery(
        lambda state: Follower([str(tmp_path / "logs")], state, settle=0), Checkpoint(tmp_path / "kept" / "c.json"),
        sink, Order(stop or Event(), **more),
    )  # fmt: skip


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "logs" / "a.jsonl"
    path.parent.mkdir()
    path.write_bytes(line(1) + line(2))
    return path


def test_what_was_acknowledged_is_not_sent_again(tmp_path, log):
    delivered = []
    done = delivery(tmp_path, delivered)
    done.run(0, 0)
    log.write_bytes(log.read_bytes() + line(3))
    again = delivery(tmp_path, delivered)
    again.run(0, 0)
    assert delivered == [("prompts", line(n).strip()) for n in (1, 2, 3)]
    assert (done.told.records, done.told.sent, again.told.sent) == (2, 2, 1)


def test_a_broker_that_is_away_is_waited_for_and_nothing_is_noted_meanwhile(tmp_path, log, monkeypatch):
    monkeypatch.setattr(deliver, "FIRST_WAIT", 0)
    delivered, faults, kept = [], [], []

    def watch(told):
        faults.extend(told.troubles)
        told.troubles.clear()
        kept.append((tmp_path / "kept" / "c.json").exists())

    delivery(tmp_path, delivered, refusals=3, watch=watch).run(0, 0)
    assert [value for _, value in delivered] == [line(1).strip(), line(2).strip()]
    assert faults == ["kafka: away; trying again"] * 3
    assert kept[:3] == [False] * 3


def test_told_to_end_while_the_broker_is_away_it_says_so_and_notes_nothing(tmp_path, log):
    stop = Event()
    with pytest.raises(Transient, match="away"):
        delivery(tmp_path, [], refusals=9, stop=stop, topic="prompts", watch=lambda _: stop.set()).run(0, 0)
    assert not (tmp_path / "kept" / "c.json").exists()


def test_a_checkpoint_belongs_to_one_process_and_is_not_guessed_at(tmp_path):
    checkpoint = Checkpoint(tmp_path / "deep" / "c.json")
    with checkpoint.held(), pytest.raises(Permanent, match="another process"), checkpoint.held():
        pass
    checkpoint.path.write_bytes(b"{")
    with pytest.raises(Permanent, match=r"c\.json.*remove it"):
        checkpoint.load()


def test_each_broker_has_a_checkpoint_of_its_own(tmp_path):
    one, other = (Settings(bootstrap=f"{name}.example.com:9092", data_dir=tmp_path) for name in "ab")
    assert default_path(one, ["/x", "/y"], ".json") == default_path(one, ["/y", "/x"], ".json")
    assert default_path(one, ["/x"], ".json") != default_path(other, ["/x"], ".json")


@pytest.fixture(scope="module")
def embedded():
    with EmbeddedBroker.start() as running:
        yield running


def start(settings, *options):
    command = [sys.executable, "-m", "pipeline", "send", "--follow", *options, "--summary", "json"]
    return subprocess.Popen(
        command, env={**os.environ, **settings.environment()}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_process_that_is_killed_goes_on_where_it_was_and_one_that_is_told_to_ends_cleanly(embedded, tmp_path, log):
    settings = Settings(bootstrap=embedded.bootstrap, prefix=f"f{uuid.uuid4().hex[:8]}-", data_dir=tmp_path / "data")
    kept = default_path(settings, [str(log.parent)], ".json")
    child = start(settings, str(log.parent))
    try:
        wait_until(lambda: kept.exists() or child.poll() is not None)
        child.kill()
        child.communicate()
        log.write_bytes(log.read_bytes() + line(3))
        before = kept.read_bytes()
        child = start(settings, str(log.parent))
        wait_until(lambda: kept.read_bytes() != before or child.poll() is not None)
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, err) == (0, "")
    report = json.loads(out)
    assert (report["records"], report["sent"]) == (1, 1)
    assert sorted(value for _, value in messages(settings, "prompts")) == [line(n).strip() for n in (1, 2, 3)]
    assert {path.name for path in Path(kept.parent).iterdir()} == {kept.name, f".{kept.name}.lock"}
