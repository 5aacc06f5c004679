"""Findings of the drift stage, with the sentence that an analyst reads."""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple

from pipeline.kit.lexicon import sensitivity, words_of
from pipeline.score.definition import built_in
from pipeline.score.measures import Usual
from schemas.finding import Finding
from schemas.prints import REFERENCES
from schemas.step import Flow, Step, Value

#: Names of detections: a hijacked agent by its data flow, a tool outside of the declared chain, and cloud actions of an
#: agent's session that none of its tool calls explains.
DRIFT, OUTSIDE, UNEXPLAINED = "tool-chain-drift", "tool-outside-chain", "action-without-tool-call"
#: All of them: what is found of agents is held against the past of agents.
BY_AGENT = {DRIFT, OUTSIDE, UNEXPLAINED}
#: How much an action must be able to do to be found.
CHANGES = 2
#: Parts of the budget that findings of a severity and above may take.
RARE = {"high": 0.04, "medium": 0.2, "low": 1.0}
#: Characters of a value, and values, that a sentence shows.
SHOWN, VALUES = 80, 3
#: Standing of a session's findings by detection: (revision, whether it stands).
Standing = dict[str, tuple[int, bool]]


class Verdict(NamedTuple):
    """How unusual something is, and who says so."""

    score: float
    p_value: float
    model: str
    budget: float

    @property
    def severity(self) -> str:
        """By how rare it is among harmless sessions."""
        return next((name for name, part in RARE.items() if self.p_value <= self.budget * part), "low")

    @property
    def found(self) -> bool:
        """Whether it is rarer than what may be found."""
        return self.p_value <= self.budget


def drift(standing: Standing, step: Step, verdict: Verdict, usual: Usual, prompt: str) -> Finding | None:
    """The Finding of a session whose worst call this is; None if there is none and never was."""
    if not verdict.found and not standing.get(DRIFT, (0, False))[1]:
        return None
    assert step.flow is not None  # noqa: S101  (for mypy: only calls are scored)
    foreign = _foreign(step.flow)
    window = step.flow.window
    sources = [value.source for value in foreign if value.source] + ([window.source] if window else [])
    finding = _judged(_finding(standing, DRIFT, step, stands=verdict.found), verdict)
    finding.title = "A tool call that serves somebody else than the user"
    finding.sentence = _sentence(step, step.flow, foreign, usual)
    finding.entries = list(dict.fromkeys([step.event_id, *sources, *([prompt] if prompt else [])]))
    finding.details = {
        "tool": step.tool,
        "sessions_of_this_task": str(round(math.expm1(usual.sessions))),
        "share_with_this_tool": f"{min(1.0, math.exp(usual.tool)):.3f}",
        "share_with_this_transition": f"{min(1.0, math.exp(usual.transition)):.3f}",
        **{f"value {value.path}": f"{_cut(value.shown)} <- {_from(value)}" for value in step.flow.values[:VALUES * 2]},
    }  # fmt: skip
    finding.quotes = _quoted(step.flow, foreign)
    finding.frameworks = ["ASI01", "ASI02", "AML.T0051.001", "AML.T0053"]
    return finding


def withdrawn(standing: Standing, step: Step, verdict: Verdict) -> Finding | None:
    """The end of a Finding that stood, if the verdict on its session no longer is one."""
    if verdict.found or not standing.get(DRIFT, (0, False))[1]:
        return None
    return _judged(_finding(standing, DRIFT, step, stands=False), verdict)


def outside(standing: Standing, step: Step, tools: list[str], declared: list[str]) -> Finding:
    """The Finding of a session with calls that its agent's declared chain does not have: of these tools."""
    finding = _finding(standing, OUTSIDE, step, stands=True)
    finding.title = "A tool outside of the agent's declared tool chain"
    finding.sentence = (
        f"{step.actor} called {_cut(', '.join(tools))}, which is not among the {len(declared)} tools declared for it: "
        f"{_cut(', '.join(declared))}."
    )
    finding.score, finding.p_value, finding.model = 1.0, 0.0, "declared"
    finding.details = {"tools": ", ".join(tools), "declared": ", ".join(declared)}
    finding.frameworks = ["ASI02", "AML.T0053"]
    return finding


def unexplained(standing: Standing, step: Step, actions: dict[str, str], usual: float, budget: float) -> Finding | None:
    """The Finding of a session in which something changes in the cloud that no tool call explains.

    `actions`: all such of the session, by event id; `usual`: share of this agent's sessions that have this one.
    """
    telling = {name: action for name, action in actions.items() if sensitivity(words_of(action)) >= CHANGES}
    stands = bool(telling) and usual <= budget
    if not stands and not (standing.get(UNEXPLAINED, (0, False))[1] and not telling):
        return None
    verdict = Verdict(1.0 - usual, usual, "own history", budget)
    finding = _judged(_finding(standing, UNEXPLAINED, step, stands=stands), verdict)
    names = sorted(set(telling.values()))
    finding.title = "A cloud action of an agent that none of its tool calls explains"
    finding.sentence = (
        f"In a session of {step.actor}, {_cut(', '.join(names))} was done with its credential, and no tool call that "
        f"was in flight explains it; {usual:.2%} of its sessions have that."
    )
    finding.entries = list(dict.fromkeys([step.event_id, *telling]))[:32]
    finding.details = {"actions": ", ".join(names)}
    finding.frameworks = ["ASI03", "AML.T0086"]
    return finding


def _finding(standing: Standing, detection: str, step: Step, *, stands: bool) -> Finding:
    """An empty Finding of a session, one revision further than the last."""
    revision = standing.get(detection, (-1, False))[0] + 1
    standing[detection] = revision, stands
    definition = built_in()[detection]
    return Finding(
        finding_id=hashlib.blake2b(f"{detection}\0{step.session}".encode(), digest_size=16).hexdigest(),
        revision=revision,
        retracted=not stands,
        detection=detection,
        title="",
        time=step.time,
        actor=step.actor,
        actor_kind=step.actor_kind,
        human=step.human,
        session=step.session,
        entries=[step.event_id],
        family=definition.family,
        tactic=definition.tactic,
        runbook=definition.runbook,
        action=step.tool,
        key=step.key,
    )


def _judged(finding: Finding, verdict: Verdict) -> Finding:
    finding.severity, finding.score = verdict.severity, round(verdict.score, 4)
    finding.p_value, finding.model = verdict.p_value, verdict.model
    return finding


def _foreign(flow: Flow) -> list[Value]:
    """Values that came out of results, the most telling first."""
    met = [value for value in flow.values if value.origin == "result"]
    return sorted(met, key=lambda value: (value.kind not in REFERENCES, bool(value.asked), value.age))


def _sentence(step: Step, flow: Flow, foreign: list[Value], usual: Usual) -> str:
    parts = [f"{value.path} = {_cut(value.shown)!r} ({_from(value)})" for value in foreign[:VALUES]]
    what = "; ".join(parts) or "none of its values came out of a result"
    asked = "" if flow.words_asked or flow.purposes & flow.asked else ", which no prompt of the session asks for"
    where = ""
    if flow.window is not None and (flow.window.name or flow.window.purposes):
        where = f" What it does is named at one place of the result of {_cut(flow.window.tool) or 'a tool'}."
    return f"{_cut(step.tool)} was called{asked}: {what}.{where} {_usually(step.tool, usual)}"


def _quoted(flow: Flow, foreign: list[Value]) -> list[str]:
    """Values as the sentence and the details write them."""
    shown = [_cut(value.shown) for value in (*foreign[:VALUES], *flow.values[: VALUES * 2])]
    return list(dict.fromkeys(text for one in shown if one for text in (repr(one)[1:-1], one)))


def _usually(tool: str, usual: Usual) -> str:
    sessions = round(math.expm1(usual.sessions))
    if not sessions:
        return "It is the first session of this task, so that nothing is usual yet."
    # The share is smoothed: half a session more of it in one and a half more altogether.
    using = max(0, round(math.exp(usual.tool) * (sessions + 1.5) - 0.5))
    return f"Of {sessions} earlier sessions of this task, {using or 'none'} called {_cut(tool)}."


def _from(value: Value) -> str:
    if value.origin == "result":
        return f"from the result of {_cut(value.source_tool) or 'a tool'}, not from a prompt"
    return {"prompt": "from the prompt", "both": "from the prompt, and in a result", "": "no text"}.get(
        value.origin, "the agent's own"
    )


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
