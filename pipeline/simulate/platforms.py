"""What the platforms beside AWS log: Kubernetes, Vault, GitHub, and agents that speak the Model Context Protocol."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.normalize.documents import content_id
from pipeline.simulate import shapes
from pipeline.simulate.agents import TOOLS
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import HOUR, SECOND, Doer, World, trail

ELSEWHERE = "203.0.113.67"
HASH, SERVER = "hmac-sha256:", "files"
_MERGED = ("git.clone", "pull_request.create", "git.push", "pull_request.merge")


def kubernetes_pod(world: World, time: int) -> Iterator[Told]:
    """A node asks for a pod's projected token; the pod reads its configuration with it."""
    chance, name = world.chance, f"api-{world.chance.randrange(8)}"
    account, token = f"system:serviceaccount:shop:{name}", world.ids.uuid()
    node_name = "system:node:n1"
    node = {
        "username": node_name, "groups": ["system:nodes"],
        "extra": {"authentication.kubernetes.io/credential-id": [f"X509SHA256={world.ids.hexadecimal(16)}"]},
    }  # fmt: skip
    issued = Truth("", "token_issuance", node_name, scenario="kubernetes pod")
    yield _audit(world, time, node, "create", {
        "resource": "serviceaccounts", "namespace": "shop", "name": name, "subresource": "token",
    }, issued, code=201, annotations={"authentication.kubernetes.io/issued-credential-id": f"JTI={token}"},
        responseObject={"status": {"token": "opaque", "expirationTimestamp": shapes.iso(time + HOUR)}})  # fmt: skip
    pod = {"username": account, "groups": ["system:serviceaccounts"],
           "extra": {"authentication.kubernetes.io/credential-id": [f"JTI={token}"],
                     "authentication.kubernetes.io/pod-name": [f"{name}-{world.ids.hexadecimal(4)}"]}}  # fmt: skip
    # The node takes the token for the pod, which is whom it is for.
    true = Truth("", "cloud_audit", account, "", "", [f"kubernetes:JTI={token}"], scenario="kubernetes pod")
    at = time
    for number in range(chance.randint(2, 8)):
        at += int(chance.uniform(0.2, 5) * SECOND)
        kind = ("configmaps", "secrets", "endpoints")[number % 3]
        yield _audit(world, at, pod, "get", {"resource": kind, "namespace": "shop", "name": f"{kind}-{name}"}, true)


def vault_lease(world: World, time: int) -> Iterator[Told]:
    """A job logs in to Vault, leases AWS credentials there, and uses them: three logs, one chain."""
    chance = world.chance
    entity = world.ids.uuid()
    accessor, key = HASH + world.ids.hexadecimal(16), world.ids.key("ASIA")
    auth = {
        "client_token": HASH + world.ids.hexadecimal(16), "accessor": accessor, "display_name": "batch-report",
        "entity_id": entity, "token_type": "service", "policies": ["report"], "token_ttl": 3600,
        "token_issue_time": shapes.iso(time),
        "policy_results": {"allowed": True, "granting_policies": [{"name": "report", "type": "acl"}]},
        "metadata": {"role": "report", "service_account_name": "report", "service_account_namespace": "batch"},
    }  # fmt: skip
    login = Truth("", "token_issuance", entity, scenario="vault lease")
    answer: dict[str, Any] = {"mount_type": "kubernetes", "auth": auth}
    yield _vault(world, time, auth, "update", "auth/kubernetes/login", login, answer, token=False)
    chain = [f"vault:{accessor}"]
    leased = Truth("", "token_issuance", entity, "", "", chain, scenario="vault lease")
    answer = {"mount_type": "aws", "secret": {"lease_id": f"aws/sts/report/{world.ids.hexadecimal(8)}"},
              "data": {"access_key": key, "secret_key": HASH + "00", "security_token": HASH + "01"}}  # fmt: skip
    yield _vault(world, time + SECOND, auth, "read", "aws/sts/report", leased, answer)
    doer = Doer(
        shapes.role_identity("report", f"vault-{world.ids.hexadecimal(8)}", key),
        Truth("", "", entity, "", "", [f"aws:{key}", *chain], scenario="vault lease"), "192.0.2.91",
    )  # fmt: skip
    at = time + 2 * SECOND
    for number in range(chance.randint(5, 20)):
        at += int(chance.uniform(0.1, 1.0) * SECOND)
        yield trail(world, at, "athena", ("StartQueryExecution", "GetQueryResults")[number % 2], doer)


def developer(world: World, time: int) -> Iterator[Told]:
    """A developer at work with a personal access token."""
    yield from _developer(world, time, "developer", _MERGED, bad=False)


def leaked_developer_token(world: World, time: int) -> Iterator[Told]:
    """A developer tool has leaked a token: somebody clones what they can, as with the JetBrains GitHub plugin."""
    yield from _developer(world, time, "leaked developer token", ("git.clone",) * 15, bad=True)


def _developer(world: World, time: int, scenario: str, actions: tuple[str, ...], *, bad: bool) -> Iterator[Told]:
    chance, number = world.chance, world.chance.randrange(30)
    name = f"dev{number:02}"
    token = base64.b64encode(f"{name}-token-of-the-whole-year".encode()).decode()
    # A token says whose it is, not that a person holds it.
    true = Truth("", "cloud_audit", name, "", "", [f"github:{token}"], scenario=scenario, malicious=bad)
    at = time
    for action in actions:
        at += int(chance.uniform(*((0.2, 1.0) if bad else (5, 90))) * SECOND)
        event_id = world.ids.hexadecimal(22)
        value = shapes.encode({
            "@timestamp": at // 1000, "created_at": at // 1000 + 900, "_document_id": event_id, "action": action,
            "actor": name, "actor_id": 1000 + number, "actor_ip": ELSEWHERE if bad else world.address(name),
            "actor_is_bot": False, "org": "example", "repo": f"example/app-{chance.randrange(8)}",
            "hashed_token": token, "token_id": 500 + number, "user": "",
            "request_id": world.ids.hexadecimal(12), "user_agent": "git/2.47",
            "programmatic_access_type": "Personal access token (classic)",
        })  # fmt: skip
        arrives = at + int(chance.uniform(1, 60) * SECOND)
        yield Told(at, arrives, "cloud-audit", "github.audit", value, [_of(true, event_id)])


def mcp_agent(world: World, time: int) -> Iterator[Told]:
    """An agent whose tools a gateway logs as it calls them, with a role session named after the MCP session."""
    yield from _mcp(world, time, "mcp agent", bad=False)


def rogue_mcp_server(world: World, time: int) -> Iterator[Told]:
    """A server that says something else of its tools halfway through a session, and is then given what it asks for."""
    yield from _mcp(world, time, "rogue mcp server", bad=True)


def _mcp(world: World, time: int, scenario: str, *, bad: bool) -> Iterator[Told]:
    chance, ids = world.chance, world.ids
    session, client = f"mcp-{ids.hexadecimal(12)}", f"desk-agent-{chance.randrange(6)}"
    key = ids.key("ASIA")
    launcher = shapes.web_identity("oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE", "system:serviceaccount:agents:mcp")
    issued = Doer(launcher, Truth("", "", launcher["principalId"], scenario=scenario), "192.0.2.12")
    yield trail(world, time, "sts", "AssumeRoleWithWebIdentity", issued,
                **shapes.assume_role("mcp-runtime", session, key, time + HOUR))  # fmt: skip
    doer = Doer(shapes.role_identity("mcp-runtime", session, key), Truth("", ""), "192.0.2.41")
    at = time + 2 * SECOND
    for number in range(1, chance.randint(3, 7)):
        true = Truth("", "tool_call", client, "", session, scenario=scenario, malicious=bad)
        if bad and number == 2:
            yield _message(world, at, client, {"method": "notifications/tools/list_changed"}, true)
            at += SECOND
        tool = chance.choice(TOOLS[:5])
        arguments = tool.arguments(chance)
        end = at + int(chance.uniform(*tool.takes) * SECOND)
        true.tool_call = f"{session}|mcp:{SERVER}|{number}"
        params = {"name": tool.name, "arguments": arguments}
        yield _message(world, at, client, {"id": number, "method": "tools/call", "params": params}, true)
        answer = {"content": [{"type": "text", "text": f"done, {number}"}]}
        yield _message(world, end, client, {"id": number, "result": answer}, true)
        made = msgspec.structs.replace(true, kind="cloud_audit", credential_chain=[f"aws:{key}"])
        for service, action, parameters, _ in tool.calls:
            asked = {name: text.format(**arguments) for name, text in parameters.items()}
            yield trail(world, int(chance.uniform(at, end)), service, action, doer, made, requestParameters=asked)
        at = end + int(chance.uniform(0.8, 4) * SECOND)


def _audit(
    world: World, time: int, user: dict[str, Any], verb: str, reference: dict[str, str], truth: Truth, *,
    code: int = 200, annotations: dict[str, str] | None = None, **more: Any,
) -> Told:  # fmt: skip
    """One Kubernetes audit event, with what RBAC said."""
    event_id = world.ids.uuid()
    value = shapes.encode({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": "ResponseComplete",
        "auditID": event_id, "verb": verb, "user": user, "sourceIPs": ["10.0.0.7"], "userAgent": "python/3.13",
        "objectRef": {"apiVersion": "v1", **reference}, "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": shapes.iso(time, 6), "stageTimestamp": shapes.iso(time + 5000, 6),
        "annotations": {
            "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed by a role",
            **(annotations or {}),
        },
        **more,
    })  # fmt: skip
    topic = "token-issuance" if truth.kind == "token_issuance" else "cloud-audit"
    arrives = time + int(world.chance.uniform(1, 20) * SECOND)
    return Told(time, arrives, topic, "kubernetes.audit", value, [_of(truth, event_id)])


def _vault(
    world: World, time: int, auth: dict[str, Any], operation: str, path: str, truth: Truth,
    response: dict[str, Any], *, token: bool = True,
) -> Told:  # fmt: skip
    """One answer in Vault's audit log."""
    event_id = world.ids.uuid()
    shown = {"client_token": auth["client_token"], "client_token_accessor": auth["accessor"]} if token else {}
    value = shapes.encode({
        "time": shapes.iso(time, 6), "type": "response", "auth": auth,
        "request": {"id": event_id, "operation": operation, "path": path, "mount_type": response["mount_type"],
                    "remote_address": "192.0.2.91", **shown},
        "response": response,
    })  # fmt: skip
    arrives = time + int(world.chance.uniform(0.5, 5) * SECOND)
    return Told(time, arrives, "token-issuance", "vault.audit", value, [_of(truth, event_id)])


def _message(world: World, time: int, client: str, message: dict[str, Any], truth: Truth) -> Told:
    """One message that the gateway between an agent and its tools logs."""
    value = shapes.mcp(time, truth.session, client, SERVER, message)
    arrives = time + int(world.chance.uniform(0.2, 3) * SECOND)
    return Told(time, arrives, "tool-calls", "mcp", value, [_of(truth, content_id(value))])


def _of(truth: Truth, event_id: str) -> Truth:
    return msgspec.structs.replace(truth, event_id=event_id)
