"""An organisation over days and weeks: the same identities day after day, each with its habits, and what is injected.

Deterministic by seed. What is injected changes nothing of what else is told. Memory holds what is under way.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from pipeline.simulate.staff.hire import organisation
from pipeline.simulate.staff.office import Bout, Office
from pipeline.simulate.truth import Told


def days(seed: int, count: int, scale: float = 1.0, injected: Sequence[Bout] = (), skew: float = 0.0) -> Iterator[Told]:
    """Records of so many days in the order in which they happened.

    `scale` multiplies the numbers of identities (1 = about 150); `skew` is the largest error of an agent host's clock,
    seconds. `injected` happens besides, in its order of time (see `schedule`).
    """
    return tell(organisation(seed, count, scale, skew), injected)


def tell(office: Office, injected: Sequence[Bout] = ()) -> Iterator[Told]:
    """What happens in an organisation."""
    streams = [one.bouts(office) for one in office.staff]
    planned = sorted(injected, key=lambda bout: bout.time)
    waiting: list[tuple[int, int, Told]] = []
    number = 0
    for bout in heapq.merge(*streams, planned, key=lambda bout: bout.time):
        while waiting and waiting[0][0] <= bout.time:
            yield heapq.heappop(waiting)[2]
        office.roll(bout.name)
        for told in bout.happening(office, bout.time):
            heapq.heappush(waiting, (told.time, number, told))
            number += 1
    while waiting:
        yield heapq.heappop(waiting)[2]
