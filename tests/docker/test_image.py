"""The Dockerfile, held against hadolint and this repository. (`make image-check` takes its steps.)"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docker.described import DOCKER

ROOT = DOCKER.parent
TEXT = (DOCKER / "Dockerfile").read_text()
BUILD, FINAL = re.split(r"^FROM ", TEXT, flags=re.M)[1:]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


#: Beside the Python that runs the tests, which may not be on PATH.
HADOLINT = shutil.which("hadolint", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))


def linted(text):
    return subprocess.run([HADOLINT, "--format", "json", "-"], input=text, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint is there for Linux")
def test_hadolint_finds_nothing():
    assert json.loads(linted(TEXT).stdout) == []
    assert json.loads(linted(TEXT.replace("USER 10001:10001", "USER root")).stdout), "it would find this"


def test_what_is_copied_is_here_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    copied = [words.split() for words in re.findall(r"^COPY (?!--from)(.+)$", BUILD, flags=re.M)]
    for *names, _ in copied:
        for name in names:
            assert (ROOT / name).exists(), name
            assert f"!{name}" in ignored, name
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == {
        n for *names, _ in copied for n in names
    }


def test_dependencies_are_installed_by_their_hashes_and_never_built():
    assert "--require-hashes -r requirements.lock" in BUILD
    assert "--only-binary :all:" in BUILD
    assert TEXT.count(" install --no-cache-dir ") == 3
    hatchling = re.search(r"hatchling==(\S+)", BUILD)[1]
    assert f"\nhatchling=={hatchling} " in (ROOT / "requirements.lock").read_text()


def test_the_last_stage_has_no_tool_that_installs_and_no_root():
    assert "--from=build /opt/whodid /opt/whodid" in FINAL
    assert not re.search("apt-get|curl|gcc|hatchling|pip install", FINAL)
    assert "pip uninstall" in FINAL
    assert re.search(r"^USER 10001:10001$", FINAL, flags=re.M)
    assert FINAL.index("USER 10001") > FINAL.index("RUN ")
    assert f'version="{PROJECT["version"]}"' in FINAL
    assert f'licenses="{PROJECT["license"]}"' in FINAL


def test_its_health_check_asks_the_port_that_the_image_sets():
    port = re.search(r"WHODID_OPS_PORT=(\d+)", FINAL)[1]
    command = json.loads(re.search(r"CMD (\[\"python\".+\])", FINAL)[1])
    assert f"http://127.0.0.1:{port}/healthz" in command[-1]
    compile(command[-1], "health", "exec")
    assert re.search(rf"^EXPOSE .*\b{port}\b", FINAL, flags=re.M)
