"""The frame that turns any score into a promised rate of false alarms: `alert_budget` of them per identity-day.

An identity-day has one score per detection, its highest. Held against the days of other identities of its kind it
becomes a p-value (conformal: the share of such days that score as much): first those that the model was calibrated on,
and ever more those of this organisation, which count half after 30 days. A detection that finds whatever is rarer than
the budget then raises as many false alarms as the budget says, as long as days to come are like those before.

An identity that scored as much on an earlier day is held against that, too: the same thing is not found every day. And
of an identity's days only the first such one counts among those of its peers, so that it cannot make usual for others
what it does itself. Days of identities that are new, and more than so many an hour, do not count either.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pipeline.kit.state import PartitionState
from pipeline.score.act import UNKNOWN
from pipeline.score.profile import DECAY, Profile

#: Scores (nats) are counted in bins of this width; the last bin holds everything above.
WIDTH, BINS = 0.25, 97
#: Active days from which on an identity is known, and its days count.
SETTLED = 3
#: Days of the model's data that count at most; and days of all kinds together that count beside those of one kind.
PRIOR, POOLED = 1000.0, 300.0
#: Identity-days that count per hour of event time at least, and as a share of those before.
HOURLY, SHARE = 60, 0.02
#: Days after which an identity's own high score no longer makes another usual; such scores that are kept.
OWN_DAYS, OWN = 60, 8
ALL, NEW = "*", ", new"


class Tally(msgspec.Struct, array_like=True, gc=False):
    """Identity-days of one partition (decayed): how many there were, and their scores."""

    day: int = 0
    #: By group (`group_of`).
    days: dict[str, float] = {}
    #: By detection and group: days per bin; days without a score are in none.
    scores: dict[str, dict[str, list[float]]] = {}
    #: The hour that is counted, and the days that counted in it.
    hour: int = 0
    counted: int = 0


def group_of(kind: str, active: int) -> str:
    """Among whose days an identity's day counts: those of its kind that are as new."""
    return kind if active >= SETTLED else kind + NEW


def bin_of(score: float) -> int:
    """The bin of a score."""
    return min(BINS - 1, int(score / WIDTH))


class Frame:
    """p-values of one partition."""

    def __init__(
        self, state: PartitionState, days: Mapping[str, float], scores: Mapping[str, Mapping[str, list[float]]]
    ) -> None:
        """`days`, `scores`: as in a Tally, of the days that the model was calibrated on."""
        self._state = state
        self._days, self._scores = {**days, ALL: sum(days.values())}, scores
        self._tails: dict[tuple[str, str], list[float]] = {}
        self._priors: dict[tuple[str, str, int], float] = {}

    def p_value(self, detection: str, group: str, score: float) -> float:
        """Share of identity-days of a group that score as much."""
        place = bin_of(score)
        tally = self._state.get("t/", Tally)
        prior = self._priors.get((detection, group, place))
        if prior is None:
            prior = self._priors[detection, group, place] = self._prior(detection, group, place)
        weight = min(PRIOR, self._days.get(group, 0.0) + POOLED)
        if tally is None:
            return prior
        own = tally.scores.get(detection, {}).get(group)
        above = sum(own[place:]) if own is not None else 0.0
        return (prior * weight + above) / (weight + tally.days.get(group, 0.0))

    def _prior(self, detection: str, group: str, place: int) -> float:
        if group == group_of(UNKNOWN, 0):
            # It may be of any kind, and is as usual as it is for the one for which it is most usual.
            return max((self._of(detection, one, place) for one in self._days if one.endswith(NEW)), default=1.0)
        return self._of(detection, group, place)

    def _of(self, detection: str, group: str, place: int) -> float:
        pooled = (self._tail(detection, ALL)[place] + 1.0) / (self._days[ALL] + 1.0)
        return (self._tail(detection, group)[place] + POOLED * pooled) / (self._days.get(group, 0.0) + POOLED)

    def _tail(self, detection: str, group: str) -> list[float]:
        """Days of the model's data with at least the score of each bin."""
        known = self._tails.get((detection, group))
        if known is None:
            found = self._scores.get(detection, {})
            rows = list(found.values()) if group == ALL else [found[group]] if group in found else []
            known = [sum(sum(row[place:]) for row in rows) for place in range(BINS)]
            self._tails[detection, group] = known
        return known

    def close(self, profile: Profile, time: int) -> None:
        """Count an identity's day that is over as of this event time, and remember its scores as its own."""
        tally = self._state.get("t/", Tally) or Tally(0, {}, {})
        group = group_of(profile.kind, profile.active)
        if profile.barred == profile.day:
            return
        counts = profile.active >= SETTLED and _may_count(tally, time // 3_600_000_000)
        if counts:
            _age(tally, profile.day)
            tally.days[group] = tally.days.get(group, 0.0) + 1.0
        told = {}
        for detection, score in profile.best.items():
            if counts and score > 0 and not own_share(profile, detection, score):
                row = tally.scores.setdefault(detection, {}).setdefault(group, [0.0] * BINS)
                row[bin_of(score)] += 1.0
                told[detection] = score
        if told:
            profile.counted[profile.day] = group, told
        _remember(profile)
        self._state.put("t/", tally)

    def take_back(self, profile: Profile, day: int) -> None:
        """One of the latest days of an identity was an attack: it says nothing about harmless ones."""
        for detection, own in profile.own.items():
            profile.own[detection] = [one for one in own if one[1] != day]
        group, told = profile.counted.pop(day, ("", {}))
        tally = self._state.get("t/", Tally)
        if tally is None or not told:
            return
        weight = DECAY ** max(0, tally.day - day)
        tally.days[group] = max(0.0, tally.days.get(group, 0.0) - weight)
        for detection, score in told.items():
            row = tally.scores[detection][group]
            row[bin_of(score)] = max(0.0, row[bin_of(score)] - weight)
        self._state.put("t/", tally)


def own_share(profile: Profile, detection: str, score: float) -> float:
    """Share of an identity's own days that scored as much; 0 if none did."""
    own = sum(old >= score and profile.day - day <= OWN_DAYS for old, day in profile.own.get(detection, ()))
    return own / (min(profile.active, OWN_DAYS) + 1) if own else 0.0


def _remember(profile: Profile) -> None:
    for detection, score in profile.best.items():
        if score >= 1.0:
            kept = sorted([*profile.own.get(detection, []), (score, profile.day)], key=lambda one: one[1])[-OWN:]
            profile.own[detection] = kept


def _may_count(tally: Tally, hour: int) -> bool:
    """Whether one more day may count in this hour."""
    if hour > tally.hour:
        tally.hour, tally.counted = hour, 0
    tally.counted += 1
    return tally.counted <= max(HOURLY, SHARE * sum(tally.days.values()))


def _age(tally: Tally, day: int) -> None:
    """Let earlier days count less."""
    if day <= tally.day:
        return
    factor = DECAY ** min(day - tally.day, 365) if tally.day else 1.0
    tally.day = day
    for group in tally.days:
        tally.days[group] *= factor
    for groups in tally.scores.values():
        for row in groups.values():
            row[:] = [count * factor for count in row]
