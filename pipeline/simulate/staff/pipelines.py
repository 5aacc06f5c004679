"""CI: what is pushed in office hours is built and deployed by a role session of its repository."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from pipeline.simulate import shapes
from pipeline.simulate.staff.catalog import Call, asked, refused
from pipeline.simulate.staff.office import DAY, MINUTE, Bout, Habits, Office, fans, workload_session
from pipeline.simulate.staff.people import provider_address
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import GITHUB, HOUR, SECOND, Doer, World, trail

#: What steps a deployment may have.
STEPS = (
    Call("ecr", "GetAuthorizationToken"), Call("ecr", "BatchCheckLayerAvailability", "name", "service"),
    Call("ecr", "InitiateLayerUpload", "name", "service"), Call("ecr", "PutImage", "name", "service"),
    Call("ecs", "RegisterTaskDefinition", "name", "service"), Call("ecs", "UpdateService", "name", "service"),
    Call("ecs", "DescribeServices", "name", "service"), Call("cloudformation", "DescribeStacks", "name", "stack"),
    Call("cloudformation", "CreateChangeSet", "name", "stack"), Call("iam", "GetRole", "roleName", "role"),
    Call("cloudformation", "ExecuteChangeSet", "name", "stack"),
    Call("lambda", "UpdateFunctionCode", "functionName", "function"), Call("s3", "PutObject", "bucketName", "bucket"),
    Call("lambda", "PublishVersion", "functionName", "function"), Call("ssm", "GetParameter", "name", "parameter"),
    Call("secretsmanager", "GetSecretValue", "secretId", "secret"), Call("sts", "GetCallerIdentity"),
    Call("cloudfront", "CreateInvalidation", "name", "stack"),
)  # fmt: skip
#: A run gets another session before its hour is over.
_RENEWS = 40 * MINUTE
AGENT = "aws-sdk-nodejs/3.{minor}.0 linux/v20 configure-aws-credentials-for-github-actions"


@dataclass
class Repository(Habits):
    """A repository, by its name, whose pipeline deploys."""

    role: str = ""
    agent: str = ""
    steps: list[Call] = field(default_factory=list)
    number: int = 0
    pushes: float = 3.0
    polls: int = 6
    pace: float = 1.0
    zone: float = 0.0
    nightly: float = 0.0
    #: What of its token's subject names the branch or the environment.
    refs: tuple[str, ...] = ()
    runners: list[str] = field(default_factory=list)
    #: A step that is added one day.
    added: tuple[int, Call] = (0, STEPS[0])

    @classmethod
    def hired(cls, office: Office, name: str, number: int) -> Repository:
        """A repository with a pipeline of its own."""
        chance, pool = office.dice(f"repository/{name}"), office.dice("runners")
        runners = [provider_address(pool) for _ in range(60)]
        ref = chance.choice(("ref:refs/heads/main", "environment:production", "ref:refs/heads/main"))
        refs = (ref, "pull_request") if chance.random() < 0.5 else (ref,)
        steps = sorted(chance.sample(range(len(STEPS)), k=chance.randint(4, 11)))
        return cls(
            name, role=f"deploy-{name}", agent=AGENT.format(minor=chance.randint(400, 800)), number=number,
            steps=[STEPS[step] for step in steps], pushes=chance.lognormvariate(1.0, 0.7), polls=chance.randint(2, 14),
            pace=chance.lognormvariate(0, 0.4), zone=chance.choice((0, 1, 1, -5)), refs=refs,
            nightly=chance.uniform(0, 24) if chance.random() < 0.3 else -1.0,
            # Half have runners of their own, the others any that the provider has.
            runners=runners if chance.random() < 0.5 else [f"192.0.2.{80 + number % 12}"],
            added=(chance.randint(4, 160), chance.choice(STEPS)),
        )  # fmt: skip

    @property
    def repository(self) -> str:
        """Its full name."""
        return f"example/{self.name}"

    def day(self, office: Office, day: int) -> list[Bout]:
        """Runs follow pushes, which people make in office hours; some run at night too."""
        chance = self.dice(office, f"day/{day}")
        start = office.start + day * DAY
        number = fans(chance, self.pushes * (0.08 if day % 7 > 4 else 1.0), 0.6)
        times = [start + int((8.5 - self.zone + 9.5 * chance.betavariate(1.4, 1.3)) * HOUR) for _ in range(number)]
        if self.nightly >= 0:
            times.append(start + int(self.nightly * HOUR) + int(chance.uniform(0, 90) * SECOND))
        return [Bout(at, f"{self.name}/{at}", self.run) for at in times]

    def enter(self, office: Office, time: int, ref: str = "", address: str = "") -> tuple[Told, Doer]:
        """A runner shows its token and is given the role."""
        web = shapes.web_identity(GITHUB, f"repo:{self.repository}:{ref or self.refs[0]}")
        true = Truth("", "", web["principalId"], scenario="ci")
        start = Doer(web, true, address or office.chance.choice(self.runners), self.agent)
        session = f"run-{office.ids.hexadecimal(8)}"
        return workload_session(office, time, web, self.role, session, true, start)

    def run(self, world: World, time: int, rounds: int = 1) -> Iterator[Told]:
        """One run of the pipeline: its steps, then it waits until what it deployed is there; now and then for much of
        what there is, one thing after the other."""
        chance, office = world.chance, cast(Office, world)
        rounds = rounds if chance.random() > 0.02 else chance.randint(5, 25)
        ref = self.refs[1] if len(self.refs) > 1 and chance.random() < 0.4 else self.refs[0]
        told, doer = self.enter(office, time, ref)
        yield told
        since, at = time, time + 20 * SECOND
        for further in range(rounds):
            if at - since > _RENEWS:
                told, doer = self.enter(office, at, ref, doer.address)
                yield told
                since, at = at, at + SECOND
            for told in self.deploy(office, at, doer, further):
                yield told
                at = told.time

    def deploy(self, office: Office, at: int, doer: Doer, further: int = 0) -> Iterator[Told]:
        """The steps for one of the things that it deploys, with the polling that follows."""
        chance, number = office.chance, (self.number + further) % 96
        since, added = self.added
        steps = [*self.steps, added] if office.day_of(at) >= since else self.steps
        for call in steps:
            for _ in range(chance.choice((1, 1, 1, 2, 4)) if "Layer" in call.action else 1):
                at += int(chance.lognormvariate(0, 0.5) * self.pace * SECOND)
                wrong = refused(call) if chance.random() < 0.002 else {}
                named = asked(chance, call, number) if call.parameter else None
                yield trail(office, at, call.service, call.action, doer, requestParameters=named, **wrong)
        for _ in range(fans(chance, self.polls, 0.4)):
            at += int(chance.gauss(15, 0.3) * SECOND)
            yield trail(office, at, "ecs", "DescribeServices", doer)
