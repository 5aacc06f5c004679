"""The steps of docker/Dockerfile become a tree, without Docker, and what is in it is run as a container would run it.

In:     docker/Dockerfile; root on Linux, for an overlay of this machine that stands for the base image
Out:    the tree at its real paths, run read-only as user 10001: size, version, help; with BOOTSTRAP=host:port a worker
Fails:  with the status of the step that failed

Each stage is an overlay over `/` in a mount namespace of its own, so a step can write where it likes and nothing of it
is there afterwards. It is not the base image: the libraries are this machine's, and so is the Python, the one that runs
this.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOUNTED = "WHODID_TEST_MOUNTED"
USER = "10001"
#: Seconds that a role has until it is healthy.
PATIENCE = 120.0


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The lines of a Dockerfile as (instruction, arguments), continued lines joined, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", "", lines).splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name.upper(), rest.strip()


class Stage:
    """An overlay over this machine's root."""

    def __init__(self, place: Path) -> None:
        self.root, self.directory = place / "root", "/"
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LD_LIBRARY_PATH": "/usr/local/lib"}
        _overlay(Path("/"), place, self.root)
        for name in ("proc", "dev"):
            _run("mount", "--rbind", f"/{name}", str(self.root / name))
        # The base image has its Python here.
        _overlay(Path(sys.base_prefix), place / "python", self.root / "usr" / "local")

    def step(self, name: str, rest: str, stages: dict[str, Stage]) -> None:
        """Take one instruction."""
        if name == "RUN":
            print("RUN", rest[:110], flush=True)
            self.run("sh", "-c", f"cd {shlex.quote(self.directory)} && {rest}")
        elif name == "COPY":
            self._copy(shlex.split(rest), stages)
        elif name == "WORKDIR":
            self.directory = rest
            (self.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "ENV":
            path = self.environment["PATH"]
            found = (one.partition("=") for one in shlex.split(rest))
            self.environment |= {key: value.replace("$PATH", path) for key, _, value in found}

    def run(self, *command: str) -> None:
        """Run a command in it, with what pip must know of this machine's index."""
        index = {
            key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_", "HTTP", "http", "no_"))
        }
        _run("chroot", str(self.root), *command, environment={**index, **self.environment})

    def _copy(self, words: list[str], stages: dict[str, Stage]) -> None:
        source = ROOT
        if words[0].startswith("--from="):
            source = stages[words.pop(0).removeprefix("--from=")].root
        *names, target = words
        place = self.root / os.path.join(self.directory, target).lstrip("/")
        for name in names:
            copied = source / name.lstrip("/")
            if copied.is_dir():
                shutil.copytree(
                    copied, place, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
                )
            else:
                shutil.copy(copied, place)


def _overlay(lower: Path, place: Path, target: Path) -> None:
    for path in (place / "upper", place / "work", target):
        path.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={lower},upperdir={place / 'upper'},workdir={place / 'work'}"
    _run("mount", "-t", "overlay", "overlay", "-o", options, str(target))


def build(place: Path) -> tuple[Stage, dict[str, str]]:
    """The last stage, and what it says of itself (ENTRYPOINT, USER, HEALTHCHECK, …)."""
    stages: dict[str, Stage] = {}
    said: dict[str, str] = {}
    stage = None
    for name, rest in instructions((ROOT / "docker" / "Dockerfile").read_text()):
        if name == "FROM":
            label = rest.rpartition(" AS ")[2]
            stage = stages[label] = Stage(place / str(len(stages)))
        elif stage is not None:
            said[name] = rest
            stage.step(name, rest, stages)
    if stage is None:
        raise SystemExit("docker/Dockerfile has no stage")
    return stage, said


def look(stage: Stage, said: dict[str, str]) -> None:
    """Run what is in it: read-only but for /tmp and the volume, as its user, without a single capability."""
    size = _output("du", "-sm", str(stage.root / "opt" / "whodid")).split()[0]
    print(f"/opt/whodid: {size} MB", flush=True)
    _run(
        "chroot",
        str(stage.root),
        "sh",
        "-c",
        "! /opt/whodid/bin/python -m pip --version && test ! -e /opt/build && test ! -e /wheels",
    )
    for name in ("tmp", "var/lib/whodid"):
        _run("mount", "-t", "tmpfs", "-o", f"uid={USER},gid={USER},mode=0700", "tmpfs", str(stage.root / name))
    _run("mount", "-o", "remount,ro,bind", str(stage.root))
    stage.environment |= {"WHODID_BOOTSTRAP": os.environ.get("BOOTSTRAP", "127.0.0.1:9092"), "LANG": "C.UTF-8"}
    print(_output(*_as_user(stage, "whodid", "--version"), environment=stage.environment).strip(), flush=True)
    _output(*_as_user(stage, "whodid", "run", "--help"), environment=stage.environment)
    refused = subprocess.run(
        _as_user(stage, "sh", "-c", "echo > /opt/whodid/x"), capture_output=True, text=True, check=False
    )
    if "Read-only file system" not in refused.stderr:
        raise SystemExit(f"it can be written to: {refused}")
    if "BOOTSTRAP" in os.environ:
        _stays_up(stage, json.loads(said["HEALTHCHECK"].partition("CMD")[2]))


def _stays_up(stage: Stage, health: list[str]) -> None:
    """A worker runs until its own health check is content and it is ready, and ends in order when it is told to."""
    began, waiting = time.monotonic(), [health, [part.replace("/healthz", "/readyz") for part in health]]
    worker = subprocess.Popen(_as_user(stage, "whodid", "run", "normalize", "correlate"), env=stage.environment)
    try:
        while waiting:
            asked = subprocess.run(
                _as_user(stage, *waiting[0]), env=stage.environment, capture_output=True, check=False
            )
            if asked.returncode == 0:
                waiting.pop(0)
            elif worker.poll() is not None or time.monotonic() - began > PATIENCE:
                raise SystemExit(f"the worker (status {worker.poll()}): {asked.stderr.decode()[-300:]}")
    finally:
        worker.terminate()
    status = worker.wait(60)
    print(f"worker: healthy, ready and ended with {status} within {time.monotonic() - began:.0f} s", flush=True)
    if status:
        raise SystemExit(status)


def _as_user(stage: Stage, *command: str) -> list[str]:
    locked = [
        "setpriv",
        f"--reuid={USER}",
        f"--regid={USER}",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
    ]
    return ["chroot", str(stage.root), *locked, "sh", "-c", 'cd /var/lib/whodid && exec "$@"', "sh", *command]


def _run(*command: str, environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, check=True, env=environment)


def _output(*command: str, environment: dict[str, str] | None = None) -> str:
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Again in a mount namespace of its own, which takes every mount away when it ends."""
    if MOUNTED not in os.environ:
        if sys.platform != "linux" or os.getuid() != 0:
            raise SystemExit("docker/without_docker.py: this needs root on Linux, for an overlay of its file system")
        place = tempfile.mkdtemp(prefix="whodid-image-")
        try:
            command = ["unshare", "--mount", sys.executable, __file__]
            raise SystemExit(subprocess.run(command, env={**os.environ, MOUNTED: place}, check=False).returncode)
        finally:
            shutil.rmtree(place)
    place = Path(os.environ.pop(MOUNTED))
    _run("mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", str(place))
    look(*build(place))


if __name__ == "__main__":
    main()
