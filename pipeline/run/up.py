"""`whodid up`: broker, worker and desk as processes of this machine, started together and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from pipeline.kit.broker import EmbeddedBroker, free_port
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.run.roles import PARENT

#: The worker joins, scores and groups; the desk owns the embedded store, and tells.
PROCESSES = {"worker": ("normalize", "correlate"), "desk": ("store", "alert", "console", "collect")}
READY_TIMEOUT = 60.0
RESTART_WAIT = 1.0


class Up:
    """The embedded shape. Use as a context manager; leaving it ends every process."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings = settings
        self._say = say
        self._broker: EmbeddedBroker | None = None
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._log = settings.data_dir / "log"

    @property
    def address(self) -> str:
        """Base URL of console and collector."""
        return f"http://{self.settings.host}:{self.settings.port}"

    def __enter__(self) -> Up:
        self._log.mkdir(parents=True, exist_ok=True)
        try:
            self.settings.port = self.settings.port or free_port()
            self._broker = EmbeddedBroker.start()
            self.settings.bootstrap = self._broker.bootstrap
            for name in PROCESSES:
                self._start(name)
            self._await_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def watch(self, stopped: Callable[[], bool]) -> None:
        """Keep the processes running until `stopped`; one that dies is started again from its last checkpoint."""
        while not stopped():
            time.sleep(0.2)
            for name, child in list(self._children.items()):
                if child.poll() is not None and not stopped():
                    self._say(
                        f"{name} ended with status {child.returncode}, starting it again ({self._log / name}.log)"
                    )
                    time.sleep(RESTART_WAIT)
                    self._start(name)

    def close(self) -> None:
        """End every process: politely, then not."""
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        for child in self._children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._broker is not None:
            self._broker.stop()
            self._broker = None

    def _start(self, name: str) -> None:
        command = [sys.executable, "-m", "pipeline", "run", *PROCESSES[name]]
        with self._logfile(name).open("ab") as log:
            self._children[name] = subprocess.Popen(
                command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _logfile(self, name: str) -> Path:
        return self._log / f"{name}.log"

    def _environment(self) -> dict[str, str]:
        settings = self.settings.environment()
        return {**os.environ, **settings, PARENT: str(os.getpid())}

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline:
            for name, child in self._children.items():
                if child.poll() is not None:
                    raise Transient(f"{name} ended with status {child.returncode}:\n{self._tail(name)}")
            try:
                with urllib.request.urlopen(self.address + "/healthz", timeout=1):  # noqa: S310  # nosec B310  (always http://)
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise Transient(
            f"the desk did not answer on {self.address} within {READY_TIMEOUT:.0f} s:\n{self._tail('desk')}"
        )

    def _tail(self, name: str) -> str:
        text = self._logfile(name).read_text(errors="replace")
        return "\n".join(text.splitlines()[-10:])
