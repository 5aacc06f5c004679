"""Fills an organisation: who works there, in which numbers, since when, and until when."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from pipeline.simulate.staff.assistants import Assistant
from pipeline.simulate.staff.office import FIRST, Habits, Office
from pipeline.simulate.staff.people import Person
from pipeline.simulate.staff.pipelines import Repository
from pipeline.simulate.staff.services import Leaser, Service
from pipeline.simulate.staff.workloads import Batch, ClusterPod, Pod, Scaling
from pipeline.simulate.world import SECOND

_FIRST = (
    "ana", "ben", "carla", "deniz", "elif", "farid", "grace", "hugo", "ines", "jonas", "kaya", "lena", "malik",
    "nadia", "omar", "paula", "quentin", "rosa", "samir", "tara", "ugo", "vera", "wei", "yara", "zoe",
)  # fmt: skip
_LAST = (
    "adler", "bauer", "costa", "diaz", "egger", "fischer", "gupta", "haas", "ito", "jensen", "klein", "lopez",
    "meyer", "novak", "okafor", "petit", "rossi", "silva", "tanaka", "ueda", "vogel", "weber", "young",
)  # fmt: skip
_JOBS, _JOB_SHARES = ("developer", "operator", "analyst", "auditor", "support", "administrator"), (20, 8, 7, 4, 7, 4)
_WAYS, _WAY_SHARES = ("saml", "okta", "center"), (55, 32, 13)
#: Every so many people, one still has a standing key.
_KEYS = 12
_WORDS = (
    "ledger", "search", "intake", "export", "audit", "metric", "notify", "sync", "billing", "image", "crawl",
    "score", "mirror", "digest", "router", "index", "claims", "stock", "quota", "render",
)  # fmt: skip
#: How many of each kind an organisation of scale 1 has.
NUMBERS = {"people": 48, "services": 18, "leasers": 4, "repositories": 12, "pods": 14, "cluster pods": 8, "batch": 5,
           "scaling": 2, "own": 24, "shared": 5, "okta": 4, "mcp": 6, "vendor": 3}  # fmt: skip
#: Who is there from the first day on, and gone or away from these days on.
ASLEEP = (2, 5)


def organisation(seed: int, days: int, scale: float = 1.0, skew: float = 0.0) -> Office:
    """Everybody who is there in these days; more days have the same people, with those who come later."""
    office = Office(random.Random(seed), FIRST, int(skew * SECOND), seed=seed, days=days)

    def many(what: str) -> range:
        return range(max(1, round(NUMBERS[what] * scale)))

    for number in many("people"):
        _person(office, number)
    _each(office, "services", many("services"), lambda at: Service.hired(office, f"svc-{_word(at)}", at))
    # A key that is not rotated outlives its use.
    _each(office, "old", range(2), lambda at: Service.hired(office, f"svc-{_word(at)}-old", at + 2))
    _each(office, "leasers", many("leasers"), lambda at: Leaser.hired(office, f"{_word(at + 3)}-lease", at))
    _each(office, "repositories", many("repositories"), lambda at: Repository.hired(office, f"app-{at:02}", at))
    _each(office, "pods", many("pods"), lambda at: Pod.hired(office, f"{_word(at + 7)}-worker", at))
    _each(office, "cluster pods", many("cluster pods"), lambda at: ClusterPod.hired(office, f"{_word(at + 5)}-api", at))
    _each(office, "batch", many("batch"), lambda at: Batch.hired(office, f"{_word(at + 11)}-nightly"))
    _each(
        office,
        "scaling",
        many("scaling"),
        lambda at: Scaling(f"group-{at}", rate=office.dice(f"group/{at}").uniform(1, 9)),
    )
    for way, name in (("own", "agent"), ("shared", "helper-bot"), ("mcp", "desk"), ("vendor", "hosted")):
        _each(office, way, many(way), partial(_assistant, office, way, name))
    if office.at_okta:
        _each(office, "okta", many("okta"), lambda at: Assistant.hired(office, f"wlp{at:017}", "okta", at))
    office.standing = {one.name: one.key for one in office.of(Service)}
    _turnover(office)
    return office


def _assistant(office: Office, way: str, name: str, number: int) -> Assistant:
    return Assistant.hired(office, f"{_word(number)}-{name}", way, number)


def _word(number: int) -> str:
    return _WORDS[number % len(_WORDS)] + (f"-{number // len(_WORDS)}" if number >= len(_WORDS) else "")


def _each(office: Office, what: str, numbers: range, hire: Callable[[int], Habits]) -> None:
    for number in numbers:
        office.roll(f"hire/{what}/{number}")
        office.staff.append(hire(number))


def _person(office: Office, number: int) -> None:
    """A person; one of each job is there in any organisation, so that there is always an administrator."""
    office.roll(f"person/{number}")
    chance = office.chance
    # Any two numbers give two names.
    first, last = _FIRST[number % len(_FIRST)], _LAST[(number + number // len(_FIRST)) % len(_LAST)]
    name = f"{first}.{last}{number // 575 or ''}@example.com"
    job = _JOBS[number] if number < len(_JOBS) else chance.choices(_JOBS, _JOB_SHARES)[0]
    way = "saml" if number < len(_JOBS) else chance.choices(_WAYS, _WAY_SHARES)[0]
    way = "key" if number % _KEYS == _KEYS - 3 else way
    person = Person.hired(office, name, job, way, number)
    office.staff.append(person)
    office.people.append(name)
    (office.at_okta if way == "okta" else office.elsewhere).append(name)
    office.usual[name] = person.office if person.at_home < 0.5 else person.home


def _turnover(office: Office) -> None:
    """Some come while the days pass, some go; two services and two people are last seen at the very beginning."""
    sleepers: list[Habits] = [one for one in office.of(Service) if one.name.endswith("-old")]
    sleepers += [one for one in office.of(Person) if one.way == "saml"][-2:]
    for one in office.staff:
        chance = one.dice(office, "turnover")
        if one in sleepers:
            one.last = chance.randint(*ASLEEP)
        elif chance.random() < 0.08:
            one.first = chance.randint(3, 120)
        elif chance.random() < 0.05:
            one.last = chance.randint(20, 200)
