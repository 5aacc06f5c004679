"""What calls of Amazon Bedrock's agents and AgentCore say besides: the agent's session, and the person it works for.

Source: Amazon Bedrock AgentCore API reference (InvokeAgentRuntime, GetWorkloadAccessTokenForUserId, CreateEvent,
StartBrowserSession), Amazon Bedrock API reference (InvokeAgent). AWS hides the tokens in its records; should one
be there nevertheless, it is concealed.
"""

from __future__ import annotations

from typing import Any, Final

from pipeline.normalize.documents import string

#: What services of agents are called as sources of events, after `bedrock-`.
_AGENTS: Final = "bedrock-agent"
#: Parameters and answers that are tokens.
SECRETS: Final = frozenset({
    "workloadIdentityToken", "workloadAccessToken", "userToken", "accessToken", "apiKey", "identityTokenValue",
})  # fmt: skip
_PEOPLE = {"GetWorkloadAccessTokenForUserId": "userId"}


def is_agents(source: str | None) -> bool:
    """Whether a service runs agents."""
    return source is not None and source.startswith(_AGENTS)


def session_of(asked: dict[str, Any], answered: dict[str, Any]) -> str:
    """The agent's session. That of a browser or a code interpreter is a sandbox and no conversation."""
    if "browserIdentifier" in asked or "codeInterpreterIdentifier" in asked:
        return ""
    stated = (string(asked.get("runtimeSessionId")), string(asked.get("sessionId")), string(answered.get("sessionId")))
    return next((name for name in stated if name), "")


def person_of(name: str | None, asked: dict[str, Any]) -> str:
    """For whom the agent is to work, as its caller states it: AWS does not check that."""
    return string(asked.get("runtimeUserId")) or string(asked.get(_PEOPLE.get(name or "", "runtimeUserId")))


def workload_of(asked: dict[str, Any]) -> str:
    """The workload identity that a token is for."""
    return string(asked.get("workloadName"))
