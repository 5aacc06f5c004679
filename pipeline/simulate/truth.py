"""What really happened, for whoever measures how much of it a timeline found."""

from __future__ import annotations

import msgspec


class Truth(msgspec.Struct, omit_defaults=True, gc=False):
    """One event as it really was; empty where the question does not arise."""

    event_id: str
    kind: str
    #: Who or what acted, as the pipeline names it.
    actor: str = ""
    human: str = ""
    session: str = ""
    #: The credential used, the one that minted it, and so on to the first that the logs can show.
    credential_chain: list[str] = []
    #: The tool call that caused it, and the prompt that caused that (event id).
    tool_call: str = ""
    prompt: str = ""
    scenario: str = ""
    malicious: bool = False
    #: False when the record was lost on its way (`--faults`).
    delivered: bool = True


class Told(msgspec.Struct, gc=False):
    """One native record and the truth of the events that it holds."""

    #: When it happened and when it arrives, microseconds since 1970.
    time: int
    arrives: int
    topic: str
    format: str
    value: bytes
    truths: list[Truth]
