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
    LATEST_UNNAMED,
    SECOND,
    Calls,
    Model,
    Request,
    weigh,
)
from pipeline.correlate.keys import VALUE
from pipeline.correlate.state import PartitionState
from schemas.batch import Ask, Attribution, Call, Heard, Mention
from schemas.entry import Link
from schemas.event import Event

#: Event time (microseconds) that a value remembers calls and requests for: logs arrive minutes apart.
KEEP = 900 * SECOND
#: Requests and calls that a value remembers, and calls that a credential does: the latest.
LIMIT = 512
CLAIMED, POSSIBLE, LISTED = 0.5, 0.01, 8


class Value(msgspec.Struct, array_like=True, gc=False):
    """What was told at one value."""

    #: (event time, credential's link key, event id) of requests, and calls by name.
    asks: list[tuple[int, str, str]] = []
    calls: dict[str, Call] = {}
    #: Event time as of which it is noted for being forgotten.
    noted: int = 0


class Crew(msgspec.Struct, array_like=True, gc=False):
    """Tool calls that a credential's requests may come from, by name."""

    calls: dict[str, Call] = {}


STATE_TYPES: dict[str, type[msgspec.Struct]] = {"v": Value, "w": Crew, "x": Faded}


class Meeting:
    """One partition's values and crews."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self._fading = Fading(state, "x/")
        self._calls: dict[str, Calls] = {}

    def mention(self, mention: Mention) -> list[Heard]:
        """Take in a tool call that names this value; returns it for every credential that it is news to."""
        value = self._value(mention.key)
        if value.calls.get(mention.name) == mention.call:
            return []
        value.calls[mention.name] = mention.call
        if len(value.calls) > LIMIT:
            del value.calls[min(value.calls, key=lambda name: (value.calls[name].start, name))]
        self._note(mention.key, value, mention.call.start)
        return [
            Heard(reply, mention.name, mention.call, event_id, time)
            for time, reply, event_id in value.asks
            if near(mention.call, time)
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
        self._note(ask.key, value, ask.time)
        return [
            Heard(ask.reply, name, call, ask.event_id, ask.time)
            for name, call in value.calls.items()
            if near(call, ask.time)
        ]

    def heard(self, heard: Heard) -> bool:
        """Add a call to a credential's crew; True if that is news."""
        crew = self._state.get("w/" + heard.key, Crew) or Crew({})
        if crew.calls.get(heard.name) == heard.call:
            return False
        crew.calls[heard.name] = heard.call
        if len(crew.calls) > LIMIT:
            del crew.calls[min(crew.calls, key=lambda name: (crew.calls[name].start, name))]
        self._state.put("w/" + heard.key, crew)
        self._calls.pop(heard.key, None)
        return True

    def has_crew(self, key: str) -> bool:
        """Whether any tool call is known that may have used this credential."""
        return self._state.peek("w/" + key) is not None

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
        crew = self._state.get("w/" + key, Crew)
        if crew is None:
            return []
        calls = self._calls.get(key)
        if calls is None:
            calls = self._calls[key] = Calls(crew.calls)
        return weigh(calls, request_of(event), Model(), shared_credential=True)

    def disband(self, key: str) -> None:
        """Forget a credential's crew."""
        self._state.delete("w/" + key)
        self._calls.pop(key, None)

    def forget_before(self, time: int) -> None:
        """Forget what values were told of earlier event times."""
        for key in self._fading.due(time):
            value = self._state.get("v/" + key, Value)
            if value is None:
                continue
            value.asks = [ask for ask in value.asks if ask[0] >= time]
            value.calls = {name: call for name, call in value.calls.items() if max(call.start, call.end) >= time}
            if value.asks or value.calls:
                value.noted = 0
                self._note(key, value, max([ask[0] for ask in value.asks] + [c.start for c in value.calls.values()]))
            else:
                self._state.delete("v/" + key)

    def _value(self, key: str) -> Value:
        return self._state.get("v/" + key, Value) or Value([], {})

    def _note(self, key: str, value: Value, time: int) -> None:
        if not value.noted or time > value.noted + KEEP // 2:
            value.noted = time
            self._fading.add(key, time)
        self._state.put("v/" + key, value)


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


def span_of(heard: Heard) -> tuple[int, int]:
    """Event times between which a call may matter to requests, the one that it was heard of for among them."""
    call = heard.call
    return (call.start - BEFORE, max(call.end + LATEST_UNNAMED, call.start + LATEST_UNNAMED, heard.time))


def near(call: Call, time: int) -> bool:
    """Whether a request at this time may come from a call."""
    return call.start - BEFORE <= time <= max(call.end, call.start) + LATEST


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
