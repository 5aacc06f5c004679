"""Behaviour: how an identity worked on one day, by the shape of it in time, whatever it is said to be."""

from __future__ import annotations

import msgspec


class Behaviour(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """One identity and day. Of several rows the one with the highest time counts."""

    identity: str
    #: Days since 1970-01-01 UTC.
    day: int
    #: Event time (microseconds) at which it looked so.
    time: int
    #: What it is said to be: human, agent, service, workload, ci, unknown.
    declared: str = ""
    #: Probabilities that a person, an agent, a script was at work, where that was seen most surely.
    human: float = 0.0
    agent: float = 0.0
    script: float = 0.0
    #: The same, on average over its earlier days (half-life 30 days); 0 without any.
    before_human: float = 0.0
    before_agent: float = 0.0
    before_script: float = 0.0
    #: Active days before this one.
    days: int = 0
    #: `name@version` of the model.
    model: str = ""
