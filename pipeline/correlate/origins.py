"""Argument origin: did a tool call's argument occur in the user's prompt, in an earlier tool result, or in neither?

The signal that tells a hijacked agent from a busy one. Normalization fingerprints every text before it is masked
or shortened; here, where the session is known, an argument's fingerprints are looked up among those seen before it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from schemas.event import Argument, Event
from schemas.prints import WORD, purposes_of
from schemas.step import Flow

#: Fingerprints of each sort that a session remembers; later ones are no longer noted.
TOKEN_LIMIT = 50_000
#: Share of an argument's tokens that must have occurred in a text; shorter arguments need all of theirs.
SHARE = 0.8


class Text(msgspec.Struct, array_like=True, gc=False, order=True):
    """A tool result: when it was known, and its fingerprints in the order of the text."""

    time: int
    event_id: str
    tool_call: str
    tool: str
    tokens: list[int]


class Seen(msgspec.Struct, array_like=True, gc=False):
    """What one session has said and read: earliest event time of each fingerprint in prompts and in calls; results."""

    prompts: dict[int, int] = {}
    asked: dict[int, int] = {}
    results: list[Text] = []


class Prompts(NamedTuple):
    """What the prompts of a session said up to a time."""

    tokens: frozenset[int]
    #: Those of its tokens that are words, and the purposes that they may serve.
    words: frozenset[int]
    purposes: int

    @classmethod
    def of(cls, tokens: Iterable[int]) -> Prompts:
        """Of these tokens."""
        known = frozenset(tokens)
        return cls(known, frozenset(token for token in known if token & WORD), purposes_of(known))


class Known:
    """What is looked up of one session's texts; made of its Seen, and kept beside it as they grow."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        #: Flows that were worked out, by the call's event id, with the call's time.
        self.flows: dict[str, tuple[int, Flow]] = {}
        self._read_prompts()
        self._read_results()

    def _read_results(self) -> None:
        self.times: list[int] = []
        self._ids: set[str] = set()
        #: Results in which a token occurs, by number; and how many tokens there are.
        self._where: dict[int, list[int]] = {}
        self._size = 0
        for text in self.seen.results:
            self._append(text)

    def _append(self, text: Text) -> None:
        number = len(self.times)
        self.times.append(text.time)
        self._ids.add(text.event_id)
        self._size += len(text.tokens)
        for token in text.tokens:
            self._where.setdefault(token, []).append(number)

    def _read_prompts(self) -> None:
        self._prompts = Prompts.of(self.seen.prompts)
        self._last_prompt = max(self.seen.prompts.values(), default=0)

    def prompts(self, time: int) -> Prompts:
        """What the prompts up to a time said."""
        if self._last_prompt <= time:
            return self._prompts
        return Prompts.of(token for token, at in self.seen.prompts.items() if at <= time)

    def note(self, event: Event) -> bool:
        """Remember the texts an event brings into the session; True if any is new or earlier than known."""
        # A result reported with its call is known when the call ends.
        time = max(event.time, end_of(event))
        news = False
        if event.kind == "prompt" and event.action == "user_message":
            news = _earliest(self.seen.prompts, event.tokens, event.time)
            if news:
                self._read_prompts()
        elif event.kind == "tool_call":
            if event.phase != "end":
                tokens = [token for tokens in event.argument_tokens[:-1] for token in tokens[1:]]
                news = _earliest(self.seen.asked, tokens, event.time)
            if event.phase != "start" and event.tokens:
                news |= self._note_result(Text(time, event.event_id, event.tool_call, event.tool, event.tokens))
        if news:
            since = event.time
            self.flows = {name: flow for name, flow in self.flows.items() if flow[0] < since}
        return news

    def _note_result(self, text: Text) -> bool:
        results = self.seen.results
        if text.event_id in self._ids or self._size + len(text.tokens) > TOKEN_LIMIT:
            return False
        if not results or results[-1] < text:
            results.append(text)
            self._append(text)
        else:
            insort(results, text)
            self._read_results()
        return True

    def before(self, time: int) -> int:
        """How many results were known before a call of this time; its own has that time or a later one."""
        return bisect_left(self.times, time)

    def results_with(self, token: int, before: int) -> list[int]:
        """Numbers of the earlier results in which a token occurs."""
        found = self._where.get(token, [])
        return found[: bisect_right(found, before - 1)]

    def repeated(self, token: int, time: int) -> bool:
        """Whether a call before this time said this too."""
        return self.seen.asked.get(token, time) < time

    def returned(self, tokens: list[int], before: int) -> bool:
        """Whether these are what earlier results said."""
        where, none = self._where, [before]
        return _enough(sum([where.get(token, none)[0] < before for token in tokens]), len(tokens))


def _earliest(known: dict[int, int], tokens: list[int], time: int) -> bool:
    news = False
    for token in tokens:
        before = known.get(token)
        if before is None and len(known) >= TOKEN_LIMIT:
            continue
        if before is None or time < before:
            known[token] = time
            news = True
    return news


def _enough(found: int, asked: int) -> bool:
    return found == asked or (asked > 3 and found >= SHARE * asked)


def end_of(event: Event) -> int:
    """When a span that is reported once ended, microseconds; 0 if not stated."""
    end = event.attributes.get("end_time", "")
    return int(end) if end.isdecimal() else 0


def trace_arguments(known: Known | None, event: Event) -> list[Argument]:
    """The event's arguments with their origin; unchanged where the session's texts were never seen."""
    if known is None or not (known.seen.prompts or known.seen.results) or not fingerprinted(event):
        return event.arguments
    before, prompts = known.before(event.time), known.prompts(event.time)
    return [
        Argument(argument.path, argument.value, origin(known, tokens[1:], prompts, before))
        for argument, tokens in zip(event.arguments, event.argument_tokens[:-1], strict=True)
    ]


def fingerprinted(event: Event) -> bool:
    """Whether a call has fingerprints: those of each argument and of its name. Out of the store it has none."""
    return len(event.argument_tokens) == len(event.arguments) + 1


def origin(known: Known, tokens: list[int], prompts: Prompts, before: int) -> str:
    """Where a value of these tokens occurred before; "" without tokens."""
    if not tokens:
        return ""
    result = known.returned(tokens, before)
    if _enough(sum([token in prompts.tokens for token in tokens]), len(tokens)):
        return "both" if result else "prompt"
    return "result" if result else "agent"
