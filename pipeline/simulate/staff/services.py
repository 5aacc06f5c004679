"""Services with standing keys, and jobs that lease their keys at Vault: the same few calls, at the same times."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from pipeline.simulate import shapes
from pipeline.simulate.platforms import vault_lease
from pipeline.simulate.staff.catalog import READS, WRITES, Call, asked, refused
from pipeline.simulate.staff.office import DAY, MINUTE, Bout, Habits, Office, fans
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import HOUR, SECOND, Doer, World, trail

#: Minutes between two runs of a job, and how often that is so.
EVERY, SHARES = (5, 10, 15, 30, 60, 240, 1440), (2, 2, 4, 4, 8, 5, 6)
LIBRARIES = (
    "Boto3/1.{minor}.{patch} md/Botocore#1.{minor}.{patch} lang/python#3.11", "aws-sdk-java/2.{minor}.{patch} Linux",
    "aws-sdk-go-v2/1.{minor}.{patch} os/linux lang/go#1.24", "aws-sdk-nodejs/3.{minor}.{patch} linux/v22",
    "aws-cli/2.{minor}.{patch} os/linux", "Fluent-Bit/3.{minor}.{patch} Linux",
)  # fmt: skip
SERVICES = (
    "s3", "dynamodb", "sqs", "sns", "logs", "ses", "athena", "glue", "states", "cloudwatch", "ec2", "kms", "ssm",
)  # fmt: skip


def library(chance: random.Random, known: Sequence[str] = LIBRARIES) -> str:
    """The user agent of some program."""
    return chance.choice(known).format(minor=chance.randint(20, 60), patch=chance.randint(0, 120))


@dataclass
class Job:
    """Something that a service does again and again."""

    minutes: int
    calls: list[Call]
    numbers: list[int]
    #: Times that it goes through its calls in one run, seconds from one call to the next, and minute of the day.
    rounds: int
    pace: float
    offset: float
    jitter: float
    #: The day from which on there is such a job.
    since: int = 0

    @classmethod
    def of(cls, chance: random.Random, model: bool = False) -> Job:
        """A job with calls of its own."""
        minutes = chance.choices(EVERY, SHARES)[0]
        calls: list[Call] = []
        for service in chance.sample(SERVICES, k=chance.randint(1, 2)):
            known = (*READS[service], *WRITES[service], *WRITES[service])
            calls += chance.sample(known, k=min(len(known), chance.randint(1, 2)))
        if minutes < 30:
            # What runs often does little.
            calls = calls[: 1 + (minutes == 15)]
        if model:
            minutes, calls = max(minutes, 60), [*calls[:1], *WRITES["bedrock"]]
        rounds = 1 if minutes < 30 else chance.randint(1, 3) if minutes < 240 else chance.randint(5, 30)
        return cls(minutes, calls, chance.sample(range(96), k=chance.randint(1, 5)), rounds,
                   chance.lognormvariate(-0.7, 0.8), chance.uniform(0, 1440), chance.uniform(0.2, 20),
                   chance.randint(5, 150) if chance.random() < 0.12 else 0)  # fmt: skip

    def times(self, start: int, chance: random.Random) -> list[int]:
        """When it runs on the day that starts then."""
        first = int(self.offset % self.minutes * MINUTE)
        return [
            start + at + int(abs(chance.gauss(0, self.jitter)) * SECOND)
            for at in range(first, DAY, self.minutes * MINUTE)
        ]


@dataclass
class Service(Habits):
    """A service account: a user of IAM whose key stands."""

    key: str = ""
    host: str = ""
    agent: str = ""
    jobs: list[Job] = field(default_factory=list)
    mistakes: float = 0.003
    #: Whether it invokes models as a part of its job.
    models: bool = False
    #: Keys that it was given later: since when it uses each, and what made it, from the key on.
    later: list[tuple[int, list[str]]] = field(default_factory=list)

    @classmethod
    def hired(cls, office: Office, name: str, number: int) -> Service:
        """A service with habits of its own."""
        chance = office.dice(f"service/{name}")
        models = number % 6 == 1
        jobs = [Job.of(chance, models and not at) for at in range(chance.choice((1, 1, 2, 3)))]
        return cls(name, key=office.ids.key("AKIA"), host=f"192.0.2.{100 + number % 60}", agent=library(chance),
                   jobs=jobs, mistakes=chance.uniform(0, 0.006), models=models)  # fmt: skip

    def doer(self, time: int, scenario: str = "standing key", address: str = "") -> Doer:
        """The account as its records show it at a time."""
        chain = next((made for since, made in reversed(self.later) if since <= time), [f"aws:{self.key}"])
        identity = shapes.user_identity(self.name, chain[0].removeprefix("aws:"))
        true = Truth("", "", identity["arn"], "", "", chain, scenario=scenario)
        return Doer(identity, true, address or self.host, self.agent)

    def day(self, office: Office, day: int) -> list[Bout]:
        """Its jobs, each at its times."""
        chance = self.dice(office, f"day/{day}")
        return [
            Bout(at, f"{self.name}/{number}/{at}", partial(self.run, job))
            for number, job in enumerate(self.jobs) if day >= job.since or not number
            for at in job.times(office.start + day * DAY, chance)
        ]  # fmt: skip

    def run(self, job: Job, world: World, time: int, rounds: int = 0, doer: Doer | None = None) -> Iterator[Told]:
        """One run of a job."""
        chance, at = world.chance, time
        doer = doer or cast(Office, world).changed(self.name, time, self.doer(time))
        for _ in range(rounds or max(1, fans(chance, job.rounds, 0.3))):
            number = chance.choice(job.numbers)
            for call in job.calls:
                wrong = refused(call) if chance.random() < self.mistakes else {}
                parameters = asked(chance, call, number) if call.parameter else None
                yield trail(world, at, call.service, call.action, doer, requestParameters=parameters, **wrong)
                at += int(chance.lognormvariate(0, 0.25) * job.pace * SECOND)


@dataclass
class Leaser(Habits):
    """A job that logs in to Vault and leases AWS keys there, by its name in Vault."""

    entity: str = ""
    host: str = ""
    hours: list[float] = field(default_factory=list)
    calls: int = 10

    @classmethod
    def hired(cls, office: Office, name: str, number: int) -> Leaser:
        """A job with times of its own."""
        chance = office.dice(f"leaser/{name}")
        hours = sorted(chance.uniform(0, 24) for _ in range(chance.randint(2, 14)))
        return cls(name, entity=office.ids.uuid(), host=f"192.0.2.{170 + number}", hours=hours,
                   calls=chance.randint(3, 20))  # fmt: skip

    def day(self, office: Office, day: int) -> list[Bout]:
        """Its runs, each some minutes around its hour."""
        chance = self.dice(office, f"day/{day}")
        times = [office.start + day * DAY + int((hour + chance.gauss(0, 0.05)) * HOUR) for hour in self.hours]
        return [Bout(at, f"{self.name}/{at}", self.run) for at in times]

    def run(self, world: World, time: int) -> Iterator[Told]:
        """One run: login, lease, queries."""
        office = cast(Office, world)
        calls = max(1, fans(office.chance, self.calls, 0.2))
        yield from vault_lease(world, time, self.name, self.entity, self.host, calls)
