"""The examples of definitions are tried: what must be found is found, and what must not is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from pipeline.kit.failures import Invalid
from pipeline.score.definition import Definition
from pipeline.score.examples import entries_of
from pipeline.score.rules.rulebook import Rulebook
from schemas.entry import Entry

#: Whether a detection finds anything in some entries; None = this cannot be tried here.
Run = Callable[[str, list[Entry]], bool | None]


class Outcome(NamedTuple):
    """What came of one example."""

    rule: str
    example: str
    #: found or silent.
    expected: str
    #: passed, failed, `not tried`, or `no examples`.
    outcome: str
    #: What is wrong, or what to do.
    said: str


def tried(definitions: Mapping[str, Definition], run: Run) -> Iterator[Outcome]:
    """Every example of these definitions; one line for a definition that has none."""
    for name, said in definitions.items():
        cases = [("found", one) for one in said.examples.found] + [("silent", one) for one in said.examples.silent]
        if not cases:
            yield Outcome(name, "", "", "no examples", "")
        for expected, example in cases:
            try:
                found = run(name, entries_of(example))
            except Invalid as error:
                yield Outcome(name, example.name, expected, "failed", str(error))
                continue
            yield _outcome(name, example.name, expected, found)


def runner(rules: Rulebook, engine: Run) -> Run:
    """Rules of a folder run by themselves; those with code, and all others, by `engine`."""
    own = rules.definitions.keys() - rules.scripts.keys()
    return lambda name, entries: rules.finds(name, entries) if name in own else engine(name, entries)


def _outcome(rule: str, example: str, expected: str, found: bool | None) -> Outcome:
    if found is None:
        return Outcome(rule, example, expected, "not tried", "it has code, which nothing runs here")
    if found is (expected == "found"):
        return Outcome(rule, example, expected, "passed", "")
    wrong = "nothing was found" if expected == "found" else "it was found"
    return Outcome(rule, example, expected, "failed", f"expected to be {expected}, but {wrong}")
