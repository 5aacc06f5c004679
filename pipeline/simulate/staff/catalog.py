"""What can be called, and what somebody usually calls: a few things again and again, and now and then another one."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

from pipeline.simulate.truth import Told
from pipeline.simulate.world import Doer, World, trail

HOME, ABROAD = "eu-central-1", ("us-east-1", "eu-west-1", "us-west-2", "ap-southeast-1")


class Call(NamedTuple):
    """One API action, with the parameter that names a thing and the kind of thing that is."""

    service: str
    action: str
    parameter: str = ""
    kind: str = ""


def _calls(service: str, text: str) -> tuple[Call, ...]:
    found = []
    for word in text.split():
        action, _, named = word.partition(":")
        parameter, _, kind = named.partition("=")
        found.append(Call(service, action, parameter, kind))
    return tuple(found)


#: Actions that look and actions that change, by service: `Action` or `Action:parameter=kind of thing`.
_TABLE: dict[str, tuple[str, str]] = {
    "s3": (
        "ListBuckets GetBucketLocation:bucketName=bucket ListObjectsV2:bucketName=bucket GetObject:bucketName=bucket"
        " GetBucketPolicy:bucketName=bucket HeadObject:bucketName=bucket",
        "PutObject:bucketName=bucket DeleteObject:bucketName=bucket CopyObject:bucketName=bucket",
    ),
    "ec2": (
        "DescribeInstances DescribeVolumes DescribeSecurityGroups DescribeVpcs DescribeSubnets DescribeImages"
        " DescribeInstanceStatus:instanceId=instance",
        "StartInstances:instanceId=instance StopInstances:instanceId=instance CreateTags:instanceId=instance"
        " RebootInstances:instanceId=instance AuthorizeSecurityGroupIngress:groupName=group",
    ),
    "lambda": (
        "ListFunctions GetFunction:functionName=function GetFunctionConfiguration:functionName=function ListTags",
        "UpdateFunctionCode:functionName=function UpdateFunctionConfiguration:functionName=function"
        " PublishVersion:functionName=function",
    ),
    "logs": (
        "DescribeLogGroups DescribeLogStreams:name=function FilterLogEvents:name=function StartQuery:name=function"
        " GetQueryResults",
        "PutRetentionPolicy:name=function",
    ),
    "cloudwatch": ("GetMetricData ListMetrics DescribeAlarms GetDashboard:name=service", "PutMetricAlarm:name=service"),
    "dynamodb": (
        "ListTables DescribeTable:tableName=table Query:tableName=table GetItem:tableName=table Scan:tableName=table",
        "PutItem:tableName=table UpdateItem:tableName=table DeleteItem:tableName=table",
    ),
    "rds": ("DescribeDBInstances DescribeDBClusters DescribeDBSnapshots", "CreateDBSnapshot:name=cluster"),
    "ecs": (
        "ListClusters DescribeServices:name=service ListTasks DescribeTasks DescribeTaskDefinition:name=service",
        "UpdateService:name=service RunTask:name=service StopTask:name=service",
    ),
    "ecr": ("DescribeRepositories DescribeImages:name=service BatchGetImage:name=service", "PutImage:name=service"),
    "sqs": ("ListQueues GetQueueAttributes:name=queue ReceiveMessage:name=queue", "SendMessage:name=queue"),
    "sns": ("ListTopics ListSubscriptions GetTopicAttributes:name=queue", "Publish:name=queue"),
    "iam": (
        "ListUsers ListRoles GetRole:roleName=role ListAttachedRolePolicies:roleName=role GetUser:userName=user"
        " ListAccessKeys:userName=user GetAccountSummary ListPolicies",
        "AttachRolePolicy:roleName=role PutRolePolicy:roleName=role TagRole:roleName=role",
    ),
    "kms": ("ListKeys DescribeKey:keyId=key ListAliases", "Decrypt:keyId=key GenerateDataKey:keyId=key"),
    "secretsmanager": ("ListSecrets DescribeSecret:secretId=secret GetSecretValue:secretId=secret",
                       "PutSecretValue:secretId=secret RotateSecret:secretId=secret"),
    "ssm": ("DescribeParameters GetParameter:name=parameter GetParametersByPath:name=parameter",
            "PutParameter:name=parameter StartSession:name=instance"),
    "cloudformation": ("DescribeStacks ListStackResources:name=stack GetTemplate:name=stack",
                       "CreateChangeSet:name=stack ExecuteChangeSet:name=stack UpdateStack:name=stack"),
    "athena": ("ListWorkGroups GetQueryExecution GetQueryResults", "StartQueryExecution:name=table"),
    "glue": ("GetDatabases GetTables:name=table GetPartitions:name=table GetJobRuns:name=job", "StartJobRun:name=job"),
    "elasticloadbalancing": ("DescribeLoadBalancers DescribeTargetHealth:name=service DescribeListeners",
                             "ModifyListener:name=service"),
    "route53": ("ListHostedZones ListResourceRecordSets", "ChangeResourceRecordSets"),
    "autoscaling": ("DescribeAutoScalingGroups DescribeScalingActivities", "SetDesiredCapacity:groupName=group"),
    "states": ("ListStateMachines DescribeExecution:name=job GetExecutionHistory:name=job", "StartExecution:name=job"),
    "cloudtrail": ("LookupEvents DescribeTrails GetTrailStatus:name=trail GetEventSelectors:name=trail", ""),
    "config": ("DescribeConfigRules GetComplianceDetailsByConfigRule:name=rule", ""),
    "guardduty": ("ListDetectors ListFindings GetFindings", ""),
    "organizations": ("ListAccounts DescribeOrganization ListPolicies", ""),
    "ce": ("GetCostAndUsage GetCostForecast", ""),
    "bedrock": ("ListFoundationModels", "InvokeModel:modelId=model"),
    "ses": ("GetSendQuota ListIdentities", "SendEmail"),
}  # fmt: skip
READS: dict[str, tuple[Call, ...]] = {service: _calls(service, reads) for service, (reads, _) in _TABLE.items()}
WRITES: dict[str, tuple[Call, ...]] = {service: _calls(service, writes) for service, (_, writes) in _TABLE.items()}

#: What each job is about: services, and the share of calls that change something.
JOBS: dict[str, tuple[str, float]] = {
    "developer": ("lambda logs s3 dynamodb cloudwatch ecs sqs sns cloudformation ssm states ecr secretsmanager", 0.12),
    "operator": ("ec2 elasticloadbalancing rds ecs cloudwatch route53 autoscaling ssm logs cloudformation kms", 0.18),
    "analyst": ("athena glue s3 dynamodb cloudwatch ce states", 0.10),
    "auditor": ("iam cloudtrail config guardduty organizations kms s3 ec2 ce", 0.0),
    "support": ("s3 dynamodb logs cloudwatch sqs ses ecs", 0.05),
    "administrator": ("iam organizations kms ec2 rds cloudtrail config guardduty secretsmanager ssm s3 ce", 0.2),
}
_WORDS = (
    "orders", "billing", "search", "catalog", "shipping", "ledger", "mail", "reports", "images", "checkout", "returns",
    "pricing", "stock", "partners", "events", "archive", "identity", "coupons", "reviews", "routing", "exports",
    "intake", "claims", "payroll",
)  # fmt: skip
#: How calls fail that are permitted.
FAILURES = (
    "ResourceNotFoundException",
    "ThrottlingException",
    "ValidationException",
    "InvalidParameterValue",
    "NoSuchKey",
)
MODELS = ("anthropic.claude-haiku-4", "anthropic.claude-sonnet-4", "amazon.nova-lite-v1", "mistral.mistral-small")


def thing(kind: str, number: int) -> str:
    """The name of a thing of the organisation, the same for the same number."""
    if kind == "model":
        return MODELS[number % len(MODELS)]
    word = _WORDS[number % len(_WORDS)]
    if kind == "instance":
        return f"i-{(number * 2_654_435_761) % 2**52:017x}"
    if kind == "bucket":
        return f"example-{word}-{number // len(_WORDS):02}"
    if kind in ("secret", "parameter"):
        return f"prod/{word}/{('token', 'password', 'url', 'key')[number // len(_WORDS) % 4]}"
    return f"{word}-{kind}-{number // len(_WORDS)}" if number >= len(_WORDS) else f"{word}-{kind}"


@dataclass
class Repertoire:
    """What somebody usually calls and on what, and how often it is something else."""

    calls: list[Call]
    others: list[Call]
    #: Things of each kind that they work with, the most usual ones first.
    numbers: list[int]
    region: str = HOME
    #: Share of calls outside of all this, and of calls that fail, most of them because they are not permitted.
    novelty: float = 0.004
    mistakes: float = 0.01
    #: Of each call, its weight added to those before it.
    weights: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, chance: random.Random, job: str) -> Repertoire:
        """Some services of a job, some actions of each."""
        named, changes = JOBS[job]
        services = named.split()
        chosen = chance.sample(services, k=min(len(services), chance.randint(3, 7)))
        calls: list[Call] = []
        weights: list[float] = []
        for rank, service in enumerate(chosen):
            weight = (rank + 1) ** -chance.uniform(0.6, 1.4)
            for table, share in ((READS, 1 - changes), (WRITES, changes)):
                known = table[service]
                picked = chance.sample(known, k=chance.randint(1, len(known))) if known and share else []
                calls += picked
                weights += [weight * share * chance.uniform(0.3, 1.0) / len(picked) for _ in picked]
        others = [call for service in services for call in (*READS[service], *(WRITES[service] if changes else ()))]
        numbers = chance.sample(range(96), k=chance.randint(3, 14))
        region = HOME if chance.random() < 0.85 else chance.choice(ABROAD)
        return cls(calls, others, numbers, region, chance.uniform(0.001, 0.006), chance.lognormvariate(-4.6, 0.7),
                   list(accumulate(weights)))  # fmt: skip

    def draw(self, chance: random.Random) -> Call:
        """A call as they make it; a new one now and then."""
        if chance.random() < self.novelty:
            return chance.choice(self.others)
        return chance.choices(self.calls, cum_weights=self.weights)[0]

    def tell(self, world: World, at: int, doer: Doer, call: Call | None = None, **more: Any) -> Told:
        """One call as they make it, or this one."""
        chance = world.chance
        call = call or self.draw(chance)
        if self.region != HOME:
            more.setdefault("awsRegion", self.region)
        elif chance.random() < self.novelty / 8:
            more["awsRegion"] = chance.choice(ABROAD)
        if chance.random() < self.mistakes:
            more |= refused(call) if chance.random() < 0.6 else {"errorCode": chance.choice(FAILURES)}
        return trail(world, at, call.service, call.action, doer, requestParameters=self.parameters(chance, call),
                     **more)  # fmt: skip

    def parameters(self, chance: random.Random, call: Call) -> dict[str, str] | None:
        """What the call names: mostly one of the first few things that they work with."""
        if not call.parameter:
            return None
        number = chance.randrange(96)
        if chance.random() >= self.novelty * 3:
            number = self.numbers[min(int(chance.expovariate(0.5)), len(self.numbers) - 1)]
        return asked(chance, call, number)


def asked(chance: random.Random, call: Call, number: int) -> dict[str, str]:
    """The parameters of a call on the thing of its kind with this number."""
    named = {call.parameter: thing(call.kind, number)}
    if "Object" in call.action and "List" not in call.action:
        named["key"] = f"{_WORDS[number % 7]}/2026/{chance.randrange(100_000):05}.json"
    return named


def refused(call: Call) -> dict[str, Any]:
    """What the record of a call says that is not permitted."""
    said = f"User is not authorized to perform: {call.service}:{call.action} because no identity-based policy allows it"
    return {"errorCode": "Client.UnauthorizedOperation" if call.service == "ec2" else "AccessDenied",
            "errorMessage": said}  # fmt: skip
