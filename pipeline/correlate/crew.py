"""Several agents behind one credential: their tool calls and its requests meet at the values that both name.

Nothing in a request says which of the agents made it. So a tool call is told to the key of every value that it names,
a request asks at the key of the value that says most, and what the two have in common is told to the credential: the
calls that its requests may come from are its crew. There `inflight.weigh` decides, as it does inside a session.
"""

from __future__ import annotations

import msgspec

from pipeline.correlate.fading import Faded, Fading
from pipeline.correlate.inflight import (
    BEFORE,
    LATEST,
    OPEN_LIMIT,
    SECOND,
    Calls,
    Model,
    Request,
    over,
    weigh,
)
from pipeline.correlate.keys import VALUE
from pipeline.correlate.state import PartitionState
from schemas.batch import Ask, Attribution, Call, Heard, Mention
from schemas.entry import Link
from schemas.event import Event

#: Event time (microseconds) that a value remembers calls and requests for: logs arrive minutes apart.
KEEP = 900 * SECOND
#: Requests and calls that a value remembers: the latest.
LIMIT = 512
#: A crew is kept in shifts of so much event time, and a request may come from a call of the shifts before its own.
SHIFT = 300 * SECOND
BACK = -(-(OPEN_LIMIT + LATEST) // SHIFT)
CLAIMED, POSSIBLE, LISTED = 0.5, 0.01, 8


class Value(msgspec.Struct, array_like=True, gc=False):
    """What was told at one value."""

    #: (event time, credential's link key, event id) of requests, and calls by name.
    asks: list[tuple[int, str, str]] = []
    calls: dict[str, Call] = {}
    #: Event time as of which it is noted for being forgotten.
    noted: int = 0


class Crew(msgspec.Struct, array_like=True, gc=False):
    """Tool calls that a credential's requests may come from, by name, of those that began in one shift."""

    calls: dict[str, Call] = {}


STATE_TYPES: dict[str, type[msgspec.Struct]] = {"v": Value, "w": Crew, "x": Faded}


class Meeting:
    """One partition's values and crews."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self._fading = Fading(state, "x/")
        #: Calls that requests of one shift may come from, by credential and shift.
        self._calls: dict[str, dict[int, Calls]] = {}

    def mention(self, mention: Mention) -> list[Heard]:
        """Take in a tool call that names this value; returns it for every credential that it is news to."""
        value = self._value(mention.key)
        before = value.calls.get(mention.name, mention.call)
        if mention.name in value.calls and before == mention.call:
            return []
        value.calls[mention.name] = mention.call
        if len(value.calls) > LIMIT:
            del value.calls[min(value.calls, key=lambda name: (value.calls[name].start, name))]
        self._note("v/" + mention.key, value, mention.call.start)
        return [
            Heard(reply, mention.name, mention.call, event_id, time)
            for time, reply, event_id in value.asks
            # A call that has ended is no longer near what it was near while it was open, which has to be told too.
            if near(mention.call, time) or near(before, time)
        ]

    def ask(self, ask: Ask) -> list[Heard]:
        """Take in a request that names this value; returns the calls that do so too."""
        value = self._value(ask.key)
        asked = (ask.time, ask.reply, ask.event_id)
        if asked in value.asks:
            return []
        value.asks.append(asked)
        if len(value.asks) > LIMIT:
            value.asks.remove(min(value.asks))
        self._note("v/" + ask.key, value, ask.time)
        return [
            Heard(ask.reply, name, call, ask.event_id, ask.time)
            for name, call in value.calls.items()
            if near(call, ask.time)
        ]

    def heard(self, heard: Heard) -> list[Call]:
        """Add a call to a credential's crew; returns it, and what was known of it before, if that is news."""
        shift = heard.call.start // SHIFT
        name = f"w/{heard.key}|{shift}"
        crew = self._state.get(name, Crew)
        if crew is None:
            crew = Crew({})
            self._fading.add(name, (shift + 1) * SHIFT + OPEN_LIMIT + LATEST)
        before = crew.calls.get(heard.name)
        if before == heard.call:
            return []
        crew.calls[heard.name] = heard.call
        self._state.put(name, crew)
        self._calls.pop(heard.key, None)
        return [heard.call] if before is None else [before, heard.call]

    def has_crew(self, key: str, time: int) -> bool:
        """Whether any tool call is known that a request with this credential may come from."""
        return any(self._state.peek(name) is not None for name in _shifts(key, time // SHIFT))

    def attribute(self, key: str, event: Event, before: Attribution) -> Attribution:
        """Attribution of a request by the crew of its credential; which call it was is left to the session."""
        weighed = self._weighed(key, event)
        chances: dict[str, tuple[float, Call]] = {}
        for chance, _, call in weighed:
            known = chances.get(call.session)
            chances[call.session] = (chance, call) if known is None else (known[0] + chance, known[1])
        ranked = sorted(chances.values(), key=lambda found: (-found[0], found[1].session))
        possible = [found for found in ranked[:LISTED] if found[0] >= POSSIBLE]
        return _attributed(before, possible) if possible else before

    def _weighed(self, key: str, event: Event) -> list[tuple[float, str, Call]]:
        shift = event.time // SHIFT
        known = self._calls.setdefault(key, {})
        calls = known.get(shift)
        if calls is None:
            crews = [self._state.get(name, Crew) for name in _shifts(key, shift)]
            calls = known[shift] = Calls({name: call for crew in crews if crew for name, call in crew.calls.items()})
        return weigh(calls, request_of(event), Model(), shared_credential=True)

    def forget_before(self, time: int) -> None:
        """Forget what values and credentials were told of earlier event times."""
        for name in self._fading.due(time):
            if name.startswith("w/"):
                self._state.delete(name)
                self._calls.pop(name[2:].rpartition("|")[0], None)
                continue
            value = self._state.get(name, Value)
            if value is None:
                continue
            value.asks = [ask for ask in value.asks if ask[0] >= time]
            value.calls = {call_id: call for call_id, call in value.calls.items() if max(call.start, call.end) >= time}
            if value.asks or value.calls:
                value.noted = 0
                times = [ask[0] for ask in value.asks] + [call.start for call in value.calls.values()]
                self._note(name, value, max(times))
            else:
                self._state.delete(name)

    def _value(self, key: str) -> Value:
        return self._state.get("v/" + key, Value) or Value([], {})

    def _note(self, name: str, value: Value, time: int) -> None:
        if not value.noted or time > value.noted + KEEP // 2:
            value.noted = time
            self._fading.add(name, time)
        self._state.put(name, value)


def _shifts(key: str, shift: int) -> list[str]:
    """Names of the crews that a request of a shift may come from."""
    return [f"w/{key}|{number}" for number in range(shift - BACK, shift + 2)]


def request_of(event: Event) -> Request:
    """A cloud event as `inflight` looks at it."""
    return Request(event.time, event.action, event.address, event.mentions)


def mentions_of(name: str, call: Call) -> list[Mention]:
    """A tool call as the values that it names are told of it."""
    if not call.start_event:
        return []
    # As it is now: its session goes on changing it.
    call = msgspec.structs.replace(call)
    return [Mention(value_key(mention), name, call) for mention in call.mentions]


def value_key(mention: int) -> str:
    """Link key of a value."""
    return f"{VALUE}{mention:x}"


def span_of(*calls: Call) -> tuple[int, int]:
    """First and last event time of requests that may come from some calls."""
    return min(call.start for call in calls) - BEFORE, max(over(call) for call in calls) + LATEST


def near(call: Call, time: int) -> bool:
    """Whether a request at this time may come from a call."""
    first, last = span_of(call)
    return first <= time <= last


def _attributed(before: Attribution, possible: list[tuple[float, Call]]) -> Attribution:
    chance, call = possible[0]
    confidence = round(min(chance, 1.0), 4)
    sessions = [found.session for _, found in possible]
    actors = dict.fromkeys(found.actor for _, found in possible[1:] if found.actor not in ("", call.actor))
    if chance < CLAIMED:
        # Who the credential names is the actor as far as no call explains the request.
        unexplained = max(1 - sum(likely for likely, _ in possible), 0.0)
        candidates = list(dict.fromkeys([call.actor, *actors]))
        links = [
            msgspec.structs.replace(link, confidence=round(link.confidence * unexplained, 4), candidates=candidates)
            if link.target == "actor"
            else link
            for link in before.links
        ]
        links.append(Link("session", "in-flight", confidence, [call.start_event], sessions))
        return msgspec.structs.replace(before, links=links)
    links = [
        Link(
            "actor", "in-flight", confidence, [call.start_event], [*actors, *([before.actor] if before.actor else [])]
        ),
        Link("session", "in-flight", confidence, [call.start_event], sessions[1:]),
        *[link for link in before.links if link.target not in ("actor", "session")],
    ]
    return msgspec.structs.replace(
        before, actor=call.actor, actor_kind=call.actor_kind, actor_name=call.actor_name, session=call.session,
        parent_session=call.parent_session, links=links, unbound="",
        on_behalf_of=list(dict.fromkeys(name for name in (call.actor, *before.on_behalf_of) if name)),
    )  # fmt: skip
