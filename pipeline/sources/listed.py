"""The objects under an address are sent, each once; what was sent before is left out."""

from __future__ import annotations

import time

from pipeline.sources.deliver import BEHIND, Order, Sink, Told
from pipeline.sources.objects import Object, Objects, contents
from pipeline.sources.sent import Sent
from pipeline.sources.streams import Unreadable


class Listing:
    """Sends what it is told of, and notes it once the broker has acknowledged it."""

    def __init__(self, objects: Objects, sent: Sent, sink: Sink, order: Order) -> None:
        self._objects, self._sent, self._sink = objects, sent, sink
        self._order, self._stop = order, order.stop
        self._waiting: list[Object] = []
        self.told = Told()

    def run(self, addresses: list[str]) -> None:
        """To the end, or until told to. Raises Permanent; Transient, after noting what was acknowledged before."""
        noted = time.monotonic()
        try:
            for address in addresses:
                for one in self._objects.under(address):
                    if self._stop.is_set():
                        break
                    self._one(one)
                    if time.monotonic() - noted > BEHIND:
                        self._note()
                        noted = time.monotonic()
                    self._order.watch(self.told)
            self._note()
        finally:
            self.told.sent, self.told.rejected = self._sink.sent, self._sink.rejected

    def _one(self, one: Object) -> None:
        if self._sent.has(one):
            self.told.before += 1
            return
        try:
            for record in contents(self._objects, one, self._order.native):
                self._order.send(record, self._sink)
                self.told.records += 1
                if self._stop.is_set():
                    return
        except Unreadable as fault:
            self.told.faults.append(f"{one.name}: {fault}")
            return
        self.told.objects += 1
        self._waiting.append(one)

    def _note(self) -> None:
        self._sink.flush()
        self._sent.add(self._waiting)
        self._waiting = []
