"""The shape of an actor's work in time: is it a person, an agent or a script?

Not how fast it is: a person's click in a web console becomes dozens of requests in a second. Requests that one decision
causes are grouped first; what tells the three apart is how decisions follow each other, how alike they are, and what
they do. All times are taken to the second, since some sources have no finer clock.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from pipeline.score.deeds import GRAVE

SECOND = 1_000_000
#: Seconds between requests of one decision, and how long one decision may go on.
TOGETHER, LONGEST = 1, 5
#: Decisions that are kept of a stream; the latest ones, which show somebody else who has taken it over; and the fewest
#: that say anything.
KEPT, LATEST, FEWEST = 64, 12, 6
#: The whole of what is kept is looked at every so many times that the latest are.
WHOLE_EVERY = 4
#: After so long (seconds) a stream begins anew.
PAUSE = 4 * 3600

MEASURES = (
    "median_gap", "short_gap", "long_gap", "spread", "deviation", "entropy", "within_2s", "within_10s", "within_60s",
    "over_60s", "regularity", "memory", "mean_size", "largest", "singles", "size_deviation", "variety_within",
    "variety", "favourite", "changing", "failing", "looking", "grave", "longest_run", "duration", "per_second",
    "repeated", "decisions", "targets",
)  # fmt: skip


class Moment(Protocol):
    """What of an act its shape in time is made of (`pipeline.score.act.Act`)."""

    @property
    def time(self) -> int:
        """Event time (microseconds)."""

    @property
    def action(self) -> str:
        """What was done."""

    @property
    def flags(self) -> int:
        """Bits of `pipeline.score.deeds`."""

    @property
    def target(self) -> str:
        """What it was done to."""

    @property
    def denied(self) -> bool:
        """It was not allowed."""

    @property
    def failed(self) -> bool:
        """It went wrong."""

    @property
    def looks(self) -> bool:
        """It changes nothing."""

    @property
    def changes(self) -> bool:
        """It changes something."""


class Decision(msgspec.Struct, array_like=True, gc=False):
    """Requests that belong together: seconds of the first and the last, and what they did."""

    start: int
    end: int
    size: int = 0
    looks: int = 0
    changes: int = 0
    grave: int = 0
    failed: int = 0
    #: Distinct actions, a hash over them, and the most common one.
    actions: list[str] = []
    targets: int = 0
    last_target: str = ""


class Stream(msgspec.Struct, array_like=True, gc=False):
    """The latest decisions made with one credential or in one session."""

    decisions: list[Decision]
    #: Decisions ever made; at how many of them the shape is looked at next.
    made: int = 0
    next: int = FEWEST
    #: How often the shape was looked at.
    looks: int = 0
    #: Surprise of all that was new to its identity on this day (nats).
    novel: float = 0.0
    day: int = 0

    @property
    def last(self) -> int:
        """Event time (microseconds) of the latest decision."""
        return self.decisions[-1].end * SECOND if self.decisions else 0

    def add(self, act: Moment) -> bool:
        """Take in an act; True if the shape should be looked at: ever less often as a stream grows."""
        second = act.time // SECOND
        last = self.decisions[-1] if self.decisions else None
        if last is not None and second > last.end + PAUSE:
            self.decisions, self.made, self.next, self.looks, self.novel, last = [], 0, FEWEST, 0, 0.0, None
        if last is None or second > last.end + TOGETHER or second >= last.start + LONGEST:
            if last is not None and second < last.start:
                # Out of order: with the decision that was going on then.
                last = next((one for one in reversed(self.decisions) if one.start <= second), self.decisions[0])
            else:
                last = Decision(second, second, actions=[])
                self.decisions.append(last)
                self.made += 1
        _note(last, act, second)
        if len(self.decisions) > KEPT:
            del self.decisions[0]
        if self.made <= self.next or last.size > 1:
            return False
        self.next = max(self.made + LATEST // 2, min(self.made + LATEST, self.made * 2))
        self.looks += 1
        return True


def _note(decision: Decision, act: Moment, second: int) -> None:
    decision.size += 1
    decision.end = max(decision.end, second)
    decision.looks += act.looks
    decision.changes += act.changes
    decision.grave += bool(act.flags & GRAVE)
    decision.failed += act.denied or act.failed
    if act.action not in decision.actions and len(decision.actions) < 16:
        decision.actions.append(act.action)
    if act.target and act.target != decision.last_target:
        decision.targets += 1
        decision.last_target = act.target


def measure(decisions: Sequence[Decision]) -> list[float]:
    """The values of MEASURES; needs two decisions at least."""
    starts = [one.start for one in decisions]
    gaps = sorted(max(0, after - before) for before, after in itertools.pairwise(starts))
    logs = [math.log1p(max(0, after - before)) for before, after in itertools.pairwise(starts)]
    ordered = sorted(logs)
    number = len(gaps)
    sizes = [one.size for one in decisions]
    events = sum(sizes)
    within_2s, within_10s, within_60s = (sum(gap <= limit for gap in gaps) / number for limit in (2, 10, 60))
    actions = Counter(action for one in decisions for action in one.actions)
    size_logs = [math.log(size) for size in sizes]
    return [
        _at(ordered, 0.5), _at(ordered, 0.1), _at(ordered, 0.9), _at(ordered, 0.75) - _at(ordered, 0.25),
        _deviation(logs), _entropy(logs), within_2s, within_10s, within_60s, 1 - within_60s, _regularity(gaps),
        _memory(logs), sum(size_logs) / len(sizes), max(size_logs), sum(size == 1 for size in sizes) / len(sizes),
        _deviation(size_logs), sum(len(one.actions) / min(one.size, 16) for one in decisions) / len(decisions),
        math.log(len(actions)) / math.log(2 + sum(actions.values())), max(actions.values()) / len(decisions),
        sum(one.changes for one in decisions) / events, sum(one.failed for one in decisions) / events,
        sum(one.looks for one in decisions) / events, sum(one.grave for one in decisions) / events,
        math.log1p(_longest(starts)), math.log1p(decisions[-1].end - starts[0]),
        math.log(max(one.size / (one.end - one.start + 1) for one in decisions)),
        sum(a.actions == b.actions for a, b in itertools.pairwise(decisions)) / number,
        math.log(len(decisions)), sum(one.targets for one in decisions) / events,
    ]  # fmt: skip


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def _entropy(logs: Sequence[float]) -> float:
    """Of the gaps in bins of a factor of 1.65, in shares of what it is at most (1 = every bin alike)."""
    bins = Counter(int(value * 2) for value in logs)
    total = len(logs)
    found = -sum(count / total * math.log(count / total) for count in bins.values())
    return found / math.log(max(2, min(total, 20)))


def _regularity(gaps: Sequence[int]) -> float:
    """Share of gaps that are the most common one, give or take a second or a tenth."""
    if not gaps:
        return 0.0
    common = Counter(gaps).most_common(1)[0][0]
    slack = max(1, common // 10)
    return sum(abs(gap - common) <= slack for gap in gaps) / len(gaps)


def _memory(logs: Sequence[float]) -> float:
    """Correlation of each gap with the next."""
    mean = sum(logs) / len(logs)
    spread = sum((value - mean) ** 2 for value in logs)
    together = sum((a - mean) * (b - mean) for a, b in itertools.pairwise(logs))
    return together / spread if spread else 1.0


def _longest(starts: Sequence[int]) -> int:
    """Seconds of the longest stretch without a pause of half a minute."""
    longest = begun = 0
    for before, after in itertools.pairwise(starts):
        begun = begun + after - before if after - before <= 30 else 0
        longest = max(longest, begun)
    return longest


def vectors(steps: Iterable[Moment]) -> list[list[float]]:
    """The measures of a sequence, each time that its shape would be looked at while it goes on."""
    stream = Stream([])
    return [measure(stream.decisions) for step in steps if stream.add(step)]
