"""`whodid doctor`: what is away, wrong or well, each line with what to do, and nothing changed or sent."""

import json
import socket
import threading

import pytest
from typer.testing import CliRunner

from pipeline.cli.doctor import status
from pipeline.cli.main import app
from pipeline.kit.admin import ensure_topics
from pipeline.kit.broker import EmbeddedBroker, free_port
from pipeline.kit.config import Settings
from pipeline.run.looked import Line

SECRET = "hunter2-hunter2"
ALERTS = """
destinations:
  - {{name: here, kind: webhook, url: "http://127.0.0.1:{here}/x", allow: ["127.0.0.0/8"]}}
  - {{name: gone, kind: webhook, url: "http://127.0.0.1:{gone}/x", allow: ["127.0.0.0/8"]}}
"""


def run(tmp_path, *words, **env):
    base = {"WHODID_DATA_DIR": str(tmp_path), "WHODID_PORT": str(free_port()), "WHODID_BOOTSTRAP": "127.0.0.1:9"}
    found = CliRunner().invoke(app, ["doctor", "--format", "json", *words], env={**base, **env})
    lines = json.loads(found.output)
    return found.exit_code, lines, {line["part"]: line for line in lines}


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker.start() as started:
        yield started.bootstrap


def test_what_is_away_is_told_with_what_to_do_and_ends_with_three(tmp_path):
    code, lines, parts = run(tmp_path, WHODID_CLICKHOUSE=f"http://u:{SECRET}@127.0.0.1:9/db")
    assert code == 3
    failed = {line["part"] for line in lines if line["state"] == "fail"}
    assert failed == {"broker", "store", "desk"}
    assert all(line["fix"] for line in lines if line["state"] != "ok")
    assert "WHODID_BOOTSTRAP" in parts["broker"]["fix"]
    assert SECRET not in json.dumps(lines)


def test_wrong_settings_end_it_with_every_fault(tmp_path):
    code, lines, _ = run(tmp_path, WHODID_PARTITIONS="0", WHODID_BOTSTRAP="x")
    assert code == 1
    assert {line["part"] for line in lines} == {"settings"}
    assert len(lines) == 2


def test_topics_that_are_missing_or_there_are_told_and_not_made(tmp_path, broker):
    env = {"WHODID_BOOTSTRAP": broker, "WHODID_PREFIX": "d-"}
    code, lines, parts = run(tmp_path, **env)
    assert code == 1
    assert parts["broker"]["state"] == "ok"
    missing = [line for line in lines if line["part"] == "topics"]
    assert {line["fix"] for line in missing} == {"whodid topics create"}
    ensure_topics(Settings(bootstrap=broker, prefix="d-"))
    code, lines, parts = run(tmp_path, **env)
    assert (code, parts["topics"]["state"]) == (3, "ok"), "the desk alone is away"
    assert {line["said"] for line in lines if line["part"] == "lag"} >= {"normalize is 0 messages behind"}


def test_destinations_are_connected_to_and_told_nothing(tmp_path, broker):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(1000))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        file = tmp_path / "alerts.yml"
        file.write_text(ALERTS.format(here=server.getsockname()[1], gone=free_port()))
        _, lines, _ = run(tmp_path, WHODID_ALERTS=str(file), WHODID_BOOTSTRAP=broker)
        thread.join(10)
    told = {line["said"].partition(":")[0]: line["state"] for line in lines if line["part"] == "destinations"}
    assert told == {"here": "ok", "gone": "fail"}
    assert heard == [b""]


def test_keys_that_others_can_read_are_a_fault(tmp_path, broker):
    (tmp_path / "hash.key").write_text("x" * 32)
    (tmp_path / "hash.key").chmod(0o644)
    tmp_path.chmod(0o777)
    code, lines, _ = run(tmp_path, WHODID_BOOTSTRAP=broker)
    told = {line["fix"]: line["state"] for line in lines if line["part"] == "data"}
    assert told == {f"chmod go-w {tmp_path}": "warn", f"chmod 600 {tmp_path / 'hash.key'}": "fail"}
    assert code == 1


def test_the_exit_status_says_whether_waiting_may_help():
    ok, away, wrong = Line("a", "ok", ""), Line("b", "fail", "", away=True), Line("c", "fail", "")
    assert [status(found) for found in ([ok], [ok, away], [away, wrong], [Line("d", "warn", "")])] == [0, 3, 1, 0]


def test_a_table_of_it_has_every_line(tmp_path):
    env = {"WHODID_DATA_DIR": str(tmp_path), "WHODID_BOOTSTRAP": "127.0.0.1:9", "WHODID_PORT": str(free_port())}
    found = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "200", **env})
    assert found.exit_code == 3
    for word in ("settings", "broker", "desk", "does not answer"):
        assert word in found.output
