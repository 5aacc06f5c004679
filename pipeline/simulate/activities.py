"""What people, CI runners, pods, jobs and services do all day, as native records with the truth of every event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.simulate import shapes
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import GITHUB, HOUR, PROVIDER, SAML, SECOND, Doer, World, trail

#: The provider that IAM Identity Center makes in each account, the roles of its permission sets, and its directory.
CENTER = "arn:aws:iam::123456789012:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"
PERMISSION_SETS = ("AWSReservedSSO_Developer_0123456789abcdef", "AWSReservedSSO_ReadOnly_fedcba9876543210")
DIRECTORY = "arn:aws:identitystore::123456789012:identitystore/d-1234567890"


def console_work(world: World, time: int) -> Iterator[Told]:
    """A person at the console: one click becomes a fan of Describe and List calls."""
    chance = world.chance
    person = chance.choice(world.elsewhere)
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
    yield from clicks(world, time + 3 * SECOND, doer, chance.randint(2, 8))[0]


def identity_center_work(world: World, time: int) -> Iterator[Told]:
    """A person whom IAM Identity Center has let in: their calls name them by their id in its directory.

    They sign in where only another account's trail shows it. Whose e-mail address an id means, the directory knows.
    """
    chance, key = world.chance, world.ids.key("ASIA")
    number = chance.randrange(len(world.people))
    person, role = world.people[number], chance.choice(PERMISSION_SETS)
    user = f"94d00cd8-e9e6-4810-b177-{number:012x}"
    identity = {"type": "SAMLUser", "principalId": f"{CENTER}:{person}", "userName": person, "identityProvider": CENTER}
    true = Truth("", "", identity["principalId"], person, scenario="identity center")
    yield trail(world, time, "sts", "AssumeRoleWithSAML", Doer(identity, true, world.address(person)),
                **shapes.assume_role(role, person, key, time + HOUR))  # fmt: skip
    acts = {**shapes.role_identity(role, person, key), "onBehalfOf": {"userId": user, "identityStoreArn": DIRECTORY}}
    true = msgspec.structs.replace(true, human=user, credential_chain=[f"aws:{key}"])
    yield from clicks(world, time + 3 * SECOND, Doer(acts, true, world.address(person)), chance.randint(1, 6))[0]


def clicks(world: World, at: int, doer: Doer, number: int) -> tuple[list[Told], int]:
    """What so many clicks of a person call, with a while to read after each; returns the records and when they end."""
    chance, told = world.chance, []
    for _ in range(number):
        service = chance.choice(("ec2", "rds", "lambda", "s3", "cloudwatch"))
        for call in range(chance.randint(3, 9)):
            action = ("DescribeInstances", "ListTags", "DescribeVolumes", "GetMetricData", "ListFunctions")[call % 5]
            told.append(trail(world, at + call * SECOND // 20, service, action, doer))
        at += int(chance.expovariate(1 / 25) * SECOND) + SECOND
    return told, at


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
