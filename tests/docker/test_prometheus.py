"""Rules of Prometheus: what they name is measured, each has a runbook, and every command of a runbook is one."""

import json
import re
import shlex
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml

from pipeline.kit.broker import free_port
from pipeline.kit.measured import ALL
from pipeline.kit.metrics import Metrics
from pipeline.run.ops import Ops
from tests.cli.tree import COMMANDS, parsed
from tests.flow.harness import wait_until

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker" / "prometheus"
RULES = {rule["alert"]: rule for rule in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]}
#: Pages beside the runbooks, about what is planned.
PAGES = {"README", "upgrade"}
BOOKS = {path.stem: path for path in (ROOT / "docs" / "operations").glob("*.md") if path.stem not in PAGES}
LABELS = {name: {*metric.labels, "instance", "job"} for metric in ALL for name in metric.samples}
BY_METRIC = re.compile(r"\b(whodid_\w+)(?:\{([^}]*)\})?")


def kebab(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


@pytest.mark.parametrize("name", RULES)
def test_a_rule_names_what_is_measured_and_says_what_to_do(name):
    rule = RULES[name]
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"] == f"docs/operations/{kebab(name)}.md"
    named = BY_METRIC.findall(rule["expr"])
    assert named or rule["expr"].startswith("up{")
    known = set()
    for metric, selector in named:
        assert metric in LABELS, "a metric that is not in the list"
        known |= LABELS[metric] | {"le"}
        assert set(re.findall(r"(\w+)=", selector)) <= LABELS[metric]
    for labels in re.findall(r"\bby \(([^)]*)\)", rule["expr"]):
        assert set(labels.split(", ")) <= known
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert shown <= (known or {"instance"})


def test_each_rule_has_a_runbook_and_each_runbook_a_rule():
    assert set(BOOKS) == {kebab(name) for name in RULES}
    index = (ROOT / "docs" / "operations" / "README.md").read_text()
    assert set(re.findall(r"\]\(([\w-]+)\.md\)", index)) == set(BOOKS) | PAGES - {"README"}


@pytest.mark.parametrize("name", BOOKS)
def test_a_runbook_is_complete_and_its_commands_exist(name):
    text = BOOKS[name].read_text(encoding="utf-8")
    title = text.partition("\n")[0]
    assert kebab(title.removeprefix("# ").partition(":")[0]) == name
    assert re.findall(r"^## (.*)", text, re.M) == ["How to see it", "What to do", "It is over when"]
    lines = re.findall(r"^ {4}(whodid .*)$", text, re.M) + re.findall(r"`(whodid [a-z][^`]*)`", text)
    for line in lines:
        words = shlex.split(line.partition(" #")[0])[1:]
        assert words[-1] == "--help" or parsed(words) in COMMANDS, line
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (BOOKS[name].parent / link).exists()
    for page in re.findall(r"`(docs/[\w/.-]+\.md)`", text):
        assert (ROOT / page).exists()


def test_the_scraped_roles_have_the_port_that_is_documented():
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert config["rule_files"] == ["alerts.yml"]
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "whodid", "rules ask for up of this job"
    assert job["dns_sd_configs"][0]["port"] == 9464


def test_promtool_takes_the_files_and_plays_every_rule():
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        found = subprocess.run([program, *command], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
    played = re.findall(r'labels: \'\{alertname="(\w+)"', (FOLDER / "alerts_test.yml").read_text())
    # Time begins in 1970 there, when no model can be old.
    assert set(played) == set(RULES) - {"ModelOld"}


def test_prometheus_itself_reads_a_process_and_knows_the_rules(tmp_path):
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    port, metrics = free_port(), Metrics()
    metrics.ready("normalize", True)
    with Ops(metrics, "127.0.0.1", 0) as ops:
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        config["global"]["scrape_interval"] = "1s"
        config["rule_files"] = [str(FOLDER / "alerts.yml")]
        # Names of containers are known to a container engine alone.
        config["scrape_configs"][0].pop("dns_sd_configs")
        config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{ops.port}"]}]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        command = [
            program, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            try:
                wait_until(lambda: asked(port, "/api/v1/query?query=whodid_ready").get("result"))
                (ready,) = asked(port, "/api/v1/query?query=whodid_ready")["result"]
                (group,) = asked(port, "/api/v1/rules")["groups"]
            finally:
                child.terminate()
    assert ready["value"][1] == "1"
    assert {rule["name"] for rule in group["rules"]} == set(RULES)
    assert all(rule["health"] != "err" for rule in group["rules"])


def asked(port, path):
    """What Prometheus' API answers; empty while it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return json.load(answer)["data"]
    except OSError:
        return {}
