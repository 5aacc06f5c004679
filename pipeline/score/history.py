"""What an agent usually does: per task, in how many sessions it used a tool, a transition, a value.

Tasks are found, not given: a session belongs to the task whose first prompt has mostly the same words. Whoever wants to
make something usual has to do it in many sessions, over a long time: a session counts once for whatever it does, and at
most LEARNED sessions of an agent count per hour.
"""

from __future__ import annotations

import hashlib
import math
import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

import msgspec

from pipeline.score.measures import Usual
from schemas.step import Step, Value

#: Share of words that prompts of one task have in common (Jaccard); tasks that an agent has at most.
SAME_TASK, TASKS = 0.6, 256
#: Things of each sort that are counted per task; the rarest are forgotten.
COUNTED = 4096
HOUR = 3_600_000_000
#: Sessions of one agent per hour that change what is usual.
LEARNED = 60
#: Scores of an agent's own sessions that are kept; in how long (microseconds) they count half; and how many of its own
#: it takes to count as much as all that the model was calibrated on.
OWN, HALF_LIFE, PRIOR = 1000, 30 * 24 * HOUR, 30.0
BEGIN = "^"
_NUMBER = re.compile(r"\d+")


class Task(msgspec.Struct, array_like=True, gc=False):
    """One task of an agent: the words that it is asked with, and how many sessions of it are over."""

    words: list[int]
    sessions: int = 0


class Deeds(msgspec.Struct, array_like=True, gc=False):
    """What sessions of one task did. It is large and seldom changes, so it has a key of its own."""

    #: Sessions by tool, by name of a transition, by name of a value in its field.
    tools: dict[str, int] = {}
    transitions: dict[int, int] = {}
    values: dict[int, int] = {}
    #: By name of a field: how many (session, value) pairs there were, and how many of them were new then.
    fields: dict[int, list[int]] = {}


class Call(msgspec.Struct, array_like=True, gc=False):
    """One tool call of a session, as far as history needs it."""

    time: int
    revision: int
    tool: str
    score: float
    #: Names of the fields of its arguments, and of what they held.
    fields: list[int]
    values: list[int]

    @classmethod
    def of(cls, step: Step, score: float) -> Call:
        """The call that a step tells of."""
        values = step.flow.values if step.flow else []
        fields = [field_of(step.tool, value) for value in values]
        return cls(step.time, step.revision, step.tool, score, fields, [value_of(step.tool, value) for value in values])


class Agent(msgspec.Struct, array_like=True, gc=False):
    """What is known of one agent."""

    #: By hash of their words.
    tasks: dict[int, Task] = {}
    #: The scores that its sessions had, ascending, with their time (microseconds); their weight when the last came.
    scores: list[tuple[float, int]] = []
    weight: float = 0.0
    weighed: int = 0
    #: Sessions that are not over: when they were last heard of.
    open: dict[str, int] = {}
    #: Actions that no tool call explained: sessions by action, and sessions altogether.
    unexplained: dict[str, int] = {}
    sessions: int = 0
    #: The hour that is counted, and the sessions in it that changed what is usual.
    hour: int = 0
    learned: int = 0


def task_of(agent: Agent, words: list[int]) -> int:
    """Name of the task of a prompt; of a new one if none is like it."""
    asked = set(words)
    best, likeness = 0, 0.0
    for name, task in agent.tasks.items():
        together = len(asked.intersection(task.words))
        whole = len(asked) + len(task.words) - together
        share = together / whole if whole else 1.0
        if share >= SAME_TASK and share > likeness:
            best, likeness = name, share
    if best:
        return best
    name = _hash("task", *map(str, sorted(asked)))
    agent.tasks[name] = Task(words)
    return name


def forget(agent: Agent, kept: int) -> list[int]:
    """Names of the tasks with the fewest sessions that go because there are too many; not of the one that is kept."""
    others = sorted(set(agent.tasks) - {kept}, key=lambda name: agent.tasks[name].sessions)
    gone = others[: max(0, len(agent.tasks) - TASKS)]
    for name in gone:
        del agent.tasks[name]
    return gone


def usual(task: Task, deeds: Deeds, step: Step, before: str) -> Usual:
    """What a call is held against: logarithms of smoothed shares, and how new its values are where values repeat."""
    sessions = task.sessions
    from_there = deeds.tools.get(before, 0) if before != BEGIN else sessions
    return Usual(
        math.log1p(sessions),
        _log_share(deeds.tools.get(step.tool, 0), sessions),
        _log_share(deeds.transitions.get(transition(before, step.tool), 0), from_there),
        max((_novelty(deeds, sessions, step.tool, value) for value in _telling(step)), default=0.0),
    )


def _novelty(deeds: Deeds, sessions: int, tool: str, value: Value) -> float:
    """How surprising a value is, in nats: new where values come again, or rare."""
    pairs, new = deeds.fields.get(field_of(tool, value), (0, 0))
    fresh = -math.log((new + 0.5) / (pairs + 1)) if pairs else 0.0
    known = deeds.values.get(value_of(tool, value), 0)
    # Where values are always new, one that comes again is no surprise either.
    return min(fresh, -0.5 * math.log(min(1.0, 2 * (known + 0.5) / (sessions + 1.5)))) if known else fresh


def _telling(step: Step) -> list[Value]:
    return [value for value in step.flow.values if value.kind not in ("text", "date")] if step.flow else []


def in_order(calls: Iterable[Call]) -> Iterator[tuple[str, Call]]:
    """Calls by time, each with the tool before it."""
    before = BEGIN
    for call in sorted(calls, key=lambda call: call.time):
        yield before, call
        before = call.tool


def learn(task: Task, deeds: Deeds, calls: Iterable[Call]) -> None:
    """Count what a session did, each thing once."""
    done: set[int] = set()
    task.sessions += 1
    for before, call in in_order(calls):
        if _once(done, _hash("tool", call.tool)):
            deeds.tools[call.tool] = deeds.tools.get(call.tool, 0) + 1
        if _once(done, move := transition(before, call.tool)):
            deeds.transitions[move] = deeds.transitions.get(move, 0) + 1
        for field, value in zip(call.fields, call.values, strict=True):
            if _once(done, value):
                pair = deeds.fields.setdefault(field, [0, 0])
                pair[0] += 1
                pair[1] += value not in deeds.values
                deeds.values[value] = deeds.values.get(value, 0) + 1
    for counts in (deeds.tools, deeds.transitions, deeds.values, deeds.fields):
        shorten(counts)


def note_score(agent: Agent, score: float, time: int) -> None:
    """Add the score of a session that is over; the oldest of too many goes."""
    insort(agent.scores, (score, time))
    if len(agent.scores) > OWN:
        agent.scores.remove(min(agent.scores, key=itemgetter(1)))
    agent.weighed = max(agent.weighed, time)
    _weigh(agent)


def drop_score(agent: Agent, score: float) -> None:
    """Take out the scores that a Finding says this of."""
    agent.scores = [one for one in agent.scores if round(one[0], 4) != score]
    _weigh(agent)


def _weigh(agent: Agent) -> None:
    agent.weight = sum(_weight(agent.weighed - at) for _, at in agent.scores)


def own_share(agent: Agent, score: float, prior: float, time: int) -> float:
    """Share of harmless sessions with such a score, of the agent's own and a prior that counts as PRIOR sessions."""
    high = sum(_weight(time - at) for _, at in agent.scores[bisect_left(agent.scores, (score, 0)) :])
    return (PRIOR * prior + high) / (PRIOR + agent.weight * _weight(time - agent.weighed))


def _weight(age: int) -> float:
    return math.pow(0.5, max(0, age) / HALF_LIFE)


def may_learn(agent: Agent, time: int) -> bool:
    """Whether one more session of this hour (event time, microseconds) may change what is usual; counts it."""
    hour = time // HOUR
    # An earlier hour that comes late counts with this one, or the limit would begin anew each time.
    if hour > agent.hour:
        agent.hour, agent.learned = hour, 0
    agent.learned += 1
    return agent.learned <= LEARNED


def _once(done: set[int], name: int) -> bool:
    if name in done:
        return False
    done.add(name)
    return True


def shorten(counts: dict[Any, Any]) -> None:
    """Forget the rarest of too many: names come from outside."""
    if len(counts) > COUNTED:
        for name in sorted(counts, key=counts.__getitem__)[: COUNTED // 4]:
            del counts[name]


def transition(before: str, tool: str) -> int:
    """Name of a transition between two tools."""
    return _hash("transition", before, tool)


def value_of(tool: str, value: Value) -> int:
    """Name of a value in its field."""
    return _hash("value", tool, _NUMBER.sub("#", value.path), str(value.whole))


def field_of(tool: str, value: Value) -> int:
    """Name of a value's field: the elements of a list are one."""
    return _hash("field", tool, _NUMBER.sub("#", value.path))


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=7).digest(), "big")


def _log_share(part: int, whole: int) -> float:
    return math.log((part + 0.5) / (whole + 1.5))
