"""Objects that a queue tells of are sent; a message is deleted once the broker has acknowledged all of its objects.

In:     Notices, Objects; where to send to; a flag to end
Out:    records sent, messages deleted; those that are no notices, or whose objects cannot be read, are given back
Fails:  Permanent when the queue refuses; Transient if queue or broker are away when told to end
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.kit.failures import Transient
from pipeline.sources.deliver import FIRST_WAIT, LONGEST_WAIT, Order, Sink, Told
from pipeline.sources.objects import Notice, Notices, Object, Objects, contents
from pipeline.sources.streams import Unreadable

#: Seconds after which a message comes again that could not be worked at. How often, is the queue's redrive policy.
AGAIN = 60.0


class _Stopped(Exception):
    """Told to end in the middle of an object."""


class Receiver:
    """Receives, sends, deletes."""

    def __init__(
        self, objects: Objects, notices: Notices, sink: Callable[[], Sink], order: Order,
        clock: Callable[[], float] = time.monotonic, again: float = AGAIN,
    ) -> None:  # fmt: skip
        self._objects, self._notices, self._sinks = objects, notices, sink
        self._order, self._stop = order, order.stop
        self._clock, self._again = clock, again
        #: Messages that are hidden because of us, and since when.
        self._held: list[Notice] = []
        self._since = 0.0
        self._sink: Sink | None = None
        self.told = Told()

    def run(self, until_idle: float | None = None) -> None:
        """Until told to end, or until no message came for so many seconds. What is away is waited for."""
        active, wait = self._clock(), FIRST_WAIT
        while not self._stop.is_set():
            try:
                self._held = list(self._notices.receive())
                self._since = self._clock()
                if self._held:
                    self._delivered()
                    active = self._clock()
                wait = FIRST_WAIT
            except Transient as failure:
                wait = self._waited(failure, wait)
            self._order.watch(self.told)
            if until_idle is not None and self._clock() - active >= until_idle:
                return

    def _delivered(self) -> None:
        """Work at the messages at hand until the broker has them: it may be away longer than a queue has patience."""
        wait = FIRST_WAIT
        while True:
            try:
                self._deliver()
                return
            except Transient as failure:
                try:
                    wait = self._waited(failure, wait)
                except Transient:
                    self._notices.back(self._held, 0)
                    raise
                self._extend(late=0)

    def _waited(self, failure: Transient, wait: float) -> float:
        self.told.troubles.append(f"{failure}; trying again")
        self._order.watch(self.told)
        if self._stop.wait(wait):
            raise failure
        return min(2 * wait, LONGEST_WAIT)

    def _deliver(self) -> None:
        done, left = list[Notice](), list[Notice]()
        self._sink = sink = self._sink or self._sinks()
        sent, rejected = sink.sent, sink.rejected
        try:
            self._work(sink, done, left)
            sink.flush()
        except Transient:
            # One that failed to deliver does not recover.
            self._sink = None
            raise
        finally:
            self.told.sent += sink.sent - sent
            self.told.rejected += sink.rejected - rejected
        self._notices.done(done)
        self._notices.back(left, self._again)
        self._notices.back([one for one in self._held if one not in done and one not in left], 0)
        self.told.messages += len(done)
        self.told.left += len(left)

    def _work(self, sink: Sink, done: list[Notice], left: list[Notice]) -> None:
        """Send what the messages at hand tell of, and say which are done; told to end, it leaves the rest."""
        try:
            for notice in self._held:
                (done if self._sent(notice, sink) else left).append(notice)
        except _Stopped:
            return

    def _sent(self, notice: Notice, sink: Sink) -> bool:
        """Send all objects of a message; False if it is to be given back."""
        if notice.strange:
            self.told.faults.append(f"message {notice.strange}")
        # An object that cannot be read does not keep the others from being sent.
        return not notice.strange and all([self._read(one, sink) for one in notice.objects])

    def _read(self, one: Object, sink: Sink) -> bool:
        if self._stop.is_set():
            raise _Stopped
        try:
            for record in contents(self._objects, one, self._order.native):
                self._order.send(record, sink)
                self.told.records += 1
                self._extend(late=self._notices.hidden / 2)
                if self._stop.is_set():
                    raise _Stopped
        except Unreadable as fault:
            self.told.faults.append(f"{one.name}: {fault}")
            return False
        self.told.objects += 1
        return True

    def _extend(self, late: float) -> None:
        if self._clock() - self._since >= late:
            self._since = self._clock()
            self._notices.extend(self._held)
