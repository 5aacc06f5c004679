"""What happens to records on their way: they are lost, doubled, delayed, reordered, and their clocks are off."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field

from pipeline.kit.failures import Invalid
from pipeline.simulate.truth import Told

SECOND = 1_000_000


class Faults(BaseModel):
    """Rates as shares of all records, times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    loss: float = Field(0.0, ge=0, le=1)
    duplicates: float = Field(0.0, ge=0, le=1)
    #: Longest further delay of a record; what is delayed is reordered.
    delay: float = Field(0.0, ge=0)
    #: Largest error of an agent host's clock.
    skew: float = Field(0.0, ge=0)

    @classmethod
    def parse(cls, text: str) -> Faults:
        """From `loss=0.02,duplicates=0.02,delay=30,skew=3`. Raises Invalid naming the part at fault."""
        try:
            parts = dict(part.split("=", 1) for part in text.split(",") if part.strip())
            return cls.model_validate({name.strip(): value for name, value in parts.items()})
        except ValueError as error:
            known = ", ".join(cls.model_fields)
            raise Invalid("--faults", f"name=value[,name=value…] with {known}, e.g. loss=0.02,skew=3", text) from error


def arrivals(told: Iterator[Told], faults: Faults, seed: int) -> Iterator[Told]:
    """The records in the order in which they arrive. A lost one comes too, with its truths marked as not delivered."""
    chance = random.Random(seed + 1)
    waiting: list[tuple[int, int, Told]] = []
    number = 0
    for one in told:
        while waiting and waiting[0][0] <= one.time:
            yield heapq.heappop(waiting)[2]
        one.arrives += int(chance.uniform(0, faults.delay) * SECOND)
        if chance.random() < faults.loss:
            for truth in one.truths:
                truth.delivered = False
        elif chance.random() < faults.duplicates:
            again = Told(
                one.time, one.arrives + int(chance.uniform(0, 60) * SECOND), one.topic, one.format, one.value, []
            )
            heapq.heappush(waiting, (again.arrives, number, again))
            number += 1
        heapq.heappush(waiting, (one.arrives, number, one))
        number += 1
    while waiting:
        yield heapq.heappop(waiting)[2]
