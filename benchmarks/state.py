"""What a worker keeps of live credentials, sessions and actors: bytes of memory each, bytes of changelog.

    python -m benchmarks.state [--credentials N] [--sessions N] [--actors N] [--partitions N] [--json]

Each credential was issued (the first link of a role chain, with a role session's name) and used once, and lives for
twelve hours. Memory is the growth of the process, by the operating system's account, while only the state is held; the
changelog is what a restarting worker reads; recovering is decoding that and asking for each credential once.

A session (`benchmarks.living`) is a prompt and four tool calls of one of a hundred agents, as both hops and the drift
stage keep it while it may still be revised; an actor is a person with an access key of its own, who acted eight times
in four days, as the misuse stage keeps it. Each kind is measured in a process of its own. 0 leaves a kind out.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

from benchmarks.living import actors, resident, sessions
from pipeline.correlate import directory
from pipeline.correlate.keyring import Key
from pipeline.correlate.route import route
from pipeline.correlate.watermark import LEVELS, NORMALIZER, PARTITION
from pipeline.kit.config import Settings
from pipeline.kit.state import PartitionState, packed, unpacked
from pipeline.kit.topics import partition_of
from schemas.batch import SECOND_HOP, Batch, Item, Mark, Recall
from schemas.event import Event

START = 1_767_225_600_000_000
#: Issuances a second of event time, and how many are taken in between two checkpoints.
RATE, STEP = 500, 5_000


def issued(number: int) -> Event:
    """The issuance of a credential."""
    time = START + number * 1_000_000 // RATE
    return Event(
        event_id=f"{number:08x}-0000-4000-8000-000000000000", kind="token_issuance", time=time, format="aws.cloudtrail",
        action="sts:AssumeRole", outcome="success", actor=f"arn:aws:iam::123456789012:user/person-{number % 1000}",
        issued=f"aws:ASIA{number:016X}", issued_kind="session", issued_expires=time + 43_200_000_000,
        issued_subject=f"arn:aws:sts::123456789012:assumed-role/role-{number % 40}/session-{number}",
        session_name=f"session-{number}", record_id="0" * 32,
    )  # fmt: skip


def used(number: int) -> Event:
    """A call with it."""
    return Event(
        event_id=f"{number:08x}-0000-4000-8000-000000000001", kind="cloud_audit", format="aws.cloudtrail",
        time=START + number * 1_000_000 // RATE + 1_000_000, action="s3:GetObject", outcome="success",
        credential=f"aws:ASIA{number:016X}", record_id="0" * 32,
    )  # fmt: skip


class FirstHop:
    """All partitions of it, whose changelog is a dictionary."""

    def __init__(self, partitions: int) -> None:
        settings = Settings(bootstrap="", clickhouse="chdb://:memory:")
        self._limits = int(settings.grace * 1e6), int(settings.late_window * 1e6), settings.late_limit
        self.states = [PartitionState(directory.STATE_TYPES) for _ in range(partitions)]
        self.stages = [directory.Directory(state, *self._limits) for state in self.states]
        self.changelog: list[dict[tuple[int, int], bytes]] = [{} for _ in range(partitions)]

    def take(self, items: list[Item]) -> None:
        """Take in items and what they cause in this hop."""
        while items:
            caused: list[Item | Recall] = []
            for number, stage in enumerate(self.stages):
                mine = [item for item in items if partition_of(item.key, len(self.stages)) == number]
                caused += stage.apply(Batch(mine)) if mine else []
            items = [item for item in caused if not isinstance(item, (*SECOND_HOP, Recall))]

    def reach(self, time: int) -> None:
        """Event time has come so far everywhere."""
        marks = [Mark(NORMALIZER + "0", [time] * LEVELS, 1)]
        marks += [Mark(f"{PARTITION}{number}", [time] * LEVELS, 1) for number in range(len(self.stages))]
        for stage in self.stages:
            stage.apply(Batch([], marks))

    def checkpoint(self) -> None:
        """What a worker does every second."""
        for state, log in zip(self.states, self.changelog, strict=True):
            state.offset += 1
            segments, needless = state.checkpoint()
            log.update({(segment.epoch, segment.number): packed(segment) for segment in segments})
            for name in needless:
                log.pop(name, None)


def measure(credentials: int, partitions: int) -> dict[str, Any]:
    """Figures for one number of credentials."""
    hop = FirstHop(partitions)
    before, began = resident(), time.monotonic()
    for first in range(0, credentials, STEP):
        numbers = range(first, min(first + STEP, credentials))
        hop.take([item for number in numbers for item in route(issued(number))])
        hop.take([item for number in numbers for item in route(used(number))])
        hop.reach(START + numbers[-1] * 1_000_000 // RATE)
        hop.checkpoint()
    filled = time.monotonic() - began
    changelog = sum(len(value) for log in hop.changelog for value in log.values())
    memory = resident() - before - changelog
    logs = hop.changelog
    del hop
    gc.collect()
    began = time.monotonic()
    known = recovered(logs, credentials, partitions)
    return {
        "credentials": credentials, "known after recovery": known, "memory_mb": round(memory / 1e6, 1),
        "memory_each": round(memory / credentials), "changelog_mb": round(changelog / 1e6, 1),
        "changelog_each": round(changelog / credentials), "seconds_to_fill": round(filled, 1),
        "seconds_to_recover": round(time.monotonic() - began, 1),
    }  # fmt: skip


def recovered(logs: list[dict[tuple[int, int], bytes]], credentials: int, partitions: int) -> int:
    """How many credentials are bound after a restart."""
    states = []
    for log in logs:
        state = PartitionState(directory.STATE_TYPES)
        state.load(map(unpacked, log.values()))
        directory.Directory(state, 5_000_000, 3_600_000_000, 2000)
        states.append(state)
    names = (f"credential:aws:ASIA{number:016X}" for number in range(credentials))
    keys = (states[partition_of(name, partitions)].get("k/" + name, Key) for name in names)
    return sum(key is not None and bool(key.binds) for key in keys)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--credentials", type=int, default=200_000)
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--actors", type=int, default=20_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    given = parser.parse_args()
    kinds = (
        partial(measure, given.credentials, given.partitions), partial(sessions, given.sessions),
        partial(actors, given.actors),
    )  # fmt: skip
    result: dict[str, Any] = {}
    for kind, count in zip(kinds, (given.credentials, given.sessions, given.actors), strict=True):
        if count:
            # Else one kind would be put where another was.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                result |= alone.submit(kind).result()
    if given.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"  {name:22} {value:>12,}")


if __name__ == "__main__":
    main()
