"""Three nodes of Apache Kafka on this machine, each a process of its own: `with Cluster.start() as cluster:`.

Every topic has three replicas, and what two of them have is acknowledged: one broker may be lost at any time. For tests
and `whodid chaos --broker cluster`.
"""

from __future__ import annotations

from typing import Self

from pipeline.kit.broker import LOOPBACK, ApacheKafka, Broker, Extras, free_ports

NODES = 3
#: Replicas of a topic, and how many of them must have a message before it is acknowledged.
REPLICATION, MIN_INSYNC = 3, 2
#: Kafka's own topics are kept as ours are. A follower that is gone is out of the replicas in sync after two seconds.
PROPERTIES = {
    "default.replication.factor": str(REPLICATION),
    "min.insync.replicas": str(MIN_INSYNC),
    "offsets.topic.replication.factor": str(REPLICATION),
    "transaction.state.log.replication.factor": str(REPLICATION),
    "transaction.state.log.min.isr": str(MIN_INSYNC),
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "2000",
    "replica.lag.time.max.ms": "4000",
}


class Cluster(Broker):
    """Three brokers that are controllers too. `kill(n)` ends one, `resume(n)` starts it on its data."""

    def __init__(self, nodes: list[ApacheKafka]) -> None:
        super().__init__(",".join(node.bootstrap for node in nodes))
        #: The brokers; node n has the id n + 1 in Kafka.
        self.nodes = nodes

    @classmethod
    def start(cls) -> Self:
        """Start three fresh nodes on free loopback ports and wait until each answers.

        Raises Permanent without Java or Maven, Transient when one does not come up.
        """
        ApacheKafka.bring()
        ports = free_ports(2 * NODES)
        clients, controllers = ports[:NODES], ports[NODES:]
        voters = ",".join(f"{n}@{LOOPBACK}:{port}" for n, port in enumerate(controllers, start=1))
        nodes: list[ApacheKafka] = []
        try:
            for n, (port, controller) in enumerate(zip(clients, controllers, strict=True), start=1):
                told = {"NODE": str(n), "VOTERS": voters}
                nodes.append(ApacheKafka(port, controller, Extras(properties=PROPERTIES), told))
            for node in nodes:
                node.await_answer()
        except BaseException:
            _stop(nodes)
            raise
        return cls(nodes)

    def kill(self, number: int) -> None:
        """End a broker as the kernel's out-of-memory killer would."""
        self.nodes[number].kill()

    def resume(self, number: int) -> None:
        """Start a broker on the data that it has, without waiting for its answer."""
        self.nodes[number].resume()

    def stop(self) -> None:
        """End all and remove their data."""
        _stop(self.nodes)


def _stop(nodes: list[ApacheKafka]) -> None:
    # Asked politely, each would wait for the others, and nothing of theirs is kept.
    for node in nodes:
        node.kill()
        node.stop()
