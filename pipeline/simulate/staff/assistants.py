"""Agents: each with its tools, its usual data, the people that it works for, and the version that it says it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from pipeline.simulate import agents
from pipeline.simulate.agents import Run, Tool
from pipeline.simulate.okta import okta_agent
from pipeline.simulate.platforms import Connection
from pipeline.simulate.staff.catalog import thing
from pipeline.simulate.staff.office import DAY, Bout, Habits, Office, fans
from pipeline.simulate.staff.services import LIBRARIES, library
from pipeline.simulate.truth import Told
from pipeline.simulate.world import HOUR, SECOND, World

Arguments = Callable[[random.Random], dict[str, str]]


def _named(parameter: str, kind: str, numbers: list[int], *, key: str = "") -> Arguments:
    """Arguments of a tool that name one of these things, and something of it."""

    def draw(chance: random.Random) -> dict[str, str]:
        # Now and then a task is about something else than usual.
        number = chance.choice(numbers) if chance.random() > 0.01 else chance.randrange(96)
        found = {parameter: thing(kind, number)}
        return {**found, "key": f"{key}/2026/{chance.randrange(100_000):05}.json"} if key else found

    return draw


def toolbox(numbers: list[int]) -> dict[str, Tool]:
    """Every tool that an agent of the organisation may have, on the things with these numbers."""
    bucket, table = _named("bucket", "bucket", numbers, key="cases"), _named("table", "table", numbers)
    function, service = _named("function", "function", numbers), _named("service", "service", numbers)
    model = _named("model", "model", [number % 4 for number in numbers[:1]])
    there = {"bucketName": "{bucket}", "key": "{key}"}
    tools = (
        Tool("read_file", bucket, (("s3", "GetObject", there, 1),)),
        Tool("write_file", bucket, (("s3", "PutObject", there, 1), ("kms", "GenerateDataKey", {}, 1))),
        Tool("list_files", bucket, (("s3", "ListObjectsV2", {"bucketName": "{bucket}"}, 5),), (1.0, 6.0)),
        Tool("query_table", table, (("dynamodb", "Query", {"tableName": "{table}"}, 3),), (0.3, 2.0)),
        Tool("update_record", table, (("dynamodb", "UpdateItem", {"tableName": "{table}"}, 1),), (0.2, 1.0)),
        Tool("run_report", table, (
            ("athena", "StartQueryExecution", {"name": "{table}"}, 1), ("athena", "GetQueryExecution", {}, 4),
            ("athena", "GetQueryResults", {}, 2),
        ), (2.0, 12.0)),
        Tool("get_secret", _named("secret", "secret", numbers[:2]), (
            ("secretsmanager", "GetSecretValue", {"secretId": "{secret}"}, 1), ("kms", "Decrypt", {}, 1),
        ), (0.2, 1.0)),
        Tool("ask_model", model, (("bedrock", "InvokeModel", {"modelId": "{model}"}, 2),), (1.0, 8.0)),
        Tool("search_logs", function, (
            ("logs", "StartQuery", {"name": "{function}"}, 1), ("logs", "GetQueryResults", {}, 5),
        ), (1.0, 9.0)),
        Tool("call_function", function, (("lambda", "Invoke", {"functionName": "{function}"}, 1),), (0.3, 4.0)),
        Tool("service_status", service, (
            ("ecs", "DescribeServices", {"name": "{service}"}, 1), ("cloudwatch", "GetMetricData", {}, 2),
        ), (0.5, 3.0)),
        Tool("restart_service", service, (("ecs", "UpdateService", {"name": "{service}"}, 1),), (1.0, 5.0)),
        Tool("read_parameter", _named("name", "parameter", numbers), (("ssm", "GetParameter", {"name": "{name}"}, 1),)),
        Tool("send_message", service, (("sqs", "SendMessage", {"name": "{service}"}, 1),), (0.2, 1.0)),
        Tool("send_mail", service, (("ses", "SendEmail", {}, 1),), (0.3, 1.5)),
        Tool("search_web", service, (), (0.5, 4.0)),
        Tool("search_tickets", service, (), (0.3, 2.0)),
    )  # fmt: skip
    return {tool.name: tool for tool in tools}


@dataclass
class Assistant(Habits):
    """An agent, by its id. `way` says how it comes to act: with a credential of its own (`own`), with the key that some
    share (`shared`), with a token of Okta (`okta`), through a gateway (`mcp`), or at a vendor (`vendor`)."""

    way: str = "own"
    role: str = "agent-runtime"
    host: str = "192.0.2.40"
    tools: list[Tool] = field(default_factory=list)
    #: What it is given with its next version.
    more: list[Tool] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    rate: float = 4.0
    length: tuple[int, int] = (2, 7)
    #: When its people are at work (UTC), or when it is started at night.
    begins: float = 8.0
    night: float = -1.0
    version: str = ""
    release: int = 0
    library: str = ""
    #: A version that is another agent than the one before: since when, with which tools, what it says it is.
    later: tuple[int, list[Tool], str] | None = None
    server: str = "files"

    @classmethod
    def hired(cls, office: Office, name: str, way: str, number: int) -> Assistant:
        """An agent with habits of its own, for some of the people."""
        chance = office.dice(f"agent/{name}")
        box = toolbox(chance.sample(range(96), k=chance.randint(2, 9)))
        known = chance.sample(list(box), k=chance.randint(3, 8))
        have = known[: max(2, len(known) - 2)]
        people = office.at_okta if way == "okta" else office.people
        low = chance.randint(1, 4)
        own = way == "own" and chance.random() < 0.6
        return cls(
            name, way=way, role=f"{name}-role" if own else "agent-runtime", host=f"192.0.2.{30 + number % 20}",
            tools=[box[tool] for tool in have], more=[box[tool] for tool in known[len(have) :]],
            people=chance.sample(people, k=min(len(people), chance.randint(1, 6))),
            rate=chance.lognormvariate(0.9, 0.7), length=(low, low + chance.randint(1, 8)),
            begins=chance.choice((8.0, 7.0, 13.0, 9.0)), night=chance.uniform(0, 24) if chance.random() < 0.2 else -1.0,
            version=f"{chance.randint(1, 4)}.{chance.randint(0, 9)}" if chance.random() < 0.7 else "",
            release=chance.randint(10, 150), library=library(chance, LIBRARIES[:4]),
            server=chance.choice(("files", "tickets", "warehouse")),
        )  # fmt: skip

    def day(self, office: Office, day: int) -> list[Bout]:
        """Tasks while its people are at work; some have one at night as well."""
        chance, start = self.dice(office, f"day/{day}"), office.start + day * DAY
        number = fans(chance, self.rate * (0.1 if day % 7 > 4 else 1.0), 0.6)
        times = [start + int((self.begins + 9 * chance.betavariate(1.2, 1.3)) * HOUR) for _ in range(number)]
        if self.night >= 0:
            times.append(start + int(self.night * HOUR) + int(chance.uniform(0, 60) * SECOND))
        return [Bout(at, f"{self.name}/{at}", self.task) for at in times]

    def task(self, world: World, time: int) -> Iterator[Told]:
        """One task, as agents of its kind do them."""
        office = cast(Office, world)
        tools, people = self.box(office, time), self.served(office, time)
        if self.way == "vendor":
            return agents.vendor_agent(world, time, self.name, people)
        if self.way == "shared":
            return agents.shared_agent_task(world, time, self.name, tools, people)
        if self.way == "okta":
            return okta_agent(world, time, self.name, tools, people)
        if self.way == "mcp":
            return Connection(world, self.name, "mcp agent", tools, self.server, lists=True).tell(time)
        return self.work(self.begin(office, time))

    def box(self, office: Office, time: int) -> tuple[Tool, ...]:
        """Its tools at a time; its next release has one more."""
        if self.later and self.later[0] <= time:
            return tuple(self.later[1])
        return tuple(self.tools + self.more[: office.day_of(time) >= self.release])

    def served(self, office: Office, time: int) -> list[str]:
        """Its people who are there."""
        return [name for name in self.people if office.present(name, time)] or self.people

    def begin(self, office: Office, time: int, scenario: str = "agent") -> Run:
        """A task that nothing was told of yet."""
        run = agents.begin(office, time, self.name, scenario, self.served(office, time))
        major = office.day_of(time) >= self.release
        run.version = f"{self.version}.{int(major)}" if self.version else ""
        if self.later and self.later[0] <= time:
            run.version = self.later[2]
        if scenario == "agent":
            run.scenario = office.changed(self.name, time, run.doer).truth.scenario or scenario
        return run

    def start(self, run: Run) -> Told:
        """The platform gives the agent a role session for a task."""
        told = agents.launch(run, self.role, self.host)
        run.doer.agent = self.library
        return told

    def work(self, run: Run) -> Iterator[Told]:
        """A task from its credential to its end."""
        yield self.start(run)
        tools = self.box(cast(Office, run.world), run.time)
        yield from agents.work(run, run.world.chance.randint(*self.length), tools)
