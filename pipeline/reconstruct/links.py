"""What leads from one strand to another, and what may be asked of whoever follows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from pipeline.reconstruct.case import Case
from pipeline.reconstruct.strands import Key, Thread
from schemas.entry import Entry
from schemas.incident import Edge


@dataclass
class Lead:
    """A strand that something leads to."""

    thread: Thread
    confidence: float
    why: str
    #: An EdgeKind, and the end that it comes from.
    kind: str
    source: str
    #: Ids of its entries that are pointed at; without any, the strand as a whole is.
    anchors: list[str] = field(default_factory=list)
    #: Ids of the entries that show the link.
    evidence: list[str] = field(default_factory=list)
    #: Whether all of the strand belongs, whatever its own rhythm says.
    whole: bool = False
    #: Whether only single entries of it look wrong among many.
    narrow: bool = False
    #: Whether the strand led to where the lead comes from, and not the other way round.
    back: bool = False


class Follower(Protocol):
    """What ways along links may ask of a Spread."""

    case: Case
    cutoff: float

    def lead(self, lead: Lead) -> None:
        """Something leads to a strand."""

    def leave(self, thread: Thread, confidence: float, why: str) -> None:
        """A strand is held apart."""

    def choose(self, entry: Entry, key: Key, role: str, confidence: float, why: str = "") -> bool:
        """Take in one entry."""

    def connect(self, edge: Edge) -> None:
        """Remember why one thing leads to another."""
