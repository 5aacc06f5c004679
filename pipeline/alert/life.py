"""Decisions of analysts become steps in the life of an alert: open, acknowledged, closed; and of a response.

Each step has who, when and why, and the id of its decision: what comes again changes nothing.
"""

from __future__ import annotations

from typing import get_args

import msgspec

from pipeline.kit.failures import Invalid
from schemas.alert import Alert, Change, Decision, Response, Verdict, What

#: What may be done to an alert, and the state that follows ("" = the one it has).
ALERT = {"acknowledge": "acknowledged", "close": "closed", "reopen": "open", "note": "", "request": ""}
#: What it is told as.
NEWS = {"acknowledge": "acknowledged", "close": "closed"}
RESPONSE = ("approve", "reject", "report")
#: Steps that are kept; characters of a name and of a reason.
STEPS, NAME, REASON = 200, 200, 4000
VERDICTS = tuple(name for name in get_args(Verdict) if name)
#: Who speaks when nobody decided anything.
ITSELF = "whodid"


def checked(decision: Decision) -> Decision:
    """The same. Raises Invalid, naming the field and the fix."""
    if decision.what not in get_args(What):
        raise Invalid("what", "one of " + ", ".join(get_args(What)), decision.what)
    if not decision.by.strip() or len(decision.by) > NAME:
        raise Invalid("by", f"the name of who decides, at most {NAME} characters", decision.by)
    if len(decision.reason) > REASON:
        raise Invalid("reason", f"at most {REASON} characters", f"{len(decision.reason)} characters")
    if decision.what == "close" and decision.verdict not in VERDICTS:
        raise Invalid("verdict", "one of " + ", ".join(VERDICTS) + " to close an alert", decision.verdict)
    if decision.what in ("note", "reject") and not decision.reason.strip():
        raise Invalid("reason", f"some words to {decision.what}")
    return decision


def decided(alert: Alert, decision: Decision, at: int) -> Alert | None:
    """The next revision of an alert; None if that was decided before, or does not fit the state it is in."""
    if decision.what not in ALERT or any(one.decision_id == decision.decision_id for one in alert.changes):
        return None
    state = ALERT[decision.what] or alert.state
    if decision.what == "acknowledge" and alert.state != "open":
        return None
    if decision.what == "reopen" and alert.state == "open":
        return None
    verdict = decision.verdict if state == "closed" and decision.what == "close" else alert.verdict
    return msgspec.structs.replace(
        alert,
        revision=alert.revision + 1,
        state=state,
        verdict="" if state == "open" else verdict,
        quiet=decision.what in ("note", "request"),
        news=NEWS.get(decision.what, "updated"),
        changes=_longer(alert.changes, step(decision)),
        at=at,
    )


def itself(alert: Alert, what: str, reason: str, at: int) -> list[Change]:
    """The steps of an alert with one more that follows from what was found."""
    return _longer(alert.changes, Change(what, ITSELF, at, reason))


def answered(response: Response, decision: Decision, at: int) -> Response | None:
    """The next revision of a response; None if that was decided before, or is not for this one to decide.

    Whoever asked for a response is not among those who approve it, and everybody approves once.
    """
    if decision.what not in RESPONSE or any(one.decision_id == decision.decision_id for one in response.changes):
        return None
    state = response.state
    if decision.what == "report":
        if state != "approved":
            return None
        state = "done" if decision.verdict == "done" else "failed"
    elif state != "proposed":
        return None
    elif decision.what == "reject":
        state = "rejected"
    else:
        said = {one.by for one in response.changes if one.what in ("request", "approve")}
        if decision.by in said or decision.by == ITSELF:
            return None
        approved = 1 + sum(one.what == "approve" for one in response.changes)
        state = "approved" if approved >= response.approvals else "proposed"
    return msgspec.structs.replace(
        response, revision=response.revision + 1, state=state, at=at,
        changes=_longer(response.changes, step(decision)),
    )  # fmt: skip


def step(decision: Decision) -> Change:
    """What is kept of a decision."""
    return Change(
        decision.what, decision.by[:NAME], decision.at, decision.reason[:REASON], decision.verdict, decision.decision_id
    )


def _longer(changes: list[Change], change: Change) -> list[Change]:
    return [*changes[-STEPS + 1 :], change]
