"""What rules of one's own find: of every entry, whoever is known to have acted.

They are not held to the budget: somebody wants to hear of each. On one day a rule finds the same group of an identity
once, and then revises it while it grows.
"""

from __future__ import annotations

import msgspec

from pipeline.kit.state import PartitionState
from pipeline.score import telling
from pipeline.score.act import Act
from pipeline.score.past import DAY
from pipeline.score.profile import EVIDENCE, GROWTH, Found
from pipeline.score.rules.exceptions import Exceptions
from pipeline.score.rules.rulebook import Match, Rulebook
from schemas.finding import Finding

#: Findings of an identity and a day that are remembered, so as to be revised.
MOST = 500


class Told(msgspec.Struct, array_like=True, gc=False):
    """What rules found of one identity on the day that goes on, by rule and group."""

    last: int
    found: dict[str, Found] = {}


class Own:
    """The rules in one partition."""

    def __init__(self, state: PartitionState, rules: Rulebook, exceptions: Exceptions) -> None:
        self._state, self._rules, self._exceptions = state, rules, exceptions

    def apply(self, act: Act) -> list[Finding]:
        """What an act fits or completes, as far as that is news."""
        matches = self._rules.apply(act.full, self._state)
        if not matches:
            return []
        key = "o/" + act.identity
        told = self._state.get(key, Told)
        if told is None or told.last // DAY < act.time // DAY:
            told = Told(act.time, {})
        found = [finding for match in matches if (finding := self._tell(act, told, match)) is not None]
        self._state.put(key, told)
        return found

    def _tell(self, act: Act, told: Told, match: Match) -> Finding | None:
        name = f"{match.rule} {match.group}"
        known = told.found.get(name)
        if known is None:
            if len(told.found) >= MOST:
                del told.found[next(iter(told.found))]
            known = told.found[name] = Found(0, 0.0, [], 0, match.definition.severity, act.actor, act.session)
        known.entries = list(dict.fromkeys([*match.entries, *known.entries]))[:EVIDENCE]
        if known.told and len(known.entries) < known.told * GROWTH:
            return None
        known.revision, known.told = known.revision + bool(known.told), len(known.entries)
        return self._exceptions.apply(telling.of_rule(act, told.last // DAY, match, known), act.full)
