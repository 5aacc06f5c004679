"""How people, agents and scripts follow one step with the next: made-up sequences to learn the difference from.

A sequence is requests of one actor, with times as a log has them. Its parameters are drawn anew for each, over ranges
that are wide on purpose: what is learned must hold for actors that nobody has made up. Sources of the ranges:

* A click in a web console fans out to up to some thirty requests within a second or two; people think for seconds to
  minutes, with a heavy tail, and pause (measured on real trails, docs/detections.md).
* An agent's step is a model's answer (a second to ten, log-normal) and a tool's work; a step makes one to a few
  requests; agents do not pause while a task goes on.
* Scripts: loops at the speed of the answers, pools of threads, waiters that poll at a fixed interval, jobs by the
  clock, graphs of resources (Terraform), and tools that sleep at random to look slower.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.score.deeds import CHANGE, LOOK, deed_of
from pipeline.simulate.world import SECOND

_LOOKS = (
    "ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeVpcs", "ec2:DescribeImages",
    "rds:DescribeDBInstances", "s3:ListBuckets", "s3:GetBucketLocation", "s3:GetBucketAcl", "s3:GetObject",
    "s3:HeadObject", "iam:ListRoles", "iam:ListUsers", "iam:GetUser", "iam:GetRole", "lambda:ListFunctions",
    "lambda:GetFunction", "logs:DescribeLogGroups", "logs:FilterLogEvents", "monitoring:DescribeAlarms",
    "monitoring:GetMetricData", "tagging:GetResources", "cloudtrail:LookupEvents", "sqs:ReceiveMessage",
    "dynamodb:Query", "dynamodb:GetItem", "athena:GetQueryResults", "kms:Decrypt", "secretsmanager:ListSecrets",
    "secretsmanager:GetSecretValue", "ssm:GetParameters", "ecs:DescribeServices", "cloudformation:DescribeStacks",
    "sts:GetCallerIdentity", "health:DescribeEventAggregates", "bedrock:ListFoundationModels",
)  # fmt: skip
_CHANGES = (
    "ec2:RunInstances", "ec2:CreateTags", "ec2:CreateVolume", "ec2:TerminateInstances", "s3:PutObject",
    "s3:CopyObject", "s3:DeleteObject", "iam:CreateRole", "iam:AttachRolePolicy", "lambda:UpdateFunctionCode",
    "sqs:SendMessage", "sqs:DeleteMessage", "dynamodb:PutItem", "dynamodb:UpdateItem", "ecs:UpdateService",
    "logs:PutLogEvents", "cloudformation:CreateStack", "ec2:AuthorizeSecurityGroupIngress", "rds:CreateDBSnapshot",
    "athena:StartQueryExecution",
)  # fmt: skip


class Step(NamedTuple):
    """One request (`pipeline.score.tempo.Moment`)."""

    time: int
    action: str
    target: str
    denied: bool = False
    failed: bool = False

    @property
    def flags(self) -> int:
        """What its action does."""
        return deed_of(self.action).flags

    @property
    def looks(self) -> bool:
        """It changes nothing."""
        return bool(self.flags & LOOK)

    @property
    def changes(self) -> bool:
        """It changes something."""
        return bool(self.flags & CHANGE)


Steps = Iterator[Step]
#: Tells a sequence of about so many decisions.
Teller = Callable[[random.Random, int], Steps]


def sequence(chance: random.Random, kind: str, decisions: int) -> list[Step]:
    """One sequence of a person, an agent or a script, in order of time, as a log with a coarse clock may have it."""
    steps = sorted(chance.choice(TELLERS[kind])(chance, decisions))
    if chance.random() < 0.6:
        steps = [step._replace(time=step.time // SECOND * SECOND) for step in steps]
    if chance.random() < 0.25:
        # Names that say nothing of what is done: those of tools.
        steps = [step._replace(action=step.action.partition(":")[2]) for step in steps]
    lost = chance.choice((0.0, 0.0, 0.02, 0.1))
    return [step for step in steps if chance.random() >= lost]


def _pick(chance: random.Random, changing: float, among: list[str]) -> str:
    return chance.choice(_CHANGES) if chance.random() < changing else chance.choice(among)


def _some(chance: random.Random, most: int) -> list[str]:
    return chance.sample(_LOOKS, chance.randint(1, most))


def _think(chance: random.Random, median: float, spread: float) -> float:
    return min(chance.lognormvariate(0, spread) * median, 3600 * 3)


def _console(chance: random.Random, decisions: int) -> Steps:
    """A person's clicks, each a page that asks for what it shows; some pages ask again by themselves."""
    at, median, spread = 0.0, chance.uniform(4, 40), chance.uniform(0.7, 1.5)
    widest, changing, wrong = chance.randint(2, 33), chance.uniform(0, 0.15), chance.uniform(0, 0.25)
    pages = [_some(chance, 12) for _ in range(chance.randint(2, 10))]
    for _ in range(decisions):
        page = chance.choice(pages)
        spread_out = chance.uniform(0.2, 2.5)
        for number in range(min(widest, 1 + int(chance.expovariate(1 / max(1, widest / 3))))):
            denied = chance.random() < wrong * 0.3
            yield _step(at + chance.uniform(0, spread_out), page[number % len(page)], f"r{number}", denied)
        if chance.random() < changing:
            yield _step(at + spread_out, chance.choice(_CHANGES), f"c{chance.randrange(20)}", chance.random() < wrong)
        if chance.random() < 0.1:
            # The page asks again every so often while somebody looks at it.
            every = chance.choice((5, 10, 15, 30, 60))
            for _ in range(chance.randint(1, 4)):
                at += every
                yield _step(at, page[0], "r0", False)
        at += 0.5 + _think(chance, median, spread)


def _terminal(chance: random.Random, decisions: int) -> Steps:
    """A person's commands: one request each, now and then a small loop."""
    at, median, spread = 0.0, chance.uniform(5, 60), chance.uniform(0.8, 1.6)
    changing, wrong, usual = chance.uniform(0, 0.4), chance.uniform(0, 0.3), _some(chance, 8)
    for _ in range(decisions):
        action, target = _pick(chance, changing, usual), f"r{chance.randrange(12)}"
        requests = chance.randint(5, 30) if chance.random() < 0.03 else chance.choice((1, 1, 1, 2, 3))
        for number in range(requests):
            yield _step(at, action, f"{target}{number}", chance.random() < wrong)
            at += chance.uniform(0.2, 0.9)
        at += 1 + _think(chance, median, spread)


def _agent(chance: random.Random, decisions: int) -> Steps:
    """A model that thinks, and tools that work, some for minutes; several tasks, some with a person who answers."""
    at, think, spread = 0.0, chance.uniform(0.9, 12), chance.uniform(0.15, 0.8)
    work, heavy, changing = chance.uniform(0.1, 6), chance.uniform(0.4, 1.5), chance.uniform(0, 0.4)
    tools, parallel = [_some(chance, 3) for _ in range(chance.randint(2, 8))], chance.random() < 0.3
    wrong, asks, left = chance.uniform(0, 0.2), chance.choice((0.0, 0.0, 0.03, 0.1)), 0
    for _ in range(decisions):
        if not left:
            left = chance.randint(3, 60)
            at += chance.choice((0, 20, 200, 2000)) * chance.random()
        left -= 1
        for _ in range(chance.choice((1, 1, 2, 3, 5)) if parallel else 1):
            tool = chance.choice(tools)
            takes = min(600, _think(chance, work, heavy))
            for number in range(min(len(tool), chance.choice((1, 1, 2, 3)))):
                action = chance.choice(_CHANGES) if chance.random() < changing else tool[number]
                yield _step(at + chance.uniform(0, takes), action, f"r{chance.randrange(30)}", chance.random() < wrong)
            at += 0 if parallel else takes
        at += max(0.5, _think(chance, think, spread)) + (min(600, work) if parallel else 0)
        if chance.random() < asks:
            at += _think(chance, 45, 1.2)


def _loop(chance: random.Random, decisions: int) -> Steps:
    """One thing after the other, as fast as the answers come; sometimes with a sleep between."""
    at, takes = 0.0, chance.choice((0.05, 0.1, 0.3, 0.8))
    sleep = chance.choice((0, 0, 0, 0.5, 1, 2, 5, 10, 30, 60))
    jitter = chance.choice((0, 0, 0.02, 0.1, 0.5))
    actions, changing = _some(chance, 4), chance.choice((0.0, 0.0, 0.5, 1.0))
    if changing:
        actions = [chance.choice(_CHANGES) if chance.random() < changing else action for action in actions]
    wrong = chance.choice((0, 0, 0.02, 0.5, 1.0))
    for number in range(decisions * (1 if sleep >= 2 else chance.randint(3, 12))):
        for action in actions:
            yield _step(at, action, f"item-{number}", chance.random() < wrong)
            at += takes * chance.uniform(0.7, 1.6)
        at += sleep * (1 + chance.uniform(-jitter, jitter))


def _pool(chance: random.Random, decisions: int) -> Steps:
    """Many at a time, in waves or without a pause: resources in the order of their graph, with waiters that poll."""
    at, width = 0.0, chance.randint(3, 20)
    looks, changing, poll = _some(chance, 12), chance.choice((0.0, 0.3, 0.8)), chance.choice((3, 5, 10, 15))
    for _ in range(decisions):
        for number in range(chance.randint(1, width * 4)):
            action = chance.choice(_CHANGES) if chance.random() < changing else chance.choice(looks)
            yield _step(at + number / width * chance.uniform(0.2, 0.6), action, f"item-{chance.randrange(400)}", False)
        if chance.random() < 0.5:
            for _ in range(chance.randint(1, 6)):
                at += poll
                yield _step(at, looks[0], "waiting", False)
        at += chance.choice((1, 2, 5)) * chance.uniform(0.8, 1.2)


def _clock(chance: random.Random, decisions: int) -> Steps:
    """A job by the clock: the same requests every time."""
    at, every = 0.0, chance.choice((5, 10, 20, 30, 60, 300, 900, 3600))
    requests = [_pick(chance, 0.4, list(_LOOKS)) for _ in range(chance.randint(1, 8))]
    late = chance.choice((0.0, 0.5, 2.0))
    for number in range(decisions):
        begun = at + chance.uniform(0, late)
        for action in requests:
            yield _step(begun, action, f"item-{number}", chance.random() < 0.01)
            begun += chance.uniform(0.05, 0.4)
        at += every


def _sleeper(chance: random.Random, decisions: int) -> Steps:
    """A tool that sleeps at random between its steps: evenly spread, within bounds, which no think time is."""
    at, low = 0.0, chance.uniform(0.2, 4)
    high, actions = low + chance.uniform(0.5, 8), _some(chance, 20)
    wrong = chance.choice((0, 0.1, 0.6))
    for number in range(decisions):
        yield _step(at, actions[number % len(actions)], f"item-{number}", chance.random() < wrong)
        at += chance.uniform(low, high)


def _step(at: float, action: str, target: str, denied: bool) -> Step:
    return Step(int(at * SECOND), action, target, denied)


TELLERS: dict[str, tuple[Teller, ...]] = {
    "human": (_console, _console, _terminal),
    "agent": (_agent,),
    "script": (_loop, _loop, _pool, _pool, _clock, _sleeper),
}
