"""What was looked at from outside, in one line: well, a warning or a fault, and what to do."""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["ok", "warn", "fail"]


class Line(NamedTuple):
    """One thing that was looked at."""

    part: str
    state: State
    said: str
    #: What to do; empty if nothing.
    fix: str = ""
    #: Whether somebody else is not there, so that it may be well a little later.
    away: bool = False
