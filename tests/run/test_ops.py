"""What a process tells Prometheus and orchestrators: every metric of the list, and whether its loops come round."""

import http.client
import json
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from pipeline.kit import measured
from pipeline.kit.measured import ALL, COUNTERS, Name
from pipeline.kit.metrics import Metrics
from pipeline.run import metrics_page
from pipeline.run.exposition import Exposition
from pipeline.run.ops import Ops

ROOT = Path(__file__).parents[2]


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def ask(metrics):
    """Asks a process's own listener."""
    with Ops(metrics, "127.0.0.1", 0) as ops:

        def ask(path, method="GET", **headers):
            connection = http.client.HTTPConnection("127.0.0.1", ops.port, timeout=5)
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers

        yield ask


def filled(metrics):
    """Every metric of the list has a sample."""
    for name in COUNTERS:
        metrics.add(name, 3)
    own = (measured.BUILD, measured.READY, measured.TROUBLE, measured.LOOP_AGE)
    for metric in ALL:
        labels = tuple(f'{label} "\\\n\x1b[31m' for label in metric.labels)
        if metric.kind == "histogram":
            metrics.observe(metric, 0.3, *labels)
        elif metric not in COUNTERS.values() and metric not in own:
            metrics.count(metric, *labels)
    metrics.trouble("store", "away")
    metrics.beat("normalize")


def test_names_are_those_that_prometheus_recommends_and_each_is_there_once():
    assert set(get_args(Name)) == set(COUNTERS)
    families = [metric.family for metric in ALL]
    assert len(set(families)) == len(families)
    for metric in ALL:
        assert re.fullmatch(r"whodid_[a-z]+(_[a-z]+)*", metric.family)
        assert not metric.family.endswith("_total")
        assert metric.meaning.endswith(".")
        assert metric.unit in ("", "seconds", "bytes", "messages")
        assert sorted(metric.buckets) == list(metric.buckets)
        assert bool(metric.buckets) == (metric.kind == "histogram")


@pytest.mark.parametrize(
    ("accept", "parse"), [("", plain), ("application/openmetrics-text; version=1.0.0", openmetrics)]
)
def test_every_metric_is_told_with_its_kind_and_labels(metrics, ask, accept, parse):
    filled(metrics)
    status, text, headers = ask("/metrics", Accept=accept)
    assert status == 200
    assert ("openmetrics" in headers["Content-Type"]) == bool(accept)
    found = {family.name: family for family in parse(text)}
    for metric in ALL:
        family = found[metric.family]
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)
        assert {one.name for one in family.samples if not one.name.endswith("_created")} == set(metric.samples)
        assert {*family.samples[0].labels} - {"le"} == set(metric.labels)
    assert found["whodid_scoring_seconds"].samples[0].value == pytest.approx(3e-6)
    buckets = {one.labels["le"]: one.value for one in found["whodid_store_write_seconds"].samples if "le" in one.labels}
    assert (buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (0, 1, 1)


def test_every_metric_of_the_list_is_measured_somewhere():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipeline").rglob("*.py"))
    names = {name for name, one in vars(measured).items() if isinstance(one, measured.Measured)}
    assert {name for name in names if f"measured.{name}" not in text} == set()
    # The normalizer adds what it has counted in a loop over names.
    counted = set(re.findall(r'\.add\(\s*"(\w+)"', text)) | {"records", "events", "ignored", "rejected", "bugs"}
    assert set(COUNTERS) <= counted


def test_every_family_is_there_before_anything_was_counted(metrics):
    text, _ = Exposition(metrics).text("")
    assert {metric.family for metric in ALL} <= {family.name for family in plain(text.decode())}


def test_promtool_has_nothing_to_say_against_it(metrics):
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    filled(metrics)
    text, _ = Exposition(metrics).text("")
    # It warns of names of prometheus-client's own.
    ours = b"".join(line + b"\n" for line in text.splitlines() if b"whodid_" in line)
    found = subprocess.run([program, "check", "metrics"], input=ours, capture_output=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")


def test_a_loop_that_does_not_come_round_is_told_and_one_that_ended_is_not(metrics, ask):
    going, hold = threading.Event(), threading.Event()

    def loop():
        while not hold.is_set():
            metrics.beat("normalize", within=0.3)
            going.set()

    thread = threading.Thread(target=loop)
    thread.start()
    going.wait()
    assert ask("/healthz")[0] == 200
    hold.set()
    thread.join()
    ends = time.monotonic() + 10
    while ask("/healthz")[0] == 200:
        assert time.monotonic() < ends
    status, body, _ = ask("/healthz")
    assert (status, json.loads(body)["reasons"]) == (503, ["normalize: its loop has not come round for 0 s"])
    assert "normalize" in metrics.troubles
    metrics.rest("normalize")
    assert ask("/healthz")[0] == 200


def test_readiness_wants_partitions_and_no_trouble_but_a_destinations(metrics, ask):
    metrics.ready("correlate", False)
    status, body, _ = ask("/readyz")
    assert (status, json.loads(body)["reasons"]) == (
        503,
        ["correlate: has no partitions yet, or still reads its state"],
    )
    assert ask("/healthz")[0] == 200
    metrics.ready("correlate", True)
    metrics.trouble("destination siem", "does not answer")
    assert ask("/readyz")[0] == 200
    metrics.trouble("store", "away")
    assert ask("/readyz")[0] == 503


def test_partitions_that_went_elsewhere_are_told_as_none(metrics):
    metrics.owned("store", {"entries": 4, "records": 4})
    metrics.owned("store", {"entries": 2})
    metrics.owned("normalize", {"prompts": 1})
    found = {sample.labels: sample.value for sample in metrics.samples() if sample.metric is measured.ASSIGNED}
    assert found == {("store", "entries"): 2, ("store", "records"): 0, ("normalize", "prompts"): 1}


def test_nothing_else_is_answered_and_nobody_is_told_what_runs(ask):
    assert ask("/")[0] == 404
    assert ask("/metrics/../etc/passwd")[0] == 404
    assert ask("/metrics", "POST")[0] == 501
    assert ask("/healthz")[2]["Server"].strip() == "whodid"


def test_a_port_that_is_taken_names_the_setting(metrics):
    with Ops(metrics, "127.0.0.1", 0) as ops, pytest.raises(OSError, match="WHODID_OPS_PORT"):
        Ops(metrics, "127.0.0.1", ops.port)


def test_the_page_of_metrics_is_current():
    assert metrics_page.PAGE.read_text(encoding="utf-8") == metrics_page.page(), "make schemas"
