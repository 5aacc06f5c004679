"""What `whodid chaos` is told to do, what it says of what it did, and what can be done where."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.kit.cluster import MIN_INSYNC, REPLICATION
from pipeline.run import proof
from pipeline.run.disturb import Kind

#: The embedded one; Apache Kafka, one node; Apache Kafka, three nodes of which any may be lost.
EMBEDDED, KAFKA, CLUSTER = BROKERS = ("embedded", "kafka", "cluster")
#: phase, done, of how many (None = unknown)
Progress = Callable[[str, float, float | None], None]


@dataclass
class Order:
    """What is to be done; all that is random follows from `seed`."""

    seed: int = 1
    events: int = 20_000
    #: Directory that `whodid simulate` wrote; None makes one.
    given: Path | None = None
    #: Time over which the records are sent, and what happens meanwhile.
    seconds: float = 60.0
    disturbances: int = 20
    #: Kinds to choose from; None = all that can be played here.
    kinds: tuple[Kind, ...] | None = None
    #: One of BROKERS, started here, or `host:port` of one that runs.
    broker: str = EMBEDDED
    #: Where everything is kept; None makes a directory, which is removed if everything holds.
    home: Path | None = None


@dataclass
class Outcome:
    """What was done, and what held."""

    seed: int
    records: int = 0
    sent: int = 0
    events: int = 0
    #: Alerts that a receiver was told of.
    told: int = 0
    disturbances: list[dict[str, Any]] = field(default_factory=list)
    #: Processes that ended without being told to, and were started again.
    ended_by_themselves: list[str] = field(default_factory=list)
    #: Groups in which the embedded broker waited for a leader that had left (`disturb.Groups`).
    groups_deleted: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    checks: list[proof.Check] = field(default_factory=list)
    #: The first rows that differ: event id, and the fields as pairs (undisturbed, disturbed).
    differing: dict[str, dict[str, Any]] = field(default_factory=dict)
    home: str = ""

    @property
    def holds(self) -> bool:
        """Whether everything that must hold does."""
        return bool(self.checks) and all(check.holds for check in self.checks)

    def shown(self) -> dict[str, Any]:
        """As one JSON object."""
        return {"holds": self.holds, **asdict(self)}


def possible(broker: str) -> tuple[Kind, ...]:
    """Kinds of disturbance that can be played with this broker on this machine."""
    without = set() if broker in (KAFKA, CLUSTER) else {Kind.BROKER}
    if not sys.platform.startswith("linux"):
        without.add(Kind.DISK)
    return tuple(kind for kind in Kind if kind not in without)


def can_only(kind: Kind) -> str:
    """What a kind needs."""
    if kind is Kind.BROKER:
        return "`--broker kafka` or `cluster`: the embedded broker keeps nothing, and one started elsewhere is not ours"
    return "Linux, where the limit of a running process can be set"


def copies(broker: str) -> dict[str, int]:
    """Settings of topics that follow from how many brokers there are."""
    return {"replication": REPLICATION, "min_insync": MIN_INSYNC} if broker == CLUSTER else {}
