"""Compose files start what `whodid` really takes, locked down. (No container is started: there is no engine here.)"""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from pipeline.run.roles import ROLES
from tests.cli.tree import parsed
from tests.docker.described import DOCKER, DRAWN, FILES, VARIABLES, configured, ours, services

PROVISIONING = DOCKER.parent / "dashboards" / "provisioning"
EACH = pytest.mark.parametrize("name", FILES)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="Docker Compose is there for Linux on x86_64"
)


def mounts(name):
    """Files of this repository that containers see: (service, path here, path there, options)."""
    for key, one in services(name).items():
        for mount in one.get("volumes", []):
            source, target, *options = mount.split(":")
            if source.startswith("."):
                yield key, (DOCKER / source).resolve(), target, options


@EACH
def test_docker_compose_takes_the_file(name):
    assert set(json.loads(configured(name))["services"]) == set(services(name))


def test_docker_compose_would_refuse_a_file_with_a_slip(tmp_path):
    text = (DOCKER / "compose.yaml").read_text().replace("stop_grace_period", "stop_grace_time")
    slip = DOCKER / "compose.slip.yaml"
    (tmp_path / slip.name).write_text(text)
    with pytest.raises(AssertionError, match="stop_grace_time"):
        configured(tmp_path / slip.name)


@EACH
def test_every_role_runs_and_every_command_exists(name):
    commands = [one["command"] for one in ours(name).values()]
    assert {parsed([str(word) for word in command]) for command in commands} >= {
        "run",
        "topics create",
        "store migrate",
    }
    roles = {word for command in commands if command[0] == "run" for word in command[1:]}
    assert roles == set(ROLES)


@EACH
def test_every_variable_is_a_setting(name):
    for one in ours(name).values():
        assert {variable for variable in one["environment"] if variable.startswith("WHODID_")} <= VARIABLES


@EACH
def test_no_secret_is_written_in_the_file(name):
    for key, one in services(name).items():
        for variable, value in one.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN|CLICKHOUSE$", variable):
                secret = value.startswith(("${", "/run/secrets/", "/etc/")) or variable.endswith("_CLICKHOUSE_HOST")
                assert secret, (key, variable)
        assert not re.search(r"://[^/\s]*:[^/$\s]+@", json.dumps(one)), key


@EACH
def test_every_service_is_locked_down_and_bounded(name):
    for key, one in services(name).items():
        assert one["cap_drop"] == ["ALL"], key
        assert one["security_opt"] == ["no-new-privileges:true"], key
        assert "privileged" not in one, key
        assert set(one["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, key
        assert int(one["logging"]["options"]["max-file"]) > 1, key
        assert one["networks"], key
        assert "docker.sock" not in json.dumps(one), key
    for key, one in ours(name).items():
        assert one["read_only"] is True, key
        assert any(place.startswith("/tmp:") for place in one["tmpfs"]), key
        assert "user" not in one, "the image says it"


@EACH
def test_every_service_says_when_it_is_well(name):
    """Ours by the check in the image, unless they end by themselves; others by one of their own."""
    for key, one in services(name).items():
        ends = one.get("restart") == "no"
        if ends:
            assert one["healthcheck"] == {"disable": True}, key
        else:
            assert ("healthcheck" in one) != (key in ours(name)), key
        for other, how in one.get("depends_on", {}).items():
            waited = (
                "service_completed_successfully" if services(name)[other].get("restart") == "no" else "service_healthy"
            )
            assert how["condition"] == waited, (key, other)


@EACH
def test_only_loopback_is_published(name):
    assert all(port.startswith("127.0.0.1:") for one in services(name).values() for port in one.get("ports", []))


@EACH
def test_images_are_pinned(name):
    assert all(re.search(r":v?\d+\.\d+(\.\d+)?$", one["image"]) for one in services(name).values())


@EACH
def test_files_that_are_mounted_are_there_and_read_only(name):
    found = list(mounts(name))
    assert found
    for key, path, _, options in found:
        assert path.exists(), (key, path)
        assert options == ["ro"], (key, path)


@EACH
def test_make_secrets_draws_every_secret_once_for_its_reader_alone(name, tmp_path):
    script = tmp_path / "make-secrets"
    shutil.copy(DOCKER / "make-secrets", script)
    subprocess.run([script], check=True, capture_output=True)
    drawn = {path: path.read_text() for path in sorted((tmp_path / "secrets").iterdir())}
    wanted = yaml.safe_load((DOCKER / name).read_text())["secrets"]
    assert {one["file"] for one in wanted.values()} <= {f"./secrets/{path.name}" for path in drawn}
    assert all(path.stat().st_mode & 0o077 == 0 for path in drawn)
    subprocess.run([script], check=True, capture_output=True)
    assert {path: path.read_text() for path in drawn} == drawn
    assert {line.partition("=")[0] for line in (tmp_path / ".env").read_text().splitlines()} == set(DRAWN)


def test_databases_and_brokers_reach_nothing_outside():
    networks = yaml.safe_load((DOCKER / "compose.yaml").read_text())["networks"]
    assert {name for name, one in networks.items() if not (one or {}).get("internal")} == {"out"}
    outside = {key for key, one in services("compose.yaml").items() if "out" in one["networks"]}
    assert outside == {"desk", "grafana", "prometheus"}


def test_the_cluster_keeps_three_copies_and_everybody_knows_all_of_it():
    found = services("compose.cluster.yaml")
    brokers = [key for key in found if re.fullmatch(r"kafka-\d", key)]
    properties = (DOCKER / "kafka" / "cluster.properties").read_text()
    assert (len(brokers), "min.insync.replicas=2\n" in properties) == (3, True)
    for one in ours("compose.cluster.yaml").values():
        environment = one["environment"]
        assert environment["WHODID_BOOTSTRAP"] == ",".join(f"{broker}:9093" for broker in brokers)
        assert (environment["WHODID_REPLICATION"], environment["WHODID_MIN_INSYNC"]) == ("3", "2")
    servers = {key for key in found if key.startswith("clickhouse-")}
    cluster = yaml.safe_load((DOCKER / "clickhouse" / "cluster.yaml").read_text())
    shards = cluster["remote_servers"]["whodid"]["shard"]
    assert {one["host"] for shard in shards for one in shard["replica"]} == servers
    assert [len(shard["replica"]) for shard in shards] == [2, 2]
    keeper = yaml.safe_load((DOCKER / "clickhouse" / "keeper.yaml").read_text())["keeper_server"]
    members = {one["hostname"] for one in keeper["raft_configuration"]["server"]}
    assert (
        members
        == {one["host"] for one in cluster["zookeeper"]["node"]}
        == {k for k in found if k.startswith("keeper-")}
    )


def test_the_proxy_stands_before_every_desk_and_server_and_is_believed():
    found = services("compose.cluster.yaml")
    backends = re.findall(r"^ +server (\S+) \1:(\d+) check", (DOCKER / "proxy" / "haproxy.cfg").read_text(), flags=re.M)
    behind = {key for key in found if key.startswith(("desk-", "clickhouse-"))}
    assert {name for name, _ in backends} == behind
    address = found["proxy"]["networks"]["edge"]["ipv4_address"]
    assert all(found[name]["environment"]["WHODID_PROXIES"] == address for name in behind if name.startswith("desk"))


def test_grafana_is_given_what_the_repository_holds_and_clickhouse_its_reader():
    there = {target: path for _, path, target, _ in mounts("compose.yaml")}
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "whodid.yaml").read_text())["providers"]
    assert there[provider["options"]["path"]] == (DOCKER.parent / "dashboards" / "generated").resolve()
    source = (PROVISIONING / "datasources" / "whodid.yaml").read_text()
    environment = services("compose.yaml")["grafana"]["environment"]
    assert all(variable in environment for variable in re.findall(r"\$\{(\w+)\}", source))
    clickhouse = services("compose.yaml")["clickhouse"]["environment"]
    assert clickhouse["GRAFANA_CLICKHOUSE_PASSWORD"].startswith("${")
