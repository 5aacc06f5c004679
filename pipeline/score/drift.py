"""Tool-chain drift: an agent that does, with its own tools, what somebody else wants. One partition of the stage.

In:     Steps of agents' sessions, keyed by agent
Out:    Findings, at most one per session and detection, revised as the session goes on
Fails:  never

A call is scored when it comes; a session's score is that of its worst call. How unusual that is, is said by harmless
sessions: those that the model was calibrated on, and more and more the agent's own (conformal p-value), but for those
that drift with the highest severity: were all left out that were found, the past would look ever more harmless, and
ever more would be found. What an agent does becomes usual when a session is over, whatever was found: measures are
shares of sessions, and an attack that is to be usual has to be in a good part of them, over hours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.kit.state import PartitionState
from pipeline.score import chains, findings, history, modelfile, verdicts
from pipeline.score import model as models
from pipeline.score.chains import Chains, Declared
from pipeline.score.history import Agent, Call, Deeds
from pipeline.score.measures import Place, Usual, measure
from pipeline.score.model import Model
from pipeline.score.modelfile import Scorer
from pipeline.score.rules.exceptions import Exceptions
from schemas.alert import Feedback
from schemas.finding import Finding
from schemas.step import EXPLAINED, Step

#: Event time (microseconds) after which a session in which nothing happens is over.
QUIET = 600_000_000
#: Sessions of an agent that are looked at per step for being over; calls of a session, and sessions, that are kept.
LOOKED_AT, CALLS, SESSIONS = 4, 2000, 20_000


class Session(msgspec.Struct, array_like=True, gc=False):
    """One session of an agent, while it goes on."""

    #: Words of its first prompt, when that was, and its event id.
    words: list[int] = []
    asked_at: int = 0
    prompt: str = ""
    #: Name of its task among its agent's.
    task: int = 0
    calls: dict[str, Call] = {}
    #: Cloud events that no tool call explains: their actions, by event id.
    unexplained: dict[str, str] = {}
    #: By detection: the revision of its Finding, and whether it stands.
    found: dict[str, tuple[int, bool]] = {}
    #: It drifts so surely that its score says nothing about harmless sessions.
    drifted: bool = False
    #: It was over, and has counted among those of its agent.
    counted: bool = False
    #: Somebody says that it was an attack: nothing of it becomes usual.
    barred: bool = False

    @property
    def score(self) -> float:
        """That of its worst call; 0 without calls."""
        return max((call.score for call in self.calls.values()), default=0.0)


STATE_TYPES: dict[str, type[msgspec.Struct]] = {"a": Agent, "d": Deeds, "s": Session}


class Scored(NamedTuple):
    """One call as it was scored, for training and evaluation."""

    step: Step
    vector: list[float]
    score: float


class Drift:
    """`apply` is a pure function of the state and the steps."""

    def __init__(
        self, state: PartitionState, model: Model | None, budget: float, chains: Chains | None = None,
        exceptions: Exceptions | None = None,
    ) -> None:  # fmt: skip
        """`budget`: share of harmless sessions that may be found; without a model nothing is, calls are measured."""
        self.state = state
        self._exceptions = exceptions or Exceptions(None)
        self.model = model
        self._budget = budget
        self._chains = chains or Chains(Declared())
        #: What was scored since the caller took it away; kept only if there is a list.
        self.scored: list[Scored] | None = None

    def apply(self, steps: list[Step]) -> list[Finding]:
        """Take in some steps; returns new Findings and revisions of earlier ones."""
        found: list[Finding] = []
        for step in steps:
            agent = self.state.get("a/" + step.key, Agent) or Agent({}, [], open={}, unexplained={})
            session = self.state.get("s/" + step.session, Session) or Session([], 0, "", 0, {}, {}, {})
            if step.flow is not None:
                found += self._call(agent, session, step)
            elif step.words:
                _ask(session, step)
            else:
                found += self._act(agent, session, step)
            agent.open.pop(step.session, None)
            agent.open[step.session] = step.time
            self._close(step.key, agent, step.time)
            self.state.put("s/" + step.session, session)
            self.state.put("a/" + step.key, agent)
        self._exceptions.refresh()
        return [self._exceptions.apply(finding, None) for finding in found]

    def hear(self, feedback: list[Feedback]) -> None:
        """What analysts say of what was found: a session that was an attack says nothing about harmless ones."""
        for said in feedback:
            agent = self.state.get("a/" + said.key, Agent)
            if agent is None:
                continue
            session = self.state.get("s/" + said.session, Session)
            if session is not None and not session.counted:
                # Whether its score counts is decided when it is over.
                session.barred = said.verdict == verdicts.ATTACK
                self.state.put("s/" + said.session, session)
            elif said.detection == findings.DRIFT:
                verdicts.correct_agent(agent, said)
                self.state.put("a/" + said.key, agent)

    def _call(self, agent: Agent, session: Session, step: Step) -> list[Finding]:
        known = session.calls.get(step.event_id)
        if (known is not None and known.revision > step.revision) or step.flow is None:
            return []
        if known is None and len(session.calls) >= CALLS:
            return []
        vector, usual = self._measure(agent, session, step)
        score = self.model.score(vector) if self.model is not None and step.flow.prompt else 0.0
        session.calls[step.event_id] = Call.of(step, score)
        if self.scored is not None:
            self.scored.append(Scored(step, vector, score))
        found = [
            self._chains.judge(session.found, step, (call.tool for call in session.calls.values())),
            self._judge(agent, session, step, usual),
        ]
        return [one for one in found if one is not None]

    def _judge(self, agent: Agent, session: Session, step: Step, usual: Usual) -> Finding | None:
        """What a call that was just scored changes in its session's Finding."""
        if self.model is None:
            return None
        worst = session.score
        prior = self.model.p_value(worst, usual.sessions)
        p_value = history.own_share(agent, worst, prior, step.time)
        verdict = findings.Verdict(worst, p_value, self.model.name, self._budget)
        session.drifted = verdict.severity == "high"
        if session.calls[step.event_id].score == worst:
            return findings.drift(session.found, step, verdict, usual, session.prompt)
        # What was found may have been this call, as it looked before.
        return findings.withdrawn(session.found, step, verdict)

    def _measure(self, agent: Agent, session: Session, step: Step) -> tuple[list[float], Usual]:
        others = {
            name: call for name, call in session.calls.items() if name != step.event_id and call.time <= step.time
        }
        last = max(others.values(), key=lambda call: call.time, default=None)
        before = last.tool if last is not None else history.BEGIN
        place = Place(all(call.tool != step.tool for call in others.values()), before == step.tool)
        task = self._task(step.key, agent, session)
        usual = history.usual(agent.tasks[task], self._deeds(step.key, task), step, before)
        if self._chains.allows(step.actor, before, step.tool):
            usual = usual._replace(tool=0.0, transition=0.0)
        assert step.flow is not None  # noqa: S101  (for mypy: the caller has looked)
        declared = self._chains.sensitivity(step.tool, step.flow.sensitivity)
        return measure(msgspec.structs.replace(step.flow, sensitivity=declared), place, usual), usual

    def _act(self, agent: Agent, session: Session, step: Step) -> list[Finding]:
        """A cloud event: one that no tool call explains is held against what this agent does so."""
        if step.explained >= EXPLAINED:
            session.unexplained.pop(step.event_id, None)
        elif len(session.unexplained) < CALLS:
            session.unexplained[step.event_id] = step.tool
        usual = (agent.unexplained.get(step.tool, 0) + 1) / (agent.sessions + 1)
        one = findings.unexplained(session.found, step, session.unexplained, usual, self._budget)
        return [one] if one is not None else []

    def _close(self, key: str, agent: Agent, now: int) -> None:
        """What sessions did that are over becomes usual."""
        over = [name for name in list(agent.open)[:LOOKED_AT] if agent.open[name] + QUIET < now]
        for name in over:
            ended = agent.open.pop(name)
            session = self.state.get("s/" + name, Session)
            # A revision that comes late opens it again; it has counted already.
            if session is not None and not session.counted:
                session.counted = True
                self.state.put("s/" + name, session)
                if not session.barred and history.may_learn(agent, ended):
                    self._learn(key, agent, session, ended)
        if len(self.state) > SESSIONS:
            for name in over:
                self.state.delete("s/" + name)

    def _learn(self, key: str, agent: Agent, session: Session, ended: int) -> None:
        agent.sessions += 1
        for action in set(session.unexplained.values()):
            agent.unexplained[action] = agent.unexplained.get(action, 0) + 1
        history.shorten(agent.unexplained)
        task = self._task(key, agent, session)
        deeds = self._deeds(key, task)
        history.learn(agent.tasks[task], deeds, session.calls.values())
        self.state.put(f"d/{key}/{task}", deeds)
        if session.calls and not session.drifted:
            history.note_score(agent, session.score, ended)

    def _task(self, key: str, agent: Agent, session: Session) -> int:
        """Name of a session's task."""
        if session.task not in agent.tasks:
            session.task = history.task_of(agent, session.words)
            for gone in history.forget(agent, session.task):
                self.state.delete(f"d/{key}/{gone}")
        return session.task

    def _deeds(self, key: str, task: int) -> Deeds:
        return self.state.get(f"d/{key}/{task}", Deeds) or Deeds({}, {}, {}, {})


def _ask(session: Session, step: Step) -> None:
    """The first prompt of a session says what its task is."""
    if not session.asked_at or step.time <= session.asked_at:
        session.words, session.asked_at, session.prompt, session.task = step.words, step.time, step.event_id, 0


def scorer(
    settings: Settings, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
) -> Scorer[Drift]:
    """Makes the stage of a partition. Raises Permanent when a configured file is not there or not as it must be.

    `clock` says when files are looked at again, `now` which exceptions are over.
    """
    try:
        model = models.load(settings.drift_model)
        declared = chains.load(settings.tool_chains) if settings.tool_chains else None
    except OSError as error:
        raise Permanent(f"settings drift_model, tool_chains: {error.filename}: {error.strerror}") from error
    exceptions = Exceptions.load(settings.exceptions, clock=clock, now=now)
    return Scorer(
        lambda state: Drift(state, model, settings.drift_budget, declared, exceptions), model.name,
        modelfile.written(models.NAME, settings.drift_model),
    )  # fmt: skip
