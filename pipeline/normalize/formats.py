"""The native formats, by name. Adding one is a module with the same five names and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from pipeline.kit.failures import Invalid
from pipeline.normalize import (
    aws_cloudtrail,
    azure_monitor,
    canonical,
    cedar_decision,
    claude_code,
    gcp_audit,
    github_audit,
    kubernetes_audit,
    langfuse,
    mcp,
    okta_system_log,
    opa_decision,
    otel_genai,
    vault_audit,
)
from pipeline.normalize.context import Context
from schemas.event import Event


class Format(msgspec.Struct, frozen=True):
    """One native format."""

    name: str
    recognizes: Callable[[dict[str, Any]], bool]
    split: Callable[[bytes], list[bytes]]
    normalize: Callable[[bytes, Context], list[Event]]
    #: What a record of this format is that gives no event.
    ignores: str = ""
    #: The record without what is secret because of where it stands; what its shape gives away is masked anyway.
    conceals: Callable[[bytes, Context], bytes] = lambda value, _: value


FORMATS = {
    form.name: form
    for form in (
        Format(canonical.FORMAT, canonical.recognizes, canonical.split, canonical.normalize),
        Format(aws_cloudtrail.FORMAT, aws_cloudtrail.recognizes, aws_cloudtrail.split, aws_cloudtrail.normalize),
        Format(
            kubernetes_audit.FORMAT,
            kubernetes_audit.recognizes,
            kubernetes_audit.split,
            kubernetes_audit.normalize,
            conceals=kubernetes_audit.conceals,
        ),
        Format(
            vault_audit.FORMAT,
            vault_audit.recognizes,
            vault_audit.split,
            vault_audit.normalize,
            conceals=vault_audit.conceals,
        ),
        Format(
            okta_system_log.FORMAT,
            okta_system_log.recognizes,
            okta_system_log.split,
            okta_system_log.normalize,
            conceals=okta_system_log.conceals,
        ),
        Format(
            github_audit.FORMAT,
            github_audit.recognizes,
            github_audit.split,
            github_audit.normalize,
        ),
        Format(
            gcp_audit.FORMAT,
            gcp_audit.recognizes,
            gcp_audit.split,
            gcp_audit.normalize,
            conceals=gcp_audit.conceals,
        ),
        Format(
            opa_decision.FORMAT,
            opa_decision.recognizes,
            opa_decision.split,
            opa_decision.normalize,
            conceals=opa_decision.conceals,
        ),
        Format(
            cedar_decision.FORMAT,
            cedar_decision.recognizes,
            cedar_decision.split,
            cedar_decision.normalize,
            cedar_decision.IGNORES,
        ),
        Format(
            azure_monitor.FORMAT,
            azure_monitor.recognizes,
            azure_monitor.split,
            azure_monitor.normalize,
            conceals=azure_monitor.conceals,
        ),
        Format(otel_genai.FORMAT, otel_genai.recognizes, otel_genai.split, otel_genai.normalize, otel_genai.IGNORES),
        Format(mcp.FORMAT, mcp.recognizes, mcp.split, mcp.normalize, mcp.IGNORES),
        Format(
            claude_code.FORMAT, claude_code.recognizes, claude_code.split, claude_code.normalize, claude_code.IGNORES
        ),
        Format(langfuse.FORMAT, langfuse.recognizes, langfuse.split, langfuse.normalize, langfuse.IGNORES),
    )
}


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
