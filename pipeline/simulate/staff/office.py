"""The organisation that `days` tells of, and what all who work there have in common: days on which they do something.

Every identity draws its habits once from the seed and its own name, and every day and every bout of work from the seed,
its name and the day. So one identity's days do not depend on who else is there, nor on what is injected.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from pipeline.simulate import shapes
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import HOUR, SECOND, Doer, World, trail

DAY = 24 * HOUR
MINUTE = 60 * SECOND
#: Monday 2025-09-01, 00:00 UTC: the first of the days. The last possible one is before the day that `tell` tells of.
FIRST, LONGEST = 1_756_684_800 * SECOND, 180
_FAR = 1_000_000

Kind = TypeVar("Kind", bound="Habits")
#: What happens in the organisation at a time; activities that need no more than a World are such too.
Happening = Callable[["Office", int], Iterator[Told]]


class Bout(NamedTuple):
    """Something begins. Its name seeds the dice that it is told with."""

    time: int
    name: str
    happening: Happening


class Change(NamedTuple):
    """Something is otherwise with somebody for a while: where they are, what they use, what they are."""

    since: int
    until: int
    #: What `truth.scenario` says meanwhile.
    scenario: str
    address: str = ""
    agent: str = ""


@dataclass
class Office(World):
    """The organisation: its dice, and everybody in it."""

    seed: int = 0
    days: int = 1
    staff: list[Habits] = field(init=False, default_factory=list)
    #: Who has been a victim already: attacks take others as long as there are any.
    taken: set[str] = field(init=False, default_factory=set)
    _named: dict[str, Habits] = field(init=False, default_factory=dict)
    #: What is otherwise with somebody, by name; the first that is so at a time counts.
    changes: dict[str, list[Change]] = field(init=False, default_factory=dict)
    #: What had to happen for something that is injected, e.g. that somebody signs in.
    besides: list[Told] = field(init=False, default_factory=list)
    #: Where somebody usually comes from.
    usual: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.roll("office")
        self.shared_key = self.ids.key("AKIA")
        self.standing, self.people, self.at_okta, self.elsewhere = {}, [], [], []

    def address(self, of: str) -> str:
        """Where somebody usually comes from."""
        return self.usual.get(of) or super().address(of)

    def roll(self, name: str) -> None:
        """New dice: what is drawn from now on depends on the seed and this name only."""
        self.chance = self.dice(name)
        self.ids = shapes.Ids(self.chance.getrandbits(64))

    def dice(self, name: str) -> random.Random:
        """Dice of somebody's own."""
        return random.Random(f"{self.seed}/{name}")

    def day_of(self, time: int) -> int:
        """The number of the day, from 0."""
        return (time - self.start) // DAY

    @property
    def end(self) -> int:
        """When the days are over."""
        return self.start + self.days * DAY

    def of(self, kind: type[Kind], time: int = -1) -> list[Kind]:
        """Everybody of a kind; or those of them who are there at a time, if anybody is."""
        found = [one for one in self.staff if isinstance(one, kind)]
        return [one for one in found if time < 0 or one.there(self.day_of(time))] or found

    def changed(self, name: str, time: int, doer: Doer) -> Doer:
        """Somebody as their records show them at a time, whatever is otherwise with them then."""
        now = (one for one in self.changes.get(name, ()) if one.since <= time < one.until)
        if (change := next(now, None)) is None:
            return doer
        truth = replace(doer.truth, scenario=change.scenario)
        address, agent = change.address or doer.address, change.agent or doer.agent
        return Doer(doer.identity, truth, address, agent, doer.region)

    def present(self, name: str, time: int) -> bool:
        """Whether somebody of this name is there at a time."""
        if not self._named:
            self._named = {one.name: one for one in self.staff}
        return name in self._named and self._named[name].there(self.day_of(time))

    def victim(self, found: list[Kind]) -> Kind:
        """One of them whom nothing has happened to yet, if there is any."""
        chosen = self.chance.choice([one for one in found if one.name not in self.taken] or found)
        self.taken.add(chosen.name)
        return chosen


@dataclass
class Habits(ABC):
    """Somebody who is there from one day to another (numbers; the last one included)."""

    name: str
    first: int = 0
    last: int = _FAR

    def there(self, day: int) -> bool:
        """Whether they are part of the organisation on that day."""
        return self.first <= day <= self.last

    @abstractmethod
    def day(self, office: Office, day: int) -> list[Bout]:
        """What they begin on a day, in any order; a few hours may be those of the days around."""

    def dice(self, office: Office, what: object) -> random.Random:
        """Their own dice for something, e.g. a day."""
        return office.dice(f"{self.name}/{what}")

    def bouts(self, office: Office) -> Iterator[Bout]:
        """What they begin on all days, in the order of time."""
        held: list[Bout] = []
        for day in range(self.first, min(self.last + 1, office.days)):
            held = sorted([*held, *self.day(office, day)], key=lambda bout: bout.time)
            until = office.start + (day + 1) * DAY - 12 * HOUR if day + 1 < office.days else office.start + _FAR * DAY
            ready = [bout for bout in held if bout.time < until]
            held = held[len(ready) :]
            # Who begins early in the east begins before the first day.
            yield from (bout for bout in ready if bout.time >= office.start)
        yield from held


def fans(chance: random.Random, mean: float, sigma: float = 0.5) -> int:
    """A number with a long tail, of about this mean."""
    return max(0, round(mean * chance.lognormvariate(-sigma * sigma / 2, sigma)))


def workload_session(
    office: Office, time: int, web: dict[str, Any], role: str, session: str, true: Truth, start: Doer
) -> tuple[Told, Doer]:
    """A workload shows a token of its OpenID provider and is given a role: the record, and who it is from then on."""
    key = office.ids.key("ASIA")
    told = trail(office, time, "sts", "AssumeRoleWithWebIdentity", Doer(web, true, start.address, start.agent),
                 **shapes.assume_role(role, session, key, time + HOUR))  # fmt: skip
    acts = Truth("", "", true.actor, true.human, true.session, [f"aws:{key}"], scenario=true.scenario)
    return told, Doer(shapes.role_identity(role, session, key), acts, start.address, start.agent)
