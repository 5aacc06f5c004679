"""`whodid demo`: everything on this machine, a bundled incident through all four topics, and what it comes to."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from pipeline.cli import findings_views, views
from pipeline.cli.desk import DeskReader
from pipeline.console import links
from pipeline.console.inert import inert
from pipeline.kit.config import Settings
from pipeline.run.up import Up
from pipeline.score.findings import DRIFT
from pipeline.simulate import incident
from pipeline.sources.publish import Publisher
from schemas.rejected import Record

MICROSECONDS = 1_000_000
#: The incident lies in the past, so that no clock rejects it; one start a second keeps demonstrations apart.
AGO = 3600
WAIT = 60.0


class Demo:
    """One demonstration."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say

    def run(self, stopped: threading.Event, *, stay: bool) -> bool:
        """Start, stream, print, stay until `stopped` if wanted; False if the timeline is not the incident's truth."""
        started = time.monotonic()
        with Up(self._settings, self._say) as running:
            self._say(f"Broker, worker and desk are up after {time.monotonic() - started:.1f} s.")
            start = (int(time.time()) - AGO) * MICROSECONDS
            truth = incident.truth(start)
            publisher = Publisher(running.settings)
            desk = DeskReader(running.address, running.settings.api_key)
            told = list(incident.records(start))
            # What the agent did on the days before is known by then, as it would be.
            _send(publisher, told[: truth.earlier])
            self._heard(desk, truth, stopped)
            _send(publisher, told[truth.earlier :])
            self._say(
                f"{publisher.sent} native records sent to four topics. {truth.clue} is all that the bill shows.\n"
            )
            right = self._await(desk, truth, stopped)
            self._tell(desk, truth, running.address)
            if stay:
                self._say("Ctrl-C ends it.")
                running.watch(stopped.is_set)
        return right or stopped.is_set()

    def _heard(self, desk: DeskReader, truth: incident.Truth, stopped: threading.Event) -> None:
        """Wait until the agent's earlier days are in the timeline, beside those of earlier demonstrations."""
        deadline = time.monotonic() + WAIT
        each, waiting = truth.earlier // len(truth.earlier_sessions), list(truth.earlier_sessions)
        while waiting and time.monotonic() < deadline:
            if len(list(desk.timeline("session", waiting[-1], limit=1000))) >= each:
                waiting.pop()
            elif stopped.wait(0.2):
                return

    def _await(self, desk: DeskReader, truth: incident.Truth, stopped: threading.Event) -> bool:
        """Wait until the clue is led back to its root, which is when the timeline is what the truth says."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline and not stopped.wait(0.2):
            rows = list(desk.timeline("session", truth.session, limit=1000))
            if _right(rows, truth) and self._thief(desk, truth) and self._found(desk, truth):
                return True
        return False

    def _found(self, desk: DeskReader, truth: incident.Truth) -> bool:
        return any(row["detection"] == DRIFT for row in desk.findings({"session": truth.session}, 10))

    def _thief(self, desk: DeskReader, truth: incident.Truth) -> bool:
        used = [row for row in desk.timeline("credential", truth.clue, limit=1000) if row["credential"] == truth.clue]
        return bool(used) and all(row["credential_chain"] == list(truth.chain) for row in used)

    def _tell(self, desk: DeskReader, truth: incident.Truth, address: str) -> None:
        self._say(f"What was done with {truth.clue}, and how it came to be (first rows):\n")
        rows = list(desk.timeline("credential", truth.clue, limit=1000))
        views.timeline(rows[:6], "table", sys.stdout)
        chain = " <- ".join(truth.chain)
        self._say(f"\n{len(rows)} events. Chain of credentials: {chain}\n")
        self._say(f"The session in which it was minted, {truth.session}:\n")
        views.timeline(desk.timeline("session", truth.session, limit=1000), "table", sys.stdout)
        self._say("\nWhat was found in it:\n")
        findings_views.listing(desk.findings({"session": truth.session}, 10), "table", sys.stdout)
        self._say(f"\nFrom that one key, whodid reconstruct {truth.clue} says:\n")
        told = desk.incident({"clue": truth.clue, "kind": "credential"})
        for line in (told["title"], *told["summary"]):
            self._say(f"  {inert(line)}")
        self._say(f"\nConsole: {address}{links.session(truth.session)}")
        self._say(f"Incident: {address}{links.reconstruction('credential', truth.clue)}")


def _send(publisher: Publisher, records: list[tuple[str, Record]]) -> None:
    for topic, record in records:
        publisher.send(record, topic)
    publisher.flush()


def _right(rows: list[dict[str, Any]], truth: incident.Truth) -> bool:
    cloud = [row for row in rows if row["kind"] in ("cloud_audit", "token_issuance")]
    mine = all(row["actor"] == truth.agent and row["human"] == truth.human for row in rows)
    caused = all(row["tool_call"] and row["prompt_event"] for row in cloud if row["credential"] in truth.chain[:3])
    return len(rows) >= 18 and mine and caused
