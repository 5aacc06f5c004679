"""What Azure Monitor's records say of themselves: what to switch on, which fields link, and which are known."""

from __future__ import annotations

from typing import Final

from pipeline.normalize.source import Source

FORMAT: Final = "azure.monitor"
#: Of the envelope, of the Activity log's REST API, and of resource logs.
_MONITOR = """
    time resourceId operationName operationVersion category resultType resultSignature resultDescription durationMs
    callerIpAddress correlationId identity level Level location uri properties tenantId statusCode statusText protocol
    schemaVersion type RoleLocation ReleaseVersion Tenant authorization caller channels claims description eventDataId
    eventName eventSource eventTimestamp httpRequest id operationId resourceGroupName resourceProviderName resourceType
    status subStatus submissionTimestamp subscriptionId relatedEvents records
"""
#: Of Microsoft Graph's signIn and directoryAudit, without an envelope.
_ENTRA = """
    createdDateTime userDisplayName userPrincipalName userId userType appId appDisplayName appOwnerTenantId
    appServicePrincipalId appTokenProtectionStatus appliedConditionalAccessPolicies appliedEventListeners agent
    authenticationAppDeviceDetails authenticationAppPolicyEvaluationDetails authenticationContextClassReferences
    authenticationDetails authenticationMethodsUsed authenticationProcessingDetails authenticationProtocol
    authenticationRequirement authenticationRequirementPolicies authenticationStrengths autonomousSystemNumber
    azureResourceId clientAppUsed clientCredentialType conditionalAccessAudiences conditionalAccessPolicies
    conditionalAccessStatus crossTenantAccessType deviceDetail federatedCredentialId flaggedForReview
    globalSecureAccessIpAddress homeTenantId homeTenantName incomingTokenType ipAddress ipAddressFromResourceProvider
    isInteractive isTenantRestricted isThroughGlobalSecureAccess managedServiceIdentity mfaDetail networkLocationDetails
    originalRequestId originalTransferMethod privateLinkDetails processingTimeInMilliseconds resourceDisplayName
    resourceOwnerTenantId resourceServicePrincipalId resourceTenantId riskDetail riskEventTypes riskEventTypes_v2
    riskLevelAggregated riskLevelDuringSignIn riskState servicePrincipalCredentialKeyId
    servicePrincipalCredentialThumbprint servicePrincipalId servicePrincipalName sessionId sessionLifetimePolicies
    signInEventTypes signInIdentifier signInIdentifierType signInTokenProtectionStatus sourceAppClientId
    tokenIssuerName tokenIssuerType tokenProtectionStatusDetails uniqueTokenIdentifier userAgent
    activityDateTime activityDisplayName additionalDetails initiatedBy loggedByService operationType result resultReason
    targetResources perspectives
"""
#: Columns of the tables of Log Analytics, and fields of AKS' audit events, which come in the same envelope.
_OTHERS = """
    TimeGenerated Type TenantId SourceSystem Category OperationName OperationVersion ResourceId Resource ResourceGroup
    ResourceProvider ResultType ResultSignature ResultDescription DurationMs CorrelationId Identity Level Location
    AADTenantId AadTenantId CreatedDateTime Id UserDisplayName UserPrincipalName UserId UserType AppId AppDisplayName
    AppOwnerTenantId AlternateSignInName Agent AuthenticationContextClassReferences AuthenticationDetails
    AuthenticationMethodsUsed AuthenticationProcessingDetails AuthenticationProtocol AuthenticationRequirement
    AuthenticationRequirementPolicies AutonomousSystemNumber ClientAppUsed ClientCredentialType
    ConditionalAccessPolicies ConditionalAccessPoliciesV2 ConditionalAccessStatus CrossTenantAccessType DeviceDetail
    FederatedCredentialId FlaggedForReview HomeTenantId HomeTenantName IPAddress IPAddressFromResourceProvider
    IncomingTokenType IsInteractive IsRisky IsTenantRestricted IsThroughGlobalSecureAccess LocationDetails
    ManagedServiceIdentity MfaDetail NetworkLocationDetails OriginalRequestId OriginalTransferMethod
    ProcessingTimeInMilliseconds ResourceDisplayName ResourceIdentity ResourceOwnerTenantId
    ResourceServicePrincipalId ResourceTenantId RiskDetail RiskEventTypes RiskEventTypes_V2 RiskLevelAggregated
    RiskLevelDuringSignIn RiskState ServicePrincipalCredentialKeyId ServicePrincipalCredentialThumbprint
    ServicePrincipalId ServicePrincipalName SessionId SessionLifetimePolicies SignInIdentifier SignInIdentifierType
    SignInEventTypes SourceAppClientId Status TokenIssuerName TokenIssuerType TokenProtectionStatusDetails
    UniqueTokenIdentifier UserAgent ActivityDateTime ActivityDisplayName AdditionalDetails InitiatedBy LoggedByService
    OperationType Result ResultReason TargetResources ApiVersion ATContent ATContentH ATContentP ClientAuthMethod
    ClientRequestId DeviceId IdentityProvider OperationId RequestId RequestMethod RequestUri ResponseSizeBytes
    ResponseStatusCode Roles Scopes SignInActivityId TokenIssuedAt UserPrincipalObjectID Wids ActorType CallerIpAddress
    HttpMethod HttpStatusCode _BilledSize _IsBillable _ResourceId _SubscriptionId _Internal_WorkspaceResourceId
    kind apiVersion auditID stage requestURI verb user impersonatedUser sourceIPs objectRef responseStatus requestObject
    responseObject requestReceivedTimestamp stageTimestamp annotations authenticationMetadata
"""

SOURCE: Final = Source(
    name=FORMAT,
    title="Azure Monitor and Microsoft Entra",
    group="Cloud audit",
    documents=(
        "Microsoft: Azure Activity log event schema; Azure resource logs common schema",
        "Microsoft: Azure Storage monitoring data reference",
        "Microsoft Graph: signIn, directoryAudit, auditActivityInitiator and linkableIdentifiers (beta)",
        "Microsoft: Access Microsoft Graph activity logs; table MicrosoftGraphActivityLogs",
        "Microsoft: Log Analytics workspace data export",
    ),
    enable="Diagnostic settings that stream to an event hub or a storage account: the subscription's **Activity log**; "
    "of Microsoft Entra `AuditLogs`, `SignInLogs`, `NonInteractiveUserSignInLogs`, `ServicePrincipalSignInLogs`, "
    "`ManagedIdentitySignInLogs` and `MicrosoftGraphActivityLogs` (P1 licence); of storage, key vaults and AKS their "
    'resource logs. One stream may carry them all: send `{"records": […]}` as it is, and rows that Log '
    "Analytics exports.",
    links={
        "actor": "`caller`, else the claims `upn`, e-mail, `name`, object id, `appid`; of sign-ins the user's login, "
        "the service principal or the agent; of Graph requests `userId` or `servicePrincipalId`",
        "human": "the user of the token or the sign-in; of an agent's sign-in, the user it acts for",
        "session": "`sessionId` of sign-ins and Graph requests; `initiatedBy.linkableIdentifiers.sessionId`",
        "credential": "`claims.uti`, `signInActivityId`, `linkableIdentifiers.tokenDetails.uniqueTokenIdentifier` "
        "(`entra:…`, case-sensitive); `servicePrincipalCredentialKeyId` (`entra:key/…`); storage's "
        "`identity.tokenHash` (`azure:…`)",
        "issued": "of sign-ins `uniqueTokenIdentifier` (`entra:…`); keys added to applications (`entra:key/…`)",
        "request": "`correlationId`; of sign-ins `id`, of Graph requests `requestId`",
        "policy": "role assignments in `authorization`; conditional access policies that applied",
        "address": "`callerIpAddress`, `httpRequest.clientIpAddress`, `ipAddress`",
    },
    needs={
        "session": "Entra's logs; `linkableIdentifiers` are in beta, and often absent; the Activity log has none",
        "credential": "the service logs the claims: the Activity log does, most resource logs do not",
        "issued": "the sign-in succeeded",
        "policy": "`authorization.evidence` is logged; Azure's denials name the assignment only if one denied",
    },
    never={"trace": "Azure does not log trace contexts here", "tool_call": "Azure does not see tools"},
    lost=(
        "how long a token lasts: sign-ins do not state it",
        "logins in Graph activity: it names users by object id, which a sign-in ties to the login",
        "access keys that were handed out (`listKeys`): their ids are not logged",
        "which of a user's tokens a revocation of all sessions ended",
    ),
    ends="Keys that a change takes from an application (`KeyDescription`) are revoked. Revoking a user's sessions "
    "names no token.",
    known=frozenset(f"{_MONITOR} {_ENTRA} {_OTHERS}".split()),
    mark=rb'"operationName"\s*:.*"(?:resourceId|callerIpAddress|properties|httpRequest)"|"createdDateTime".*"userId"'
    rb'|"TimeGenerated".*"Type"|"Type".*"TimeGenerated"',
    issuing=rb'SignInLogs"|"SigninLogs"|"uniqueTokenIdentifier"|KeyIdentifier=|(?i:/(?:listkeys|regeneratekeys?)/action)',
)
