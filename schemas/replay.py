"""Replay: history taken through the stages again, and Differences: what would have been different.

Times are microseconds since 1970 UTC: `began` and `at` are the clock's, all others are event times.
"""

from __future__ import annotations

from typing import Literal

import msgspec

#: A replay that was killed stays `running`, with the last `at` that it could tell.
ReplayState = Literal["running", "finished", "interrupted", "failed"]
#: `asked`: with the options of the replay; `unchanged`: with the settings alone, which tells what the options change.
Variant = Literal["asked", "unchanged"]
Sort = Literal["finding", "alert", "attribution"]
#: Seen from what was stored: the replay has it in addition, has it no more, or has it otherwise.
DifferenceVerdict = Literal["new", "gone", "changed"]
#: The options of the replay; or history: what a replay with the settings alone shows too.
Because = Literal["options", "history"]


class Replay(msgspec.Struct, gc=False, kw_only=True):
    """One run over stored history. The row with the highest revision per id is the current one."""

    replay_id: str
    revision: int = 0
    state: str = "running"
    #: Why it did not finish.
    reason: str = ""
    #: User of the terminal that began it.
    by: str = ""
    began: int
    at: int
    #: What is compared: from `since` on, before `until`; what is replayed, with what leads in and out.
    since: int
    until: int
    begins: int
    ends: int
    #: How far it has come, or came.
    reached: int = 0
    #: Options that were given, by the setting that they replace; of models also which version that is.
    options: dict[str, str] = {}
    #: Entries that were replayed, and that were compared; findings and alerts of the span, as replayed.
    replayed: int = 0
    compared: int = 0
    findings: int = 0
    alerts: int = 0
    #: Findings of drift, and alerts of nothing else, that are not decided again: the store has no steps of their calls.
    undecided: int = 0
    seconds: float = 0.0
    #: How many Differences there are, by `sort verdict because`.
    counts: dict[str, int] = {}


class Difference(msgspec.Struct, gc=False, kw_only=True):
    """One thing that would have been different."""

    sort: str
    verdict: str
    because: str
    #: The detection of a finding, the family of an alert, what is attributed (`actor`, `session`, `tool_call`, …).
    subject: str
    time: int
    #: Id of the finding, the alert, or the event.
    name: str
    #: What was stored and what is replayed: the severity of a finding or an alert, else to what it is attributed.
    before: str = ""
    after: str = ""
    #: Score of a finding, risk of an alert, confidence of a link.
    score_before: float = 0.0
    score_after: float = 0.0
    #: How the link was made.
    method_before: str = ""
    method_after: str = ""
    actor: str = ""
    session: str = ""
    #: What an analyst reads; of an attribution the action of the event.
    sentence: str = ""
    #: Ids of the entries that are the evidence, as the one that is there has them: the replayed one if there are both.
    entries: list[str] = []
    #: Why it is gone although it is found all the same, e.g. an exception's reason.
    note: str = ""
