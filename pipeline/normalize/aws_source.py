"""What CloudTrail says of itself: what to switch on, which of its fields link, and which are known."""

from __future__ import annotations

from typing import Final

from pipeline.normalize.aws_issuance import ISSUING
from pipeline.normalize.source import Source

FORMAT: Final = "aws.cloudtrail"
_KNOWN = """
    eventVersion eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode errorMessage
    requestParameters responseElements additionalEventData requestID eventID readOnly eventType apiVersion
    managementEvent recipientAccountId serviceEventDetails sharedEventID vpcEndpointId vpcEndpointAccountId
    eventCategory addendum sessionCredentialFromConsole edgeDeviceDetails tlsDetails resources insightDetails
    eventContext omitted annotation metadata
    userIdentity.type userIdentity.principalId userIdentity.arn userIdentity.accountId userIdentity.accessKeyId
    userIdentity.userName userIdentity.invokedBy userIdentity.credentialId userIdentity.identityProvider
    userIdentity.invokedByDelegate.accountId userIdentity.onBehalfOf.userId userIdentity.onBehalfOf.identityStoreArn
    userIdentity.inScopeOf.sourceArn userIdentity.inScopeOf.sourceAccount userIdentity.inScopeOf.issuerType
    userIdentity.inScopeOf.credentialsIssuedTo userIdentity.inScopeOf.credentialsIssuedToVersion
    userIdentity.sessionContext.attributes userIdentity.sessionContext.sessionIssuer
    userIdentity.sessionContext.webIdFederationData userIdentity.sessionContext.sourceIdentity
    userIdentity.sessionContext.ec2RoleDelivery userIdentity.sessionContext.assumedRoot
"""
#: Names within parameters and answers that are read.
_INNER = (
    "mfaAuthenticated", "creationDate", "federatedProvider", "originalEventID", "callWithBearerToken", "ConsoleLogin",
    "accessKey", "assumedRoleUser", "federatedUser", "serviceSpecificCredential", "serviceSpecificCredentialId",
    "roleCredentials", "roleSessionName", "sourceIdentity", "bucketName", "policyArns", "MFAUsed",
    "runtimeSessionId", "runtimeUserId", "sessionId", "workloadName", "userId",
)  # fmt: skip

#: What identifies a thing in request parameters, across services.
NAMES: Final = (
    "roleArn", "roleName", "userName", "secretId", "functionName", "tableName", "keyId", "modelId", "instanceId",
    "policyArn", "groupName", "name", "accessKeyId", "agentRuntimeArn", "workloadName",
    "resourceCredentialProviderName",
)  # fmt: skip

SOURCE: Final = Source(
    inner=(*NAMES, *_INNER),
    name=FORMAT,
    title="AWS CloudTrail",
    group="Cloud audit",
    documents=(
        "AWS CloudTrail User Guide: CloudTrail record contents for management, data and network activity events",
        "AWS CloudTrail User Guide: CloudTrail userIdentity element",
        "AWS CloudTrail User Guide: Insights events, insightDetails element",
        "AWS IAM User Guide: temporary delegation, CloudTrail (invokedByDelegate)",
        "AWS STS, IAM, IAM Identity Center, Cognito, EKS Auth and IAM Roles Anywhere API references",
        "Amazon Bedrock AgentCore API reference; Amazon Bedrock User Guide: monitor API keys (callWithBearerToken)",
    ),
    enable="A trail of all Regions and accounts (of the organization) with management events; **data events** for what "
    "agents touch (S3 objects, Lambda, `AWS::BedrockAgentCore::Runtime`, `bedrock-mantle`), network activity events of "
    'VPC endpoints, and Insights. Send the log files as they are (`{"Records": […]}`, gzip), or EventBridge events.',
    links={
        "actor": "`userIdentity.arn`, else `invokedBy`, `principalId`, `userName`, `onBehalfOf.userId`, `accountId`",
        "human": "`userIdentity.onBehalfOf.userId` (Identity Center), `userName` of SAML users; of AgentCore "
        "`requestParameters.runtimeUserId` or `userId`",
        "session": "`requestParameters.runtimeSessionId` or `sessionId` of Bedrock agents and AgentCore",
        "credential": "`userIdentity.accessKeyId`, else `credentialId` (`aws:…`)",
        "issued": "`responseElements.credentials.accessKeyId` and the like (`aws:…`), with its expiry",
        "request": "`requestID`",
        "policy": "`errorMessage` of a denial: the type of policy, its ARN if stated; of STS calls, the session's "
        "policies",
        "address": "`sourceIPAddress`: an address, or the name of the AWS service that called",
    },
    needs={
        "human": "sessions of IAM Identity Center with trusted identity propagation, or SAML federation",
        "session": "data events of Bedrock AgentCore are on; not all calls have a session",
        "issued": "the call succeeded; tokens of AgentCore, of `GetWebIdentityToken` and console logins have no id",
        "policy": "denials with AWS' newer messages; no record names a policy that allowed",
        "credential": "calls of AWS services and console logins have none",
    },
    never={
        "trace": "CloudTrail does not log trace contexts (`X-Amzn-Trace-Id` is in the services' own logs)",
        "tool_call": "AWS does not see tools; a tool's call is found by its request id, credential or names",
    },
    lost=(
        "capital letters in names that a data lake made small: what is read is restored, parameters are not",
        "times are of one second, and records come 5 to 15 minutes late",
        "which policy allowed a call",
        "temporary keys are not revoked one by one: a policy denies those of before a time",
        "parameters beyond 100 KB: the record says `omitted`",
        "which API key a bearer-token call used, unless `credentialId` says so: `callWithBearerToken` and the name of "
        "the key's user (`BedrockAPIKey-…`) are kept. That `credentialId` is the id which "
        "`CreateServiceSpecificCredential` returned is unverified",
        "of AgentCore, the names of parameters in records are those of the API reference; records were not seen",
    ),
    ends="Revoked by `DeleteAccessKey`, `UpdateAccessKey` to Inactive and the same of service-specific credentials; "
    "restored by `UpdateAccessKey` to Active. Sessions state their expiry.",
    known=frozenset(_KNOWN.split()),
    mark=rb'"eventSource"|"eventsource"|"Records"|"insightDetails"',
    issuing=rb'"event[nN]ame"\s*:\s*"(?:' + "|".join(sorted(ISSUING)).encode() + rb')"',
)
