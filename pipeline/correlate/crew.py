"""Several agents behind one credential: their tool calls and its requests meet at the values that both name.

Nothing in a request says which of the agents made it. So a tool call is told to the key of every value that it names,
a request asks at the key of the value that says most, and what the two have in common is told to the credential: the
calls that its requests may come from are its crew. There `inflight.weigh` decides, as it does inside a session.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter

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
from pipeline.kit.state import PartitionState
from schemas.batch import Ask, Attribution, Call, Heard, Mention
from schemas.entry import Link
from schemas.event import Event

#: Event time (microseconds) that a value remembers calls and requests for: logs arrive minutes apart.
KEEP = 900 * SECOND
#: Calls, and times of requests, that a value remembers: the latest.
CALLS, TIMES = 512, 2048
#: A crew is kept in shifts of so much event time, and a request may come from a call of the shifts before its own.
SHIFT = 300 * SECOND
BACK = -(-(OPEN_LIMIT + LATEST) // SHIFT)
CLAIMED, POSSIBLE, LISTED = 0.5, 0.01, 8


class Value(msgspec.Struct, array_like=True, gc=False):
    """What was told at one value."""

    #: Event times of requests in order, by their credential's link key, and how many there are.
    asks: dict[str, list[int]] = {}
    times: int = 0
    calls: dict[str, Call] = {}
    #: Names of the calls that each credential was told of as near one of its requests.
    told: dict[str, dict[str, None]] = {}
    #: Event time as of which it is noted for being forgotten.
    noted: int = 0


class Crew(msgspec.Struct, array_like=True, gc=False):
    """Tool calls that a credential's requests may come from, by name, of those that began in one shift."""

    calls: dict[str, Call] = {}
    #: The values at which each is near a request.
    values: dict[str, dict[str, None]] = {}


STATE_TYPES: dict[str, type[msgspec.Struct]] = {"v": Value, "w": Crew, "x": Faded}


class Meeting:
    """One partition's values and crews."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self._fading = Fading(state, "x/")
        #: Calls that requests of one shift may come from, by credential and shift.
        self._calls: dict[str, dict[int, Calls]] = {}
        #: How many crews each credential has.
        self._crewed = Counter(key[2:].rpartition("|")[0] for key in state.keys("w/"))

    def mention(self, mention: Mention) -> list[Heard]:
        """Take in a tool call that names this value; returns it for every credential that it is news to."""
        value = self._value(mention.key)
        name, call = mention.name, mention.call
        before = value.calls.get(name)
        if before == call:
            return []
        out: list[Heard] = []
        if before is not None and before.start != call.start:
            for reply, told in value.told.items():
                if name in told:
                    del told[name]
                    out.append(Heard(reply, mention.key, name, before, near=False))
        value.calls[name] = call
        if len(value.calls) > CALLS:
            del value.calls[min(value.calls, key=lambda one: (value.calls[one].start, one))]
        self._note("v/" + mention.key, value, call.start)
        for reply, times in value.asks.items():
            told = value.told.setdefault(reply, {})
            close = _any_near(call, times)
            # A call that has ended is no longer near what it was near while it was open, which has to be told too.
            if close or name in told:
                out.append(Heard(reply, mention.key, name, call, close))
            if close:
                told[name] = None
            else:
                told.pop(name, None)
        return out

    def ask(self, ask: Ask) -> list[Heard]:
        """Take in a request that names this value; returns the calls near it that do so too, if they are news."""
        value = self._value(ask.key)
        times = value.asks.setdefault(ask.reply, [])
        at = bisect.bisect_left(times, ask.time)
        if at < len(times) and times[at] == ask.time:
            return []
        times.insert(at, ask.time)
        value.times += 1
        if value.times > 2 * TIMES:
            _drop(value, sorted(itertools.chain(*value.asks.values()))[-TIMES])
        self._note("v/" + ask.key, value, ask.time)
        told = value.told.setdefault(ask.reply, {})
        found = [name for name in sorted(value.calls.keys() - told.keys()) if near(value.calls[name], ask.time)]
        told.update(dict.fromkeys(found))
        return [Heard(ask.reply, ask.key, name, value.calls[name], near=True) for name in found]

    def heard(self, heard: Heard) -> list[Call]:
        """Take in a call for a credential's crew; returns it, and what was known of it before, if that is news.

        It belongs to the crew as long as it is near a request at any of the values that it names.
        """
        shift = heard.call.start // SHIFT
        key = f"w/{heard.key}|{shift}"
        crew = self._state.get(key, Crew)
        if crew is None:
            crew = Crew({}, {})
            self._crewed[heard.key] += 1
            self._fading.add(key, (shift + 1) * SHIFT + OPEN_LIMIT + LATEST)
        before = crew.calls.get(heard.name)
        values = crew.values.setdefault(heard.name, {})
        if heard.near:
            values[heard.value] = None
        else:
            values.pop(heard.value, None)
        if values:
            crew.calls[heard.name] = heard.call
        else:
            crew.calls.pop(heard.name, None)
            del crew.values[heard.name]
        self._state.put(key, crew)
        after = crew.calls.get(heard.name)
        if before == after:
            return []
        self._calls.pop(heard.key, None)
        return [call for call in (before, after) if call is not None]

    def has_crew(self, key: str, time: int) -> bool:
        """Whether any tool call is known that a request with this credential may come from."""
        if key not in self._crewed:
            return False
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
                self._forget_crew(name)
                continue
            value = self._state.get(name, Value)
            if value is None:
                continue
            _drop(value, time)
            for call_id in [one for one, call in value.calls.items() if max(call.start, call.end) < time]:
                del value.calls[call_id]
                for told in value.told.values():
                    told.pop(call_id, None)
            if value.asks or value.calls:
                value.noted = 0
                latest = [times[-1] for times in value.asks.values()] + [call.start for call in value.calls.values()]
                self._note(name, value, max(latest))
            else:
                self._state.delete(name)

    def _forget_crew(self, name: str) -> None:
        key = name[2:].rpartition("|")[0]
        self._state.delete(name)
        self._calls.pop(key, None)
        self._crewed[key] -= 1
        if self._crewed[key] <= 0:
            del self._crewed[key]

    def _value(self, key: str) -> Value:
        return self._state.get("v/" + key, Value) or Value({}, 0, {}, {})

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


def _any_near(call: Call, times: list[int]) -> bool:
    """Whether any of the requests at these times, in order, may come from a call."""
    first, last = span_of(call)
    at = bisect.bisect_left(times, first)
    return at < len(times) and times[at] <= last


def _drop(value: Value, time: int) -> None:
    """Forget requests of earlier event times; of a credential without one, also what it was told."""
    for reply, times in list(value.asks.items()):
        del times[: bisect.bisect_left(times, time)]
        if not times:
            del value.asks[reply]
            value.told.pop(reply, None)
    value.times = sum(len(times) for times in value.asks.values())


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
