"""Canonical events: the public contract for producers whose format whodid does not know.

One model per public topic. JSON Schemas are generated from them into `schemas/json/` (`make schemas`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

Name = Annotated[str, StringConstraints(max_length=2048)]
Text = Annotated[str, StringConstraints(max_length=1_000_000)]


class Actor(BaseModel):
    """Who acted, as the source names it."""

    model_config = ConfigDict(extra="forbid")

    id: Name = Field(min_length=1, description="Stable identifier: ARN, login, agent id, service account, SPIFFE id.")
    kind: Literal["human", "agent", "service", "workload", "ci"] | None = Field(None, description="What acted.")
    name: Name | None = Field(None, description="Name for people to read.")


class CanonicalEvent(BaseModel):
    """What all four kinds share."""

    model_config = ConfigDict(extra="forbid")

    event_id: Name | None = Field(None, min_length=1, description="Unique id; left out, a hash of the event is taken.")
    time: AwareDatetime = Field(description="When it happened, ISO 8601 with offset.")
    actor: Actor | None = Field(None, description="Who acted. Leave out what the source does not state.")
    on_behalf_of: list[Name] = Field(
        default=[], max_length=32, description="RFC 8693 order: the current actor's principal first, the person last."
    )
    human: Name | None = Field(None, description="The person for whom, if stated.")
    account: Name | None = Field(None, description="Cloud account, tenant or organisation.")
    session: Name | None = Field(None, description="Agent conversation or login session.")
    parent_session: Name | None = Field(None, description="The session that spawned this one.")
    credential: Name | None = Field(None, description="Identifier of the credential used. Never the secret itself.")
    trace: Name | None = Field(None, description="W3C trace id.")
    span: Name | None = Field(None, description="Span id.")
    parent_span: Name | None = Field(None, description="Parent span id.")
    request: Name | None = Field(None, description="Request id at the service.")
    outcome: Literal["success", "failure", "denied"] | None = Field(None, description="What came of it.")
    error: Name | None = Field(None, description="Why it failed.")
    address: Name | None = Field(None, description="Network address it came from.")
    user_agent: Name | None = Field(None, description="Client program.")
    region: Name | None = Field(None, description="Region of the service.")
    resources: list[Name] = Field(default=[], max_length=64, description="What it was done to.")
    policy: Name | None = Field(None, description="Policy that allowed or denied it.")
    attributes: dict[Name, Name] = Field(
        default={},
        max_length=64,
        description="Anything else, as text. `revokes`, `restores` and, with `expires`, `renews` name a credential "
        "that is no longer good, is good again, or is good for longer.",
    )


class PromptEvent(CanonicalEvent):
    """Topic `prompts`: a message of a user to an agent, or a model's answer."""

    kind: Literal["prompt"]
    action: Literal["user_message", "answer", "chat", "context"] = Field("user_message", description="Who said it.")
    text: Text = Field("", description="What was said; masked and shortened before it is stored.")


class ToolCallEvent(CanonicalEvent):
    """Topic `tool-calls`: an agent's tool call, its result, or both at once."""

    kind: Literal["tool_call"]
    tool: Name = Field("", description="Name of the tool; may be left out of a result.")
    tool_call: Name = Field(min_length=1, description="Id that call and result share.")
    phase: Literal["start", "end"] | None = Field(None, description="Call or result; left out if both in one event.")
    arguments: JsonValue = Field(None, description="Arguments of the call.")
    text: Text = Field("", description="Result of the call.")
    parent_tool_call: Name | None = Field(None, description="The tool call that spawned this session.")


class TokenIssuanceEvent(CanonicalEvent):
    """Topic `token-issuance`: a credential issued, exchanged or renewed."""

    kind: Literal["token_issuance"]
    action: Name = Field("token:issue", description="The issuing call, e.g. `oauth:token-exchange`.")
    issued: Name | None = Field(None, description="Identifier of the new credential (jti, key id, keyed hash).")
    issued_kind: Name = Field(
        "session", description="`session` (acts for who asked) or `access-key` (for its subject)."
    )
    expires: AwareDatetime | None = Field(None, description="When it expires.")
    subject: Name | None = Field(None, description="Identity that the new credential acts as.")
    session_name: Name | None = Field(None, description="Name the requester gave it, e.g. the agent's conversation id.")
    source_identity: Name | None = Field(None, description="Identity that travels with it.")


class CloudAuditEvent(CanonicalEvent):
    """Topic `cloud-audit`: an act at a service, as the service recorded it."""

    kind: Literal["cloud_audit"]
    action: Name = Field(min_length=1, description="`service:Operation`, e.g. `s3:GetObject`.")


Canonical = Annotated[PromptEvent | ToolCallEvent | TokenIssuanceEvent | CloudAuditEvent, Field(discriminator="kind")]
MODELS: dict[str, type[CanonicalEvent]] = {
    "prompt-event": PromptEvent,
    "tool-call-event": ToolCallEvent,
    "token-issuance-event": TokenIssuanceEvent,
    "cloud-audit-event": CloudAuditEvent,
}
