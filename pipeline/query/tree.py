"""The tree of a query: terms of a field and what is asked of its value, joined by and, or, not.

Two trees are equal if they ask the same, wherever in the text they were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as declared
from typing import Literal

#: Field of a word that names none: it is looked for everywhere.
ANYWHERE = ""
Comparison = Literal[">", ">=", "<", "<="]


@dataclass(frozen=True, slots=True)
class Is:
    """This very value; of `ANYWHERE`, this text within a value."""

    value: str


@dataclass(frozen=True, slots=True)
class Like:
    r"""A pattern: `*` is anything, `?` one character; a backslash takes either (or itself) as it is."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Within:
    """A network, e.g. `10.0.0.0/8`, in its canonical form."""

    network: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A number that is greater or smaller; of severities their rank."""

    how: Comparison
    bound: float


@dataclass(frozen=True, slots=True)
class Between:
    """A number from `low` to `high`, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ago:
    """Some microseconds before now."""

    microseconds: int


@dataclass(frozen=True, slots=True)
class At:
    """Microseconds since 1970."""

    microseconds: int


Value = Is | Like | Within | Compared | Between | Ago | At


@dataclass(frozen=True, slots=True)
class Term:
    """A field (a name of `pipeline.query.fields`, or `ANYWHERE`) and what is asked of it."""

    field: str
    value: Value
    #: Where it stands in the text: column from 1, and characters.
    column: int = declared(default=1, compare=False)
    length: int = declared(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; at least two, none of them an And."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One part holds; at least two, none of them an Or."""

    parts: tuple[Node, ...]


Node = Term | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked; without a node, everything."""

    node: Node | None = None

    @property
    def conjuncts(self) -> tuple[Node, ...]:
        """What holds for everything that is found."""
        if self.node is None:
            return ()
        return self.node.parts if isinstance(self.node, And) else (self.node,)

    def terms(self) -> Iterator[Term]:
        """All terms, as they stand in the text."""
        ahead: list[Node] = [] if self.node is None else [self.node]
        while ahead:
            node = ahead.pop()
            if isinstance(node, Term):
                yield node
            elif isinstance(node, Not):
                ahead.append(node.part)
            else:
                ahead.extend(reversed(node.parts))


def all_of(parts: list[Node]) -> Node:
    """All parts hold; parts that are And themselves become parts of it."""
    flat = tuple(one for part in parts for one in (part.parts if isinstance(part, And) else (part,)))
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(parts: list[Node]) -> Node:
    """One part holds; parts that are Or themselves become parts of it."""
    flat = tuple(one for part in parts for one in (part.parts if isinstance(part, Or) else (part,)))
    return flat[0] if len(flat) == 1 else Or(flat)


def both(first: Query, second: Query) -> Query:
    """What is asked by both."""
    nodes = [one.node for one in (first, second) if one.node is not None]
    return Query(all_of(nodes)) if nodes else Query()
