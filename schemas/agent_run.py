"""One run of a tool-using agent, as files for training and evaluation have it."""

from __future__ import annotations

from typing import Any

import msgspec


class RunCall(msgspec.Struct, gc=False):
    """One step of a run: a tool call and its result."""

    tool: str
    arguments: Any = None
    result: Any = None
    error: Any = None


class Run(msgspec.Struct, gc=False):
    """One run, as in a file: what it is called, what was asked and done, and what is known about it."""

    run: str
    prompt: str
    steps: list[RunCall]
    suite: str = ""
    model: str = ""
    defense: str = ""
    user_task: str = ""
    injection_task: str | None = None
    #: `benign`, `direct`, `attacked`, `hijacked`, or "" where nobody knows.
    label: str = ""
    injection_seen: bool | None = False

    @property
    def agent(self) -> str:
        """Who acts."""
        return f"agent:{self.suite}"
