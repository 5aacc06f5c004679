"""People: office hours in their time zone, weekends and weeks off, one or two networks, what they usually do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

from pipeline.simulate import shapes
from pipeline.simulate.activities import CENTER, DIRECTORY, PERMISSION_SETS
from pipeline.simulate.okta import AWS, enter_aws, login
from pipeline.simulate.platforms import MERGED, GitHub
from pipeline.simulate.staff.catalog import READS, Repertoire
from pipeline.simulate.staff.office import DAY, MINUTE, Bout, Habits, Office, fans
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import HOUR, OKTA_SAML, SAML, SECOND, Doer, World, trail

#: What a network's addresses look like. Homes, hotels and attackers are customers of the same providers.
OFFICES = ("198.51.100.11", "198.51.100.12", "198.51.100.75", "198.51.100.140")
ZONES, SHARES = (0, 1, 2, -5, -8, 5.5, 9), (20, 40, 12, 14, 6, 5, 3)
ROLES = {"developer": "engineer", "operator": "operations", "analyst": "analyst", "auditor": "auditor",
         "support": "support", "administrator": "administrator"}  # fmt: skip
GIT = ("git.clone", "git.fetch", "git.push", "pull_request.create", "pull_request.merge", "git.fetch")


def provider_address(chance: random.Random) -> str:
    """An address of one of the providers that everybody is a customer of."""
    return f"198.{chance.choice((18, 19))}.{chance.randrange(256)}.{chance.randrange(1, 255)}"


@dataclass
class Session:
    """What a person signed in to, for some hours."""

    begins: int
    expires: int
    key: str
    #: The login session at the identity provider, where that has a log of its own.
    login: str
    address: str

    @property
    def seconds(self) -> int:
        """How long it was asked for."""
        return (self.expires - self.begins) // SECOND


@dataclass
class Person(Habits):
    """A person, by their e-mail address."""

    job: str = "developer"
    #: Where they sign in: `saml`, `okta`, `center` (IAM Identity Center) or `key` (a standing key of their own).
    way: str = "saml"
    number: int = 0
    zone: float = 0
    begins: float = 9.0
    hours: float = 8.0
    #: Bouts of work on a usual day, and how much days differ.
    rate: float = 8.0
    spread: float = 0.4
    weekends: float = 0.05
    console: float = 0.5
    clicks: float = 3.0
    #: Seconds from one step to the next (the logarithm's mean and spread).
    pace: tuple[float, float] = (3.0, 0.9)
    loops: float = 0.004
    lasts: int = 8
    office: str = OFFICES[0]
    home: str = ""
    at_home: float = 0.3
    travels: bool = False
    browser: str = ""
    newer: str = ""
    command: str = ""
    #: The minor version of their command line, and the day on which they get a new laptop.
    minor: int = 20
    laptop: int = 0
    key: str = ""
    #: Pushes and pulls a day, with a personal access token.
    git: float = 0.0
    repositories: list[str] = field(default_factory=list)
    #: When their token was replaced by another.
    replaced: list[int] = field(default_factory=list)
    repertoire: Repertoire = field(default_factory=lambda: Repertoire([], [], [0]))

    @classmethod
    def hired(cls, office: Office, name: str, job: str, way: str, number: int) -> Person:
        """A person with habits of their own."""
        chance = office.dice(f"person/{name}")
        zone = chance.choices(ZONES, SHARES)[0]
        version = f"{chance.randint(120, 142)}.0"
        browser, newer = chance.sample((
            f"Mozilla/5.0 (X11; Linux x86_64; rv:{version}) Gecko/20100101 Firefox/{version}",
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/{version}.0.0 Safari/537.36",
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{version}.0.0 Edg/{version}.0.0",
        ), k=2)  # fmt: skip
        command = chance.choice((
            f"aws-cli/2.{{minor}}.{chance.randint(0, 20)} md/awscrt#0.2{chance.randint(0, 7)}.0 os/linux",
            f"aws-cli/2.{{minor}}.{chance.randint(0, 20)} os/macos#{chance.randint(22, 25)}.1.0",
            f"Boto3/1.{{minor}}.{chance.randint(0, 90)} lang/python#3.{chance.randint(10, 13)}",
        ))  # fmt: skip
        developer = job in ("developer", "operator")
        return cls(
            name, job=job, way=way, number=number, zone=zone, begins=chance.gauss(8.9, 0.8),
            hours=max(4.0, chance.gauss(8.2, 1.0)), rate=max(1.5, chance.lognormvariate(1.7, 0.55)),
            spread=chance.uniform(0.2, 0.7), weekends=chance.betavariate(1, 14),
            console=1.0 if job in ("support", "auditor") and chance.random() < 0.5 else chance.uniform(0.05, 0.9),
            clicks=chance.uniform(1.5, 5), pace=(chance.gauss(2.8, 0.45), chance.uniform(0.6, 1.1)),
            loops=chance.lognormvariate(-5.6, 0.8), lasts=chance.choice((1, 4, 8, 12)),
            office=chance.choice(OFFICES), home=provider_address(chance),
            at_home=chance.choice((0.0, 0.2, 0.4, 0.6, 1.0)), travels=chance.random() < 1 / 6,
            browser=browser, newer=newer, command=command, minor=chance.randint(15, 40), laptop=chance.randrange(140),
            key=office.ids.key("AKIA") if way == "key" else "",
            git=chance.lognormvariate(0.6, 0.6) if developer and chance.random() < 0.8 else 0.0,
            repositories=[f"example/app-{number:02}" for number in chance.sample(range(24), k=chance.randint(1, 4))],
            repertoire=Repertoire.of(chance, job),
        )  # fmt: skip

    @property
    def role(self) -> str:
        """The role that they are given in AWS; at Okta there are two."""
        if self.way == "okta":
            return AWS[self.number % 2][1]
        return PERMISSION_SETS[self.job == "auditor"] if self.way == "center" else ROLES[self.job]

    def github(self, time: int) -> GitHub:
        """Their account at GitHub, with the token that they have at a time."""
        return GitHub(f"dev{self.number:02}", self.number, self.home, replaced=sum(at <= time for at in self.replaced))

    def address(self, office: Office, day: int) -> str:
        """Where they are on a day."""
        chance = self.dice(office, f"where/{day}")
        week = self.dice(office, f"trip/{day // 7}")
        if self.travels and week.random() < 0.22 and week.randrange(4) <= day % 7 < 5:
            return provider_address(week)
        return self.home if chance.random() < self.at_home or day % 7 > 4 else self.office

    def works(self, office: Office, day: int) -> bool:
        """Whether it is a day of work for them; a few weeks a year are not, and now and then they are ill."""
        if self.dice(office, f"leave/{day // 7}").random() < 0.06:
            return False
        return self.dice(office, f"ill/{day}").random() < (self.weekends if day % 7 > 4 else 0.975)

    def shift(self, office: Office, day: int) -> tuple[list[int], list[Session]]:
        """When on that day they begin to do something, and the sessions that they sign in to for it."""
        if not self.there(day) or not self.works(office, day):
            return [], []
        chance = self.dice(office, f"shift/{day}")
        begin = office.start + day * DAY + int((self.begins - self.zone + chance.gauss(0, 0.3)) * HOUR)
        length = max(2.0, chance.gauss(self.hours, 0.7)) * HOUR
        number = 1 + fans(chance, self.rate, self.spread)
        # Lunch is in the middle; some work late.
        moments = sorted(begin + int(length * min(1.3, chance.betavariate(1.1, 1.2))) for _ in range(number))
        if self.job in ("operator", "administrator", "developer") and chance.random() < 0.025:
            # On call: something wakes them.
            night = begin + int(chance.uniform(11, 20) * HOUR)
            moments += [night + at * 7 * MINUTE for at in range(chance.randint(1, 4))]
        sessions: list[Session] = []
        ids, where = shapes.Ids(chance.getrandbits(64)), self.address(office, day)
        for at in moments:
            if not sessions or at + 5 * MINUTE >= sessions[-1].expires:
                known = f"trs{ids.hexadecimal(22)}"
                sessions.append(Session(at, at + self.lasts * HOUR, self.key or ids.key("ASIA"), known, where))
        return moments, sessions

    def session(self, office: Office, at: int) -> Session | None:
        """What they are signed in to at a time, if they are."""
        for day in (office.day_of(at), office.day_of(at) - 1):
            for one in self.shift(office, day)[1]:
                if one.begins + MINUTE < at < one.expires - 5 * MINUTE:
                    return one
        return None

    def day(self, office: Office, day: int) -> list[Bout]:
        """Signs in, clicks and types; and what they do at GitHub."""
        moments, sessions = self.shift(office, day)
        chance = self.dice(office, f"day/{day}")
        found = []
        for session in sessions:
            if not self.key:
                found.append(Bout(session.begins, f"{self.name}/login/{session.begins}", partial(self.login, session)))
        for at in moments:
            session = next(one for one in reversed(sessions) if one.begins <= at)
            # A login takes a while.
            begins = at + MINUTE
            found.append(Bout(begins, f"{self.name}/{begins}", partial(self.work, session)))
        for _ in range(fans(chance, self.git) if moments else 0):
            at = chance.randint(moments[0], moments[-1] + HOUR)
            found.append(Bout(at, f"{self.name}/git/{at}", partial(self.pushes, day)))
        return found

    def login(self, session: Session, world: World, time: int) -> Iterator[Told]:
        """They sign in and are given a role."""
        office = cast(Office, world)
        if self.way == "okta":
            usual = self.doer(office, session, True, time)
            chosen, told, at = login(world, time, self.name, usual.truth.scenario, session.login, usual.address)
            made, _, _ = enter_aws(chosen, at + SECOND, AWS[self.number % 2], session.key, session.seconds)
            yield from (*told, *made)
            return
        provider = CENTER if self.way == "center" else SAML
        identity = {
            "type": "SAMLUser", "principalId": f"{provider}:{self.name}", "userName": self.name,
            "identityProvider": provider,
        }  # fmt: skip
        usual = self.doer(office, session, True, time)
        true = Truth("", "", identity["principalId"], self.name, scenario=usual.truth.scenario)
        doer = Doer(identity, true, usual.address, usual.agent)
        issued = shapes.assume_role(self.role, self.name, session.key, session.expires, session.seconds)
        yield trail(world, time, "sts", "AssumeRoleWithSAML", doer, **issued)

    def doer(self, office: Office, session: Session, clicking: bool = False, time: int = 0) -> Doer:
        """Who they are in AWS with what they signed in to, at a time."""
        return office.changed(self.name, time or session.begins, self._usual(office, session, clicking))

    def _usual(self, office: Office, session: Session, clicking: bool) -> Doer:
        region = "" if self.repertoire.region == "eu-central-1" else self.repertoire.region
        agent, chain = self.agent(office, session, clicking), [f"aws:{session.key}"]
        if self.way == "key":
            user = shapes.user_identity(self.name.partition("@")[0], self.key)
            true = Truth("", "", user["arn"], "", "", chain, scenario="person with a standing key")
            return Doer(user, true, session.address, agent, region)
        acts = shapes.role_identity(self.role, self.name, session.key)
        provider = {"saml": SAML, "okta": OKTA_SAML, "center": CENTER}[self.way]
        true = Truth("", "", f"{provider}:{self.name}", self.name, "", chain, scenario="console")
        if self.way == "okta":
            true.session, true.scenario = session.login, "okta"
            if AWS[self.number % 2][2]:
                acts["sessionContext"]["sourceIdentity"] = self.name
        if self.way == "center":
            true.human, true.scenario = f"94d00cd8-e9e6-4810-b177-{self.number:012x}", "identity center"
            acts["onBehalfOf"] = {"userId": true.human, "identityStoreArn": DIRECTORY}
        return Doer(acts, true, session.address, agent, region)

    def work(self, session: Session, world: World, time: int) -> Iterator[Told]:
        """At the console a click is many calls; a command is one or a few; now and then somebody writes a loop."""
        office, chance = cast(Office, world), world.chance
        clicking = chance.random() < self.console
        doer = self.doer(office, session, clicking, time)
        if chance.random() < self.loops and not clicking:
            calls = self.loop(world, time, doer, chance.randint(30, 400))
        else:
            calls = self._calls(world, time, doer, clicking)
        # What they are signed in to ends; they go on with what comes next.
        yield from (told for told in calls if told.time < session.expires)

    def _calls(self, world: World, at: int, doer: Doer, clicking: bool) -> Iterator[Told]:
        chance = world.chance
        for _ in range(1 + fans(chance, self.clicks)):
            if clicking:
                service = self.repertoire.draw(chance).service
                for call in range(chance.randint(2, 8)):
                    seen = chance.choice(READS[service])
                    yield self.repertoire.tell(world, at + call * SECOND // 18, doer, seen)
            else:
                yield self.repertoire.tell(world, at, doer)
            at += int(chance.lognormvariate(*self.pace) * SECOND) + SECOND // 2

    def loop(self, world: World, at: int, doer: Doer, times: int) -> Iterator[Told]:
        """The same call, or a few in turn, on one thing after the other, as fast as a shell or a script makes them."""
        chance = world.chance
        calls = [self.repertoire.draw(chance) for _ in range(chance.choice((1, 1, 1, 2, 3, 5)))]
        pace = chance.uniform(0.15, 1.6)
        for number in range(times):
            yield self.repertoire.tell(world, at, doer, calls[number % len(calls)])
            at += int(chance.gauss(pace, pace / 12) * SECOND)

    def agent(self, office: Office, session: Session, clicking: bool) -> str:
        """What their laptop says it is; one day it is a new one, and command lines are kept up to date."""
        day = office.day_of(session.begins)
        if clicking:
            return self.browser if day < self.laptop else self.newer
        return self.command.format(minor=self.minor + day // 40 + 3 * (day >= self.laptop))

    def pushes(self, day: int, world: World, time: int) -> Iterator[Told]:
        """Work on a repository of theirs."""
        office, chance, at = cast(Office, world), world.chance, time
        account = self.github(time)
        usual = Doer({}, account.truth("developer"), self.address(office, day))
        where = office.changed(self.name, time, usual)
        account = replace(account, address=where.address)
        repository = chance.choice(self.repositories)
        for action in MERGED if chance.random() < 0.3 else chance.choices(GIT, k=chance.randint(1, 3)):
            at += int(chance.uniform(5, 90) * SECOND)
            yield account.act(world, at, action, where.truth, repository)
