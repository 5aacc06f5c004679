"""What agents do all day: tasks with prompts, tools and sub-agents, and the API requests that their tools make."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.simulate import shapes
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import HOUR, PROVIDER, SECOND, Doer, World, trail


#: What each tool takes, and the API calls that it makes: (service, action, parameters, pages at most).
#: `{name}` stands for the argument of that name.
@dataclass(frozen=True)
class Tool:
    """One tool of an agent."""

    name: str
    arguments: Callable[[random.Random], dict[str, str]]
    calls: tuple[tuple[str, str, dict[str, str], int], ...]
    #: Seconds that one run takes.
    takes: tuple[float, float] = (0.4, 3.0)


def _object(chance: random.Random) -> dict[str, str]:
    number = chance.randrange(100_000)
    return {"bucket": f"data-{chance.randrange(40):02}", "key": f"invoices/2026/{number:05}.json"}


TOOLS = (
    Tool("read_file", _object, (("s3", "GetObject", {"bucketName": "{bucket}", "key": "{key}"}, 1),)),
    Tool("write_file", _object, (
        ("s3", "PutObject", {"bucketName": "{bucket}", "key": "{key}"}, 1),
        ("kms", "GenerateDataKey", {"keyId": "alias/data"}, 1),
    )),
    Tool(
        "list_files",
        lambda chance: {"bucket": f"data-{chance.randrange(40):02}", "prefix": f"invoices/{chance.randrange(999):03}/"},
        (("s3", "ListObjectsV2", {"bucketName": "{bucket}", "prefix": "{prefix}"}, 5),), (1.0, 6.0),
    ),
    Tool(
        "query_table",
        lambda chance: {"table": f"orders-{chance.randrange(30):02}", "customer": f"c{chance.randrange(9999):04}"},
        (("dynamodb", "Query", {"tableName": "{table}", "key": "{customer}"}, 3),), (0.3, 2.0),
    ),
    Tool(
        "get_secret", lambda chance: {"name": f"prod/service-{chance.randrange(60):02}"},
        (
            ("secretsmanager", "GetSecretValue", {"secretId": "{name}"}, 1),
            ("kms", "Decrypt", {"keyId": "alias/secrets"}, 1),
        ),
        (0.2, 1.0),
    ),
    Tool(
        "ask_model", lambda chance: {"model": f"anthropic.claude-{chance.choice(('sonnet', 'haiku'))}-4"},
        (("bedrock", "InvokeModel", {"modelId": "{model}"}, 2),), (1.0, 8.0),
    ),
    Tool("search_web", lambda chance: {"query": f"exchange rate {chance.randrange(999)}"}, (), (0.5, 4.0)),
    Tool(
        "send_mail", lambda chance: {"to": f"customer{chance.randrange(999):03}@example.org", "subject": "Your order"},
        (("ses", "SendEmail", {"destination": "{to}"}, 1),), (0.3, 1.5),
    ),
)  # fmt: skip


@dataclass
class Run:
    """One task of an agent while it is told."""

    world: World
    agent: str
    human: str
    session: str
    trace: str
    root: str
    doer: Doer
    time: int
    scenario: str
    malicious: bool = False
    #: Which version of the agent it is, where it says so.
    version: str = ""

    @property
    def prompt(self) -> str:
        """Event id of the user's message."""
        return f"{self.trace}:{self.root}#prompt"

    def truth(self, kind: str, event_id: str, tool_call: str = "") -> Truth:
        """The truth of one of its events."""
        return Truth(
            event_id, kind, self.agent, self.human, self.session, [], tool_call, self.prompt, self.scenario,
            self.malicious,
        )  # fmt: skip

    def attributes(self, operation: str, **more: str) -> dict[str, str]:
        """What every span of the task states."""
        stated = {
            "gen_ai.operation.name": operation, "gen_ai.agent.id": self.agent, "gen_ai.agent.name": self.agent,
            "gen_ai.conversation.id": self.session,
        }  # fmt: skip
        version = {"gen_ai.agent.version": self.version} if self.version else {}
        return {**stated, **({"user.id": self.human} if self.human else {}), **version, **more}

    def span(
        self, name: str, parent: str, start: int, end: int, attributes: dict[str, str], truths: list[Truth]
    ) -> Told:
        """One OpenTelemetry span by its agent's clock; exporters send it some seconds after its end."""
        offset = self.world.offset(self.agent)
        value = shapes.span(self.trace, name, parent, start + offset, end + offset, "agents", attributes)
        topic = "prompts" if attributes["gen_ai.operation.name"] == "invoke_agent" else "tool-calls"
        sent = end + int(self.world.chance.uniform(0.5, 5) * SECOND)
        return Told(end, sent, topic, "otel.genai", value, truths)

    def tool(self, tool: Tool, start: int, parent: str) -> tuple[list[Told], int]:
        """One tool call with the API calls that it makes; returns its records and its end."""
        chance = self.world.chance
        end = start + int(chance.uniform(*tool.takes) * SECOND)
        name, call = self.world.ids.hexadecimal(16), f"call_{self.world.ids.hexadecimal(12)}"
        arguments = tool.arguments(chance)
        true = self.truth("tool_call", f"{self.trace}:{name}", call)
        told = [self.span(name, parent, start, end, self.attributes(
            "execute_tool", **{
                "gen_ai.tool.name": tool.name, "gen_ai.tool.call.id": call,
                "gen_ai.tool.call.arguments": json.dumps(arguments), "gen_ai.tool.call.result": "done",
            },
        ), [true])]  # fmt: skip
        cause = self.truth("cloud_audit", "", call)
        cause.credential_chain = self.doer.truth.credential_chain
        for service, action, parameters, pages in tool.calls:
            asked = {key: text.format(**arguments) for key, text in parameters.items()}
            for _ in range(chance.randint(1, pages)):
                # Now and then a call outlives the tool that made it: what was started is not waited for.
                late = int(chance.uniform(1, 15) * SECOND) if chance.random() < 0.03 else 0
                at = int(chance.uniform(start, end)) + late
                told.append(trail(self.world, at, service, action, self.doer, cause, requestParameters=asked))
        return told, end


def agent_task(world: World, time: int, agent: str = "", scenario: str = "agent") -> Iterator[Told]:
    """An agent with a credential of its own: a prompt, a role session named after the conversation, some tools."""
    chance = world.chance
    run = begin(world, time, agent or f"agent-{chance.randrange(25):02}", scenario)
    yield launch(run)
    yield from work(run, chance.randint(2, 9))


def launch(run: Run, role: str = "agent-runtime", address: str = "192.0.2.40") -> Told:
    """The platform starts an agent with a role session named after the conversation, which the agent acts with."""
    world, key = run.world, run.world.ids.key("ASIA")
    launcher = Doer(shapes.web_identity(PROVIDER, "system:serviceaccount:agents:launcher"), Truth("", ""), "192.0.2.10")
    issued = Truth("", "", launcher.identity["principalId"], scenario=run.scenario)
    run.doer = Doer(
        shapes.role_identity(role, run.session, key),
        Truth("", "", run.agent, run.human, run.session, [f"aws:{key}"]), address,
    )  # fmt: skip
    return trail(world, run.time + SECOND // 2, "sts", "AssumeRoleWithWebIdentity", launcher, issued,
                 **shapes.assume_role(role, run.session, key, run.time + HOUR))  # fmt: skip


def shared_agent_task(
    world: World, time: int, agent: str = "", tools: tuple[Tool, ...] = (), people: list[str] | None = None
) -> Iterator[Told]:
    """One of five agents that share one access key, which was made before anybody kept logs."""
    run = begin(world, time, agent or f"shared-{world.chance.randrange(5)}", "shared credential", people)
    identity = shapes.user_identity("legacy-agents", world.shared_key)
    run.doer = Doer(
        identity, Truth("", "", run.agent, run.human, run.session, [f"aws:{world.shared_key}"]), "192.0.2.50"
    )
    yield from work(run, world.chance.randint(2, 8), tools)


def begin(world: World, time: int, agent: str, scenario: str, people: list[str] | None = None) -> Run:
    """A task of an agent that nothing was told of yet, for a person of the organisation or one of `people`."""
    chance, ids = world.chance, world.ids
    doer = Doer({}, Truth("", ""), "")
    human, session = chance.choice(people or world.people), f"conv-{ids.hexadecimal(12)}"
    return Run(
        world, agent, human, session, ids.hexadecimal(32), ids.hexadecimal(16), doer, time, scenario,
    )  # fmt: skip


def work(run: Run, tools: int, chosen: tuple[Tool, ...] = ()) -> Iterator[Told]:
    """The tools of a task, some at once, one of them perhaps a sub-agent; then the span of the whole task."""
    chance = run.world.chance
    at = run.time + int(chance.uniform(2, 6) * SECOND)
    family = chosen or tuple(chance.sample(TOOLS, k=4))
    done = 0
    while done < tools:
        together = min(chance.choices((1, 2, 3), (0.75, 0.18, 0.07))[0], tools - done)
        ends = []
        for _ in range(together):
            told, end = run.tool(chance.choice(family), at + int(chance.uniform(0, 0.2) * SECOND), run.root)
            yield from told
            ends.append(end)
        done += together
        # The model thinks before it calls the next one.
        at = max(ends) + int(chance.uniform(0.8, 4) * SECOND)
    if chance.random() < 0.1 and run.scenario == "agent":
        yield from _sub_agent(run, at)
        at += 20 * SECOND
    asked = run.attributes("invoke_agent", **{"gen_ai.input.messages": json.dumps([
        {"role": "user", "parts": [{"type": "text", "content": f"Please look after case {chance.randrange(9999)}."}]}
    ])})  # fmt: skip
    truths = [run.truth("prompt", run.prompt), run.truth("prompt", f"{run.trace}:{run.root}")]
    yield run.span(run.root, "", run.time, at, asked, truths)


def _sub_agent(run: Run, at: int) -> Iterator[Told]:
    """A tool call that starts another agent in the same conversation."""
    world, chance = run.world, run.world.chance
    name, call = world.ids.hexadecimal(16), f"call_{world.ids.hexadecimal(12)}"
    end = at + 18 * SECOND
    yield run.span(name, run.root, at, end, run.attributes("execute_tool", **{
        "gen_ai.tool.name": "delegate", "gen_ai.tool.call.id": call,
        "gen_ai.tool.call.arguments": json.dumps({"task": "Check the numbers."}),
    }), [run.truth("tool_call", f"{run.trace}:{name}", call)])  # fmt: skip
    helper = f"helper-{chance.randrange(6)}"
    inner = Run(world, helper, run.human, run.session, run.trace, run.root, run.doer, at, run.scenario)
    root = world.ids.hexadecimal(16)
    true = inner.truth("prompt", f"{run.trace}:{root}", call)
    yield inner.span(root, name, at + SECOND // 10, end, inner.attributes("invoke_agent"), [true])
    start = at + SECOND
    for _ in range(chance.randint(1, 3)):
        told, start = inner.tool(chance.choice(TOOLS), start, root)
        yield from told
        start += SECOND


def vendor_agent(world: World, time: int, agent: str = "", people: list[str] | None = None) -> Iterator[Told]:
    """An agent hosted by a vendor: it shows what it answered, not which tools it used."""
    run = begin(world, time, agent or f"vendor-{world.chance.randrange(3)}", "vendor-hosted", people)
    answered = run.attributes("invoke_agent", **{"gen_ai.output.messages": json.dumps([
        {"role": "assistant", "parts": [{"type": "text", "content": "Done."}]}
    ])})  # fmt: skip
    true = run.truth("prompt", f"{run.trace}:{run.root}")
    true.prompt = ""
    yield run.span(run.root, "", time, time + 20 * SECOND, answered, [true])
