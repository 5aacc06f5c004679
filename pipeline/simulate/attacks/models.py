"""LLMjacking: models that somebody else pays for.

Cases: Sysdig, LLMjacking (2024-05, MITRE ATLAS AML.CS0030) and its later reports; Permiso and Entro on the order of the
calls; BeyondTrust Phantom Labs on Bedrock API keys (2026-05); Sysdig's intrusion of 2025-11 on logging switched off.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.simulate import shapes
from pipeline.simulate.attacks.scene import Step, at_work, elsewhere, from_within, play, steps, stolen
from pipeline.simulate.staff.catalog import thing
from pipeline.simulate.staff.office import MINUTE, Office
from pipeline.simulate.staff.services import Service
from pipeline.simulate.staff.workloads import Pod
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import SECOND, Doer, trail

DEAR = ("anthropic.claude-opus-4", "anthropic.claude-3-opus", "anthropic.claude-v2:1", "anthropic.claude-sonnet-4",
        "meta.llama3-405b", "ai21.jamba-1-5-large", "mistral.mistral-large")  # fmt: skip
INVOKE = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:Converse")


def _leaked(office: Office, time: int, scenario: str, *, models: bool = False) -> Doer:
    """The standing key of a service, in somebody's list of leaked keys."""
    known = [one for one in office.of(Service, time) if one.models == models] or office.of(Service)
    return stolen(office, office.victim(known).doer(time), scenario)


def burn(office: Office, at: int, doer: Doer, times: int, region: str = "") -> Iterator[Told]:
    """Invokes one or two dear models as fast as they answer, in waves as customers of a reverse proxy come."""
    chance, action = office.chance, office.chance.choice(INVOKE)
    chosen, region = chance.sample(DEAR, k=2), region or elsewhere(office)
    while times > 0:
        pace = chance.uniform(0.2, 2.0)
        for _ in range(min(times, chance.randint(10, 80))):
            model = {"modelId": chance.choice(chosen)}
            wrong = {"errorCode": "ThrottlingException"} if chance.random() < 0.06 else {}
            yield from play(office, at, doer, [(action, {"requestParameters": model, **wrong})], (1, 1),
                            awsRegion=region)  # fmt: skip
            at += int(chance.lognormvariate(0, 0.4) * pace * SECOND)
            times -= 1
        at += int(chance.expovariate(1 / 90) * SECOND)


def by_invalid_parameters(office: Office, time: int) -> Iterator[Told]:
    """Whether a leaked key may invoke a model is asked with parameters that no model takes, which costs nothing (a
    ValidationException is a yes); then whether calls are logged; then the models are sold on (Sysdig 2024-05)."""
    chance, doer = office.chance, _leaked(office, time, "llmjacking: invalid parameters")
    at, region = time, elsewhere(office)
    said = "max_tokens_to_sample: range: 1..1,000,000"
    for model in chance.sample(DEAR, k=chance.randint(3, len(DEAR))):
        wrong = ({"errorCode": "ValidationException", "errorMessage": said} if chance.random() < 0.6 else
                 {"errorCode": "AccessDenied", "errorMessage": "You don't have access to the model"})  # fmt: skip
        asked: Step = ("bedrock:InvokeModel", {"requestParameters": {"modelId": model}, **wrong})
        yield from play(office, at, doer, [asked], (1, 1), awsRegion=region)
        at += int(chance.uniform(0.4, 3) * SECOND)
    looks = steps("bedrock:GetModelInvocationLoggingConfiguration bedrock:GetFoundationModelAvailability")
    yield from play(office, at, doer, looks, (0.5, 4), awsRegion=region)
    yield from burn(office, at + int(chance.uniform(10, 1800) * SECOND), doer, chance.randint(30, 250), region)


OPENING = (
    "bedrock:GetUseCaseForModelAccess bedrock:PutUseCaseForModelAccess bedrock:ListFoundationModelAgreementOffers"
    " bedrock:CreateFoundationModelAgreement bedrock:PutFoundationModelEntitlement"
)


def by_opening_models(office: Office, time: int) -> Iterator[Told]:
    """Models that nobody had asked for are opened with calls that otherwise only the console makes (Permiso)."""
    chance, doer = office.chance, _leaked(office, time, "llmjacking: models opened")
    looks = steps("sts:GetCallerIdentity bedrock:ListFoundationModels bedrock:GetFoundationModelAvailability")
    order = [*chance.sample(looks, k=chance.randint(1, 3)), *steps(OPENING)[chance.randint(0, 1) :]]
    region = elsewhere(office)
    yield from play(office, time, doer, order, (0.4, 5), awsRegion=region)
    yield from burn(office, time + MINUTE, doer, chance.randint(20, 200), region)


def without_logging(office: Office, time: int) -> Iterator[Told]:
    """The log of what models are asked is switched off before they are used (Sysdig 2025-11)."""
    chance = office.chance
    person, session, at = at_work(office, time, "administrator", "operator")
    doer = stolen(office, person.doer(office, session), "llmjacking: logging switched off")
    region = elsewhere(office)
    begin = steps("bedrock:GetModelInvocationLoggingConfiguration bedrock:DeleteModelInvocationLoggingConfiguration")
    yield from play(office, at, doer, [*steps("bedrock:ListFoundationModels"), *begin], (1, 6), awsRegion=region)
    yield from burn(office, at + MINUTE // 2, doer, chance.randint(20, 150), region)


def by_api_key(office: Office, time: int) -> Iterator[Told]:
    """A long-lived API key of Bedrock is made with a stolen session, with a user of its own, and used outside: bearer
    calls, which say so in `additionalEventData.callWithBearerToken` (BeyondTrust). Its records name no access key."""
    chance = office.chance
    person, session, at = at_work(office, time, "administrator", "developer", "operator")
    doer = stolen(office, person.doer(office, session), "llmjacking: Bedrock API key")
    user, credential = f"BedrockAPIKey-{office.ids.hexadecimal(4)}", f"ACCA{office.ids.key('')}"
    named = {"userName": user}
    policy = {**named, "policyArn": "arn:aws:iam::aws:policy/AmazonBedrockLimitedAccess"}
    made = {"serviceSpecificCredential": {
        "serviceSpecificCredentialId": credential, "userName": user, "serviceName": "bedrock.amazonaws.com",
        "status": "Active",
    }}  # fmt: skip
    order: list[Step] = [
        ("iam:CreateUser", {"requestParameters": named}), ("iam:AttachUserPolicy", {"requestParameters": policy}),
        ("iam:CreateServiceSpecificCredential", {
            "requestParameters": {**named, "serviceName": "bedrock.amazonaws.com"}, "responseElements": made,
        }),
    ]  # fmt: skip
    yield from play(office, at, doer, order, (0.5, 4))
    identity = shapes.user_identity(user, "")
    del identity["accessKeyId"]
    true = Truth("", "", identity["arn"], scenario=doer.truth.scenario, malicious=True)
    outside = stolen(office, Doer(identity, true, ""), doer.truth.scenario)
    at += int(chance.uniform(60, 3000) * SECOND)
    region = elsewhere(office)
    for _ in range(chance.randint(30, 180)):
        yield trail(office, at, "bedrock", "InvokeModel", outside, awsRegion=region,
                    requestParameters={"modelId": chance.choice(DEAR[:4])},
                    additionalEventData={"callWithBearerToken": True})  # fmt: skip
        at += int(chance.lognormvariate(0.2, 0.7) * SECOND)


def by_a_known_user(office: Office, time: int) -> Iterator[Told]:
    """Who used models a little uses them a lot: its key is in other hands, or what runs it is. Nothing but the amount,
    the model and perhaps the address differ."""
    chance, scenario = office.chance, "llmjacking: burn by a known user"
    pods = [one for one in office.of(Pod, time) if one.models]
    if not pods or chance.random() < 0.5:
        yield from burn(office, time, _leaked(office, time, scenario, models=True), chance.randint(150, 600))
        return
    told, doer = office.victim(pods).enter(office, time)
    yield told
    usual = from_within(doer, scenario)
    at = time + 5 * SECOND
    for _ in range(chance.randint(150, 600)):
        model = {"modelId": chance.choice((thing("model", 1), DEAR[0]))}
        yield trail(office, at, "bedrock", "InvokeModel", usual, requestParameters=model)
        at += int(chance.lognormvariate(0, 0.5) * 0.9 * SECOND)
