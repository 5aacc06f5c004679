"""An organisation over days and weeks: the same identities day after day, each with its habits, and what is injected.

Deterministic by seed. What attacks inject changes nothing of what else is told, but that a developer whose token is
revoked has another. Controls may last: a service uses its new key from then on, people come from another network.
Memory holds what is under way.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence

from pipeline.simulate.staff.hire import organisation
from pipeline.simulate.staff.office import DAY, FIRST, Bout, Happening, Office
from pipeline.simulate.truth import Told
from pipeline.simulate.world import HOUR

#: Share of the days, at the end, on which something is injected; at least one of them.
LATE = 0.34
#: What begins then can end.
_REST = 4 * HOUR


def days(seed: int, count: int, scale: float = 1.0, injected: Sequence[Bout] = (), skew: float = 0.0) -> Iterator[Told]:
    """Records of so many days in the order in which they happened.

    `scale` multiplies the numbers of identities (1 = about 150); `skew` is the largest error of an agent host's clock,
    seconds. `injected` happens besides, each bout at its time (see `schedule`).
    """
    return _tell(organisation(seed, count, scale, skew), injected)


def inject(seed: int, count: int, chosen: Mapping[str, Happening], since: float = -1.0, times: int = 1,
           scale: float = 1.0, skew: float = 0.0) -> Iterator[Told]:  # fmt: skip
    """`days` in which each of these happens once (or so many times), when `schedule` says."""
    return days(seed, count, scale, schedule(seed, count, chosen, since, times), skew)


def schedule(seed: int, count: int, chosen: Mapping[str, Happening], since: float = -1.0, times: int = 1) -> list[Bout]:
    """Each of these so many times, one after the other in an order of its own, evenly over the last of so many days.

    `since` is the day (from 0, may have decimals) from which on they may happen; without it, the last third. Those that
    need somebody at work begin when somebody is.
    """
    chance = random.Random(f"{seed}/schedule/{count}")
    names = [name for _ in range(times) for name in chance.sample(list(chosen), k=len(chosen))]
    first = FIRST + int((count - max(1.0, count * LATE) if since < 0 else since) * DAY)
    each = max(0, FIRST + count * DAY - _REST - first) // max(1, len(names))
    moments = [first + number * each + int(chance.uniform(0, 0.8) * each) for number in range(len(names))]
    return [Bout(at, f"injected/{name}/{at}", chosen[name]) for at, name in zip(moments, names, strict=True)]


def _tell(office: Office, injected: Sequence[Bout]) -> Iterator[Told]:
    streams = [one.bouts(office) for one in office.staff]
    planned = sorted(injected, key=lambda bout: bout.time)
    waiting: list[tuple[int, int, Told]] = []
    number = 0
    for bout in heapq.merge(*streams, planned, key=lambda bout: bout.time):
        while waiting and waiting[0][0] <= bout.time:
            yield heapq.heappop(waiting)[2]
        office.roll(bout.name)
        for told in (*bout.happening(office, bout.time), *office.besides):
            heapq.heappush(waiting, (told.time, number, told))
            number += 1
        office.besides.clear()
    while waiting:
        yield heapq.heappop(waiting)[2]
