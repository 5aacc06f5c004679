"""Which policy AWS says allowed, narrowed or denied a call.

Source: AWS IAM documentation, Troubleshoot access denied error messages; AWS STS API reference, AssumeRole (`Policy`,
`PolicyArns`). CloudTrail names no policy that allowed a call.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.normalize.context import Context
from pipeline.normalize.documents import mapping, sequence, string
from pipeline.normalize.mask import mask_text

_TYPES = (
    r"(?:identity-based|resource-based|service control|resource control|session|VPC endpoint|role trust) policy"
    r"|permissions boundary"
)
_DENIAL = re.compile(
    rf"with an (?P<explicit>explicit deny in an? (?:{_TYPES})(?:: arn:[\w:/.+=,@*-]+)?)"
    rf"|because (?P<none>no (?:{_TYPES}) allows)"
)
#: Characters of an error message that are searched, and of an inline policy that are kept.
_SEARCHED, _SHOWN = 8192, 256


def denied_by(message: str) -> str:
    """The type of policy that an access denied message names, as AWS words it, with its ARN if that is stated."""
    # Names of the caller's choosing come before, so the last mention is AWS' own.
    found = None
    for found in _DENIAL.finditer(message[-_SEARCHED:]):  # noqa: B007
        pass
    if found is None:
        return ""
    return found["explicit"].rstrip(".") if found["explicit"] else f"{found['none']} it"


def session_policy(asked: dict[str, Any], context: Context) -> str:
    """The policies that narrow the session that an STS call asked for: their ARNs, the beginning of an inline one."""
    stated = [string(one) or string(mapping(one).get("arn")) for one in sequence(asked.get("policyArns"))[:16]]
    if inline := string(asked.get("policy")):
        stated.append(_short(" ".join(inline.split()), context))
    names = [name for name in stated if name]
    return f"session policy {', '.join(names)}"[:1024] if names else ""


def _short(inline: str, context: Context) -> str:
    shown = mask_text(inline, context)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
