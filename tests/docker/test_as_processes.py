"""What compose.yaml would run, run as plain processes of this machine: its commands, in its order, with its settings.

Names of containers become addresses on loopback, files of secrets files of the test, the ClickHouse server an embedded
store; the broker is the embedded one.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from pipeline.kit.broker import EmbeddedBroker, free_port
from pipeline.kit.config import Settings
from pipeline.store import connect
from tests.docker.described import ours
from tests.normalize.test_aws_cloudtrail import CALL

pytestmark = pytest.mark.long
PATIENCE = 120
#: Of the order in which they wait for each other.
FIRST, THEN = ("topics", "tables"), ("worker", "desk")


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker.start() as running:
        yield running


class Machine:
    """Services of a compose file as processes, each with its environment and nothing else of whodid's."""

    def __init__(self, home, broker):
        self.services, self.home, self.children = ours("compose.yaml"), home, {}
        self.port = free_port()
        (home / "clickhouse_url").write_text(f"chdb://{home}/store")
        (home / "hash_key").write_text("0123456789abcdef\n")
        for file in ("clickhouse_url", "hash_key"):
            (home / file).chmod(0o600)
        self.here = {
            "WHODID_BOOTSTRAP": broker.bootstrap, "WHODID_OPS_HOST": "127.0.0.1", "WHODID_HOST": "127.0.0.1",
            "WHODID_CLICKHOUSE_FILE": str(home / "clickhouse_url"), "WHODID_HASH_KEY_FILE": str(home / "hash_key"),
        }  # fmt: skip

    def environment(self, name):
        said = self.services[name]["environment"]
        given = {variable: self.here.get(variable, value) for variable, value in said.items()}
        plain = {variable: value for variable, value in os.environ.items() if not variable.startswith("WHODID_")}
        ours = {
            "WHODID_DATA_DIR": str(self.home / name),
            "WHODID_PORT": str(self.port),
            "WHODID_OPS_PORT": str(free_port()),
        }
        return {**plain, **ours, **given}

    def start(self, name, *words):
        command = [sys.executable, "-m", "pipeline", *(words or map(str, self.services[name]["command"]))]
        with (self.home / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(command, env=self.environment(name), stdout=subprocess.PIPE, stderr=log, text=True)
        self.children[name] = child
        return child

    def run(self, name, *words):
        out, _ = self.start(name, *words).communicate(timeout=PATIENCE)
        assert self.children.pop(name).returncode == 0, (self.home / f"{name}.log").read_text()
        return out

    def ask(self, path, key, body=None):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def until(self, done):
        deadline = time.monotonic() + PATIENCE
        while True:
            for name, child in self.children.items():
                assert child.poll() is None, (name, (self.home / f"{name}.log").read_text())
            try:
                found = done()
            except (urllib.error.URLError, OSError):
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, {
                name: (self.home / f"{name}.log").read_text() for name in self.children
            }
            time.sleep(0.1)

    def stop(self):
        for child in self.children.values():
            child.terminate()
        for name, child in self.children.items():
            child.communicate(timeout=40)
            assert child.returncode == 0, (name, (self.home / f"{name}.log").read_text())


def test_the_services_do_as_processes_what_they_are_for(tmp_path, broker):
    machine = Machine(tmp_path, broker)
    for name in FIRST:
        machine.run(name)
    key = machine.run(
        "desk", "keys", "create", "ana", "--role", "admin", "--scope", "read", "--scope", "collect"
    ).split()[0]
    try:
        for name in THEN:
            machine.start(name)
        machine.until(lambda: machine.ask("/v1/status", key))
        sent = machine.ask("/v1/events/cloud-audit?format=aws.cloudtrail", key, json.dumps(CALL).encode())
        assert sent == {"accepted": 1}
        row = machine.until(lambda: machine.ask(f"/v1/events/{CALL['eventID']}", key))
        assert row["producer"] == "whodid/collect/ana"
    finally:
        machine.stop()
    with connect(Settings(clickhouse=f"chdb://{tmp_path}/store"), migrated=False) as store:
        assert store.rows("SELECT count() FROM entries FINAL") == [(1,)]
