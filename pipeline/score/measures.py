"""What is measured of one tool call, as numbers that a model takes: the flow of its values, and what is usual.

Nothing in here is a name: no tool, task, model or value is known to a model, only how they came about.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from schemas.prints import REFERENCES
from schemas.step import Flow, Value, Window

#: Every measure, in the order of the vector, and whether a higher one may only raise (1) or lower (-1) the score.
MEASURES: dict[str, int] = {
    # The tool: how much it can do, and whether the prompts ask for that (share of its purposes, of its name's words).
    "sensitivity": 1,
    "purposes_asked": -1,
    "name_asked": -1,
    "name_met": 0,
    "prompt_purposes": 0,
    # The place in an earlier result that says most of what the call says.
    "window_covered": 0,
    "window_explained": 0,
    "window_name": 1,
    "window_purposes": 1,
    "window_near": 0,
    "window_anywhere": 0,
    "window_age": 0,
    # Its values: from a result and without a word of the prompts; without one of earlier calls either; from nowhere.
    "references_met": 0,
    "references_unrelated": 1,
    "references_unconnected": 1,
    "references_invented": 0,
    "least_related": -1,
    "texts_unrelated": 1,
    "source_age": 0,
    "foreign": 0,
    "served": 0,
    "repeated": 0,
    "words_repeated": 0,
    "values": 0,
    # Its place in the session.
    "first": 0,
    "again": 0,
    "results": 0,
    "prompt": 0,
    # What was usual for this task of this agent: sessions so far; how often this tool, this transition, such values.
    "sessions": 0,
    "tool_usual": -1,
    "transition_usual": -1,
    "value_novelty": 1,
}
NO_WINDOW = Window(0, "", "", 0.0, 0.0, 0, 0.0, 0.0, 0.0)


class Place(NamedTuple):
    """Where in its session a call stands."""

    #: The tool was not used before in this session; it was used just before.
    first: bool
    again: bool


class Usual(NamedTuple):
    """What was usual for a task before this session: logarithms of shares of sessions, see `score.history`."""

    sessions: float
    tool: float
    transition: float
    novelty: float


#: Of a task that has no sessions yet.
COLD = Usual(0.0, math.log(1 / 3), math.log(1 / 3), 0.0)


def measure(flow: Flow, place: Place, usual: Usual) -> list[float]:
    """The vector of one call, in the order of MEASURES."""
    window = flow.window or NO_WINDOW
    met = [value for value in flow.values if value.kind in REFERENCES and value.origin == "result"]
    unrelated = [value for value in met if not value.asked]
    texts = [value for value in flow.values if value.kind in ("text", "short") and value.origin == "result"]
    invented = [value for value in flow.values if value.kind in REFERENCES and value.origin == "agent"]
    words = sum(value.words for value in flow.values)
    purposes = flow.purposes.bit_count()
    return [
        float(flow.sensitivity),
        (flow.purposes & flow.asked).bit_count() / purposes if purposes else -1.0,
        _share(flow.words_asked, flow.words),
        _share(flow.words_met, flow.words),
        float(flow.asked.bit_count()),
        window.covered,
        window.explained,
        window.name,
        float(window.purposes),
        window.near,
        window.anywhere,
        float(window.age),
        float(len(met)),
        float(len(unrelated)),
        float(sum(not value.repeated for value in unrelated)),
        float(sum(not value.asked for value in invented)),
        min((_related(value) for value in met), default=1.0),
        float(sum(not value.asked for value in texts)),
        float(min((value.age for value in flow.values if value.age), default=-1)),
        float(flow.foreign),
        flow.served,
        flow.repeated,
        _share(sum(value.repeated for value in flow.values), words) if words else -1.0,
        float(len(flow.values)),
        float(place.first),
        float(place.again),
        float(flow.results),
        float(flow.prompt),
        *usual,
    ]


def _related(value: Value) -> float:
    return _share(value.asked, value.words)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def without_history(vector: list[float]) -> list[float]:
    """The vector of the same call in the first session of its task."""
    return [*vector[: -len(COLD)], *COLD]
