"""Dashboards that ask Prometheus: every metric and label is in the list, and promtool can read each question."""

import re
import shutil
import subprocess

import pytest
import yaml

from dashboards import __main__ as generator
from pipeline.kit.measured import ALL
from tests.dashboards.conftest import MEASURED

KNOWN = {name: {*metric.labels, "instance", "job", "le"} for metric in ALL for name in metric.samples}
#: Of Prometheus itself, and of prometheus-client's collectors.
OTHERS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
PANELS = [
    pytest.param(panel, id=panel["title"]) for made in MEASURED.values() for panel in made["panels"]
    if panel["type"] != "row"
]  # fmt: skip


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_asks_for_what_is_measured(panel):
    assert panel["title"].endswith("?")
    assert panel["description"].endswith((".", "/readyz."))
    assert panel["fieldConfig"]["defaults"]["links"]
    target = panel["targets"][0]
    assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert target["range"] == (panel["type"] == "timeseries")
    names = set(re.findall(r"\b(whodid_\w+|process_\w+|up)\b", target["expr"]))
    assert names
    assert names <= KNOWN.keys() | OTHERS
    known = set.union({"instance"}, *(KNOWN.get(name, set()) for name in names))
    for labels in re.findall(r"\bby \(([^)]*)\)", target["expr"]):
        assert set(labels.split(", ")) <= known


def test_promtool_can_read_every_question(tmp_path):
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    rules = [{"record": f"q{n}", "expr": one.values[0]["targets"][0]["expr"]} for n, one in enumerate(PANELS)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    found = subprocess.run([program, "check", "rules", tmp_path / "rules.yml"], capture_output=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_source_is_provisioned():
    folder = generator.FOLDER.parent / "provisioning" / "datasources"
    (source,) = yaml.safe_load((folder / "prometheus.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    assert not source["editable"]
