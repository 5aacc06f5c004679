"""What the parts of an organisation do all day, each as native records with the truth of every event."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.simulate import shapes
from pipeline.simulate.truth import Told, Truth

SECOND = 1_000_000
HOUR = 3600 * SECOND
PROVIDER = "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"
GITHUB = "token.actions.githubusercontent.com"
SAML = "arn:aws:iam::123456789012:saml-provider/corp"

Activity = Callable[["World", int], Iterator[Told]]


@dataclass
class World:
    """The organisation's fixed parts and its dice."""

    chance: random.Random
    start: int
    #: Largest error of an agent host's clock (microseconds).
    skew: int = 0
    ids: shapes.Ids = field(init=False)
    people: list[str] = field(init=False)
    #: Access keys of service accounts: name → key.
    standing: dict[str, str] = field(init=False)
    shared_key: str = field(init=False)
    clocks: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ids = shapes.Ids(self.chance.getrandbits(64))
        self.people = [f"person{number:02}@example.com" for number in range(60)]
        self.standing = {f"svc-{number:02}": self.ids.key("AKIA") for number in range(12)}
        self.shared_key = self.ids.key("AKIA")

    def offset(self, host: str) -> int:
        """Error of one host's clock, the same for the whole run."""
        if host not in self.clocks:
            self.clocks[host] = int(random.Random(host).uniform(-self.skew, self.skew))
        return self.clocks[host]

    def address(self, of: str) -> str:
        """Where somebody usually comes from."""
        return f"198.51.{100 + hash_of(of) % 3}.{hash_of(of) // 7 % 250 + 1}"


def hash_of(text: str) -> int:
    """A number for a name, the same in every process."""
    return sum((at + 1) * ord(char) for at, char in enumerate(text))


@dataclass
class Doer:
    """Who acts with which credential: what every CloudTrail record of an activity has in common."""

    identity: dict[str, Any]
    truth: Truth
    address: str


def trail(
    world: World, time: int, service: str, action: str, doer: Doer, truth: Truth | None = None, **more: Any
) -> Told:
    """One CloudTrail record. The log is written some minutes later."""
    event_id = world.ids.uuid()
    issuing = action.startswith("AssumeRole") or action == "CreateAccessKey"
    true = truth or doer.truth
    value = shapes.cloudtrail(event_id, time, service, action, doer.identity, doer.address, **more)
    stated = Truth(
        event_id, "token_issuance" if issuing else "cloud_audit", true.actor, true.human, true.session,
        true.credential_chain, true.tool_call, true.prompt, true.scenario, true.malicious,
    )  # fmt: skip
    delay = int(world.chance.uniform(60, 300) * SECOND)
    topic = "token-issuance" if issuing else "cloud-audit"
    return Told(time, time + delay, topic, "aws.cloudtrail", value, [stated])


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
        return {**stated, **({"user.id": self.human} if self.human else {}), **more}

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
    key = world.ids.key("ASIA")
    launcher = Doer(shapes.web_identity(PROVIDER, "system:serviceaccount:agents:launcher"), Truth("", ""), "192.0.2.10")
    issued = run.truth("token_issuance", "")
    issued.actor = launcher.identity["principalId"]
    issued.human = issued.session = issued.prompt = ""
    yield trail(world, time + SECOND // 2, "sts", "AssumeRoleWithWebIdentity", launcher, issued,
                **shapes.assume_role("agent-runtime", run.session, key, time + HOUR))  # fmt: skip
    run.doer = Doer(
        shapes.role_identity("agent-runtime", run.session, key),
        Truth("", "", run.agent, run.human, run.session, [f"aws:{key}"]), "192.0.2.40",
    )  # fmt: skip
    yield from work(run, chance.randint(2, 9))


def shared_agent_task(world: World, time: int) -> Iterator[Told]:
    """One of five agents that share one access key, which was made before anybody kept logs."""
    run = begin(world, time, f"shared-{world.chance.randrange(5)}", "shared credential")
    identity = shapes.user_identity("legacy-agents", world.shared_key)
    run.doer = Doer(
        identity, Truth("", "", run.agent, run.human, run.session, [f"aws:{world.shared_key}"]), "192.0.2.50"
    )
    yield from work(run, world.chance.randint(2, 8))


def begin(world: World, time: int, agent: str, scenario: str) -> Run:
    """A task of an agent that nothing was told of yet, for a person of the organisation."""
    chance, ids = world.chance, world.ids
    doer = Doer({}, Truth("", ""), "")
    session = f"conv-{ids.hexadecimal(12)}"
    return Run(
        world, agent, chance.choice(world.people), session, ids.hexadecimal(32), ids.hexadecimal(16), doer, time,
        scenario,
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


def vendor_agent(world: World, time: int) -> Iterator[Told]:
    """An agent hosted by a vendor: it shows what it answered, not which tools it used."""
    run = begin(world, time, f"vendor-{world.chance.randrange(3)}", "vendor-hosted")
    answered = run.attributes("invoke_agent", **{"gen_ai.output.messages": json.dumps([
        {"role": "assistant", "parts": [{"type": "text", "content": "Done."}]}
    ])})  # fmt: skip
    true = run.truth("prompt", f"{run.trace}:{run.root}")
    true.prompt = ""
    yield run.span(run.root, "", time, time + 20 * SECOND, answered, [true])


def console_work(world: World, time: int) -> Iterator[Told]:
    """A person at the console: one click becomes a fan of Describe and List calls."""
    chance = world.chance
    person = chance.choice(world.people)
    key = world.ids.key("ASIA")
    identity = {"type": "SAMLUser", "principalId": f"{SAML}:{person}", "userName": person, "identityProvider": SAML}
    true = Truth("", "", identity["principalId"], person, "", [], scenario="console")
    login = Doer(identity, true, world.address(person))
    yield trail(world, time, "sts", "AssumeRoleWithSAML", login,
                **shapes.assume_role("engineer", person, key, time + 8 * HOUR))  # fmt: skip
    doer = Doer(
        shapes.role_identity("engineer", person, key),
        Truth("", "", true.actor, person, "", [f"aws:{key}"], scenario="console"), login.address,
    )  # fmt: skip
    at = time + 3 * SECOND
    for _ in range(chance.randint(2, 8)):
        service = chance.choice(("ec2", "rds", "lambda", "s3", "cloudwatch"))
        for number in range(chance.randint(3, 9)):
            action = ("DescribeInstances", "ListTags", "DescribeVolumes", "GetMetricData", "ListFunctions")[number % 5]
            yield trail(world, at + number * SECOND // 20, service, action, doer)
        at += int(chance.expovariate(1 / 25) * SECOND) + SECOND


def ci_run(world: World, time: int) -> Iterator[Told]:
    """A deployment: the runner's token becomes a role, the role does the same calls as ever."""
    repository = f"example/app-{world.chance.randrange(8)}"
    yield from _workload(world, time, web := shapes.web_identity(GITHUB, f"repo:{repository}:ref:refs/heads/main"),
                         "deploy", f"run-{world.ids.hexadecimal(8)}", "ci", web["principalId"], (
        ("ecr", "GetAuthorizationToken"), ("ecr", "PutImage"), ("ecs", "RegisterTaskDefinition"),
        ("ecs", "UpdateService"), ("cloudformation", "DescribeStacks"), ("ecs", "DescribeServices"),
    ))  # fmt: skip


def pod(world: World, time: int) -> Iterator[Told]:
    """A pod with a projected token."""
    name = f"system:serviceaccount:shop:worker-{world.chance.randrange(10)}"
    yield from _workload(world, time, web := shapes.web_identity(PROVIDER, name), "shop-worker",
                         f"pod-{world.ids.hexadecimal(8)}", "pod", web["principalId"], (
        ("sqs", "ReceiveMessage"), ("dynamodb", "PutItem"), ("sqs", "DeleteMessage"), ("s3", "GetObject"),
    ))  # fmt: skip


def _workload(
    world: World, time: int, identity: dict[str, Any], role: str, session: str, scenario: str, actor: str,
    calls: tuple[tuple[str, str], ...],
) -> Iterator[Told]:  # fmt: skip
    key = world.ids.key("ASIA")
    start = Doer(identity, Truth("", "", actor, scenario=scenario), world.address(actor))
    yield trail(world, time, "sts", "AssumeRoleWithWebIdentity", start,
                **shapes.assume_role(role, session, key, time + HOUR))  # fmt: skip
    doer = Doer(
        shapes.role_identity(role, session, key), Truth("", "", actor, "", "", [f"aws:{key}"], scenario=scenario),
        start.address,
    )  # fmt: skip
    at = time + SECOND
    for _ in range(world.chance.randint(1, 4)):
        for service, action in calls:
            at += int(world.chance.uniform(0.1, 1.5) * SECOND)
            yield trail(world, at, service, action, doer)


def batch_job(world: World, time: int) -> Iterator[Told]:
    """A job that takes one role from the other, up to five deep."""
    identity = shapes.web_identity(PROVIDER, f"system:serviceaccount:batch:job-{world.chance.randrange(5)}")
    actor = identity["principalId"]
    doer = Doer(identity, Truth("", "", actor, scenario="batch"), "192.0.2.90")
    chain: list[str] = []
    at, action = time, "AssumeRoleWithWebIdentity"
    for depth in range(world.chance.randint(2, 5)):
        key, session = world.ids.key("ASIA"), f"step-{world.ids.hexadecimal(8)}"
        yield trail(world, at, "sts", action, doer, **shapes.assume_role(f"batch-{depth}", session, key, at + HOUR))
        chain = [f"aws:{key}", *chain]
        doer = Doer(
            shapes.role_identity(f"batch-{depth}", session, key),
            Truth("", "", actor, "", "", chain, scenario="batch"), doer.address,
        )  # fmt: skip
        action = "AssumeRole"
        at += int(world.chance.uniform(0.2, 3) * SECOND)
    for number in range(world.chance.randint(10, 60)):
        at += int(world.chance.uniform(0.05, 0.5) * SECOND)
        yield trail(world, at, "s3", ("GetObject", "PutObject")[number % 2], doer, requestParameters={
            "bucketName": "warehouse", "key": f"part-{number:04}.parquet",
        })  # fmt: skip


def standing_keys(world: World) -> Iterator[Told]:
    """Half of the service accounts have a key whose making the logs still show."""
    admin = Doer(
        shapes.user_identity("admin", "AKIAADMIN0000EXAMPLE"),
        Truth("", "", "arn:aws:iam::123456789012:user/admin", "", "", ["aws:AKIAADMIN0000EXAMPLE"], scenario="admin"),
        "198.51.100.2",
    )
    for name, key in list(world.standing.items())[::2]:
        made = {"accessKey": {"accessKeyId": key, "userName": name, "status": "Active"}}
        yield trail(world, world.start, "iam", "CreateAccessKey", admin, requestParameters={"userName": name},
                    responseElements=made)  # fmt: skip


def service_doer(world: World, name: str, scenario: str, address: str = "") -> Doer:
    """A service account as its records show it."""
    key = world.standing[name]
    chain = [f"aws:{key}"]
    identity = shapes.user_identity(name, key)
    actor = identity["arn"]
    return Doer(identity, Truth("", "", actor, "", "", chain, scenario=scenario), address or world.address(name))


def service_account(world: World, time: int) -> Iterator[Told]:
    """A service with a standing key, at an even pace."""
    chance = world.chance
    doer = service_doer(world, chance.choice(list(world.standing)), "standing key")
    service, action = chance.choice((("dynamodb", "PutItem"), ("sqs", "SendMessage"), ("s3", "PutObject")))
    at = time
    for _ in range(chance.randint(5, 30)):
        yield trail(world, at, service, action, doer)
        at += int(chance.gauss(2, 0.1) * SECOND)
