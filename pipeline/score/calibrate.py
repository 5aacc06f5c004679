"""What identities of a kind usually do, and how high harmless days score: learned from an organisation at peace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pipeline.score.frame import BINS, bin_of
from pipeline.score.misuse import Day
from pipeline.score.past import FACETS
from pipeline.score.profile import Prior, Profile

#: Active days that an identity must have to say what is usual; identities of a kind, to say it of the kind.
ENOUGH, SOME = 5, 3
#: Of the identities of a kind, this share does less than what counts as its usual greatest.
MOST = 0.9


def priors(profiles: Iterable[Profile]) -> dict[str, Prior]:
    """By kind of identity; kinds with too few identities are left out."""
    kinds: dict[str, list[Profile]] = defaultdict(list)
    for profile in profiles:
        if profile.active >= ENOUGH:
            kinds[profile.kind].append(profile)
    return {kind: _prior(those) for kind, those in sorted(kinds.items()) if len(those) >= SOME}


def _prior(profiles: Sequence[Profile]) -> Prior:
    fresh = {}
    for place, name in enumerate(FACETS):
        those = [profile for profile in profiles if profile.facets[place].days]
        if those:
            new, days = sum(one.facets[place].fresh for one in those), sum(one.days for one in those)
            # What never happened may happen yet: as if on one day more.
            fresh[name] = round(min(1.0, (new + 1.0) / (days + 1.0)), 5)
    rates = {rate for profile in profiles for rate in profile.peaks}
    peaks = {rate: float(_most([max(profile.peaks.get(rate, [0])) for profile in profiles])) for rate in sorted(rates)}
    return Prior(fresh, peaks)


def _most(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(MOST * len(values)))]


def tallies(days: Iterable[Day]) -> tuple[dict[str, float], dict[str, dict[str, list[float]]]]:
    """Identity-days by group, and by detection and group how many of them scored what (`pipeline.score.frame`)."""
    number: dict[str, float] = defaultdict(float)
    scores: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for day in days:
        number[day.group] += 1.0
        for detection, score in day.best.items():
            if score > 0:
                scores[detection].setdefault(day.group, [0.0] * BINS)[bin_of(score)] += 1.0
    return dict(sorted(number.items())), {name: dict(sorted(groups.items())) for name, groups in sorted(scores.items())}
