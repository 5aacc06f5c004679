"""Machines where a person should be, and agents that do what nobody asked them for.

Cases: GTG-1002 (Anthropic, 2025-11: agents at some requests a second); Palisade's LLM honeypot (agents answer within
one or two seconds: faster than people, slower than scripts); EchoLeak and the Postmark MCP server 1.0.16 (2025-09);
Replit's agent that deleted a database (2025-07).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace as other

from msgspec.structs import replace

from pipeline.simulate import agents
from pipeline.simulate.agents import Run, Tool
from pipeline.simulate.attacks.scene import TOOLS, Step, agent_at, at_work, changes, from_within, play, step, survey
from pipeline.simulate.platforms import Connection
from pipeline.simulate.staff.assistants import Arguments, Assistant, toolbox
from pipeline.simulate.staff.catalog import READS, thing
from pipeline.simulate.staff.office import Office
from pipeline.simulate.staff.services import Service
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import SECOND


def script_as_person(office: Office, time: int) -> Iterator[Told]:
    """A script in a person's session: one object after the other, evenly."""
    chance = office.chance
    person, session, at = at_work(office, time)
    doer = from_within(person.doer(office, session), "machine using a human session", chance.choice((*TOOLS, "")))
    bucket, pace = thing("bucket", chance.randrange(96)), chance.uniform(0.05, 0.8)
    kind = chance.choice(("s3:GetObject", "dynamodb:GetItem", "secretsmanager:GetSecretValue"))
    order: list[Step] = []
    for number in range(chance.randint(40, 300)):
        named = {"s3:GetObject": {"bucketName": bucket, "key": f"customers/{number:05}.csv"},
                 "dynamodb:GetItem": {"tableName": f"{bucket}-table"},
                 "secretsmanager:GetSecretValue": {"secretId": thing("secret", number % 96)}}[kind]  # fmt: skip
        order.append((kind, {"requestParameters": named}))
    yield from play(office, at, doer, order, (pace * 0.92, pace * 1.08))


def agent_as_person(office: Office, time: int) -> Iterator[Told]:
    """An agent in a person's session: it thinks for one to eight seconds, then makes one call or some at once, reads
    what came, and goes on; never a pause, never twice the same order."""
    chance = office.chance
    person, session, at = at_work(office, time)
    doer = from_within(person.doer(office, session), "agent using a human session", chance.choice((*TOOLS, "")))
    services = chance.sample(list(READS), k=chance.randint(3, 7))
    for _ in range(chance.randint(25, 120)):
        service = chance.choice(services)
        for _ in range(chance.choices((1, 2, 3, 5), (0.55, 0.25, 0.12, 0.08))[0]):
            moment = at + int(chance.uniform(0, 0.4) * SECOND)
            one = step(office, chance.choice(READS[service]), chance.random() < 0.04)
            yield from play(office, moment, doer, [one], (1, 1))
        at += int(min(8.0, max(1.0, chance.lognormvariate(1.0, 0.5))) * SECOND)


def beyond_its_past(office: Office, time: int) -> Iterator[Told]:
    """An agent with its own credential does in one task what it never did: reads secrets by the dozen, changes things.
    Its tools are called for all of it (an agent that was talked into it, or set a goal that is too wide)."""
    chance = office.chance
    agent = agent_at(office, time)
    run = agent.begin(office, time, "agent beyond its past")
    run.malicious = True
    yield replaced(agent.start(run), malicious=False)
    box = toolbox(list(range(96)))
    new = [box["get_secret"], *chance.sample([tool for name, tool in box.items() if name not in _names(agent)], k=4)]
    at = run.time + 4 * SECOND
    for number in range(chance.randint(25, 70)):
        tool = other(new[0], arguments=_secret(number)) if number % 2 else chance.choice(new)
        told, end = run.tool(tool, at, run.root)
        yield from told
        at = end + int(chance.uniform(0.8, 4) * SECOND)
    run.malicious = False
    yield _asked(run, at, "Please look after what is left over.")


def _names(agent: Assistant) -> set[str]:
    return {tool.name for tool in (*agent.tools, *agent.more)}


def _secret(number: int) -> Arguments:
    return lambda _: {"secret": thing("secret", number)}


def replaced(told: Told, *, malicious: bool) -> Told:
    """A record whose truths say that it is (not) an attacker's."""
    return replace(told, truths=[replace(true, malicious=malicious) for true in told.truths])


def _asked(run: Run, end: int, text: str) -> Told:
    """The span of the whole task, with what its person asked for."""
    said = run.attributes("invoke_agent", **{"gen_ai.input.messages": json.dumps([
        {"role": "user", "parts": [{"type": "text", "content": text}]}
    ])})  # fmt: skip
    truths = [run.truth("prompt", run.prompt), run.truth("prompt", f"{run.trace}:{run.root}")]
    return run.span(run.root, "", run.time, end, said, truths)


def injected(office: Office, time: int) -> Iterator[Told]:
    """An agent reads something that talks to it, and goes on with what its task never needed: secrets, then mail."""
    chance = office.chance
    agent = agent_at(office, time)
    run, box = agent.begin(office, time, "injected agent"), toolbox(list(range(96)))
    yield agent.start(run)
    at = run.time + 4 * SECOND
    reach: list[Tool] = [box["get_secret"], box["send_mail"], box["get_secret"], box["list_files"], box["send_mail"]]
    usual = [chance.choice(agent.tools) for _ in range(chance.randint(1, 4))]
    for tool in (*usual, None, *reach[: chance.randint(3, 5)]):
        if tool is None:
            run.malicious = True
            continue
        told, end = run.tool(tool, at, run.root)
        yield from told
        at = end + int(chance.uniform(0.8, 4) * SECOND)
    run.malicious = False
    yield _asked(run, at, f"Please look after case {chance.randrange(9999)}.")


def without_cause(office: Office, time: int) -> Iterator[Told]:
    """An agent's credential makes itself powerful while the agent works, and no tool call is behind it: what runs the
    agent is somebody else's too."""
    chance = office.chance
    agent = agent_at(office, time)
    run = agent.begin(office, time, "privileged act without a tool call")
    told = list(agent.work(run))
    yield from told
    doer = from_within(run.doer, run.scenario)
    # The platform that it runs on knows the session, nobody the tool call.
    doer.truth.prompt = doer.truth.tool_call = ""
    user = chance.choice(("backup", "svc-support", "terraform-admin", agent.role))
    key = office.ids.key("AKIA")
    made = {"accessKey": {"accessKeyId": key, "userName": user, "status": "Active"}}
    order: list[Step] = [
        ("iam:CreateUser", {"requestParameters": {"userName": user}}),
        ("iam:AttachUserPolicy", {"requestParameters": {
            "userName": user, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}}),
        ("iam:CreateAccessKey", {"requestParameters": {"userName": user}, "responseElements": made}),
        ("iam:UpdateAssumeRolePolicy", {"requestParameters": {"roleName": agent.role}}),
    ]  # fmt: skip
    begin, end = run.time + 2 * SECOND, max(one.time for one in told)
    at = int(chance.uniform(begin, max(begin + SECOND, end)))
    yield from play(office, at, doer, chance.sample(order, k=chance.randint(2, 4)), (0.3, 4))


def shadow_agent(office: Office, time: int) -> Iterator[Told]:
    """Somebody runs an agent that nobody knows of, with the key of a service."""
    chance = office.chance
    service = office.victim(office.of(Service, time))
    run = agents.begin(office, time, f"{chance.choice(('auto', 'my', 'dev', 'quick'))}-{office.ids.hexadecimal(4)}",
                       "shadow agent", office.people)  # fmt: skip
    run.malicious = True
    usual = service.doer(time, "shadow agent")
    true = Truth("", "", run.agent, run.human, run.session, usual.truth.credential_chain)
    run.doer = other(usual, truth=true, address=chance.choice(office.of(Assistant)).host, agent=chance.choice(TOOLS))
    box = toolbox(chance.sample(range(96), k=6))
    yield from agents.work(run, chance.randint(8, 30), tuple(chance.sample(list(box.values()), k=5)))


def unlisted_server(office: Office, time: int) -> Iterator[Told]:
    """A known agent is connected to a server of tools that nobody approved."""
    chance = office.chance
    agent = agent_at(office, time, "mcp")
    server = chance.choice(("pdf-helper", "postmark-mcp", "files-pro", "notes-sync", "browser-plus"))
    box = toolbox(chance.sample(range(96), k=4))
    chosen = tuple(box[name] for name in ("read_file", "list_files", "get_secret", "send_mail"))
    yield from Connection(office, agent.name, "unlisted mcp server", chosen, server, bad=True, lists=True).tell(time)


def changed_tools(office: Office, time: int) -> Iterator[Told]:
    """A server says something else of its tools than what was approved, halfway through a session, and is then given
    what it asks for (a rug pull)."""
    chance = office.chance
    agent = agent_at(office, time, "mcp")
    yield from Connection(office, agent.name, "rogue mcp server", tuple(agent.tools), agent.server,
                          changes=chance.randint(1, 2), lists=True).tell(time)  # fmt: skip


def deletes(office: Office, time: int) -> Iterator[Told]:
    """An agent's credential is used to change things that its agent only ever looked at, by its tools' side door."""
    chance = office.chance
    agent = agent_at(office, time)
    run = agent.begin(office, time, "agent's credential changes things")
    told = list(agent.work(run))
    yield from told
    doer = from_within(run.doer, run.scenario)
    order = [*survey(office, 2, (1, 3), 0.2), *changes(office, chance.randint(5, 30), "dynamodb", "s3", "ec2", "ssm")]
    yield from play(office, run.time + 5 * SECOND, doer, order, (0.5, 6))
