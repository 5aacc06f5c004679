"""Hands and entries become strands: what one hand did with one credential, from one network, with one program."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.score.act import network_of, program_of
from pipeline.store.hands import Hand
from schemas.entry import Entry
from schemas.finding import Finding

#: What an agent reports itself, and an agent's requests that one of its tool calls explains, are one strand.
AGENTIC = ("prompt", "tool_call")
_IDS = re.compile(r"[-_./]*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Key(NamedTuple):
    """What the entries of a strand have in common."""

    #: The credential; empty for what was reported by an agent itself, or done without one.
    credential: str
    actor: str
    session: str
    #: /24 or /48 of the address, else what the source says instead; and the program without its version.
    network: str
    program: str
    #: Of an agent's own doing: `agent`; of requests that a tool call of it made: `called`; else empty.
    part: str

    @property
    def name(self) -> str:
        """As ends of edges name it."""
        return "strand:" + "|".join(self)


def key_of(entry: Entry) -> Key:
    """The strand of an entry."""
    event = entry.event
    if event.kind in AGENTIC:
        return _agent(entry.actor or event.actor, entry.session)
    place = network_of(event.address) or event.address
    return Key(
        event.credential, entry.actor or event.actor, entry.session, place, _program(event.user_agent),
        "called" if entry.tool_call else "",
    )  # fmt: skip


def key_of_hand(hand: Hand) -> Key:
    """The strand of a hand."""
    if hand.agentic:
        return _agent(hand.actor, hand.session)
    place = network_of(hand.address) or hand.address
    return Key(
        hand.credential,
        hand.actor,
        hand.session,
        place,
        _program(hand.user_agent),
        "called" if hand.explained else "",
    )


def _program(user_agent: str) -> str:
    """The program, without an id of its run in its name: that makes no other hand of it."""
    return _IDS.sub("", program_of(user_agent))


def _agent(actor: str, session: str) -> Key:
    return Key("", actor, session, "", "", "agent")


@dataclass
class Thread:
    """A strand while it is looked at."""

    key: Key
    hands: list[Hand] = field(default_factory=list)
    #: What detections found in it, by the entry that is evidence.
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    #: Why it looks wrong by itself: sentences, and how much it does (0 to 1).
    reasons: list[str] = field(default_factory=list)
    suspicion: float = 0.0
    #: Whether another hand is what is usual for its credential or its actor.
    foreign: bool = False
    #: Ids of requests whose tool call is doubted.
    doubted: set[str] = field(default_factory=set)
    #: Whether it comes from a network that was not known of its actor.
    elsewhere: bool = False

    @property
    def first(self) -> int:
        """Of its first entry, microseconds."""
        return min(hand.first for hand in self.hands)

    @property
    def last(self) -> int:
        """Of its last entry, microseconds."""
        return max(hand.last for hand in self.hands)

    @property
    def events(self) -> int:
        """How many entries it has."""
        return sum(hand.events for hand in self.hands)

    @property
    def addresses(self) -> list[str]:
        """Its addresses, sorted."""
        return sorted({hand.address for hand in self.hands if hand.address})

    @property
    def user_agents(self) -> list[str]:
        """Its user agents, sorted."""
        return sorted({hand.user_agent for hand in self.hands if hand.user_agent})

    def told(self) -> str:
        """How a sentence names it."""
        what = self.key.credential or (f"session {self.key.session}" if self.key.session else "no credential")
        where = f" from {', '.join(self.addresses[:2])}" if self.addresses else ""
        with_ = f" with {self.key.program}" if self.key.program else ""
        return f"{self.key.actor or 'an unknown actor'} with {what}{where}{with_}"


def threads(hands: Iterable[Hand]) -> list[Thread]:
    """Strands of some hands, in the order of their first entries."""
    found: dict[Key, Thread] = {}
    for hand in hands:
        key = key_of_hand(hand)
        found.setdefault(key, Thread(key)).hands.append(hand)
    return sorted(found.values(), key=lambda thread: (thread.first, thread.key))
