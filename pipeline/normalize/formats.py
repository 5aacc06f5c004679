"""The native formats, by name. Adding one is a module with the same names, a line in MODULES, and an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize import (
    authz_decision,
    aws_bedrock_agent,
    aws_cloudtrail,
    azure_monitor,
    canonical,
    cedar_decision,
    claude_code,
    claude_code_hook,
    codex,
    gcp_audit,
    github_audit,
    kubernetes_audit,
    langfuse,
    langsmith_run,
    mcp,
    okta_system_log,
    opa_decision,
    openai_trace,
    otel_genai,
    vault_audit,
)
from pipeline.normalize.context import Context
from pipeline.normalize.source import Source
from pipeline.normalize.strange import Known
from schemas.event import Event


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
    aws_cloudtrail,
    kubernetes_audit,
    vault_audit,
    okta_system_log,
    github_audit,
    gcp_audit,
    opa_decision,
    cedar_decision,
    authz_decision,
    azure_monitor,
    otel_genai,
    mcp,
    claude_code,
    claude_code_hook,
    codex,
    langfuse,
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
KNOWN = {name: Known(form.source.known) for name, form in FORMATS.items() if form.source.known is not None}


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
