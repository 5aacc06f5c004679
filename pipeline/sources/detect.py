"""Which public topic a record goes to, by a glance at its bytes.

Any topic takes any format, so a wrong guess costs nothing but the operator's overview.
"""

from __future__ import annotations

import re

import re2

from pipeline.normalize.formats import FORMATS

#: Bytes at the beginning of a record that tell its format.
_HEAD = 4096
#: What records of a format are known by, which of them issue a credential, and the topic of all others. With RE2, whose
#: time is linear whatever it is shown.
_MARKS = [
    (re2.compile(b"(?s)" + source.mark), re2.compile(source.issuing) if source.issuing else None, source.topic)
    for source in (form.source for form in FORMATS.values())
    if source.mark
]
_KIND = re.compile(rb'"kind"\s*:\s*"(prompt|tool_call|token_issuance|cloud_audit)"')
_TOPICS = {b"prompt": "prompts", b"tool_call": "tool-calls", b"token_issuance": "token-issuance"}


def topic_of(value: bytes) -> str:
    """`prompts`, `tool-calls`, `token-issuance` or `cloud-audit`."""
    head = value[:_HEAD]
    kind = _KIND.search(head)
    if kind is not None:
        return _TOPICS.get(kind[1], "cloud-audit")
    for mark, issuing, topic in _MARKS:
        if mark.search(head):
            return "token-issuance" if issuing is not None and issuing.search(value) else topic
    # Spans and transcripts hold both.
    if b"execute_tool" in value or b'"tool_use' in value or b'"tool_result"' in value:
        return "tool-calls"
    return "prompts"
