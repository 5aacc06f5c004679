"""What is followed is sent until told to end; it is noted as sent once the broker has acknowledged it.

In:     a Follower, made anew from a State; where to send to; a flag to end
Out:    records sent, the checkpoint on disk
Fails:  Permanent for a checkpoint; Transient if the broker is away when told to end: what it lacks is sent next time
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from pipeline.kit.failures import Transient
from pipeline.sources.checkpoint import Checkpoint, State
from pipeline.sources.detect import topic_of
from pipeline.sources.follow import Follower
from schemas.rejected import Record

#: Seconds between two looks.
LOOK = 1.0
#: How many times as long as it took to look, or to write a checkpoint, it is not done again.
SPARING = 3.0
#: Seconds that a checkpoint may be behind while much is sent.
BEHIND = 5.0
#: Seconds to wait for a broker that is away, at first and at most.
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0


class Sink(Protocol):
    """Where records go: a `Publisher`."""

    sent: int
    rejected: int

    def send(self, record: Record, topic: str) -> None:
        """Take one. Raises Transient."""

    def flush(self) -> None:
        """Wait until all are acknowledged. Raises Transient."""


@dataclass
class Told:
    """What was done so far, for whoever watches."""

    records: int = 0
    sent: int = 0
    rejected: int = 0
    #: Bytes of last lines that have no end yet.
    unfinished: int = 0
    #: Objects of a bucket that were read to their end, and that had been sent before.
    objects: int = 0
    before: int = 0
    #: Messages of a queue that are done, and that were left to it.
    messages: int = 0
    left: int = 0
    #: What could not be read, and what was away for a while: sentences that nobody has shown yet.
    faults: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    """What is asked of whoever sends."""

    #: Set when it is to end.
    stop: Event = field(default_factory=Event)
    #: Native format; empty = to be detected.
    native: str = ""
    #: Public topic; empty = by what each record is.
    topic: str = ""
    #: Called now and then with what was done.
    watch: Callable[[Told], None] = lambda _: None

    def send(self, record: Record, sink: Sink) -> None:
        """Hand on one record. Raises Transient."""
        sink.send(record, self.topic or topic_of(record.value))


class Delivery:
    """Follows, sends, notes."""

    def __init__(
        self, follow: Callable[[State], Follower], checkpoint: Checkpoint, sink: Callable[[], Sink], order: Order
    ) -> None:
        self._follow, self._checkpoint, self._sink = follow, checkpoint, sink
        self._order, self._stop, self._watch = order, order.stop, order.watch
        self.told = Told()

    def run(self, until_idle: float | None = None, every: float = LOOK) -> None:
        """Until told to end, or until nothing new came for so many seconds. A broker that goes away is waited for."""
        wait = FIRST_WAIT
        with self._checkpoint.held():
            while True:
                before = self.told.sent
                try:
                    self._begun(until_idle, every)
                    return
                except Transient as failure:
                    self.told.troubles.append(f"{failure}; trying again")
                    self._watch(self.told)
                    wait = FIRST_WAIT if self.told.sent > before else min(2 * wait, LONGEST_WAIT)
                    if self._stop.wait(wait):
                        raise

    def _begun(self, until_idle: float | None, every: float) -> None:
        """From the checkpoint on, with a client of its own: one that failed to deliver does not recover."""
        follower, sink = self._follow(self._checkpoint.load()), self._sink()
        try:
            self._rounds(follower, sink, until_idle, every)
        finally:
            self.told.sent += sink.sent
            self.told.rejected += sink.rejected
            follower.close()

    def _rounds(self, follower: Follower, sink: Sink, until_idle: float | None, every: float) -> None:
        active, due, waiting = time.monotonic(), 0.0, False
        while not self._stop.is_set():
            began = time.monotonic()
            waiting |= self._look(follower, sink)
            looked = time.monotonic()
            if waiting and looked >= due:
                self._note(follower, sink)
                waiting = False
                # Where there are very many files, it is not written all the time.
                due = time.monotonic() + SPARING * (time.monotonic() - looked)
            active = looked if follower.busy else active
            self._tell(follower)
            if until_idle is not None and not follower.busy and looked - active >= until_idle:
                break
            self._stop.wait(max(every, SPARING * (looked - began)))
        if waiting:
            self._note(follower, sink)

    def _tell(self, follower: Follower) -> None:
        self.told.unfinished = follower.unfinished
        self.told.faults += follower.faults
        follower.faults.clear()
        self._watch(self.told)

    def _look(self, follower: Follower, sink: Sink) -> bool:
        """One look; whether something was sent. Told to end, it leaves the next batch."""
        some, noted = False, time.monotonic()
        for batch in follower.look():
            if self._stop.is_set():
                break
            some = True
            for record in batch:
                self._order.send(record, sink)
            self.told.records += len(batch)
            if time.monotonic() - noted > BEHIND:
                self._note(follower, sink)
                noted = time.monotonic()
                self._watch(self.told)
        return some

    def _note(self, follower: Follower, sink: Sink) -> None:
        # The state does not have the batch at hand yet, if there is one: it would be sent again after a crash.
        state = follower.state
        sink.flush()
        self._checkpoint.save(state)
