"""What an identity usually does, and how surprising an act is against that.

Per facet (network, program, action, …) it is counted on how many days each value was there. A day counts once, whatever
happens on it, and only when it is over: whoever holds an identity for some hours changes nothing of what is usual, and
after a day has one day against all those before. Days count half after HALF_LIFE of them. A new identity has no past:
it is held against what its kind usually does (`pipeline.score.baseline`), and findings say so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from pipeline.score.act import Act
from pipeline.score.deeds import CHANGE, GRAVE, MINT, MODEL, SECRET
from pipeline.score.profile import DECAY, Facet, Population, Prior, Profile, Session, Token

DAY, MINUTE = 86_400_000_000, 60_000_000
#: What of an act is held against the past.
FACETS = (
    "network", "program", "action", "service", "resource", "region", "account", "role", "tool", "server", "key",
    "policy", "hours",
)  # fmt: skip
_NOTHING_SEEN = ("",) * len(FACETS)
_PLACES = {name: place for place, name in enumerate(FACETS)}
#: Values of a facet that are kept; days that a kind's past counts for.
VALUES, PRIOR_DAYS = 512, 3.0
#: What is less surprising than this (nats) is no news: it was there on more than a third of the days.
NEWS = 1.0
#: No act is more surprising than this (nats): about one day in 160,000.
MOST = 12.0
#: What is counted of an identity's acts: by minute, held against the greatest counts of earlier days.
RATES = ("acts", "changing", "grave", "secret", "minting", "model", "failing", "refused", "breadth", "spread")
#: Minutes within which acts are counted together; days whose greatest counts are kept.
WINDOW, PEAKS = 10, 40
#: Events of an identity that are remembered, so that a revision is not another act.
RECENT = 256
#: Days for which it is remembered what was learned on them, and values of a day.
TAKEN_BACK, LEARNED = 14, 64
#: What an act of this flag counts as.
_RATED = ((CHANGE, "changing"), (GRAVE, "grave"), (SECRET, "secret"), (MINT, "minting"), (MODEL, "model"))
#: Of the past that remains after a declared change: what an agent's new version does is new to everybody.
AFTER_CHANGE = 0.1


def any_of(priors: Iterable[Prior]) -> Prior:
    """What is usual for an identity that may be of any of these kinds: the most of each."""
    found = Prior({}, {})
    for prior in priors:
        for mine, theirs in ((found.fresh, prior.fresh), (found.peaks, prior.peaks)):
            mine.update({name: max(value, mine.get(name, 0.0)) for name, value in theirs.items()})
    return found


def begin_day(profile: Profile, time: int, prior: Prior) -> None:
    """What happened on the day that is over becomes usual; `time`: when the new one begins for this identity."""
    barred = profile.barred == profile.day
    if barred:
        for facet in profile.facets:
            facet.today = {}
        profile.top, profile.today = {}, []
    _note_learned(profile)
    for facet in profile.facets:
        # What is there on the first day is new and says nothing.
        new = bool(facet.days) and any(value not in facet.days for value in facet.today)
        facet.fresh = facet.fresh * DECAY + new
        for value in facet.days:
            facet.days[value] *= DECAY
        for value in facet.today:
            facet.days[value] = facet.days.get(value, 0.0) + 1.0
        if len(facet.days) > VALUES:
            for value in sorted(facet.days, key=facet.days.__getitem__)[: len(facet.days) - VALUES]:
                del facet.days[value]
        facet.today = {}
    for rate, top in profile.top.items():
        profile.peaks.setdefault(rate, []).append(top)
        del profile.peaks[rate][:-PEAKS]
    if profile.today:
        before = profile.tempo or [0.0] * len(profile.today)
        profile.tempo = [old * DECAY + new for old, new in zip(before, profile.today, strict=True)]
    profile.days = profile.days * DECAY + 1.0
    profile.active += 1
    profile.top, profile.best, profile.found, profile.today, profile.looked = {}, {}, {}, [], _nothing()
    profile.minutes, profile.within, profile.day, profile.seen = {}, {}, time // DAY, ()
    set_usual(profile, prior)
    profile.silence = max(profile.silence * DECAY, float(profile.quiet))
    profile.quiet = max(0, time - profile.last)


def _note_learned(profile: Profile) -> None:
    """Remember what is about to become usual, so that it can be taken back."""
    if not profile.days:
        return
    new = [(place, value) for place, facet in enumerate(profile.facets) for value in facet.today
           if value not in facet.days]  # fmt: skip
    if new:
        profile.learned[profile.day] = new[:LEARNED]
    if top := {rate: count for rate, count in profile.top.items() if count > profile.usual.get(rate, 0)}:
        profile.peaked[profile.day] = top
    for kept in (profile.learned, profile.peaked, profile.counted):
        for day in [day for day in kept if day <= profile.day - TAKEN_BACK]:
            del kept[day]


def take_back(profile: Profile, day: int, prior: Prior) -> None:
    """What was learned on one of the latest days is not usual, where that was the only day with it."""
    for place, value in profile.learned.pop(day, ()):
        facet = profile.facets[place]
        if facet.days.get(value, 0.0) <= 1.0:
            facet.days.pop(value, None)
            facet.fresh = max(0.0, facet.fresh - 1.0)
    for rate, count in profile.peaked.pop(day, {}).items():
        if count in profile.peaks.get(rate, ()):
            profile.peaks[rate].remove(count)
    set_usual(profile, prior)


def set_usual(profile: Profile, prior: Prior) -> None:
    """The greatest counts that are usual: its own, and while it is young those of its kind."""
    young = profile.active < WINDOW
    for rate in RATES:
        own = max(profile.peaks.get(rate, ()), default=0)
        profile.usual[rate] = max(own, int(prior.peaks.get(rate, 0.0))) if young else own


def change(profile: Profile, prior: Prior) -> None:
    """A declared change: most of the past no longer says what is usual."""
    for facet in profile.facets:
        for value in facet.days:
            facet.days[value] *= AFTER_CHANGE
        facet.fresh *= AFTER_CHANGE
    profile.days *= AFTER_CHANGE
    profile.peaks = {}
    set_usual(profile, prior)


def _nothing() -> dict[str, dict[str, int]]:
    return {"breadth": {}, "services": {}, "spread": {}}


def stranger(kind: str, time: int, prior: Prior) -> Profile:
    """An identity that was not there before."""
    profile = Profile(kind, time, time // DAY, facets=[Facet({}, today={}) for _ in FACETS], looked=_nothing())
    set_usual(profile, prior)
    return profile


class Past:
    """One act against the past of its identity, for detections to ask. Surprises are in nats: 0 = as usual."""

    __slots__ = (
        "_act", "_prior", "first_use", "novel", "population", "profile", "raised", "session", "shape", "token",
        "values",
    )  # fmt: skip

    def __init__(self, act: Act, profile: Profile, prior: Prior, population: Population) -> None:
        self._act, self._prior, self.profile, self.population = act, prior, profile, population
        event = act.event
        #: In the order of FACETS.
        self.values = (
            act.network, act.agent, act.action, act.service, act.resource, event.region, event.account,
            event.issued_subject, event.tool, act.server, act.key, act.policy,
            act.hours,
        )  # fmt: skip
        self.token: Token | None = None
        #: Whether this is the first time that this identity uses the credential.
        self.first_use = False
        #: RATES of which this act makes more than there were today, and than is usual at most.
        self.raised: list[str] = []
        self.session: Session | None = None
        #: Surprise of all that was new on this day in the session, or with the credential (nats).
        self.novel = 0.0
        #: Probabilities that a person, an agent, a script is at work just now; None if that was not looked at.
        self.shape: list[float] | None = None

    def observe(self) -> float:
        """Note what is there today; how surprising it is stays as it was when it came first.

        Returns the surprise of what is there for the first time today, as far as that is news.
        """
        profile, values, new = self.profile, self.values, 0.0
        before, profile.seen = profile.seen or _NOTHING_SEEN, values
        for place, value in enumerate(values):
            if value != before[place] and value and value not in profile.facets[place].today:
                today = profile.facets[place].today
                today[value] = surprise = self._surprise(profile.facets[place], FACETS[place], value)
                if surprise >= NEWS:
                    new += surprise
                if len(today) > VALUES:
                    del today[next(iter(today))]
        return new

    @property
    def days(self) -> int:
        """Active days of this identity before today."""
        return self.profile.active

    def surprise(self, name: str) -> float:
        """How surprising the act's value of a facet is; 0 if it has none."""
        place = _PLACES[name]
        return self.profile.facets[place].today.get(self.values[place], 0.0)

    def is_new(self, name: str) -> bool:
        """Whether the act's value of a facet was never there before today."""
        place = _PLACES[name]
        return bool(self.values[place]) and self.values[place] not in self.profile.facets[place].days

    def _surprise(self, facet: Facet, name: str, value: str) -> float:
        days = self.profile.days
        new = (facet.fresh + PRIOR_DAYS * self._prior.fresh.get(name, 1.0)) / (days + PRIOR_DAYS)
        if not days:
            # Everything is new on the first day of an identity, and says nothing.
            return 0.0
        known = facet.days.get(value, 0.0)
        share = max(known / (days + 1.0), new) if known else new
        return min(MOST, -math.log(min(1.0, max(share, 1e-6))))

    def count(self, rate: str) -> int:
        """Acts of this sort within the last WINDOW minutes."""
        if rate in ("breadth", "spread"):
            return self.looked(rate)
        minutes = self.profile.minutes.get(rate)
        if not minutes or minutes[-1][0] <= self._act.time // MINUTE - WINDOW:
            return 0
        return self.profile.within[rate]

    def excess(self, rate: str) -> float:
        """Logarithm of how many times as many acts of this sort there are as is usual at most; at least 0."""
        return max(0.0, math.log((self.count(rate) + 1.0) / (self.profile.usual[rate] + 1.0)))

    def looked(self, what: str) -> int:
        """Distinct things of the last minutes: `breadth`: actions that look, `services`: of those, `spread`: what was
        acted on."""
        return len(self.profile.looked[what])

    def usually(self, name: str) -> str:
        """The most usual values of a facet, for a sentence."""
        facet = self.profile.facets[_PLACES[name]]
        if not facet.days:
            return "nothing yet"
        return ", ".join(sorted(facet.days, key=lambda value: -facet.days[value])[:3])


def note(profile: Profile, act: Act) -> list[str]:
    """Count an act; returns the RATES of which there are now more than ever today, and than is usual at most."""
    minute = act.time // MINUTE
    if minute > profile.swept:
        _sweep(profile, minute)
    raised = ["acts"] if _count(profile, "acts", minute) else []
    rates = [rate for flag, rate in _RATED if act.flags & flag]
    if act.denied or act.failed:
        rates += ("failing", "refused") if act.flags & MODEL else ("failing",)
    raised += [rate for rate in rates if _count(profile, rate, minute)]
    if act.looks:
        _distinct(profile, "services", act.service, minute)
        if _distinct(profile, "breadth", act.action, minute):
            raised.append("breadth")
    if act.target and _distinct(profile, "spread", act.target, minute):
        raised.append("spread")
    return raised


def remember(recent: dict[int, int], name: int) -> None:
    """Add the hash of an event id; the oldest of too many goes."""
    recent[name] = 0
    if len(recent) > RECENT:
        del recent[next(iter(recent))]


def _distinct(profile: Profile, rate: str, name: str, minute: int) -> bool:
    """Count something that is not among those of the last minutes; True as in `_count`."""
    looked = profile.looked[rate]
    known = name in looked
    if len(looked) < VALUES or known:
        looked[name] = minute
    if known or len(looked) <= profile.top.get(rate, 0):
        return False
    profile.top[rate] = len(looked)
    return len(looked) > profile.usual.get(rate, 0)


def _sweep(profile: Profile, minute: int) -> None:
    """Forget what was looked at before the last minutes."""
    profile.swept = minute
    for what, looked in profile.looked.items():
        profile.looked[what] = {name: at for name, at in looked.items() if at > minute - WINDOW}


def note_shape(profile: Profile, shape: list[float]) -> bool:
    """Take in who seems to be at work: of a day, what was seen most surely. True if that has clearly changed."""
    before = profile.today
    if before and max(shape) <= max(before):
        return False
    profile.today = shape
    return not before or max(shape) > max(before) + 0.05 or shape.index(max(shape)) != before.index(max(before))


def _count(profile: Profile, rate: str, minute: int) -> bool:
    """Count one more in this minute; True if there were never as many today, and more than is usual at most."""
    minutes = profile.minutes.setdefault(rate, [])
    if minutes and minutes[-1][0] >= minute:
        minutes[-1] = (minutes[-1][0], minutes[-1][1] + 1)
        number = profile.within[rate] = profile.within[rate] + 1
    else:
        minutes.append((minute, 1))
        while minutes[0][0] <= minute - WINDOW:
            del minutes[0]
        number = profile.within[rate] = sum([number for _, number in minutes])
    if number <= profile.top.get(rate, 0):
        return False
    profile.top[rate] = number
    return number > profile.usual[rate]
