"""What the role `store` reads is in ClickHouse, also when that goes away and comes back: health is red meanwhile, and
nothing is missing afterwards.

The store here is real (the embedded engine); only its being away is played, by failing as an unreachable server does.
"""

import threading
import time

import msgspec
from confluent_kafka import Producer

from pipeline.kit.admin import ensure_topics
from pipeline.kit.failures import Transient
from pipeline.kit.metrics import Metrics
from pipeline.kit.topics import full_name
from pipeline.run.ending import Ending
from pipeline.run.store import StoreRole
from pipeline.store.findings import finding, findings
from schemas.batch import Entries, Findings
from schemas.entry import Entry
from tests.events import call
from tests.flow.harness import settings_for, wait_until
from tests.store.findings import finding as found


def test_a_store_that_is_away_loses_nothing(embedded, tmp_path, monkeypatch):
    settings = settings_for(embedded, tmp_path)
    ensure_topics(settings)
    metrics, stop, away = Metrics(), threading.Event(), threading.Event()
    role = StoreRole(settings, metrics)
    really = role.store.write_timeline

    def write(entries):
        if away.is_set():
            raise Transient("store: connection refused")
        return really(entries)

    monkeypatch.setattr(role.store, "write_timeline", write)
    thread = threading.Thread(target=role.run, args=(Ending(stop),))
    thread.start()
    try:
        producer = Producer({"bootstrap.servers": settings.bootstrap})
        count = 0
        for phase in ("up", "away", "up"):
            (away.set if phase == "away" else away.clear)()
            for _ in range(50):
                entry = Entry(event=call(count, "C", str(count)), actor="ben")
                producer.produce(full_name(settings, "entries"), msgspec.msgpack.encode(Entries([entry])))
                count += 1
            producer.flush()
            if phase == "away":
                wait_until(lambda: "store" in metrics.troubles)
                time.sleep(2)
                assert role.store.rows("SELECT count() FROM entries FINAL")[0][0] <= 50
        wait_until(lambda: role.store.rows("SELECT count() FROM entries FINAL")[0][0] == count)
        assert metrics.troubles == {}
        assert metrics.counts["store_retries"] >= 1
    finally:
        stop.set()
        thread.join()
        role.store.close()


def test_findings_are_written_whatever_the_order_of_their_revisions(embedded, tmp_path):
    settings = settings_for(embedded, tmp_path)
    ensure_topics(settings)
    stop, metrics = threading.Event(), Metrics()
    role = StoreRole(settings, metrics)
    thread = threading.Thread(target=role.run, args=(Ending(stop),))
    thread.start()
    try:
        producer = Producer({"bootstrap.servers": settings.bootstrap})
        gone = found("gone", 2, revision=1, retracted=True)
        now = found("moved", 9, revision=2, session="s2")
        for batch in ([gone, now], [found("gone", 1), found("moved", 1)], [found("moved", 5, revision=1)], []):
            producer.produce(full_name(settings, "findings"), msgspec.msgpack.encode(Findings(batch)))
            producer.flush()
            wait_until(lambda sent=batch: not sent or finding(role.store, "moved") is not None)
        wait_until(lambda: metrics.counts.get("rows") == 5)
        assert findings(role.store).findings == [now]
        assert metrics.counts.get("bugs", 0) == 0
    finally:
        stop.set()
        thread.join()
        role.store.close()
