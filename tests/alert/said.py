"""Notices to send, ordinary and hostile; settings of destinations."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel

from pipeline.alert.example import example
from pipeline.alert.notice import Mask, Notice, notice
from pipeline.kit.checked import checked

CONSOLE = "https://whodid.example.com"
#: What somebody who does not like us would put into a name.
HOSTILE = (
    'a|b\\c=d\n]"\r\t\x00\x1b[31m\u202eevil\u200b\ud800 <!channel> @here [x](http://evil.example.com) `rm` &amp; ￾ 🦊'
)
Model = TypeVar("Model", bound=BaseModel)


def said(mask: Mask = "nothing", *, is_example: bool = False, **changes: Any) -> Notice:
    """What is told of an alert that has these changes."""
    return notice(msgspec.structs.replace(example(), **changes), mask, CONSOLE, example=is_example)


def hostile() -> Notice:
    """Every text is one that nobody wishes for, some of them long."""
    texts = {name: HOSTILE for name in ("title", "actor", "human", "session", "family", "stage", "fingerprint")}
    lists = {name: [HOSTILE, ""] for name in ("credentials", "policies", "actions", "resources", "runbook", "accounts")}
    return said(
        **texts, **lists, sentence=HOSTILE * 10_000, unusual=[HOSTILE, "x" * 1_000_000], risk=float("nan"),
        p_value=float("inf"), detections={HOSTILE: 1}, addresses=["not an address", "::1", "192.0.2.1"],
    )  # fmt: skip


def configured(model: type[Model], **settings: Any) -> Model:
    """A destination as a file would make it; loopback may be reached."""
    return checked(model, {"name": "there", "allow": ["127.0.0.0/8", "::1/128"], **settings}, "alerts.yml")
