"""What live sessions and actors take of a worker's memory; `benchmarks.state` prints it beside that of credentials."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.correlate.engine import Engine
from pipeline.correlate.route import route
from pipeline.kit.config import Settings
from pipeline.kit.state import PartitionState, packed
from pipeline.score import drift, misuse
from schemas.entry import Entry, PackedEntry
from schemas.event import Event

START, SECOND, DAY = 1_767_225_600_000_000, 1_000_000, 86_400_000_000
#: Sessions that begin each second of event time, and between two checkpoints; calls of a session, acts of an actor.
RATE, STEP, CALLS, ACTS = 5, 1000, 4, 8


def resident() -> int:
    """Bytes of this process in memory (Linux)."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Changelog:
    """Of some states: what a worker keeps beside their values."""

    def __init__(self, *states: PartitionState) -> None:
        self._states = states
        self._kept: list[dict[tuple[int, int], bytes]] = [{} for _ in states]

    def checkpoint(self) -> None:
        """What a worker does every second."""
        for state, kept in zip(self._states, self._kept, strict=True):
            state.offset += 1
            segments, needless = state.checkpoint()
            kept.update({(segment.epoch, segment.number): packed(segment) for segment in segments})
            for name in needless:
                kept.pop(name, None)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(len(value) for kept in self._kept for value in kept.values())


def sessions(count: int) -> dict[str, int]:
    """An agent's sessions, each a prompt and some tool calls: what both hops and the drift stage keep of one."""
    with settings() as home:
        engine = Engine(5.0, 7 * 86_400.0, 2000)
        engine.steps = []
        drifts = drift.scorer(home)(PartitionState(drift.STATE_TYPES))

    def take(number: int) -> None:
        events = session(number)
        engine.feed([item for event in events for item in route(event)])
        engine.reached(events[-1].time)
        drifts.apply(engine.steps or [])
        engine.steps = []

    return _measured("session", count, take, engine.directory.state, engine.sessions.state, drifts.state)


def session(number: int) -> list[Event]:
    """What happens in one session."""
    name, time, agent = f"conversation-{number:08d}", START + number * SECOND // RATE, f"agent-{number % 100}"
    said = Event(
        event_id=f"{number:08x}-0000-4000-8000-000000000000", kind="prompt", time=time, format="otel.genai",
        action="user_message", actor=agent, actor_kind="agent", human=f"user-{number % 500}@example.com", session=name,
        text=f"Look after invoice {number}.", record_id="0" * 32,
    )  # fmt: skip
    calls = [
        Event(
            event_id=f"{number:08x}-0000-4000-8000-{1 + call:012x}", kind="tool_call", time=time + call * SECOND // 100,
            format="otel.genai", action=f"tool-{call}", tool=f"tool-{call}", phase="start", actor=agent,
            actor_kind="agent", session=name, tool_call=f"call-{number}-{call}", record_id="0" * 32,
        )
        for call in range(CALLS)
    ]  # fmt: skip
    return [said, *calls]


def actors(count: int) -> dict[str, int]:
    """Identities that act day after day, each by a credential of its own: what the misuse stage keeps of one."""
    with settings() as home:
        watched = misuse.scorer(home)(PartitionState(misuse.STATE_TYPES))
    return _measured("actor", count, lambda number: _discard(watched.apply(acts(number))), watched.state)


def acts(number: int) -> Iterator[PackedEntry]:
    """What one actor does."""
    actor = f"arn:aws:iam::123456789012:user/person-{number}"
    for act in range(ACTS):
        event = Event(
            event_id=f"{number:08x}-0000-4000-8000-{act:012x}", kind="cloud_audit", format="aws.cloudtrail",
            time=START + act * DAY // 2 + number * SECOND // RATE, action=f"s3:Action{act % 5}", outcome="success",
            actor=actor, actor_kind="human", credential=f"aws:AKIA{number:016X}", address=f"192.0.2.{number % 250}",
            user_agent="aws-cli/2.15.0", record_id="0" * 32,
        )  # fmt: skip
        yield Entry(event=event, actor=actor, actor_kind="human", credential_chain=[f"aws:AKIA{number:016X}"]).packed()


def _discard(_found: object) -> None:
    """Findings are not kept by a worker."""


def _measured(kind: str, count: int, take: Callable[[int], None], *states: PartitionState) -> dict[str, int]:
    log, before = Changelog(*states), resident()
    for number in range(count):
        take(number)
        if number % STEP == STEP - 1:
            log.checkpoint()
    log.checkpoint()
    grown = resident() - before - log.size
    return {
        f"{kind}s": count, f"{kind}_values": sum(map(len, states)), f"{kind}_memory_each": round(grown / count),
        f"{kind}_changelog_each": round(log.size / count),
    }  # fmt: skip


@contextmanager
def settings() -> Iterator[Settings]:
    """Of stages that stand alone, with a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="whodid-state-") as home:
        yield Settings(clickhouse="chdb://memory", data_dir=Path(home), hash_key="0" * 16)
