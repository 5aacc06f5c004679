"""The compose file starts what `whodid run` really takes. (No container is started: there is no engine to rely on.)"""

from pathlib import Path

import yaml

from pipeline.kit.config import Settings
from pipeline.run.roles import ROLES

DOCKER = Path(__file__).parents[2] / "docker"
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
            assert "@" not in value or "${CLICKHOUSE_PASSWORD" in value or "QUORUM" in name


def test_only_loopback_is_published():
    assert all(port.startswith("127.0.0.1:") for service in COMPOSE.values() for port in service.get("ports", []))


def test_the_image_copies_what_the_package_holds_and_runs_as_nobody_special():
    text = (DOCKER / "Dockerfile").read_text()
    for folder in ("pipeline", "schemas", "requirements.lock", "pyproject.toml"):
        assert f"COPY {folder}" in text
    assert "USER whodid" in text
    assert "--require-hashes" in text
