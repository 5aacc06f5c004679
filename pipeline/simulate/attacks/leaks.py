"""Credentials that leaked, and who finds them first.

Cases: Entro (2025) measured that leaked AWS keys are tried after 17 minutes on average, after 9 at the quickest;
CircleCI (2023-01) and tj-actions (2025-03) on secrets that left pipelines; the JetBrains plugin for GitHub (2024-06).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline.simulate.attacks.scene import AGENTS, Step, at_work, committer, from_within, play, steps, stolen, survey
from pipeline.simulate.staff.catalog import thing
from pipeline.simulate.staff.office import MINUTE, Office
from pipeline.simulate.staff.people import OFFICES, Person, provider_address
from pipeline.simulate.staff.services import Service
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import SECOND, Doer, trail

QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"


def quarantined_key(office: Office, time: int) -> Iterator[Told]:
    """AWS finds a key in a public repository and attaches its quarantine policy to the user. Minutes later, or before,
    somebody else who found it tries what it may do. (Whom CloudTrail names for AWS's own act is an assumption.)"""
    chance, scenario = office.chance, "leaked key probed after its exposure"
    service = office.victim(office.of(Service, time))
    aws = {"type": "AWSService", "invokedBy": "AWS Internal"}
    found = Doer(aws, Truth("", "", "AWS Internal", scenario=scenario), "AWS Internal", "AWS Internal")
    yield trail(office, time, "iam", "AttachUserPolicy", found,
                requestParameters={"userName": service.name, "policyArn": QUARANTINE})  # fmt: skip
    doer = stolen(office, service.doer(time), scenario)
    probes = steps("s3:ListBuckets iam:ListUsers ses:GetSendQuota ec2:DescribeInstances bedrock:ListFoundationModels"
                   " iam:ListAttachedUserPolicies lambda:ListFunctions organizations:DescribeOrganization"
                   " servicequotas:ListServiceQuotas")  # fmt: skip
    denied: dict[str, str] = {"errorCode": "AccessDenied", "errorMessage": "with an explicit deny in a policy"}
    order: list[Step] = [("sts:GetCallerIdentity", {})]
    for name, _ in chance.sample(probes, k=chance.randint(4, len(probes))):
        order.append((name, denied if chance.random() < 0.6 else {}))
    yield from play(office, time + int(chance.uniform(1.5, 18) * MINUTE), doer, order, (0.3, 4))


def secret_scanning(office: Office, time: int) -> Iterator[Told]:
    """GitHub's secret scanning alerts of a token that somebody pushed; minutes later it is used from elsewhere."""
    chance, scenario = office.chance, "leaked token probed after its exposure"
    person = committer(office, time)
    account, repository = person.github(time), chance.choice(person.repositories)
    yield account.act(office, time, "secret_scanning_alert.create", account.truth(scenario), repository)
    thief = replace(account, address=provider_address(chance), agent=chance.choice(("curl/8.5", "git/2.34")))
    at = time + int(chance.uniform(2, 20) * MINUTE)
    for _ in range(chance.randint(5, 25)):
        action = chance.choice(("git.clone", "git.clone", "repo.download_zip", "org.list_members", "api.request"))
        yield thief.act(office, at, action, account.truth(scenario, bad=True), f"example/app-{chance.randrange(24):02}")
        at += int(chance.uniform(0.3, 4) * SECOND)


def developer_token(office: Office, time: int) -> Iterator[Told]:
    """A developer's tool has leaked their token, and nobody noticed: somebody clones whatever they can."""
    chance, scenario = office.chance, "leaked developer token"
    person = committer(office, time)
    account, at = person.github(time), time
    thief = replace(account, address=provider_address(chance), agent=chance.choice(("git/2.47", "python-requests/2")))
    for number in chance.sample(range(24), k=chance.randint(10, 24)):
        yield thief.act(office, at, "git.clone", account.truth(scenario, bad=True), f"example/app-{number:02}")
        at += int(chance.uniform(0.2, 3) * SECOND)


def enumeration(office: Office, time: int) -> Iterator[Told]:
    """Whoever stole a person's session wants to know what there is: a dozen services in a few minutes."""
    chance = office.chance
    person, session, at = at_work(office, time)
    doer = stolen(office, person.doer(office, session), "enumeration with a stolen session")
    pace = chance.uniform(0.1, 1.5)
    order = survey(office, chance.randint(8, 16), (2, 6), chance.uniform(0.15, 0.5))
    yield from play(office, at, doer, order, (pace / 2, pace * 2))


def pipeline_secrets(office: Office, time: int) -> Iterator[Told]:
    """The standing key that a service gave to a pipeline has left it: secrets are read by the dozen."""
    chance = office.chance
    doer = stolen(office, office.victim(office.of(Service, time)).doer(time), "ci secret theft")
    order: list[Step] = [("secretsmanager:ListSecrets", {})] if chance.random() < 0.5 else []
    for number in chance.sample(range(96), k=chance.randint(15, 60)):
        order.append(("secretsmanager:GetSecretValue", {"requestParameters": {"secretId": thing("secret", number)}}))
    yield from play(office, time, doer, order, (0.15, 1.2))


def person_as_service(office: Office, time: int) -> Iterator[Told]:
    """A person borrows a service's key: slow, curious, from the office or from home, with what people use."""
    chance = office.chance
    person = chance.choice(office.of(Person, time))
    doer = office.victim(office.of(Service, time)).doer(time)
    agent = chance.choice((person.command.format(minor=person.minor), person.browser))
    address = person.home if chance.random() < 0.5 else chance.choice(OFFICES)
    doer = from_within(Doer(doer.identity, doer.truth, address, agent), "human using a service account")
    at = time
    for one in survey(office, chance.randint(3, 6), (1, 5), 0.2):
        yield from play(office, at, doer, [one], (1, 1))
        at += int(chance.lognormvariate(3, 0.9) * SECOND)


def asleep(office: Office, time: int) -> Iterator[Told]:
    """A service whose last job ran weeks ago wakes up, elsewhere. (Its silence is as long as the days allow.)"""
    chance = office.chance
    known = [one for one in office.of(Service) if one.last < office.day_of(time)]
    key = office.victim(sorted(known, key=lambda one: one.last)[:2] or office.of(Service))
    doer = stolen(office, key.doer(time), "dormant identity wakes")
    if chance.random() < 0.4:
        # Not everybody comes from far away.
        doer = Doer(doer.identity, doer.truth, key.host, chance.choice(AGENTS))
    order = [*survey(office, chance.randint(2, 5), (1, 4), 0.3)]
    yield from play(office, time, doer, order, (0.5, 9))
