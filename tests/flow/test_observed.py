"""What a running pipeline tells of itself from outside, also while a loop of it is stuck or its broker is away."""

import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import EmbeddedBroker, free_port
from pipeline.kit.metrics import Metrics
from pipeline.run.correlate import CorrelateRole
from pipeline.run.ending import Ending
from pipeline.run.normalize import NormalizeRole
from pipeline.run.observer import Observer
from pipeline.run.ops import Ops
from pipeline.run.store import StoreRole
from tests.flow.harness import running as processes
from tests.flow.harness import send, settings_for, wait_until

CALL = {
    "event_id": "e1", "kind": "cloud_audit", "time": "2026-01-01T00:00:00Z", "action": "s3:GetObject", "session": "s",
    "actor": {"id": "bot", "kind": "agent"},
}  # fmt: skip


class Seen:
    """A pipeline in this process, and what it tells."""

    def __init__(self, settings, metrics, port):
        self.settings, self.metrics, self.port = settings, metrics, port

    def ask(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except urllib.error.URLError as error:
            return 0, str(error.reason)

    def value(self, name, **labels):
        """Sum of the samples of a name that have these labels; None if there is none."""
        families = text_string_to_metric_families(self.ask("/metrics")[1])
        found = [
            one.value
            for family in families
            for one in family.samples
            if one.name == name and labels.items() <= one.labels.items()
        ]
        return sum(found) if found else None


@contextmanager
def running(settings, *makers):
    """Roles in threads of this process, with their listener."""
    metrics, stop = Metrics(), threading.Event()
    ensure_topics(settings)
    roles = [make(settings, metrics) for make in makers]
    threads = [threading.Thread(target=role.run, args=(Ending(stop),)) for role in roles]
    with Ops(metrics, "127.0.0.1", 0) as ops, Observer(settings, metrics, ("normalize", "correlate", "store"), 0.5):
        for thread in threads:
            thread.start()
        try:
            yield Seen(settings, metrics, ops.port)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
            for role in roles:
                # A process has one embedded engine at a time.
                if isinstance(role, StoreRole):
                    role.store.close()


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker.start() as started:
        yield started


@pytest.fixture(scope="module")
def seen(broker, tmp_path_factory):
    settings = settings_for(broker, tmp_path_factory.mktemp("home")).model_copy(update={"head_every": 0.5})
    with running(settings, NormalizeRole, CorrelateRole, StoreRole) as pipeline:
        wait_until(lambda: pipeline.ask("/readyz")[0] == 200)
        send(settings, [("cloud-audit", "canonical", json.dumps(CALL).encode()), ("cloud-audit", "", b"not JSON")])
        wait_until(lambda: (pipeline.value("whodid_rows_total") or 0) >= 3)
        yield pipeline


def test_a_pipeline_is_ready_when_its_roles_have_their_partitions(seen):
    assert seen.ask("/healthz")[0] == 200
    for role, topic in (("normalize", "prompts"), ("correlate", "events-by-actor"), ("store", "entries")):
        assert seen.value("whodid_assigned_partitions", role=role, topic=topic) == seen.settings.partitions
    assert seen.value("whodid_ready") == 1


def test_what_was_sent_is_counted_by_source_and_by_stage(seen):
    assert seen.value("whodid_source_records_total", format="canonical") == 1
    assert time.time() - seen.value("whodid_source_last_record_timestamp_seconds", format="canonical") < 600
    assert seen.value("whodid_source_last_event_timestamp_seconds", format="canonical") == 1767225600
    assert seen.value("whodid_dead_letters_total", stage="normalize") == 1
    assert seen.value("whodid_rejected_records_total") == 1


def test_lag_comes_down_to_nothing_for_each_group_and_partition(seen):
    for group in ("whodid-normalize", "whodid-correlate", "whodid-store"):
        wait_until(lambda group=group: seen.value("whodid_consumer_lag_messages", group=group) is not None)
    wait_until(lambda: seen.value("whodid_consumer_lag_messages", group="whodid-normalize", topic="cloud-audit") == 0)
    assert time.time() - seen.value("whodid_consumer_lag_timestamp_seconds") < 60


def test_state_watermark_models_writes_and_heads_are_told(seen):
    wait_until(lambda: seen.value("whodid_state_bytes", topic="events-by-actor"))
    wait_until(lambda: seen.value("whodid_watermark_delay_seconds"))
    assert seen.value("whodid_checkpoint_age_seconds", topic="events-by-actor") < 60
    for model in ("tool-chain-drift", "identity-baselines"):
        assert seen.value("whodid_model_timestamp_seconds", model=model) > 1e9
    assert seen.value("whodid_store_write_seconds_count", part="timeline") >= 1
    wait_until(lambda: seen.value("whodid_evidence_heads_total"))
    wait_until(lambda: seen.value("whodid_evidence_head_overdue_seconds") == 0)


def test_a_stuck_loop_turns_health_red_which_is_told_meanwhile(seen, monkeypatch):
    """It really waits for something that does not come; only the time after which that counts is made short."""
    held, release = threading.Event(), threading.Event()
    take = NormalizeRole._take

    def holds(role, messages):
        held.set()
        release.wait(60)
        return take(role, messages)

    monkeypatch.setattr("pipeline.kit.metrics.STUCK", 2.0)
    monkeypatch.setattr(NormalizeRole, "_take", holds)
    assert held.wait(30)
    try:
        wait_until(lambda: seen.ask("/healthz")[0] == 503, 30)
        assert "normalize: its loop has not come round" in seen.ask("/healthz")[1]
        assert seen.ask("/readyz")[0] == 503
        assert seen.value("whodid_loop_age_seconds", part="normalize") > 1
    finally:
        release.set()
    wait_until(lambda: seen.ask("/healthz")[0] == 200, 30)


def test_a_broker_that_is_away_makes_a_process_unready_and_not_dead(tmp_path):
    port = free_port()
    with EmbeddedBroker.start() as broker:
        settings = settings_for(broker, tmp_path, ops_host="localhost", ops_port=port)
        with processes(settings, ["normalize"]) as child:
            seen = Seen(settings, None, port)
            wait_until(lambda: child.poll() is None and seen.ask("/readyz")[0] == 200)
            assert seen.value("whodid_role", role="normalize") == 1
            broker.stop()
            wait_until(lambda: seen.ask("/readyz")[0] == 503)
            assert seen.ask("/healthz")[0] == 200
