"""What compose files say, as Docker Compose itself reads them."""

import functools
import importlib.util
import os
import subprocess
from pathlib import Path

import yaml

from pipeline.kit.config import Settings

DOCKER = Path(__file__).parents[2] / "docker"
FILES = sorted(path.name for path in DOCKER.glob("compose*.yaml"))
OURS = "whodid:"
#: What docker/make-secrets writes into docker/.env.
DRAWN = {"GRAFANA_CLICKHOUSE_PASSWORD": "drawn", "CLICKHOUSE_CLUSTER_SECRET": "drawn"}
#: Every variable that names a setting, or the file of a secret one.
VARIABLES = {one.variable for one in Settings.options().values()} | {
    one.variable + "_FILE" for one in Settings.options().values() if one.secret
}


@functools.cache
def services(name):
    """The services of a file by name, anchors resolved."""
    return yaml.safe_load((DOCKER / name).read_text())["services"]


def ours(name):
    return {key: one for key, one in services(name).items() if one["image"].startswith(OURS)}


def configured(name):
    """What `docker compose config` makes of the file. It fails for whatever the specification does not know."""
    # Not the script of that name: it ends with 0 whatever the program ends with.
    found = importlib.util.find_spec("compose")
    program = Path(found.origin).with_name("docker-compose")
    done = subprocess.run(
        [program, "-f", str(DOCKER / name), "--env-file", os.devnull, "config", "--format", "json"], check=False,
        capture_output=True, text=True, timeout=60, env={**os.environ, **DRAWN},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
