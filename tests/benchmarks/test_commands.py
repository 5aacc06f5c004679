"""Benchmarks at a tiny size: their form, and that they check what they measured. Never how fast."""

import json
import signal
import subprocess
import sys

from benchmarks.children import ended
from benchmarks.investigate import measure
from benchmarks.latency import ruled
from benchmarks.load import START, Alarms, Load


def test_an_investigation_and_its_baseline_take_the_same_events(tmp_path):
    found = measure(tmp_path, 1_000)
    assert found["check"]["entries"] == found["check"]["expected"] == 1_010
    assert found["check"]["checked"] == 1
    assert not found["check"]["wrong"]
    assert found["ratio"] > 0
    assert found["cpu_seconds"]["ours"] > found["cpu_seconds"]["null"] > 0


def test_faust_with_one_event_a_message_makes_the_same_join():
    command = [sys.executable, "-m", "benchmarks.per_event", "--events", "1200", "--tables", "rocksdb", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=200)
    found = json.loads(done.stdout)
    assert found["check"] == {
        "expected": 1200, "rows": 1200, "checked": 1, "wrong": 0, "unattributed": 0, "of": []
    }  # fmt: skip
    assert found["rate"] > 0


def test_a_load_keeps_its_events_at_another_rate_and_time():
    usual, other = list(Load(400)), list(Load(400, start=START + 86_400, rate=50))
    assert len(usual) == len(other)
    assert [one[:2] for one in usual] == [one[:2] for one in other]
    first, last = (json.loads(other[place][2])["eventTime"] for place in (0, 397))
    assert (first, last) == ("2026-01-02T00:00:00Z", "2026-01-02T00:00:07Z")


def test_an_alarm_is_a_call_with_the_credential_that_its_issuance_made():
    alarms = Alarms(0)
    issued, call = json.loads(alarms.issuance(3, START)), json.loads(alarms.call(3, START))
    assert issued["responseElements"]["credentials"]["accessKeyId"] == call["userIdentity"]["accessKeyId"]
    assert issued["userIdentity"]["arn"] == Alarms.actor(3)
    assert issued["eventID"] != call["eventID"]


def test_a_process_that_does_not_end_is_killed_and_accounted_for():
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    assert ended(child, 0.5) > 0
    assert child.returncode == -signal.SIGKILL


def test_the_rule_that_alarms_are_found_by_finds_them(tmp_path):
    command = [sys.executable, "-m", "pipeline", "rules", "test", str(ruled(tmp_path))]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert said.returncode == 0, said.stdout
    assert Alarms.ACTION in (tmp_path / "rules" / "removed-by-hand.yml").read_text()
