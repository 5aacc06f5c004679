"""Pods, batch jobs and what AWS does by itself: the same calls all day, more of them when there is more to do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from pipeline.simulate import shapes
from pipeline.simulate.platforms import kubernetes_pod
from pipeline.simulate.staff.catalog import READS, WRITES, Call, asked, refused
from pipeline.simulate.staff.office import DAY, Bout, Habits, Office, fans, workload_session
from pipeline.simulate.staff.services import SERVICES, library
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import HOUR, PROVIDER, SECOND, Doer, World, trail


@dataclass
class Pod(Habits):
    """A workload on EKS with a role of its own, by its service account's name."""

    space: str = "shop"
    agent: str = ""
    calls: list[Call] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    rate: float = 8.0
    length: float = 6.0
    peak: float = 14.0
    swing: float = 0.6
    nodes: list[str] = field(default_factory=list)

    @classmethod
    def hired(cls, office: Office, name: str, number: int) -> Pod:
        """A workload with habits of its own."""
        chance = office.dice(f"pod/{name}")
        calls: list[Call] = []
        for service in chance.sample(SERVICES, k=chance.randint(1, 3)):
            known = (*READS[service][-3:], *WRITES[service])
            calls += chance.sample(known, k=chance.randint(1, min(2, len(known))))
        if number % 5 == 2:
            calls += WRITES["bedrock"]
        return cls(
            name, space=chance.choice(("shop", "data", "platform")), agent=library(chance), calls=calls,
            numbers=chance.sample(range(96), k=chance.randint(1, 6)), rate=chance.lognormvariate(2.0, 0.5),
            length=chance.lognormvariate(1.9, 0.5), peak=chance.gauss(14, 3), swing=chance.uniform(0, 0.95),
            nodes=[f"192.0.2.{200 + node}" for node in chance.sample(range(20), k=chance.randint(1, 4))],
        )  # fmt: skip

    @property
    def role(self) -> str:
        """Its role."""
        return f"{self.space}-{self.name}"

    @property
    def models(self) -> bool:
        """Whether it invokes models as a part of its work."""
        return any(call.service == "bedrock" for call in self.calls)

    def day(self, office: Office, day: int) -> list[Bout]:
        """Work comes by the hour, most of it in the afternoon."""
        chance = self.dice(office, f"day/{day}")
        found = []
        for hour in range(24):
            mean = self.rate / 24 * (1 + self.swing * math.cos((hour - self.peak) / 12 * math.pi))
            for _ in range(_poisson(chance.random(), mean)):
                at = office.start + day * DAY + int((hour + chance.random()) * HOUR)
                found.append(Bout(at, f"{self.name}/{at}", self.run))
        return found

    def enter(self, office: Office, time: int) -> tuple[Told, Doer]:
        """The pod shows its projected token and is given the role."""
        web = shapes.web_identity(PROVIDER, f"system:serviceaccount:{self.space}:{self.name}")
        true = Truth("", "", web["principalId"], scenario="pod")
        start = Doer(web, true, office.chance.choice(self.nodes), self.agent)
        return workload_session(office, time, web, self.role, f"pod-{office.ids.hexadecimal(8)}", true, start)

    def run(self, world: World, time: int) -> Iterator[Told]:
        """Some work with a session of its own."""
        chance, at = world.chance, time
        told, doer = self.enter(cast(Office, world), time)
        yield told
        for _ in range(1 + fans(chance, self.length, 0.4)):
            call = chance.choice(self.calls)
            at += int(chance.lognormvariate(0.3, 0.8) * SECOND)
            wrong = refused(call) if chance.random() < 0.003 else {}
            parameters = asked(chance, call, chance.choice(self.numbers)) if call.parameter else None
            yield trail(world, at, call.service, call.action, doer, requestParameters=parameters, **wrong)


@dataclass
class ClusterPod(Habits):
    """A workload that only speaks to Kubernetes, by its service account's name."""

    rate: float = 6.0
    node: str = ""

    @classmethod
    def hired(cls, office: Office, name: str, number: int) -> ClusterPod:
        """A workload with habits of its own."""
        chance = office.dice(f"cluster/{name}")
        return cls(name, rate=chance.lognormvariate(1.9, 0.5), node=f"10.0.{number % 4}.{chance.randint(2, 250)}")

    def day(self, office: Office, day: int) -> list[Bout]:
        """It starts anew several times a day."""
        chance = self.dice(office, f"day/{day}")
        times = [office.start + day * DAY + int(chance.random() * DAY) for _ in range(fans(chance, self.rate))]
        return [
            Bout(at, f"{self.name}/{at}", partial(kubernetes_pod, name=self.name, address=self.node)) for at in times
        ]


@dataclass
class Batch(Habits):
    """A nightly job that takes one role from the other, and goes through the parts of a table."""

    hour: float = 2.0
    roles: list[str] = field(default_factory=list)
    parts: int = 60
    bucket: str = "warehouse"

    @classmethod
    def hired(cls, office: Office, name: str) -> Batch:
        """A job with habits of its own."""
        chance = office.dice(f"batch/{name}")
        roles = [f"{name}-{step}" for step in ("read", "stage", "merge", "publish")[: chance.randint(1, 4)]]
        return cls(name, hour=chance.uniform(0, 6), roles=roles, parts=int(chance.lognormvariate(4.1, 0.5)),
                   bucket=f"example-warehouse-{chance.randrange(9)}")  # fmt: skip

    def day(self, office: Office, day: int) -> list[Bout]:
        """Once a night."""
        at = office.start + day * DAY + int((self.hour + self.dice(office, day).gauss(0, 0.05)) * HOUR)
        return [Bout(max(at, office.start + day * DAY), f"{self.name}/{day}", self.run)]

    def run(self, world: World, time: int, times: float = 1.0, scenario: str = "batch") -> Iterator[Told]:
        """Role after role, then the parts, so many times as many as usual."""
        chance = world.chance
        web = shapes.web_identity(PROVIDER, f"system:serviceaccount:batch:{self.name}")
        doer = Doer(web, Truth("", "", web["principalId"], scenario=scenario), "192.0.2.90")
        at, action, chain = time, "AssumeRoleWithWebIdentity", list[str]()
        for role in self.roles:
            key, session = world.ids.key("ASIA"), f"{self.name}-{world.ids.hexadecimal(8)}"
            yield trail(world, at, "sts", action, doer, **shapes.assume_role(role, session, key, at + HOUR))
            chain = [f"aws:{key}", *chain]
            true = Truth("", "", doer.truth.actor, "", "", chain, scenario=scenario)
            doer = Doer(shapes.role_identity(role, session, key), true, doer.address)
            at, action = at + int(chance.uniform(0.2, 3) * SECOND), "AssumeRole"
        for number in range(max(5, int(fans(chance, self.parts, 0.15) * times))):
            at += int(chance.uniform(0.05, 0.5) * SECOND)
            yield trail(world, at, "s3", ("GetObject", "PutObject")[number % 2], doer, requestParameters={
                "bucketName": self.bucket, "key": f"part-{number // 2:04}.parquet",
            })  # fmt: skip


@dataclass
class Scaling(Habits):
    """A group of instances that AWS keeps as large as it has to be, with a role of the service's own."""

    rate: float = 4.0

    def day(self, office: Office, day: int) -> list[Bout]:
        """Grows and shrinks some times a day."""
        chance = self.dice(office, f"day/{day}")
        times = [office.start + day * DAY + int(chance.betavariate(3, 2) * DAY) for _ in range(fans(chance, self.rate))]
        return [Bout(at, f"{self.name}/{at}", partial(self.run, instances=chance.randint(1, 3))) for at in times]

    def run(self, world: World, time: int, instances: int = 1, scenario: str = "autoscaling") -> Iterator[Told]:
        """Starts instances, as CloudTrail shows it: by the service, in the name of the account."""
        role, session = "AWSServiceRoleForAutoScaling", "AutoScaling"
        identity = {**shapes.role_identity(role, session, ""), "invokedBy": "autoscaling.amazonaws.com"}
        del identity["accessKeyId"]
        true = Truth("", "", identity["arn"], scenario=scenario)
        doer, at = Doer(identity, true, "autoscaling.amazonaws.com", "autoscaling.amazonaws.com"), time
        for _ in range(instances):
            number = world.chance.randrange(2**40)
            for action in ("RunInstances", "CreateTags", "DescribeInstances", "RegisterTargets"):
                service = "elasticloadbalancing" if action == "RegisterTargets" else "ec2"
                at += int(world.chance.uniform(0.1, 2) * SECOND)
                yield trail(world, at, service, action, doer, requestParameters={"instanceId": f"i-{number:017x}"})


def _poisson(uniform: float, mean: float) -> int:
    """A number of independent events, by inversion."""
    number, share = 0, math.exp(-mean)
    total = share
    while uniform > total and number < 100:
        number += 1
        share *= mean / number
        total += share
    return number
