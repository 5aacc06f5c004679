"""Tokens used when they should no longer be: after they expired, were revoked, or their task was over; and tokens that
should not have been issued like that: for too long, into other accounts, with policies or scopes never asked for.

Cases: tokens that should have been revoked and were not (Cloudflare 2023-11, after Okta's breach), tokens of an agent
that were taken from its vendor (Salesloft Drift, 2025-08). The others follow MITRE ATT&CK T1550.001 and T1078.004.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace as other
from typing import Any

from msgspec.structs import replace

from pipeline.simulate import shapes
from pipeline.simulate.attacks.scene import (
    Step,
    agent_at,
    at_work,
    changes,
    committer,
    from_within,
    play,
    steps,
    stolen,
    survey,
)
from pipeline.simulate.okta import Source, log
from pipeline.simulate.platforms import HASH, Client, audit, vault, vault_token
from pipeline.simulate.staff.catalog import thing
from pipeline.simulate.staff.office import DAY, MINUTE, Office
from pipeline.simulate.staff.people import provider_address
from pipeline.simulate.staff.pipelines import Repository
from pipeline.simulate.staff.services import Leaser, Service
from pipeline.simulate.staff.workloads import ClusterPod, Pod
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import HOUR, SECOND, Doer, trail

EXPIRED = {
    "errorCode": "ExpiredTokenException",
    "errorMessage": "The security token included in the request is expired",
}
UNKNOWN = {"errorCode": "InvalidClientTokenId", "errorMessage": "The security token included in the request is invalid"}
MONTH = 32 * 24 * 3600


def after_expiry(office: Office, time: int) -> Iterator[Told]:
    """A pod's session is over, as its issuance said it would be, and is still used; some calls are refused."""
    chance = office.chance
    told, doer = office.victim(office.of(Pod, time)).enter(office, time)
    yield told
    thief = stolen(office, doer, "token used after it expired")
    refuses = chance.random() < 0.5
    order = [(name, {**said, **(EXPIRED if refuses and chance.random() < 0.8 else {})})
             for name, said in survey(office, chance.randint(2, 5), (1, 4), 0.1)]  # fmt: skip
    yield from play(office, time + HOUR + int(chance.uniform(5, 600) * MINUTE), thief, order, (0.3, 5))


def after_the_task(office: Office, time: int) -> Iterator[Told]:
    """An agent's session token still works when its task is over; somebody has read it in the agent's logs."""
    chance = office.chance
    agent = agent_at(office, time)
    run = agent.begin(office, time, "used after the end")
    told = list(agent.work(run))
    yield from told
    thief = stolen(office, run.doer, "used after the end")
    end = max(one.time for one in told)
    at = min(end + int(chance.uniform(8, 45) * MINUTE), time + 55 * MINUTE)
    order = [("s3:ListBuckets", {}), *_objects(office, chance.randint(6, 40))]
    yield from play(office, max(at, end + MINUTE), thief, order, (0.2, 2))


def replayed(office: Office, time: int) -> Iterator[Told]:
    """An agent's session token, used from elsewhere while the agent still works."""
    chance = office.chance
    agent = agent_at(office, time)
    run = agent.begin(office, time, "replayed token")
    yield from agent.work(run)
    thief = stolen(office, run.doer, "replayed token")
    order = [("s3:ListBuckets", {}), *_objects(office, chance.randint(6, 40))]
    yield from play(office, time + int(chance.uniform(8, 40) * SECOND), thief, order, (0.2, 2))


def _objects(office: Office, number: int) -> list[Step]:
    chance = office.chance
    return [("s3:GetObject", {"requestParameters": {"bucketName": thing("bucket", chance.randrange(96)),
                                                    "key": f"export/{chance.randrange(9999):04}.csv"}})
            for _ in range(number)]  # fmt: skip


def vault_after_revocation(office: Office, time: int) -> Iterator[Told]:
    """A token of Vault is revoked, and shown again: Vault says no; or, in a cluster that lags, still answers."""
    chance, scenario = office.chance, "vault token used after revocation"
    job = office.victim(office.of(Leaser, time))
    accessor = HASH + office.ids.hexadecimal(16)
    client = Client(vault_token(office, time, job.name, job.entity, accessor, 8 * 3600), job.host)
    login = Truth("", "token_issuance", job.entity, scenario=scenario)
    yield vault(office, time, Client(client.auth, job.host, token=False), "update", "auth/kubernetes/login", login,
                {"mount_type": "kubernetes", "auth": client.auth})  # fmt: skip
    true = Truth("", "token_issuance", job.entity, "", "", [f"vault:{accessor}"], scenario=scenario)
    at = time + int(chance.uniform(2, 30) * MINUTE)
    yield vault(office, at, client, "update", "auth/token/revoke-self", true, {"mount_type": "token"})
    thief = Client({**client.auth, "policy_results": {"allowed": False}}, provider_address(chance))
    refused, bad = chance.random() < 0.7, replace(true, kind="cloud_audit", malicious=True)
    at += int(chance.uniform(1, 120) * MINUTE)
    for number in range(chance.randint(4, 20)):
        more = {"error": "1 error occurred:\n\t* permission denied\n\n"} if refused else {}
        yield vault(office, at, thief if refused else Client(client.auth, thief.address), "read",
                    f"secret/data/{thing('secret', number)}", bad, {"mount_type": "kv"}, **more)  # fmt: skip
        at += int(chance.uniform(0.3, 4) * SECOND)


def kubernetes_after_deletion(office: Office, time: int) -> Iterator[Told]:
    """A pod is deleted, which ends its token; somebody who copied the token goes on."""
    chance, ids, scenario = office.chance, office.ids, "kubernetes token used after its pod is gone"
    pod = office.victim(office.of(ClusterPod, time))
    account, token, name = f"system:serviceaccount:shop:{pod.name}", ids.uuid(), f"{pod.name}-{ids.hexadecimal(4)}"
    node: dict[str, Any] = {"username": "system:node:n1", "groups": ["system:nodes"]}
    issued = {"resource": "serviceaccounts", "namespace": "shop", "name": pod.name, "subresource": "token"}
    yield audit(office, time, node, "create", issued, Truth("", "token_issuance", "system:node:n1", scenario=scenario),
                code=201, annotations={"authentication.kubernetes.io/issued-credential-id": f"JTI={token}"},
                responseObject={"status": {"token": "opaque", "expirationTimestamp": shapes.iso(time + 24 * HOUR)}},
                )  # fmt: skip
    user = {"username": account, "groups": ["system:serviceaccounts"],
            "extra": {"authentication.kubernetes.io/credential-id": [f"JTI={token}"],
                      "authentication.kubernetes.io/pod-name": [name]}}  # fmt: skip
    true = Truth("", "cloud_audit", account, "", "", [f"kubernetes:JTI={token}"], scenario=scenario)
    configuration = {"resource": "configmaps", "namespace": "shop", "name": f"configmaps-{pod.name}"}
    yield audit(office, time + 3 * SECOND, user, "get", configuration, true, sourceIPs=[pod.node])
    at = time + int(chance.uniform(10, 200) * MINUTE)
    controller = "system:serviceaccount:kube-system:replicaset-controller"
    gone = Truth("", "cloud_audit", controller, scenario=scenario)
    yield audit(
        office, at, {"username": controller}, "delete", {"resource": "pods", "namespace": "shop", "name": name}, gone
    )
    bad, where = replace(true, malicious=True), provider_address(chance)
    at += int(chance.uniform(1, 60) * MINUTE)
    code = 401 if chance.random() < 0.6 else 200
    for number in range(chance.randint(5, 25)):
        secret = {"resource": "secrets", "namespace": "shop", "name": f"secret-{number}"}
        yield audit(office, at, user, chance.choice(("get", "list")), secret, bad, code=code, sourceIPs=[where],
                    userAgent="kubectl/v1.29.0 (linux/amd64)")  # fmt: skip
        at += int(chance.uniform(0.2, 3) * SECOND)


def github_after_revocation(office: Office, time: int) -> Iterator[Told]:
    """A developer's token is revoked, and they have another; the log shows the old one used afterwards."""
    chance, scenario = office.chance, "github token used after revocation"
    person = committer(office, time)
    account, at = person.github(time), time
    issuing = replace(account.truth(scenario), kind="token_issuance")
    yield account.act(office, at, "personal_access_token.access_revoked", issuing, person.repositories[0])
    person.replaced.append(at)
    thief = other(account, address=provider_address(chance), agent="git/2.34")
    at += int(chance.uniform(3, 240) * MINUTE)
    refused = {"status_code": 401} if chance.random() < 0.6 else {}
    for number in range(chance.randint(4, 15)):
        bad = account.truth(scenario, bad=True)
        yield thief.act(office, at, "git.clone", bad, f"example/app-{number:02}", **refused)
        at += int(chance.uniform(0.3, 4) * SECOND)


def key_after_revocation(office: Office, time: int) -> Iterator[Told]:
    """An administrator sets a key inactive or deletes it; it is tried again and again, and by some services accepted
    for a while."""
    chance, scenario = office.chance, "standing key used after revocation"
    person, session, at = at_work(office, time, "administrator")
    service = office.victim([one for one in office.of(Service) if one.name.endswith("-old")] or office.of(Service))
    admin = person.doer(office, session)
    named = {"userName": service.name, "accessKeyId": service.key}
    action = chance.choice(("UpdateAccessKey", "DeleteAccessKey"))
    status = {"status": "Inactive"} if action == "UpdateAccessKey" else {}
    yield trail(office, at, "iam", action, Doer(admin.identity, replace(admin.truth, scenario=scenario), admin.address,
                admin.agent), requestParameters={**named, **status})  # fmt: skip
    doer = stolen(office, service.doer(time), scenario)
    refuses = chance.random() < 0.6
    order = [(name, {**said, **(UNKNOWN if refuses else {})}) for name, said in survey(office, 4, (1, 4), 0.1)]
    yield from play(office, at + int(chance.uniform(1, 300) * MINUTE), doer, order, (0.4, 6))


def long_session(office: Office, time: int) -> Iterator[Told]:
    """Whoever holds a pipeline's token asks for a session of twelve hours, where an hour is what it ever asked for."""
    chance, scenario = office.chance, "session of twelve hours"
    repository = office.victim(office.of(Repository, time))
    key, session = office.ids.key("ASIA"), f"run-{office.ids.hexadecimal(8)}"
    subject = f"repo:{repository.repository}:{repository.refs[0]}"
    web = shapes.web_identity("token.actions.githubusercontent.com", subject)
    true = Truth("", "", web["principalId"], scenario=scenario, malicious=True)
    start = Doer(web, true, chance.choice(repository.runners), repository.agent)
    yield trail(office, time, "sts", "AssumeRoleWithWebIdentity", start,
                **shapes.assume_role(repository.role, session, key, time + 12 * HOUR, 43_200))  # fmt: skip
    held = replace(true, credential_chain=[f"aws:{key}"])
    doer = Doer(shapes.role_identity(repository.role, session, key), held, start.address, start.agent)
    at = time + int(chance.uniform(2, 11) * HOUR)
    order = [*survey(office, 3, (1, 3), 0.1), *changes(office, chance.randint(1, 6), "s3", "lambda")]
    yield from play(office, at, doer, order, (0.5, 20))


def vault_month(office: Office, time: int) -> Iterator[Told]:
    """A job's login at Vault is used to make a token that lives for a month, orphaned from the login."""
    chance, scenario = office.chance, "vault token of a month"
    job = office.victim(office.of(Leaser, time))
    parent, child = (HASH + office.ids.hexadecimal(16) for _ in range(2))
    auth = vault_token(office, time, job.name, job.entity, parent)
    login = Truth("", "token_issuance", job.entity, scenario=scenario)
    yield vault(office, time, Client(auth, job.host, token=False), "update", "auth/kubernetes/login", login,
                {"mount_type": "kubernetes", "auth": auth})  # fmt: skip
    bad = Truth("", "token_issuance", job.entity, "", "", [f"vault:{parent}"], scenario=scenario, malicious=True)
    at = time + int(chance.uniform(2, 60) * SECOND)
    made = vault_token(office, at, job.name, job.entity, child, MONTH)
    yield vault(office, at, Client(auth, job.host), "update", "auth/token/create-orphan", bad,
                {"mount_type": "token", "auth": made})  # fmt: skip
    used = replace(bad, kind="cloud_audit", credential_chain=[f"vault:{child}", *bad.credential_chain])
    where = provider_address(chance)
    for _ in range(chance.randint(3, 12)):
        at += int(chance.expovariate(1 / 3) * HOUR / 4) + SECOND
        path = f"secret/data/{thing('secret', chance.randrange(96))}"
        yield vault(office, at, Client(made, where), "read", path, used, {"mount_type": "kv"})


def other_policy(office: Office, time: int) -> Iterator[Told]:
    """A job's login at Vault suddenly has a policy that it never had, and reads what that allows."""
    chance, scenario = office.chance, "policy never used before"
    job = office.victim(office.of(Leaser, time))
    accessor = HASH + office.ids.hexadecimal(16)
    auth: dict[str, Any] = vault_token(office, time, job.name, job.entity, accessor)
    policy = chance.choice(("admin", "pki-issuer", "root-readers", "transit-all"))
    auth["policies"] = [job.name, policy]
    auth["policy_results"] = {"allowed": True, "granting_policies": [{"name": policy, "type": "acl"}]}
    bad = Truth("", "token_issuance", job.entity, scenario=scenario, malicious=True)
    yield vault(office, time, Client(auth, job.host, token=False), "update", "auth/kubernetes/login", bad,
                {"mount_type": "kubernetes", "auth": auth})  # fmt: skip
    used, at = replace(bad, kind="cloud_audit", credential_chain=[f"vault:{accessor}"]), time
    for number in range(chance.randint(4, 20)):
        at += int(chance.uniform(0.3, 6) * SECOND)
        path = (f"secret/data/{thing('secret', number)}", "sys/policies/acl", f"pki/certs/{number}")[number % 3]
        yield vault(office, at, Client(auth, job.host), "read", path, used, {"mount_type": "kv"})


def other_scope(office: Office, time: int) -> Iterator[Told]:
    """An agent's token is asked for with scopes that it never had, from where it never was."""
    chance, scenario = office.chance, "scope never used before"
    agent = agent_at(office, time, "okta")
    person, token = chance.choice(agent.people), office.ids.hexadecimal(22)
    party = {"id": agent.name, "type": "AI Agent", "alternateId": "unknown", "displayName": "Desk agent"}
    true = Truth("", "", agent.name, person, scenario=scenario, malicious=True)
    target: list[dict[str, Any]] = [
        {"id": f"00u{office.people.index(person):017}", "type": "User", "alternateId": person, "displayName": person},
        {"id": f"access_token.{token[:12]}", "type": "access_token", "alternateId": "unknown", "displayName": "Token",
         "detailEntry": {"expires": shapes.iso(time + DAY, 3), "hash": token, "actor": agent.name}},
    ]  # fmt: skip
    scopes = chance.choice(("openid mail.read files.readwrite.all", "openid okta.users.manage okta.apps.manage",
                            "openid offline_access api.full"))  # fmt: skip
    source = Source(party, provider_address(chance), scopes=scopes)
    yield log(office, time, "app.oauth2.token.grant.access_token", true, source, target,
              grant="urn:ietf:params:oauth:grant-type:jwt-bearer")  # fmt: skip


def standing_for_workload(office: Office, time: int) -> Iterator[Told]:
    """What has workload identity acts with a standing key, made by whoever took an administrator's session: it stays
    when the pipeline's tokens are rotated."""
    chance, scenario = office.chance, "standing key of a workload that has workload identity"
    person, session, at = at_work(office, time, "administrator")
    repository = office.victim(office.of(Repository, at))
    user, key = f"ci-{repository.name}", office.ids.key("AKIA")
    made = {"accessKey": {"accessKeyId": key, "userName": user, "status": "Active"}}
    admin = from_within(person.doer(office, session), scenario)
    order: list[Step] = [("iam:CreateUser", {"requestParameters": {"userName": user}}), (
        "iam:CreateAccessKey", {"requestParameters": {"userName": user}, "responseElements": made},
    )]  # fmt: skip
    yield from play(office, at, admin, order, (2, 20))
    identity = shapes.user_identity(user, key)
    true = Truth("", "", identity["arn"], "", "", [f"aws:{key}", *admin.truth.credential_chain], scenario=scenario,
                 malicious=True)  # fmt: skip
    doer = Doer(identity, true, chance.choice(repository.runners), repository.agent)
    yield from repository.deploy(office, at + int(chance.uniform(5, 90) * MINUTE), doer)


def never_issued(office: Office, time: int) -> Iterator[Told]:
    """A temporary credential that no issuance was ever logged for: made where nobody logs. The role and the session's
    name are known ones."""
    chance = office.chance
    person, session, at = at_work(office, time)
    doer = person.doer(office, session)
    key = office.ids.key("ASIA")
    identity = {**doer.identity, "accessKeyId": key}
    # Nothing that is logged leads from it to the person whom the session is named after.
    true = replace(doer.truth, actor=identity["arn"], human="", credential_chain=[f"aws:{key}"], session="")
    thief = stolen(office, Doer(identity, true, doer.address), "temporary credential never seen issued")
    order = [("sts:GetCallerIdentity", {}), *survey(office, chance.randint(2, 6), (1, 4), 0.2)]
    yield from play(office, at, thief, order, (0.5, 8))


def other_account(office: Office, time: int) -> Iterator[Told]:
    """A pod's session takes a role that it never took, in another account (T1550.001, role chaining)."""
    chance, scenario = office.chance, "role chaining into an account never used"
    told, doer = office.victim(office.of(Pod, time)).enter(office, time)
    yield told
    bad = from_within(doer, scenario)
    account = chance.choice(("210987654321", "345678901234", "456789012345"))
    role = chance.choice(("OrganizationAccountAccessRole", "backup-restore", "AWSControlTowerExecution"))
    key, session = office.ids.key("ASIA"), f"s-{office.ids.hexadecimal(6)}"
    at = time + int(chance.uniform(5, 60) * SECOND)
    taken: dict[str, Any] = _there(shapes.assume_role(role, session, key, at + HOUR), account)
    denied: Step = ("sts:AssumeRole", {"requestParameters": {
        "roleArn": f"arn:aws:iam::{account}:role/admin", "roleSessionName": session,
    }, "errorCode": "AccessDenied"})  # fmt: skip
    order = [*steps("sts:GetCallerIdentity"), denied, ("sts:AssumeRole", taken)]
    yield from play(office, at, bad, order, (1, 1))
    true = replace(bad.truth, credential_chain=[f"aws:{key}", *bad.truth.credential_chain])
    over = Doer(_there(shapes.role_identity(role, session, key), account), true, bad.address, bad.agent)
    yield from play(office, at + 5 * SECOND, over, survey(office, chance.randint(3, 8), (1, 4), 0.1), (0.2, 3),
                    recipientAccountId=account)  # fmt: skip


def _there(document: dict[str, Any], account: str) -> dict[str, Any]:
    """The same in another account."""
    moved: dict[str, Any] = json.loads(json.dumps(document).replace(shapes.ACCOUNT, account))
    return moved
