"""Processes of `whodid run` that a benchmark needs beside itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipeline.kit.config import Settings
from pipeline.run.roles import PARENT


@contextmanager
def processes(settings: Settings, shape: Sequence[Sequence[str]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A process for each list of roles; all are ended in the end, and by themselves if this process is killed."""
    environment = {**os.environ, **settings.environment(), PARENT: str(os.getpid())}
    children: list[subprocess.Popen[bytes]] = []
    try:
        for roles in shape:
            children.append(subprocess.Popen([sys.executable, "-m", "pipeline", "run", *roles], env=environment))
        yield children
    finally:
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
