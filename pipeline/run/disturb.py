"""What `whodid chaos` does to the processes of a pipeline, and the plan of it: the same seed plans the same."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from pipeline.kit.broker import ApacheKafka
from pipeline.kit.config import Settings
from pipeline.kit.connection import librdkafka
from pipeline.kit.topics import PUBLIC
from pipeline.run.receiver import NAME as RECEIVER
from pipeline.run.roles import ORDERLY, PARENT
from pipeline.run.status import GROUPS
from pipeline.run.unreliable import AWAY, FULL

#: Consumer group of everything that reads and what it reads, without prefix, in the order in which input passes.
STAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "normalize": (GROUPS["normalize"], PUBLIC),
    "correlate": (GROUPS["correlate"], ("events-by-credential", "events-by-actor", "steps")),
    "store": (GROUPS["store"], ("entries", "records", "dead-letters")),
    "recall": ("whodid-recall", ("recalls",)),
    "alert": (f"whodid-alert-{RECEIVER}", ("alerts",)),
}
#: Every role of the middle runs twice, once beside the other in one process and once alone; the desk owns the store.
CREW = {
    "worker": ("normalize", "correlate"),
    "normalize": ("normalize",),
    "correlate": ("correlate",),
    "desk": ("store",),
    "teller": ("alert",),
}
#: Joins and leaves.
GUEST = "guest"
GUEST_ROLES = ("normalize", "correlate")
#: Seconds after which a process that ended by itself is started again, as `whodid up` does.
RESTART_WAIT = 1.0


class Kind(StrEnum):
    """Kinds of disturbance, as `--faults` names them."""

    KILL = "kill"
    STOP = "stop"
    REBALANCE = "rebalance"
    STORE = "store"
    DISK = "disk"
    BROKER = "broker"


#: What each kind is done to, and the shortest and longest time that it lasts (seconds).
TARGETS: dict[Kind, tuple[str, ...]] = {
    Kind.KILL: ("worker", "normalize", "correlate", "desk", "teller"),
    Kind.STOP: ("worker", "normalize", "correlate", "desk", "teller"),
    Kind.REBALANCE: ("worker", "normalize", "correlate", GUEST),
    Kind.STORE: ("store",),
    Kind.DISK: ("desk", "worker"),
    Kind.BROKER: ("broker",),
}
LASTS: dict[Kind, tuple[float, float]] = {
    Kind.KILL: (0.0, 3.0),
    # Shorter than a group's session, and so long that the group goes on without the process.
    Kind.STOP: (0.5, 8.0),
    Kind.REBALANCE: (0.0, 6.0),
    Kind.STORE: (1.0, 6.0),
    Kind.DISK: (1.0, 6.0),
    Kind.BROKER: (0.0, 3.0),
}
#: Seconds that one of several brokers has to be a follower again before the next may be killed.
BACK = 10.0
#: Share of the times that a process which leaves comes back at once.
RESTARTED = 0.4


@dataclass(frozen=True)
class Disturbance:
    """One fault: what, to whom, how many seconds after the first record, and for how long."""

    at: float
    kind: Kind
    target: str
    lasts: float

    def __str__(self) -> str:
        after = f"{self.lasts:.1f} s"
        match self.kind:
            case Kind.KILL:
                said = f"SIGKILL {self.target}, started again after {after}"
            case Kind.STOP:
                said = f"SIGSTOP {self.target}, SIGCONT after {after}"
            case Kind.REBALANCE if self.target == GUEST:
                said = f"a further worker joins, and leaves after {after}"
            case Kind.REBALANCE:
                said = f"{self.target} leaves" + (f", joins after {after}" if self.lasts else " and joins at once")
            case Kind.STORE:
                said = f"ClickHouse is away for {after}"
            case Kind.DISK:
                said = f"{self.target} cannot write to disk for {after}"
            case Kind.BROKER:
                said = f"SIGKILL {self.target}, started again after {after}"
        return f"{self.at:6.1f} s  {said}"


def plan(seed: int, kinds: Sequence[Kind], count: int, seconds: float, brokers: int = 1) -> list[Disturbance]:
    """`count` disturbances within `seconds`, every kind in turn, no target of two at once.

    Of several brokers one is away at a time, at most; the target is named with its number, from 1.
    """
    chance = random.Random(seed)  # noqa: S311  (to be repeated, not to be secret)
    free: dict[str, float] = {}
    drawn: list[Kind] = []
    planned: list[Disturbance] = []
    for moment in sorted(chance.uniform(0.3, seconds) for _ in range(count if kinds else 0)):
        if not drawn:
            drawn = chance.sample(list(kinds), len(kinds))
        kind = drawn.pop()
        target = chance.choice(TARGETS[kind])
        busy = target
        if kind is Kind.BROKER and brokers > 1:
            target = f"{target} {chance.randint(1, brokers)}"
        at = max(moment, free.get(busy, 0.0))
        lasts = chance.uniform(*LASTS[kind])
        if kind is Kind.REBALANCE and target != GUEST and chance.random() < RESTARTED:
            lasts = 0.0
        free[busy] = at + lasts + (BACK if busy != target else 0.1)
        planned.append(Disturbance(round(at, 2), kind, target, round(lasts, 2)))
    return sorted(planned, key=lambda one: one.at)


@dataclass
class Member:
    """A process of the pipeline."""

    name: str
    child: subprocess.Popen[bytes]
    #: Monotonic time at which it ended by itself and was seen to; 0 while it runs.
    ended: float = 0.0


@dataclass
class Crew:
    """The processes of a pipeline, started as `whodid run` does and started again when they end by themselves."""

    settings: Settings
    log: Path
    say: Callable[[str], None]
    #: Those that can be killed; none if the broker is another one.
    brokers: list[ApacheKafka] = field(default_factory=list)
    groups: Groups | None = None
    members: dict[str, Member] = field(default_factory=dict)
    #: Told to end and not yet gone: process and monotonic time by which it must be.
    leaving: list[tuple[Member, float]] = field(default_factory=list)
    #: What no disturbance explains, in words: processes that ended by themselves,
    unasked: list[str] = field(default_factory=list)
    #: and those that did not end as they should when they were told to.
    unclean: list[str] = field(default_factory=list)

    def start(self, name: str) -> None:
        """Start a process of the crew (again)."""
        roles = CREW.get(name, GUEST_ROLES)
        module = ["pipeline.run.unreliable"] if "store" in roles else ["pipeline", "run"]
        with self.logfile(name).open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", *module, *roles], env=environment(self.settings), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
                # Ctrl-C is for the runner, which then ends them in order.
                start_new_session=True,
            )  # fmt: skip
        self.members[name] = Member(name, child)

    def logfile(self, name: str) -> Path:
        """Where a process says what it does."""
        return self.log / f"{name}.log"

    def begin(self, what: Disturbance) -> None:
        """Begin a disturbance."""
        match what.kind:
            case Kind.KILL:
                self._kill(what.target)
            case Kind.STOP:
                self._signal(what.target, signal.SIGSTOP)
            case Kind.REBALANCE if what.target == GUEST:
                self.start(GUEST)
            case Kind.REBALANCE:
                self.leave(what.target)
            case Kind.STORE:
                (self.settings.data_dir / AWAY).touch()
            case Kind.DISK if what.target == "desk":
                (self.settings.data_dir / FULL).touch()
            case Kind.DISK:
                self._limit(what.target, 0)
            case Kind.BROKER:
                self._broker(what.target).kill()

    def end(self, what: Disturbance) -> None:
        """End a disturbance."""
        match what.kind:
            case Kind.KILL:
                self.start(what.target)
            case Kind.STOP:
                self._signal(what.target, signal.SIGCONT)
            case Kind.REBALANCE if what.target == GUEST:
                self.leave(GUEST)
            case Kind.REBALANCE:
                self.start(what.target)
            case Kind.STORE:
                (self.settings.data_dir / AWAY).unlink(missing_ok=True)
            case Kind.DISK if what.target == "desk":
                (self.settings.data_dir / FULL).unlink(missing_ok=True)
            case Kind.DISK:
                self._limit(what.target, resource.RLIM_INFINITY)
            case Kind.BROKER:
                self._broker(what.target).resume()

    def leave(self, name: str) -> None:
        """Ask a process to end; `watch` sees whether it does."""
        member = self.members.pop(name, None)
        if member is not None:
            if member.child.poll() is None:
                member.child.terminate()
                self.leaving.append((member, time.monotonic() + ORDERLY + 5))
            elif not member.ended:
                self._ended_by_itself(member)

    def watch(self) -> None:
        """Start again what ended by itself, and see that those who were told to end do so."""
        now = time.monotonic()
        if self.groups is not None:
            self.groups.look()
        for member in list(self.members.values()):
            if member.child.poll() is None:
                continue
            if not member.ended:
                self._ended_by_itself(member)
                member.ended = now
            elif now - member.ended >= RESTART_WAIT:
                self.start(member.name)
        for gone in [entry for entry in self.leaving if self._gone(*entry)]:
            self.leaving.remove(gone)

    def close(self) -> None:
        """End every process: politely, then not."""
        for member in self.members.values():
            with contextlib.suppress(ProcessLookupError):
                member.child.send_signal(signal.SIGCONT)
        for name in list(self.members):
            self.leave(name)
        while self.leaving:
            self.watch()
            time.sleep(0.05)

    def bugs(self) -> list[str]:
        """Log files in which a process says that it met a bug."""
        return [
            str(file) for file in sorted(self.log.glob("*.log"))
            if file.name != "broker.log" and ("stopped by a bug" in (text := file.read_text(errors="replace"))
                                              or "bug in normalizing" in text or "no batch:" in text)
        ]  # fmt: skip

    def _broker(self, target: str) -> ApacheKafka:
        return self.brokers[int(target.partition(" ")[2] or 1) - 1]

    def _kill(self, name: str) -> None:
        member = self.members.pop(name, None)
        if member is not None:
            member.child.kill()
            member.child.wait()

    def _signal(self, name: str, number: signal.Signals) -> None:
        member = self.members.get(name)
        if member is not None:
            member.child.send_signal(number)

    def _limit(self, name: str, size: int) -> None:
        """No file may grow beyond `size` bytes: every write to one fails at once, as on a full disk."""
        member = self.members.get(name)
        if member is not None and member.child.poll() is None:
            _, hard = resource.prlimit(member.child.pid, resource.RLIMIT_FSIZE)
            soft = hard if size == resource.RLIM_INFINITY else size
            resource.prlimit(member.child.pid, resource.RLIMIT_FSIZE, (soft, hard))

    def _ended_by_itself(self, member: Member) -> None:
        said = f"{member.name} ended by itself with status {member.child.returncode}: {self._last_line(member.name)}"
        self.unasked.append(said)
        self.say(said)

    def _gone(self, member: Member, deadline: float) -> bool:
        status = member.child.poll()
        if status is None and time.monotonic() < deadline:
            return False
        if status is None:
            member.child.kill()
            member.child.wait()
            self.unclean.append(f"{member.name} did not end within {ORDERLY + 5:.0f} s and was killed")
        # Told to end before it had begun, Python ends by the signal itself.
        elif status not in (0, -signal.SIGTERM):
            self.unclean.append(f"{member.name} ended with status {status}: {self._last_line(member.name)}")
        return True

    def _last_line(self, name: str) -> str:
        lines = self.logfile(name).read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")[:300]


class Groups:
    """Sees that the embedded broker's groups come to an end with their joining.

    When a follower leaves, and then the leader before it has joined again, Tansu 0.6 waits for that leader for ever:
    whoever joins later never gets a partition. (Kafka does not do that, and `whodid up` has one member a group.) Such a
    group is deleted, with the offsets that it had committed: all its input comes once more.
    """

    #: Seconds between two looks, and for which a group may be without an assignment.
    LOOK_EVERY, JOINING = 2.0, 12.0

    def __init__(self, settings: Settings) -> None:
        self._client = AdminClient({**librdkafka(settings), "log_level": 0})
        #: Group, and since when its present leader (which Tansu tells as its assignor) has been waited for.
        self._joining = {settings.prefix + group: ("", 0.0) for group, _ in STAGES.values()}
        self._looked = 0.0
        self.deleted = 0

    def look(self) -> None:
        """Look, if it is time to."""
        now = time.monotonic()
        if now - self._looked < self.LOOK_EVERY:
            return
        self._looked = now
        for group, described in self._client.describe_consumer_groups(list(self._joining)).items():
            with contextlib.suppress(KafkaException):
                found = described.result()
                leader, since = self._joining[group]
                if found.state is not ConsumerGroupState.UNKNOWN or found.partition_assignor != leader:
                    self._joining[group] = (found.partition_assignor, now)
                elif now - since > self.JOINING:
                    self._client.delete_consumer_groups([group])[group].result()
                    self._joining[group] = ("", now)
                    self.deleted += 1


def environment(settings: Settings) -> dict[str, str]:
    """The environment that gives a child the same settings, and ends it with this process."""
    values = settings.environment()
    return {**os.environ, **values, PARENT: str(os.getpid())}


def marker_of(home: Path) -> str:
    """What the environment of every process of one run holds, and of no other's."""
    return f"WHODID_DATA_DIR={home}\0"


def left_behind(marker: str) -> list[str]:
    """Command lines of live processes whose environment holds the marker (Linux; elsewhere none are found)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        if entry.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if command and marker.encode() in (entry / "environ").read_bytes():
                found.append(f"{entry.name}: " + command.replace(b"\0", b" ").decode(errors="replace").strip())
    return found
