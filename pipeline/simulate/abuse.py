"""How credentials are abused, after cases that were published; the truth says who the logs can prove it was.

LLMjacking: Sysdig (2024-05), Entro, Permiso. Truth names the identity whose credential was used, and says malicious.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.simulate import shapes
from pipeline.simulate.activities import service_doer
from pipeline.simulate.agents import TOOLS, Run, agent_task, begin, launch, work
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import HOUR, SAML, SECOND, Doer, World, trail

ELSEWHERE = "203.0.113.66"
_PROBES = (
    "GetCallerIdentity", "ListFoundationModels", "GetModelInvocationLoggingConfiguration",
    "GetFoundationModelAvailability", "GetUseCaseForModelAccess", "PutUseCaseForModelAccess",
    "ListFoundationModelAgreementOffers", "CreateFoundationModelAgreement", "PutFoundationModelEntitlement",
)  # fmt: skip


def _bad(doer: Doer, scenario: str) -> Doer:
    doer.truth.scenario, doer.truth.malicious = scenario, True
    return doer


def llmjacking(world: World, time: int) -> Iterator[Told]:
    """A leaked standing key is tried, the models are opened, and then used as fast as they answer."""
    chance = world.chance
    doer = _bad(service_doer(world, chance.choice(list(world.standing)), "", ELSEWHERE), "llmjacking")
    at = time
    for probe in _PROBES:
        at += int(chance.uniform(0.5, 4) * SECOND)
        yield trail(world, at, "sts" if probe == "GetCallerIdentity" else "bedrock", probe, doer)
    yield trail(world, at + SECOND, "bedrock", "InvokeModel", doer, errorCode="ValidationException",
                requestParameters={"modelId": "anthropic.claude-v2"})  # fmt: skip
    for _ in range(chance.randint(30, 120)):
        at += int(chance.uniform(0.3, 1.2) * SECOND)
        yield trail(world, at, "bedrock", "InvokeModel", doer,
                    requestParameters={"modelId": "anthropic.claude-opus-4"})  # fmt: skip


def injected_agent(world: World, time: int) -> Iterator[Told]:
    """An agent reads something that talks to it, and reaches for data that its task never needed."""
    secret, mail = TOOLS[4], TOOLS[7]
    run: Run = begin(world, time, f"agent-{world.chance.randrange(25):02}", "injected agent")
    run.malicious = True
    yield launch(run)
    yield from work(run, 6, (secret, mail))


def replayed_token(world: World, time: int) -> Iterator[Told]:
    """An agent's session token, used from elsewhere while the agent still works."""
    told = list(agent_task(world, time, scenario="replayed token"))
    yield from told
    yield from _stolen(world, told, time + 30 * SECOND, "replayed token")


def after_the_end(world: World, time: int) -> Iterator[Told]:
    """The same, long after the task has ended."""
    told = list(agent_task(world, time, scenario="used after the end"))
    yield from told
    yield from _stolen(world, told, max(one.time for one in told) + 1200 * SECOND, "used after the end")


def _stolen(world: World, told: list[Told], time: int, scenario: str) -> Iterator[Told]:
    uses = [truth for one in told for truth in one.truths if truth.credential_chain]
    prompts = [truth for one in told for truth in one.truths if truth.kind == "prompt"]
    if not uses:
        return
    key = uses[0].credential_chain[0].removeprefix("aws:")
    identity = shapes.role_identity("agent-runtime", prompts[0].session, key)
    true = Truth(
        "", "", prompts[0].actor, prompts[0].human, prompts[0].session, uses[0].credential_chain, scenario=scenario,
        malicious=True,
    )  # fmt: skip
    doer = Doer(identity, true, ELSEWHERE)
    for number in range(12):
        yield trail(world, time + number * SECOND // 2, "s3", ("ListBuckets", "GetObject")[number % 2], doer)


def ci_secret_theft(world: World, time: int) -> Iterator[Told]:
    """A pipeline's standing key leaves the runner."""
    doer = _bad(service_doer(world, next(iter(world.standing)), "", ELSEWHERE), "ci secret theft")
    for number in range(20):
        yield trail(world, time + number * SECOND // 3, "secretsmanager", "GetSecretValue", doer,
                    requestParameters={"secretId": f"prod/service-{number:02}"})  # fmt: skip


def human_as_service(world: World, time: int) -> Iterator[Told]:
    """A person borrows a service's key: slow, curious, from the office."""
    chance = world.chance
    doer = _bad(service_doer(world, list(world.standing)[1], "", "198.51.100.9"), "human using a service account")
    at = time
    for action in ("ListUsers", "GetUser", "ListBuckets", "GetObject", "ListRoles"):
        at += int(chance.expovariate(1 / 20) * SECOND)
        yield trail(world, at, "iam", action, doer)


def machine_as_human(world: World, time: int) -> Iterator[Told]:
    """A script in a person's session."""
    person, key = world.chance.choice(world.elsewhere), world.ids.key("ASIA")
    identity = {"type": "SAMLUser", "principalId": f"{SAML}:{person}", "userName": person, "identityProvider": SAML}
    true = Truth("", "", identity["principalId"], person, scenario="machine using a human session", malicious=True)
    yield trail(world, time, "sts", "AssumeRoleWithSAML", Doer(identity, true, world.address(person)),
                **shapes.assume_role("engineer", person, key, time + HOUR))  # fmt: skip
    doer = Doer(shapes.role_identity("engineer", person, key), true, world.address(person))
    doer.truth.credential_chain = [f"aws:{key}"]
    for number in range(60):
        yield trail(world, time + SECOND + number * SECOND // 8, "s3", "GetObject", doer,
                    requestParameters={"bucketName": "customers", "key": f"{number:04}.csv"})  # fmt: skip
