"""Processes of `whodid run` that a benchmark needs beside itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipeline.kit.config import Settings
from pipeline.run.roles import PARENT

#: Seconds that a process has to end in after it was asked to.
PATIENCE = 30.0


@contextmanager
def processes(settings: Settings, shape: Sequence[Sequence[str]]) -> Iterator[dict[str, float]]:
    """A process for each list of roles; all are ended in the end, and by themselves if this process is killed.

    Gives what has the CPU seconds of each afterwards, by its roles.
    """
    environment = {**os.environ, **settings.environment(), PARENT: str(os.getpid())}
    children: dict[str, subprocess.Popen[bytes]] = {}
    used: dict[str, float] = {}
    try:
        for roles in shape:
            command = [sys.executable, "-m", "pipeline", "run", *roles]
            children["+".join(roles)] = subprocess.Popen(command, env=environment)
        yield used
    finally:
        for child in children.values():
            child.terminate()
        for name, child in children.items():
            used[name] = ended(child)


def ended(child: subprocess.Popen[bytes], patience: float | None = PATIENCE) -> float:
    """Wait until it has ended, killing it when that takes too long (None = never); its CPU seconds."""
    killing = threading.Timer(patience, child.kill) if patience is not None else None
    if killing is not None:
        killing.start()
    _, status, used = os.wait4(child.pid, 0)
    if killing is not None:
        killing.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime
