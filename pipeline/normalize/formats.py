"""The native formats, by name. Adding one is a module with the same names, a line in MODULES, and an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize import (
    anthropic_activity,
    auth0_log,
    authz_decision,
    aws_bedrock_agent,
    aws_cloudtrail,
    azure_monitor,
    bedrock_invocation,
    canonical,
    cedar_decision,
    claude_code,
    claude_code_hook,
    codex,
    databricks_audit,
    gcp_audit,
    github_audit,
    google_workspace,
    keycloak_event,
    kubernetes_audit,
    langfuse,
    langsmith_run,
    mcp,
    okta_system_log,
    onelogin_event,
    opa_decision,
    openai_audit,
    openai_trace,
    otel_genai,
    spire_audit,
    token_claims,
    vault_audit,
)
from pipeline.normalize.context import Context
from pipeline.normalize.source import Source
from pipeline.normalize.strange import Known
from schemas.event import Event

#: Fields that a record may have to be spelled anew: a vendor's have fewer, and all formats are tried.
NAMES = 256


class Format(msgspec.Struct, frozen=True):
    """One native format."""

    source: Source
    recognizes: Callable[[dict[str, Any]], bool]
    split: Callable[[bytes], list[bytes]]
    normalize: Callable[[bytes, Context], list[Event]]
    #: The record without what is secret because of where it stands; what its shape gives away is masked anyway.
    conceals: Callable[[bytes, Context], bytes]

    @property
    def name(self) -> str:
        """As in the header `format`."""
        return self.source.name


class Normalizer(Protocol):
    """What a module of a format has; `conceals` is left out where nothing is secret by its place alone."""

    SOURCE: Source

    def recognizes(self, found: dict[str, Any], /) -> bool:
        """Whether a JSON object looks like a record of it."""

    def split(self, value: bytes, /) -> list[bytes]:
        """The single records of an envelope."""

    def normalize(self, value: bytes, context: Context, /) -> list[Event]:
        """The events of one record. Raises Invalid."""


#: In the order in which they are asked whether they recognize a record.
MODULES: tuple[Normalizer, ...] = (
    canonical,
    anthropic_activity,
    aws_cloudtrail,
    bedrock_invocation,
    kubernetes_audit,
    vault_audit,
    okta_system_log,
    openai_audit,
    github_audit,
    gcp_audit,
    google_workspace,
    opa_decision,
    cedar_decision,
    authz_decision,
    azure_monitor,
    otel_genai,
    mcp,
    claude_code,
    databricks_audit,
    langfuse,
    auth0_log,
    onelogin_event,
    keycloak_event,
    spire_audit,
    token_claims,
    claude_code_hook,
    codex,
    langsmith_run,
    openai_trace,
    aws_bedrock_agent,
)
FORMATS = {
    module.SOURCE.name: Format(
        module.SOURCE,
        module.recognizes,
        module.split,
        module.normalize,
        getattr(module, "conceals", lambda value, _: value),
    )
    for module in MODULES
}
#: Of the formats that can tell: the fields that they know.
KNOWN = {
    name: Known(form.source.known, form.source.inner) for name, form in FORMATS.items() if form.source.known is not None
}


def detect_respelled(found: object) -> str:
    """The format of a document whose fields have lost their capitals; Invalid if it is none that is known."""
    first = found[0] if isinstance(found, list) and found else found
    # Only the outermost names say which format it is, so only they are spelled for each.
    outer = dict.fromkeys(first, None) if isinstance(first, dict) and len(first) <= NAMES else {}
    for name, known in KNOWN.items():
        if known.respelled(outer) != outer and FORMATS[name].recognizes(known.respelled(first)):  # type: ignore[arg-type]
            return name
    return detect(found)


def detect(found: object) -> str:
    """The format of a JSON document; Invalid if it is none that is known."""
    first = found[0] if isinstance(found, list) and found else found
    if not isinstance(first, dict):
        raise Invalid("value", "a JSON object or an array of them", first)
    for form in FORMATS.values():
        if form.recognizes(first):
            return form.name
    raise Invalid(
        "format", "a header `format`, or a record of a known shape (" + ", ".join(FORMATS) + ")", sorted(first)[:8]
    )
