"""Machines that are busier than usual, or new, for good reasons."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace as other
from typing import Any

from msgspec.structs import replace

from pipeline.simulate.attacks.scene import Step, play
from pipeline.simulate.staff.assistants import Assistant
from pipeline.simulate.staff.catalog import Call, asked
from pipeline.simulate.staff.office import DAY, MINUTE, Change, Office
from pipeline.simulate.staff.people import provider_address
from pipeline.simulate.staff.pipelines import Repository
from pipeline.simulate.staff.services import Service
from pipeline.simulate.staff.workloads import Batch, Scaling
from pipeline.simulate.truth import Told
from pipeline.simulate.world import SECOND, Doer, trail

#: What Terraform creates, what it asks until that is there, and what it deletes it with.
RESOURCES = (
    ("ec2", "CreateSubnet", "DescribeSubnets", "DeleteSubnet"),
    ("ec2", "RunInstances", "DescribeInstances", "TerminateInstances"),
    ("ec2", "CreateSecurityGroup", "DescribeSecurityGroups", "DeleteSecurityGroup"),
    ("iam", "CreateRole", "GetRole", "DeleteRole"),
    ("iam", "AttachRolePolicy", "ListAttachedRolePolicies", "DetachRolePolicy"),
    ("s3", "CreateBucket", "HeadBucket", "DeleteBucket"), ("kms", "CreateKey", "DescribeKey", "ScheduleKeyDeletion"),
    ("lambda", "CreateFunction20150331", "GetFunction20150331v2", "DeleteFunction20150331"),
    ("rds", "CreateDBInstance", "DescribeDBInstances", "DeleteDBInstance"),
    ("logs", "CreateLogGroup", "DescribeLogGroups", "DeleteLogGroup"),
    ("ec2", "CreateFlowLogs", "DescribeFlowLogs", "DeleteFlowLogs"),
    ("sqs", "CreateQueue", "GetQueueAttributes", "DeleteQueue"),
)  # fmt: skip
TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.13.1 (+https://www.terraform.io) terraform-provider-aws/6.10.0"


def harmless(told: Iterator[Told], scenario: str) -> Iterator[Told]:
    """The same as a part of a control."""
    for one in told:
        yield replace(one, truths=[replace(true, scenario=scenario) for true in one.truths])


def terraform(office: Office, at: int, doer: Doer, *, destroy: bool) -> Iterator[Told]:
    """Applies, and perhaps destroys, a large stack: ten resources at once, each asked for until it is there."""
    chance = office.chance
    doer = other(doer, agent=TERRAFORM)
    stack = [(chance.choice(RESOURCES), number) for number in range(chance.randint(60, 250))]
    for phase in (1, 3) if destroy else (1,):
        free = [at + int(chance.uniform(0, 2) * SECOND) for _ in range(10)]
        for resource, number in stack:
            when = heapq.heappop(free)
            named = {"requestParameters": {"name": f"stack-{number}"}}
            order: list[Step] = [(f"{resource[0]}:{resource[phase]}", named)]
            order += [(f"{resource[0]}:{resource[2]}", named)] * chance.randint(1, 6)
            told = list(play(office, when, doer, order, (0.6, 5)))
            yield from told
            heapq.heappush(free, told[-1].time + int(chance.uniform(0.1, 2) * SECOND))
        at = max(free) + int(chance.uniform(2, 15) * MINUTE)


def terraform_in_the_pipeline(office: Office, time: int) -> Iterator[Told]:
    """A pipeline applies a large stack, and destroys it again."""
    scenario = "control: terraform in the pipeline"
    told, doer = office.chance.choice(office.of(Repository, time)).enter(office, time)
    yield from harmless(iter([told]), scenario)
    doer = other(doer, truth=replace(doer.truth, scenario=scenario))
    yield from terraform(office, time + 20 * SECOND, doer, destroy=True)


def deploy_storm(office: Office, time: int) -> Iterator[Told]:
    """Before a release every repository deploys, some again and again."""
    chance = office.chance
    for repository in office.of(Repository, time):
        for _ in range(chance.randint(2, 7)):
            at = time + int(chance.uniform(0, 40) * MINUTE)
            yield from harmless(repository.run(office, at), "control: deploy storm")


def large_batch(office: Office, time: int) -> Iterator[Told]:
    """A nightly job goes through ten times as much: a year is read again."""
    batch = office.chance.choice(office.of(Batch, time) or office.of(Batch))
    yield from batch.run(office, time, 10.0, "control: batch ten times larger")


def autoscaling(office: Office, time: int) -> Iterator[Told]:
    """A sale begins: a group of instances grows by dozens."""
    group = office.chance.choice(office.of(Scaling))
    yield from group.run(office, time, office.chance.randint(30, 90), "control: autoscaling")


def new_version(office: Office, time: int) -> Iterator[Told]:
    """An agent's new version has other tools, and says so: `gen_ai.agent.version` is another one from now on."""
    scenario = "control: new version of an agent"
    known = [one for one in office.of(Assistant, time) if one.way == "own"]
    agent = office.victim([one for one in known if one.version and one.more] or known or office.of(Assistant))
    version = f"{int((agent.version or '1')[0]) + 1}.0"
    agent.later = time, [*agent.more, *agent.tools[:1]], version
    office.changes.setdefault(agent.name, []).append(Change(time, office.end + DAY, scenario))
    yield from agent.work(agent.begin(office, time))


def moved(office: Office, time: int) -> Iterator[Told]:
    """A service's jobs run on new hosts, with a newer library, from now on."""
    service, scenario = office.victim(office.of(Service, time)), "control: service moved to new hosts"
    agent = service.agent.replace("1.", "1.9").replace("2.", "2.9")
    change = Change(time, office.end + DAY, scenario, provider_address(office.chance), agent)
    office.changes.setdefault(service.name, []).append(change)
    yield from service.run(service.jobs[0], office, time)


def call(office: Office, at: int, doer: Doer, found: Call, **more: Any) -> Told:
    """One call on anything of its kind."""
    named = asked(office.chance, found, office.chance.randrange(96)) if found.parameter else None
    return trail(office, at, found.service, found.action, doer, requestParameters=named, **more)
