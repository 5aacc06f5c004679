"""A line against a destination that does everything wrong, under a clock that is moved."""

import asyncio
import random
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from pipeline.alert.line import LONGEST, OPENS, Line, Parcel
from pipeline.alert.wire import Away, Refused, Reply

OK = Reply(200, {}, b"")


class MovedClock:
    """Whoever waits moves it."""

    def __init__(self) -> None:
        self.time = 1_772_442_000.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        until = self.time + seconds
        await asyncio.sleep(0)
        self.time = max(self.time, until)


class Rig:
    """A line, what it recorded, and what arrived."""

    def __init__(self, behave, *, at_once=8, give_up_after=86_400.0) -> None:
        self.clock = MovedClock()
        self.behave = behave
        self.recorded, self.troubles, self.resets = [], [], 0
        self.arrived: dict[str, list[int]] = defaultdict(list)
        self.keys: Counter[str] = Counter()
        self.outcomes: dict[str, str] = {}
        self.under_way = self.most = 0
        self.line = Line(
            "siem", at_once=at_once, give_up_after=give_up_after, record=self.recorded.append,
            trouble=self.troubles.append, reset=self._reset, clock=self.clock, chance=random.Random(1),
        )  # fmt: skip

    async def _reset(self) -> None:
        self.resets += 1

    def put(self, alert: str, revision: int = 0) -> None:
        key = f"{alert}.{revision}"

        async def send() -> Reply:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            try:
                reply = await self.behave(self, alert, revision)
            finally:
                self.under_way -= 1
            self.arrived[alert].append(revision)
            self.keys[key] += 1
            return reply

        def done(outcome: str) -> None:
            assert key not in self.outcomes, "each is decided once"
            self.outcomes[key] = outcome

        self.line.put(Parcel(alert, revision, key, send, done))

    async def through(self) -> None:
        while self.line.waiting:
            self.line.check()
            await asyncio.sleep(0)


def run(rig: Rig, *parcels) -> Rig:
    async def main() -> None:
        for alert, revision in parcels:
            rig.put(alert, revision)
        await rig.through()

    asyncio.run(main())
    return rig


async def works(rig, alert, revision):
    await asyncio.sleep(0)
    return OK


def made(behave, **more) -> Rig:
    async def make() -> Rig:
        return Rig(behave, **more)

    return asyncio.run(make())


def test_what_works_is_delivered_in_order_for_each_alert_and_side_by_side():
    rig = run(made(works), *[(f"a{n}", revision) for revision in range(3) for n in range(20)])
    assert set(rig.outcomes.values()) == {"delivered"}
    assert all(revisions == [0, 1, 2] for revisions in rig.arrived.values())
    assert rig.most == 8
    assert {one.attempt for one in rig.recorded} == {1}


def test_waits_grow_with_jitter_and_have_an_end():
    async def away(rig, alert, revision):
        raise Away("connection refused")

    rig = run(made(away), ("a", 0))
    assert rig.outcomes == {"a.0": "expired"}
    times = [one.at / 1e6 for one in rig.recorded]
    waits = [after - before for before, after in pairwise(times)]
    assert 0.25 <= waits[0] <= 0.5
    assert all(LONGEST / 2 <= wait <= LONGEST for wait in waits[16:])
    assert len({round(wait, 3) for wait in waits[16:]}) > 10
    assert times[-1] - times[0] >= 86_400
    assert len(times) < 700, "a day of it is a few hundred attempts"
    assert [one.attempt for one in rig.recorded] == list(range(1, len(times) + 1))


def test_a_refused_alert_is_a_dead_letter_at_once_and_delays_no_other():
    async def refuses(rig, alert, revision):
        if alert == "bad":
            raise Refused("HTTP 400: no such field", 400)
        return OK

    rig = run(made(refuses), ("bad", 0), ("bad", 1), ("good", 0))
    assert rig.outcomes == {"bad.0": "refused", "bad.1": "refused", "good.0": "delivered"}
    assert [one.status for one in rig.recorded if one.outcome == "refused"] == [400, 400]
    assert not any(rig.troubles)


@pytest.mark.parametrize("asked", [7.0, 1800.0])
def test_retry_after_is_honoured(asked):
    async def busy(rig, alert, revision):
        if len(rig.recorded) == 0:
            raise Away("HTTP 429", 429, asked)
        return OK

    rig = run(made(busy), ("a", 0))
    first, second = rig.recorded
    assert (second.at - first.at) / 1e6 >= asked
    assert (first.status, first.outcome, second.outcome) == (429, "retry", "delivered")


def test_an_open_circuit_tries_one_at_a_time_and_closes_by_itself():
    async def for_a_while(rig, alert, revision):
        await asyncio.sleep(0)
        if len(rig.recorded) < 40:
            raise Away("HTTP 503", 503)
        return OK

    rig = made(for_a_while)
    widths = []

    async def watched(rig, alert, revision):
        if rig.line.is_open:
            widths.append(rig.under_way)
        return await for_a_while(rig, alert, revision)

    rig.behave = watched
    run(rig, *[(f"a{n}", 0) for n in range(50)])
    # Those that were under way when it opened had begun before.
    assert set(widths[8:]) == {1}
    assert set(rig.outcomes.values()) == {"delivered"}
    assert rig.troubles[-1] == ""
    assert rig.resets, "connections are made anew"
    assert rig.line.failures == 0


def test_ten_thousand_alerts_through_everything_that_goes_wrong():
    """Slow, 5xx, 429, resets, hangs, a wrong certificate, redirects, half an hour of nothing: none is lost."""
    chance = random.Random(3)
    faults = [
        lambda: Away("HTTP 500", 500), lambda: Away("HTTP 429", 429, 2.0), lambda: Away("ConnectionResetError"),
        lambda: Away("no answer within 10 s"), lambda: Away("its certificate is not trusted"),
        lambda: Away("HTTP 302: redirects are not followed", 302),
    ]  # fmt: skip
    out = {}

    async def hostile(rig, alert, revision):
        await asyncio.sleep(0)
        begun = out.setdefault("begun", rig.clock.now() + 60)
        if begun <= rig.clock.now() < begun + 1800:
            raise Away("connection refused")
        drawn = chance.random()
        if drawn < 0.2:
            raise chance.choice(faults)()
        if drawn < 0.25:
            # It took it, and the answer was lost.
            rig.arrived[alert].append(revision)
            rig.keys[f"{alert}.{revision}"] += 1
            raise Away("no answer within 10 s")
        await rig.clock.sleep(chance.random() * 0.1)
        return OK

    rig = run(made(hostile, at_once=16), *[(f"a{n % 4000}", n // 4000) for n in range(10_000)])
    assert len(rig.outcomes) == 10_000
    assert set(rig.outcomes.values()) == {"delivered"}
    assert len(rig.keys) == 10_000
    assert sum(rig.keys.values()) > 10_000, "duplicates there are, each with the key of the first"
    assert all(revisions == sorted(revisions) for revisions in rig.arrived.values())
    assert rig.clock.now() > out["begun"] + 1800


def test_told_to_stop_nothing_under_way_is_decided():
    async def hangs(rig, alert, revision):
        await asyncio.Event().wait()

    async def main() -> Rig:
        rig = Rig(hangs)
        rig.put("a")
        await asyncio.sleep(0.01)
        await rig.line.stop()
        return rig

    assert not asyncio.run(main()).outcomes


def test_a_bug_is_not_taken_for_a_failure_of_the_destination():
    async def buggy(rig, alert, revision):
        raise KeyError("title")

    async def main() -> None:
        rig = Rig(buggy)
        rig.put("a")
        with pytest.raises(KeyError):
            await rig.through()

    asyncio.run(main())


def test_the_circuit_opens_after_some_failures_in_a_row():
    opened = []

    async def away(rig, alert, revision):
        opened.append(rig.line.is_open)
        raise Away("x")

    run(made(away, give_up_after=60.0), ("a", 0))
    assert opened.index(True) == OPENS


def test_what_began_before_the_circuit_opened_and_fails_late_makes_nobody_wait_longer():
    async def slow_and_away(rig, alert, revision):
        if rig.clock.now() - rig.began < 20:
            # All begin at once; most hang for ten seconds and fail long after the first few have.
            await rig.clock.sleep(10.0 if int(alert[1:]) > 5 else 0.0)
            raise Away("no answer within 10 s")
        return OK

    rig = made(slow_and_away, at_once=64)
    rig.began = rig.clock.now()
    run(rig, *[(f"a{n}", 0) for n in range(60)])
    assert set(rig.outcomes.values()) == {"delivered"}
    assert rig.clock.now() - rig.began < 120
