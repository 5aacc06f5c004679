"""The role `alert`: alerts go from their topic to every destination, each in a consumer group and a thread of its own.

What one destination does delays no other. The file of alerts is read again when it changes: destinations come and go
without a restart.
"""

from __future__ import annotations

import logging
import time

from pipeline.alert.destination import Destination
from pipeline.alert.file import Alerts as AlertFile
from pipeline.kit.config import Settings
from pipeline.kit.metrics import Metrics
from pipeline.run.ending import Ending
from pipeline.run.teller import Teller

#: Seconds until a destination that was stopped by a bug begins again.
AGAIN = 5.0
log = logging.getLogger("whodid")


class AlertRole:
    """Keeps a Teller running for each destination and hook of the file."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        #: Raises Invalid at the start; later changes that are wrong are only reported.
        self._file = AlertFile.load(settings.alerts)
        self._tellers: dict[str, Teller] = {}
        #: When a destination that was stopped by a bug begins again (monotonic).
        self._again: dict[str, float] = {}

    def run(self, end: Ending) -> None:
        """Blocks until the end; what is under way then has a few seconds."""
        try:
            while True:
                self._keep(end)
                self._metrics.beat("alert")
                if end.stop.wait(0.1):
                    break
                if end.until_idle is not None and all(teller.ended for teller in self._tellers.values()):
                    break
                self._file.refresh()
                self._metrics.trouble("alerts file", self._file.trouble)
        finally:
            self._metrics.rest("alert")
            for teller in self._tellers.values():
                teller.stop.set()
            for teller in self._tellers.values():
                teller.join()
        for teller in self._tellers.values():
            if teller.bug is not None:
                raise teller.bug

    def _keep(self, end: Ending) -> None:
        """Start what is new, end what is gone or was changed."""
        said = self._file.said
        wanted: dict[str, Destination] = {one.name: one for one in (*said.destinations, *said.hooks)}
        for name, teller in list(self._tellers.items()):
            if self._mend(name, teller, end):
                continue
            if not _same(wanted.get(name), teller.destination) or teller.console != (said.console or ""):
                teller.stop.set()
                teller.join()
                self._metrics.trouble(f"destination {name}", "")
                del self._tellers[name]
        for name, one in wanted.items():
            if name not in self._tellers and time.monotonic() >= self._again.get(name, 0.0):
                self._tellers[name] = Teller(self._settings, self._metrics, one, said.console or "", end)
                self._tellers[name].start()

    def _mend(self, name: str, teller: Teller, end: Ending) -> bool:
        """A bug in one destination ends that one only; it begins again from its last commit, a little later."""
        if teller.bug is None:
            return False
        if end.until_idle is not None:
            raise teller.bug
        log.error("destination %s: stopped by a bug, begins again in %.0f s", name, AGAIN, exc_info=teller.bug)
        self._metrics.add("bugs")
        self._metrics.trouble(f"destination {name}", f"stopped by a bug: {type(teller.bug).__name__}, see the log")
        self._again[name] = time.monotonic() + AGAIN
        del self._tellers[name]
        return True


def _same(one: Destination | None, other: Destination) -> bool:
    """Whether two are configured alike. (Comparing models compares what they keep for themselves, too.)"""
    return one is not None and type(one) is type(other) and one.model_dump() == other.model_dump()
