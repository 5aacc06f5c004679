"""Asks a desk over HTTP until it shows what was sent: when each event is first found, from outside."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from pipeline.kit.config import Settings

#: Seconds between two looks, and after which an event that was not found is no longer looked for in each.
EVERY, FORGOTTEN = 0.02, 60.0
#: Seconds until a desk must answer.
READY = 60.0
LIMIT = 10_000


@dataclass
class Probe:
    """Events that are looked for by one pivot of the timeline."""

    pivot: str
    value: str
    #: When each was sent, by event id. Another thread adds to it.
    sent: dict[str, float]
    seen: dict[str, float] = field(default_factory=dict)
    #: Those that were shown unattributed at first.
    unbound: set[str] = field(default_factory=set)
    wrong: list[tuple[str, str | None, str]] = field(default_factory=list)

    @property
    def waiting(self) -> list[str]:
        """Those that were sent and not found yet."""
        return [name for name in list(self.sent) if name not in self.seen]

    def took(self, since: float, *, unbound: bool = False) -> list[float]:
        """Milliseconds of each that was sent since then and found; of those that were unattributed at first, or not."""
        return [
            1000 * (at - self.sent[name])
            for name, at in self.seen.items()
            if self.sent[name] >= since and (name in self.unbound) == unbound
        ]


class Asking:
    """One connection to the desk that `settings` name. Not thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._address = settings.host, settings.port
        self._connection = http.client.HTTPConnection(*self._address, timeout=30)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ready(self) -> None:
        """Wait until it answers. Raises SystemExit when it does not."""
        ends = time.monotonic() + READY
        while time.monotonic() < ends:
            try:
                self._get("/healthz")
            except OSError:
                self._connection.close()
                time.sleep(0.1)
            else:
                return
        raise SystemExit(f"the desk did not answer on {self._address} within {READY:.0f} s: see the messages above")

    def look(self, probes: list[Probe]) -> None:
        """Ask once for what waits, and pause."""
        began = time.monotonic()
        for probe in probes:
            now = time.time()
            waiting = {name for name in probe.waiting if now - probe.sent[name] < FORGOTTEN}
            if waiting:
                entries = self.all(probe, min(probe.sent[name] for name in waiting))
                now = time.time()
                for entry in entries:
                    if entry["event_id"] in waiting:
                        self._note(probe, entry, now)
        time.sleep(max(0.0, EVERY - (time.monotonic() - began)))

    def all(self, probe: Probe, since: float) -> list[dict[str, Any]]:
        """Entries of the probe's pivot, current revisions. Logs tell whole seconds, so two more are asked for."""
        since_then = datetime.fromtimestamp(since - 2, UTC).isoformat()
        asked = {probe.pivot: probe.value, "since": since_then, "limit": LIMIT}
        found: list[dict[str, Any]] = json.loads(self._get("/v1/timeline?" + urlencode(asked)))["entries"]
        return found

    @staticmethod
    def _note(probe: Probe, entry: dict[str, Any], now: float) -> None:
        probe.seen[entry["event_id"]] = now
        if entry["unbound"]:
            probe.unbound.add(entry["event_id"])

    def _get(self, path: str) -> bytes:
        try:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
        except http.client.RemoteDisconnected:
            # It ends connections on which nothing was asked for a while.
            self._connection.close()
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: the desk answered {answer.status}: {body[:500].decode(errors='replace')}")
        return body
