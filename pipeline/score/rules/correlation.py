"""Correlations: entries that fit rules become one match when enough of them fall within a time, whatever their order.

State: per correlation, 64 Buckets of groups in a PartitionState, keys `r/ID/BUCKET`, each within bounds and emptied in
event time. An event counts once. A group that was reported is silent for one timespan of event time. An event that is
late by at most one timespan counts with all that it would have counted with.

What does not fit into the bounds is let go, the oldest first: groups of a bucket beyond MOST_GROUPS, events of a bucket
beyond MOST_SEEN, and events of a group beyond twice of what is asked for.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from pipeline.kit.state import PartitionState
from pipeline.score.rules.fields import Getter
from pipeline.score.rules.sigma import Correlation
from schemas.entry import Entry

BUCKETS, MOST_GROUPS, MOST_SEEN = 64, 64, 4096
#: Evidence of one match.
MOST_EVIDENCE = 32
#: Characters of a group's or a counted value.
_VALUE = 200


class Seen(msgspec.Struct, array_like=True, gc=False):
    """An event that fits a rule: when, which, the place of the rule in the correlation, the value that is counted."""

    time: int
    event_id: str
    rule: int
    value: str = ""


class Group(msgspec.Struct, array_like=True, gc=False):
    """What was seen of one group, in the order of time; and when it was reported last."""

    seen: list[Seen]
    reported: int | None = None


class Bucket(msgspec.Struct, array_like=True, gc=False):
    """Some groups of one correlation."""

    groups: dict[str, Group]
    #: How many groups and events were let go because there was no place.
    lost: int = 0


#: For PartitionState.
STATE: dict[str, type[msgspec.Struct]] = {"r": Bucket}


class Asked(NamedTuple):
    """What a correlation looks up in an entry that fits one of its rules."""

    #: Its place among the correlation's rules.
    rule: int
    group: tuple[Getter, ...]
    counted: tuple[Getter, ...]


class Found(NamedTuple):
    """Enough within the time."""

    group: str
    #: Event ids, the latest first.
    entries: list[str]
    number: int


class Correlator:
    """One correlation with its state's keys."""

    def __init__(self, said: Correlation, asked: dict[str, list[Asked]]) -> None:
        self.said = said
        #: By the name of a rule.
        self.asked = asked
        self.key = identity(said)
        self._most = 2 * said.least + 16

    def take(self, state: PartitionState, entry: Entry, rule: str) -> Found | None:
        """An entry fits a rule; what that makes, if anything."""
        found = None
        for asked in self.asked[rule]:
            found = self._take(state, entry, asked) or found
        return found

    def _take(self, state: PartitionState, entry: Entry, asked: Asked) -> Found | None:
        named = [_joined(getter, entry) for getter in asked.group]
        counted = [_joined(getter, entry) for getter in asked.counted]
        if not all(named) or not all(counted):
            return None
        name = "\0".join(named)
        seen = Seen(entry.event.time, entry.event.event_id, asked.rule, "\0".join(counted))
        key = f"{self.key}/{hashlib.blake2b(name.encode('utf-8', 'replace'), digest_size=1).digest()[0] % BUCKETS}"
        bucket = state.get(key, Bucket) or Bucket({})
        group = bucket.groups.setdefault(name, Group([]))
        if not _insert(group.seen, seen):
            return None
        self._let_go(bucket, group, seen.time)
        state.put(key, bucket)
        return self._found(group, seen, named)

    def _found(self, group: Group, seen: Seen, named: Sequence[str]) -> Found | None:
        if group.reported is not None and abs(seen.time - group.reported) <= self.said.timespan:
            return None
        window = self._window(group.seen, seen)
        if window is None:
            return None
        group.reported = seen.time
        ids = list(dict.fromkeys(one.event_id for one in reversed(window)))
        shown = ", ".join(f"{field}={value}" for field, value in zip(self.said.group_by, named, strict=True))
        return Found(shown, ids[:MOST_EVIDENCE], len({_counted(self.said.kind, one) for one in window}))

    def _window(self, seen: list[Seen], now: Seen) -> list[Seen] | None:
        """What of a group lies within one timespan that has `now` in it, if it is enough."""
        span, kind = self.said.timespan, self.said.kind
        near = [one for one in seen if abs(one.time - now.time) <= span]
        if kind == "temporal_ordered":
            return next((chain for chain in _chains(near, len(self.said.rules), span) if now in chain), None)
        counts: Counter[str | int] = Counter()
        begin = 0
        for end, one in enumerate(near):
            counts[_counted(kind, one)] += 1
            while near[begin].time < one.time - span:
                gone = _counted(kind, near[begin])
                counts[gone] -= 1
                if not counts[gone]:
                    del counts[gone]
                begin += 1
            if one.time >= now.time and near[begin].time <= now.time and len(counts) >= self.said.least:
                return near[begin : end + 1]
        return None

    def _let_go(self, bucket: Bucket, group: Group, now: int) -> None:
        """What is too old to count with anything that may still come late, and what there is no place for."""
        oldest = max(one.seen[-1].time for one in bucket.groups.values() if one.seen) - 2 * self.said.timespan
        oldest = min(oldest, now - self.said.timespan)
        for name in [name for name, one in bucket.groups.items() if one.seen[-1].time < oldest]:
            del bucket.groups[name]
        while group.seen and group.seen[0].time < oldest:
            del group.seen[0]
        while len(group.seen) > self._most:
            del group.seen[_needless(self.said.kind, group.seen)]
            bucket.lost += 1
        total = sum(len(one.seen) for one in bucket.groups.values())
        while len(bucket.groups) > 1 and (len(bucket.groups) > MOST_GROUPS or total > MOST_SEEN):
            _, name = min((one.seen[-1].time, name) for name, one in bucket.groups.items() if one is not group)
            total -= len(bucket.groups.pop(name).seen)
            bucket.lost += 1


def identity(said: Correlation) -> str:
    """Key of its state: another one as soon as what it counts is another."""
    what = repr((said.name, said.kind, said.rules, said.timespan, said.group_by, sorted(said.aliases), said.counted))
    return "r/" + hashlib.blake2b(what.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _insert(seen: list[Seen], new: Seen) -> bool:
    """Put it into the order of time; False if it is there."""
    if any(one.event_id == new.event_id and one.rule == new.rule for one in seen):
        return False
    at = len(seen)
    while at and (seen[at - 1].time, seen[at - 1].event_id) > (new.time, new.event_id):
        at -= 1
    seen.insert(at, new)
    return True


def _counted(kind: str, one: Seen) -> str | int:
    return one.rule if kind == "temporal" else one.value if kind == "value_count" else one.event_id


def _needless(kind: str, seen: list[Seen]) -> int:
    """Place of the first that counts for nothing that a later one does not count for; else of the first."""
    if kind in ("value_count", "temporal"):
        later = Counter(_counted(kind, one) for one in seen)
        for place, one in enumerate(seen):
            if later[_counted(kind, one)] > 1:
                return place
    return 0


def _chains(near: list[Seen], rules: int, span: int) -> Iterator[list[Seen]]:
    """For each event of the first rule: one event of every rule after it in their order, as early as possible."""
    for begin, first in enumerate(near):
        if first.rule:
            continue
        chain = [first]
        for one in near[begin + 1 :]:
            if len(chain) == rules or one.time > first.time + span:
                break
            if one.rule == len(chain) and one.event_id != chain[-1].event_id:
                chain.append(one)
        if len(chain) == rules:
            yield chain


def _joined(getter: Getter, entry: Entry) -> str:
    return ",".join(map(str, getter.of(entry)))[:_VALUE]
