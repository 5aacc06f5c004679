"""A rolling restart: each process ends and begins again, one after the other, while events come in."""

import signal
import threading
import time
import urllib.error
import urllib.request

import pytest
from confluent_kafka import Producer

from benchmarks.load import Load
from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import free_port
from pipeline.kit.topics import full_name
from pipeline.store import connect
from tests.alert.findings import finding
from tests.flow.harness import drain, rows, running, wait_until
from tests.flow.receiver import receiving
from tests.flow.test_alerts import configured, tell
from tests.flow.test_stream import investigated

DESK = ["store", "alert", "console", "collect"]
CORRELATE = ["correlate"]
FLEET = {"normalize": ["normalize"], "correlate-1": CORRELATE, "correlate-2": CORRELATE, "desk": DESK}
COLUMNS = """
SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'entries'
AND default_kind != 'EPHEMERAL' AND name NOT IN ('revision', 'is_deleted') ORDER BY position
"""
EVENTS, RATE = 1_800, 150
#: Seconds that a process may take to end in order (`pipeline.run.roles.ORDERLY`).
ORDERLY = 30


class Feed:
    """Sends events at a steady rate: straight to Kafka, and each tenth to the collector, again until it is taken."""

    def __init__(self, settings, messages):
        self.settings, self.messages, self.turned_away = settings, messages, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()

    def _run(self):
        producer = Producer({"bootstrap.servers": self.settings.bootstrap})
        began = time.monotonic()
        for n, (topic, name, value) in enumerate(self.messages):
            while time.monotonic() - began < n / RATE:
                time.sleep(0.002)
            if n % 10 == 9:
                self._post(topic, name, value)
            else:
                producer.produce(full_name(self.settings, topic), value, headers={"format": name})
                producer.poll(0)
        producer.flush()

    def _post(self, topic, name, value):
        address = f"http://127.0.0.1:{self.settings.port}/v1/events/{topic}?format={name}"
        request = urllib.request.Request(address, value, {"Content-Type": "application/json"})
        while True:
            try:
                with urllib.request.urlopen(request, timeout=20):
                    return
            except (urllib.error.URLError, OSError):
                self.turned_away += 1
                time.sleep(0.05)


def serves(settings):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.port}/healthz", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def restart(settings, fleet, name):
    """End one in order, and begin it again."""
    fleet[name].send_signal(signal.SIGTERM)
    _, err = fleet[name].communicate(timeout=ORDERLY)
    assert fleet[name].returncode == 0, (name, err.decode()[-2000:])
    return running(settings, FLEET[name])


@pytest.mark.long
def test_each_process_is_restarted_under_load_and_nothing_is_lost_or_told_twice(embedded, tmp_path):
    with receiving() as receiver:
        settings = configured(embedded, tmp_path, receiver).model_copy(update={"port": free_port()})
        ensure_topics(settings)
        messages = list(Load(EVENTS, rate=RATE))
        opened = {name: running(settings, roles) for name, roles in FLEET.items()}
        fleet = {name: one.__enter__() for name, one in opened.items()}
        try:
            wait_until(lambda: serves(settings) or fleet["desk"].poll() is not None, 120)
            with Feed(settings, messages):
                for number, name in enumerate(FLEET):
                    tell(settings, [finding(f"f{number}", actor=f"a{number}", session=f"s{number}", severity="high")])
                    opened[name] = restart(settings, fleet, name)
                    fleet[name] = opened[name].__enter__()
            wait_until(lambda: len(receiver.keys) >= len(FLEET), 120)
            for name in FLEET:
                fleet[name].send_signal(signal.SIGTERM)
            for name in FLEET:
                _, err = fleet[name].communicate(timeout=ORDERLY)
                assert fleet[name].returncode == 0, (name, err.decode()[-2000:])
        finally:
            for one in opened.values():
                one.__exit__(None, None, None)
        drain(settings)
        with connect(settings) as store:
            columns = [name for (name,) in store.rows(COLUMNS)]
            found, letters = rows(store), store.rows("SELECT count() FROM dead_letters")
    told = [said["data"]["alert_id"] for _, said in receiver.got if said["type"] == "alert.opened"]
    assert len(told) == len(set(told)), "each is told once"
    actors = {said["data"]["actor"] for _, said in receiver.got}
    assert actors >= {f"a{number}" for number in range(len(FLEET))}
    assert letters == [(0,)]
    vouched = columns.index("producer")
    kept = [at for at in range(len(columns)) if at != vouched]
    truth = investigated(settings, messages)
    assert {name: [row[at] for at in kept] for name, row in found.items()} == {
        name: [row[at] for at in kept] for name, row in truth.items()
    }
    assert sum(row[vouched] != "" for row in found.values()) >= EVENTS // 10
