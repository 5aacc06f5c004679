"""A folder of rules, kept in memory and evaluated on Entries.

In:     a folder, Entries, the state of their partition
Out:    Matches
Fails:  `load` raises Invalid; `refresh` never: what is wrong is in `trouble`, and the last good rules stay

A rule is asked only about events whose format, kind and action it may fit. Which those are is found once per
combination, by what its condition says of them alone, and remembered.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.kit.state import PartitionState
from pipeline.kit.watched import Watched
from pipeline.score import definition
from pipeline.score.definition import Definition
from pipeline.score.rules import fields, reading
from pipeline.score.rules.correlation import STATE, Asked, Correlator, Found
from pipeline.score.rules.fields import Getter
from pipeline.score.rules.matching import Need, folded
from pipeline.score.rules.reading import MOST_RULES, Item, Script, Signature
from pipeline.score.rules.sigma import SCORES, Correlation, Rule
from schemas.entry import Entry

__all__ = ["STATE", "Match", "Rulebook"]
#: Combinations of format, kind and action that are remembered.
_REMEMBERED = 20_000


class Match(NamedTuple):
    """A rule that an entry fits, or that it completes."""

    rule: str
    definition: Definition
    score: float
    #: Event ids, the latest first.
    entries: list[str]
    #: For the sentence.
    values: dict[str, str]
    #: What it speaks of: `field=value, …` of a correlation, else the session or the actor, else the event.
    group: str


class _Book(NamedTuple):
    """What a folder said at one time."""

    rules: dict[str, Rule]
    correlations: list[Correlator]
    scripts: dict[str, Script]
    #: Rules that only correlations speak of.
    silent: frozenset[str]
    #: Rules by a text that a field must be, the fields that are asked for, and the rules that need none.
    needed: dict[Need, list[Rule]]
    asked: list[Getter]
    free: list[Rule]
    #: What the sentence of a rule needs.
    says: dict[str, list[tuple[str, Getter]]]


class Rulebook(Watched[dict[Path, Signature]]):
    """The rules of a folder; without one there are none."""

    def __init__(self, folder: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.folder = folder
        self._read: dict[Signature, list[Item]] = {}
        self._book = bound([])
        self._candidates: dict[tuple[str, str, str], list[Rule]] = {}

    @classmethod
    def load(cls, folder: Path | None, *, clock: Callable[[], float] = time.monotonic) -> Rulebook:
        """The rules of a folder. Raises Invalid, which names the file."""
        made = cls(folder, clock=clock)
        made.reload()
        return made

    @property
    def definitions(self) -> dict[str, Definition]:
        """By the name of the rule, in the order of names."""
        book = self._book
        found = {name: rule.definition for name, rule in book.rules.items()}
        found |= {one.said.name: one.said.definition for one in book.correlations}
        return dict(sorted((found | {name: one.definition for name, one in book.scripts.items()}).items()))

    def kind(self, name: str) -> str:
        """`rule`, `correlation`, or `code`."""
        book = self._book
        return "rule" if name in book.rules else "code" if name in book.scripts else "correlation"

    @property
    def scripts(self) -> dict[str, Script]:
        """Rules with code, which the engine of the built-in detections runs."""
        return self._book.scripts

    def signature(self) -> dict[Path, Signature]:
        """The files of the folder."""
        if self.folder is None:
            return {}
        if not self.folder.is_dir():
            raise Invalid(str(self.folder), "a folder with rules (WHODID_RULES)")
        return reading.signatures(self.folder)

    def take(self, signature: dict[Path, Signature]) -> None:
        """Read what has changed."""
        read: dict[Signature, list[Item]] = {}
        for path, told in signature.items():
            if path.suffix != ".py":
                # The code beside it is a part of it.
                both = (*told, *signature.get(path.with_suffix(".py"), ()))
                read[both] = self._read.get(both) or reading.items(path)
        self._book = bound([item for held in read.values() for item in held])
        self._read, self._candidates = read, {}

    def apply(self, entry: Entry, state: PartitionState) -> list[Match]:
        """What an entry fits or completes. `state` has the types of STATE."""
        event, book = entry.event, self._book
        key = (event.format, event.kind, event.action)
        candidates = self._candidates.get(key)
        if candidates is None:
            candidates = self._chosen(key, entry)
        fitting = [rule for rule in candidates if rule.test.holds(entry)]
        if not fitting:
            return []
        found = [_match(rule, entry, book.says[rule.name]) for rule in fitting if rule.name not in book.silent]
        reached = {rule.name for rule in fitting}
        # They are in such an order that one that is about others comes after those.
        for one in book.correlations:
            for name in reached & one.asked.keys():
                if (made := one.take(state, entry, name)) is not None:
                    reached = reached | {one.said.name}
                    if one.said.name not in book.silent:
                        found.append(_completed(one.said, entry, book.says[one.said.name], made))
        return found

    def finds(self, name: str, entries: Iterable[Entry]) -> bool:
        """Whether a rule is found in some entries, also one that only correlations speak of."""
        rule, state = self._book.rules.get(name), PartitionState(STATE)
        if rule is not None:
            return any(rule.test.holds(entry) for entry in entries)
        return any(match.rule == name for entry in entries for match in self.apply(entry, state))

    def sweep(self, state: PartitionState) -> int:
        """Forget the state of correlations that are no more (after `refresh` said so); how many keys that were."""
        kept = {one.key for one in self._book.correlations}
        gone = [key for key in state.keys("r/") if key.rpartition("/")[0] not in kept]
        for key in gone:
            state.delete(key)
        return len(gone)

    def _chosen(self, key: tuple[str, str, str], entry: Entry) -> list[Rule]:
        book = self._book
        asked = [(getter, folded(value)) for getter in book.asked for value in getter.of(entry)]
        near = [rule for need in asked for rule in book.needed.get(need, ())]
        named = {rule.name: rule for rule in [*near, *book.free] if rule.test.early(entry) is not False}
        found = [named[name] for name in sorted(named)]
        if len(self._candidates) >= _REMEMBERED:
            self._candidates.clear()
        self._candidates[key] = found
        return found


def bound(items: list[Item]) -> _Book:
    """Rules by name, and correlations with the rules that they are about. Raises Invalid."""
    if len(items) > MOST_RULES:
        raise Invalid("rules", f"at most {MOST_RULES} rules", len(items))
    named: dict[str, Item] = {}
    for item in items:
        if item.name in named:
            raise Invalid(item.name, "a name that only one rule of the folder has")
        named[item.name] = item
    known: dict[str, Item] = {}
    for item in items:
        for other in () if isinstance(item, Script) else item.known_as:
            known.setdefault(other, item)
    ordered = _ordered([item for item in items if isinstance(item, Correlation)], known | named)
    silent = {
        _about(one, reference, known | named).name for one in ordered if not one.generate for reference in one.rules
    }
    rules = {name: item for name, item in named.items() if isinstance(item, Rule)}
    needed = _needed(rules.values())
    return _Book(
        rules,
        [_correlator(one, known | named) for one in ordered],
        {name: item for name, item in named.items() if isinstance(item, Script)},
        frozenset(silent),
        needed,
        list(dict.fromkeys(getter for getter, _ in needed)),
        [rule for rule in rules.values() if not rule.test.needs],
        {item.name: _says(item.definition) for item in items},
    )


def _needed(rules: Iterable[Rule]) -> dict[Need, list[Rule]]:
    """Rules by what they need: of several sets by the one that the fewest other rules have in theirs."""
    shared = Counter(need for rule in rules for needs in rule.test.needs for need in needs)
    found: dict[Need, list[Rule]] = {}
    for rule in rules:
        if rule.test.needs:
            for need in min(rule.test.needs, key=lambda needs: sum(shared[need] for need in needs)):
                found.setdefault(need, []).append(rule)
    return found


def _about(said: Correlation, reference: str, known: dict[str, Item]) -> Rule | Correlation:
    found = known.get(reference)
    if found is None or isinstance(found, Script):
        raise Invalid(f"{said.name}: correlation.rules", "names or ids of Sigma rules in the folder", reference)
    return found


def _ordered(correlations: list[Correlation], known: dict[str, Item]) -> list[Correlation]:
    """Those that are about others after those. Raises Invalid where they go round in a circle."""
    done: dict[str, Correlation] = {}
    left = correlations
    while left:
        free = [one for one in left if all(_is_ready(_about(one, other, known), done) for other in one.rules)]
        if not free:
            raise Invalid(f"{left[0].name}: correlation.rules", "no circle of correlations that are about one another")
        done |= {one.name: one for one in free}
        left = [one for one in left if one.name not in done]
    return list(done.values())


def _is_ready(about: Rule | Correlation, done: dict[str, Correlation]) -> bool:
    return isinstance(about, Rule) or about.name in done


def _correlator(said: Correlation, known: dict[str, Item]) -> Correlator:
    asked: dict[str, list[Asked]] = {}
    for place, reference in enumerate(said.rules):
        about = _about(said, reference, known)
        look = _first(about, known).view.getter
        group = tuple(_field(said, reference, name, look, "group-by") for name in said.group_by)
        counted = tuple(_field(said, reference, name, look, "condition.field") for name in said.counted)
        asked.setdefault(about.name, []).append(Asked(place, group, counted))
    return Correlator(said, asked)


def _first(about: Rule | Correlation, known: dict[str, Item]) -> Rule:
    """The rule whose log source says what its fields are called."""
    return about if isinstance(about, Rule) else _first(_about(about, about.rules[0], known), known)


def _field(said: Correlation, reference: str, name: str, look: Callable[[str], Getter], where: str) -> Getter:
    field = said.aliases.get(name, {}).get(reference, name)
    try:
        return look(field)
    except Invalid as error:
        raise Invalid(
            f"{said.name}: correlation.{where}: {error.field}", str(error).partition("expected ")[2]
        ) from error


def _says(said: Definition) -> list[tuple[str, Getter]]:
    """Getters of the values that a sentence has; of a rule with code its own code gives them."""
    known = {*fields.ATTRIBUTED, *fields.EVENT}
    return [(name, fields.getter(name)) for name in definition.fields_of(said.sentence) if name in known]


def _match(rule: Rule, entry: Entry, says: list[tuple[str, Getter]]) -> Match:
    event = entry.event
    actor = entry.actor or event.actor
    group = f"session={entry.session}" if entry.session else f"actor={actor}" if actor else f"event={event.event_id}"
    said = rule.definition
    return Match(rule.name, said, SCORES[said.severity], [event.event_id], _values(says, entry, 1), group)


def _completed(said: Correlation, entry: Entry, says: list[tuple[str, Getter]], made: Found) -> Match:
    values = _values(says, entry, made.number) | {"group": made.group}
    score = SCORES[said.definition.severity]
    return Match(said.name, said.definition, score, made.entries, values, made.group or "all")


def _values(says: list[tuple[str, Getter]], entry: Entry, count: int) -> dict[str, str]:
    return {"count": str(count), **{name: ", ".join(map(str, getter.of(entry))) for name, getter in says}}
