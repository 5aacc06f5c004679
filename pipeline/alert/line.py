"""The line of one destination: each alert is told until it is delivered, refused, or too old; in order for each alert.

In:     Notices
Out:    Delivery for every attempt; a dead letter for what could not be told
Fails:  never; what is no Failure is a bug and ends the line

Several alerts are under way at once, the news of one alert one after the other. What failed waits: longer each time,
with jitter. If the destination asks for a pause, all wait. After some failures in a row the circuit is open: all wait,
longer each time, and only one attempt is made at a time, until one succeeds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from pipeline.alert.wire import Away, Refused, Reply
from pipeline.kit.failures import Permanent, Transient
from schemas.alert import Delivery

#: Seconds: the first wait, the longest one.
FIRST, LONGEST = 0.5, 300.0
#: Failures in a row that open the circuit.
OPENS = 5
#: Characters of a reason that are kept.
REASON = 500


class Clock(Protocol):
    """Time, so that tests can move it."""

    def now(self) -> float:
        """Seconds since 1970."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class RealClock:
    """The machine's."""

    def now(self) -> float:
        """See Clock."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        await asyncio.sleep(seconds)


class Parcel:
    """Something to be told: the alert and revision it is of, its idempotency key, and how it is sent."""

    __slots__ = ("alert_id", "done", "key", "revision", "send", "since")

    def __init__(
        self, alert_id: str, revision: int, key: str, send: Callable[[], Awaitable[Reply]], done: Callable[[str], None]
    ) -> None:
        """`done` is called once with the outcome."""
        self.alert_id, self.revision, self.key = alert_id, revision, key
        self.send, self.done = send, done
        self.since = 0.0


class Line:
    """Call `put` for each parcel, in order; `idle` says when nothing is under way."""

    def __init__(
        self, name: str, *, at_once: int, give_up_after: float, record: Callable[[Delivery], None],
        trouble: Callable[[str], None], reset: Callable[[], Awaitable[None]], clock: Clock | None = None,
        chance: random.Random | None = None,
    ) -> None:  # fmt: skip
        """`trouble` is told what is wrong, or nothing; `reset` makes new connections."""
        self.name = name
        self._give_up_after = give_up_after
        self._record, self._trouble, self._reset = record, trouble, reset
        self._clock: Clock = clock or RealClock()
        self._chance = chance or random.Random()  # noqa: S311  (jitter)
        self._free = asyncio.Semaphore(at_once)
        self._probe = asyncio.Lock()
        self._queues: dict[str, list[Parcel]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._bug: BaseException | None = None
        self._under_way = 0
        #: Failures in a row, and until when nothing is tried.
        self.failures = 0
        self._until = 0.0

    @property
    def waiting(self) -> int:
        """Parcels that are not done."""
        return sum(map(len, self._queues.values()))

    @property
    def is_open(self) -> bool:
        """Whether the circuit is open: only one attempt is made at a time."""
        return self.failures >= OPENS

    def put(self, parcel: Parcel) -> None:
        """One more parcel; it is sent after the earlier ones of its alert."""
        parcel.since = self._clock.now()
        queue = self._queues.setdefault(parcel.alert_id, [])
        queue.append(parcel)
        if len(queue) == 1:
            task = asyncio.ensure_future(self._work(parcel.alert_id, queue))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """End what is under way; it is not done, and will be sent again by whoever comes next."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self) -> None:
        """Raises what a bug raised."""
        if self._bug is not None:
            raise self._bug

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._bug = self._bug or task.exception()

    async def _work(self, alert_id: str, queue: list[Parcel]) -> None:
        while queue:
            parcel = queue[0]
            async with self._free:
                outcome = await self._deliver(parcel)
            queue.pop(0)
            parcel.done(outcome)
        del self._queues[alert_id]

    async def _deliver(self, parcel: Parcel) -> str:
        """Try until it is decided; returns the outcome."""
        attempt = 0
        while True:
            await self._turn()
            attempt += 1
            if self.is_open:
                async with self._probe:
                    # Another one may have failed or succeeded meanwhile.
                    await self._turn()
                    outcome = await self._attempt(parcel, attempt, probe=True)
                    # Not while others, which began before it opened, still use what there is.
                    if outcome == "retry" and not self._under_way:
                        await self._reset()
            else:
                outcome = await self._attempt(parcel, attempt)
            if outcome != "retry":
                return outcome
            if not self.is_open:
                await self._clock.sleep(self._wait(attempt))

    async def _turn(self) -> None:
        """Wait until something may be tried."""
        while (left := self._until - self._clock.now()) > 0:
            await self._clock.sleep(left)

    async def _attempt(self, parcel: Parcel, attempt: int, *, probe: bool = False) -> str:
        began = self._clock.now()
        status, reason, asked = 0, "", 0.0
        self._under_way += 1
        try:
            status = (await parcel.send()).status
            outcome = "delivered"
        except Refused as failure:
            outcome, status, reason = "refused", failure.status, str(failure)
        except Permanent as failure:
            outcome, reason = "refused", str(failure)
        except Transient as failure:
            outcome, reason = "retry", str(failure)
            if isinstance(failure, Away):
                status, asked = failure.status, failure.retry_after
        finally:
            self._under_way -= 1
        now = self._clock.now()
        if outcome == "retry":
            self._failed(asked, reason, now, probe=probe)
            if now - parcel.since >= self._give_up_after:
                outcome = "expired"
        elif outcome == "delivered":
            self.failures, self._until = 0, 0.0
            self._trouble("")
        self._record(
            Delivery(
                destination=self.name,
                alert_id=parcel.alert_id,
                revision=parcel.revision,
                key=parcel.key,
                attempt=attempt,
                at=int(began * 1e6),
                outcome=outcome,
                status=status,
                latency=round((now - began) * 1000, 3),
                reason=reason[:REASON],
            )
        )
        return outcome

    def _failed(self, asked: float, reason: str, now: float, *, probe: bool) -> None:
        """Count a failure; all wait if the circuit is open now, or the destination asked for it.

        What began before the circuit opened and fails later is no news: it makes nobody wait longer.
        """
        late = self.is_open and not probe
        self.failures += not late
        wait = max(asked, self._wait(self.failures - OPENS + 1) if self.is_open and not late else 0.0)
        self._until = max(self._until, now + wait)
        self._trouble(f"{reason[:REASON]} ({self.failures} times in a row)")

    def _wait(self, times: int) -> float:
        """Seconds after so many failures; half of them are chance, so that many do not come back at once."""
        return min(LONGEST, FIRST * 2.0 ** min(times - 1, 20)) * self._chance.uniform(0.5, 1.0)
