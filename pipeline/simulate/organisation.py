"""An organisation at work: people, agents, CI runners, services and jobs, with ground truth for every event.

Deterministic by seed. Activities begin at random moments, a few a minute of each kind; each tells its records, and the
records come out in the order of time. Memory holds the activities under way, so any number of events can be told.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from pipeline.kit.topics import PUBLIC
from pipeline.simulate import abuse, activities, agents, okta, platforms
from pipeline.simulate.faults import Faults, arrivals
from pipeline.simulate.truth import Told
from pipeline.simulate.world import SECOND, Activity, World

#: 2026-03-02 08:00 UTC, a Monday.
START = 1_772_438_400 * SECOND
#: Mean time between two activities (seconds). Some 25 events each make some ten events a second.
GAP = 2.5

#: How often each activity begins, relative to the others.
MIX: tuple[tuple[Activity, float], ...] = (
    (agents.agent_task, 30),
    (agents.shared_agent_task, 12),
    (activities.console_work, 18),
    (activities.identity_center_work, 3),
    (okta.okta_work, 8),
    (okta.okta_agent, 3),
    (activities.ci_run, 10),
    (activities.service_account, 12),
    (activities.batch_job, 5),
    (activities.pod, 10),
    (agents.vendor_agent, 3),
    (platforms.mcp_agent, 6),
    (platforms.kubernetes_pod, 5),
    (platforms.vault_lease, 3),
    (platforms.developer, 5),
    (platforms.leaked_developer_token, 0.3),
    (platforms.rogue_mcp_server, 0.3),
    (abuse.llmjacking, 0.3),
    (abuse.injected_agent, 0.3),
    (abuse.replayed_token, 0.3),
    (abuse.ci_secret_theft, 0.3),
    (abuse.after_the_end, 0.3),
    (abuse.human_as_service, 0.3),
    (abuse.machine_as_human, 0.3),
)


def tell(seed: int, events: int, skew: float = 0.0) -> Iterator[Told]:
    """Records in the order in which they happened, until they hold `events` events.

    `skew` is the largest error of an agent host's clock, seconds.
    """
    chance = random.Random(seed)
    world = World(chance, START, int(skew * SECOND))
    waiting: list[tuple[int, int, Told]] = []
    number = 0
    for told in activities.standing_keys(world):
        heapq.heappush(waiting, (told.time, number, told))
        number += 1
    begins = float(START)
    left = events
    kinds, weights = [kind for kind, _ in MIX], [weight for _, weight in MIX]
    while left > 0:
        begins += chance.expovariate(1 / GAP) * SECOND
        while waiting and waiting[0][0] <= begins and left > 0:
            told = heapq.heappop(waiting)[2]
            left -= len(told.truths)
            yield told
        (activity,) = chance.choices(kinds, weights)
        for told in activity(world, int(begins)):
            heapq.heappush(waiting, (told.time, number, told))
            number += 1


def write(folder: Path, events: int, seed: int, faults: Faults, progress: Callable[[int], None]) -> Counter[str]:
    """The folder of so many events of a busy day; see `record`."""
    return record(folder, tell(seed, events, faults.skew), seed, faults, progress)


def record(
    folder: Path, story: Iterator[Told], seed: int, faults: Faults, progress: Callable[[int], None]
) -> Counter[str]:
    """A file of native records per public topic in order of arrival, and `truth.jsonl`; returns what was written.

    `story` is told in the order of time. `progress` is called with the number of events just written. Constant memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        files = {topic: stack.enter_context((folder / f"{topic}.jsonl").open("wb")) for topic in PUBLIC}
        truths = stack.enter_context((folder / "truth.jsonl").open("wb"))
        for told in arrivals(story, faults, seed):
            delivered = not told.truths or told.truths[0].delivered
            if delivered:
                files[told.topic].write(told.value + b"\n")
                counts["records"] += 1
            counts["lost"] += not delivered
            counts["duplicates"] += not told.truths
            for truth in told.truths:
                truths.write(msgspec.json.encode(truth) + b"\n")
            counts["events"] += len(told.truths)
            progress(len(told.truths))
    return counts
