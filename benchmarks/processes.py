"""Processes of `whodid run` that a benchmark starts, pins to cores, looks at while they work, and ends (Linux)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.kit.config import Settings
from pipeline.run.disturb import environment

PAGE, TICK = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
#: Seconds that a process may take to end when it is told to.
ORDERLY = 40.0
BROKER = "broker"


class Crew:
    """Use as a context manager; leaving it ends what is still there."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings = settings
        self._log = log
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        log.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.kill()
            child.wait()

    def start(self, name: str, roles: Sequence[str], cores: Sequence[int] = (), **changed: object) -> None:
        """Start a process with these roles, on these cores if any are named, with settings changed so."""
        command = [sys.executable, "-m", "pipeline", "run", *roles, "--summary", "json"]
        settings = self.settings.model_copy(update=changed)
        with (
            pinned(cores),
            (self._log / f"{name}.out").open("wb") as out,
            (self._log / f"{name}.err").open("wb") as err,
        ):
            self._children[name] = subprocess.Popen(
                command, env=environment(settings), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                # Ctrl-C is for the benchmark, which then ends them in order.
                start_new_session=True,
            )  # fmt: skip

    @property
    def names(self) -> list[str]:
        """Those that run, in the order in which they were started."""
        self.check()
        return list(self._children)

    def check(self) -> None:
        """Raises SystemExit when one has ended that nobody told to."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise SystemExit(f"{name} ended with status {child.returncode}:\n{self._tail(name)}")

    def end(self, name: str) -> dict[str, Any]:
        """Ask one to end and wait for that; returns its summary."""
        child = self._children.pop(name)
        child.terminate()
        try:
            status = child.wait(ORDERLY)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise SystemExit(f"{name} did not end within {ORDERLY:.0f} s:\n{self._tail(name)}") from None
        if status:
            raise SystemExit(f"{name} ended with status {status}:\n{self._tail(name)}")
        summary: dict[str, Any] = json.loads((self._log / f"{name}.out").read_bytes().splitlines()[-1])
        return summary

    def kill(self, name: str) -> None:
        """SIGKILL, as the kernel's out-of-memory killer would."""
        child = self._children.pop(name)
        child.send_signal(signal.SIGKILL)
        child.wait()

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU of each so far, and of the broker if it is a child of this process."""
        return {name: sum(map(_cpu, pids)) for name, pids in self._pids().items()}

    def memory(self) -> dict[str, int]:
        """Bytes of each in memory now, and of the broker if it is a child of this process."""
        return {name: sum(map(_resident, pids)) for name, pids in self._pids().items()}

    def _pids(self) -> dict[str, list[int]]:
        ours = {name: [child.pid] for name, child in self._children.items() if child.poll() is None}
        known = {pid for pids in ours.values() for pid in pids}
        others = [pid for child in _children(os.getpid()) - known for pid in (child, *_below(child))]
        return {**ours, BROKER: others} if others else ours

    def _tail(self, name: str) -> str:
        return "\n".join((self._log / f"{name}.err").read_text(errors="replace").splitlines()[-10:])


@contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """What is started by this thread meanwhile stays on these cores; none = wherever this thread may be."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def broker_cpu() -> float:
    """Seconds of CPU so far of what this process has started and is still there: of its broker, while nothing else."""
    return sum(map(_cpu, _below(os.getpid())))


def _children(pid: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= set(map(int, task.read_text().split()))
    return found


def _below(pid: int) -> list[int]:
    return [one for child in _children(pid) for one in (child, *_below(child))]


def _cpu(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    return 0.0


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0
