"""The compose file starts what `whodid run` really takes. (No container is started: there is no engine to rely on.)"""

import re
from pathlib import Path

import yaml

from pipeline.kit.config import Settings
from pipeline.run.roles import ROLES

DOCKER = Path(__file__).parents[2] / "docker"
PROVISIONING = DOCKER.parent / "dashboards" / "provisioning"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
OURS = {name: service for name, service in COMPOSE.items() if service.get("image") == "whodid:latest"}


def test_every_role_runs_once_and_no_other_is_asked_for():
    commands = [service["command"] for service in OURS.values()]
    assert all(command[0] == "run" for command in commands)
    assert sorted(role for command in commands for role in command[1:]) == sorted(ROLES)


def test_every_variable_is_a_setting():
    known = {f"WHODID_{name.upper()}" for name in Settings.model_fields}
    for service in OURS.values():
        assert set(service["environment"]) <= known


def test_no_secret_is_written_in_the_file():
    for service in COMPOSE.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "KEY" in name:
                assert value.startswith("${"), name
            assert "@" not in value or "${CLICKHOUSE_PASSWORD" in value or "QUORUM" in name or "PLUGINS" in name


def test_only_loopback_is_published():
    assert all(port.startswith("127.0.0.1:") for service in COMPOSE.values() for port in service.get("ports", []))


def test_grafana_is_given_what_the_repository_holds_and_clickhouse_its_reader():
    mounts = [mount for name in ("grafana", "clickhouse") for mount in COMPOSE[name]["volumes"]]
    paths = dict(mount.split(":")[:2] for mount in mounts if mount.startswith("../"))
    assert all((DOCKER / path).exists() for path in paths)
    assert all(mount.endswith(":ro") for mount in mounts if mount.startswith("../"))
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "whodid.yaml").read_text())["providers"]
    assert provider["options"]["path"] == paths["../dashboards/generated"]
    source = (PROVISIONING / "datasources" / "whodid.yaml").read_text()
    assert all(name in COMPOSE["grafana"]["environment"] for name in re.findall(r"\$\{(\w+)\}", source))
    assert COMPOSE["clickhouse"]["environment"]["GRAFANA_CLICKHOUSE_PASSWORD"].startswith("${")
    assert all((":" in service["image"] and not service["image"].endswith(":latest")) or name in OURS
               for name, service in COMPOSE.items())  # fmt: skip


def test_the_image_copies_what_the_package_holds_and_runs_as_nobody_special():
    text = (DOCKER / "Dockerfile").read_text()
    for folder in ("pipeline", "schemas", "requirements.lock", "pyproject.toml"):
        assert f"COPY {folder}" in text
    assert "USER whodid" in text
    assert "--require-hashes" in text
