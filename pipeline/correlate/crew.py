"""Several agents behind one credential: their tool calls and its requests meet at the values that both name.

Nothing in a request says which of the agents made it. So a tool call is told to the key of every value that it names,
a request asks at the key of the value that says most, and what the two have in common is told to the credential: the
calls that its requests may come from are its crew. There `inflight.weigh` decides, as it does inside a session.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from pipeline.correlate.fading import Faded, Fading
from pipeline.correlate.inflight import (
    BEFORE,
    CERTAIN,
    LATEST,
    LATEST_UNNAMED,
    SECOND,
    Calls,
    Model,
    Request,
    habit_of,
    model_of,
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
#: What sure links teach is used from the next but one stretch of event time on, so that what is late by less changes
#: nothing, and for so many stretches.
STRETCH, REMEMBERED = 900 * SECOND, 100
#: A credential that was used so often in its last stretches (of which so many are counted), and whose requests hardly
#: ever came from calls, is not shared by agents because one of its requests names what a call names.
USED, USUAL, HARDLY = 20, 8, 0.2
CLAIMED, POSSIBLE, LISTED = 0.5, 0.01, 8
#: How likely the name on a credential is the actor's own, where calls of agents have been found to use it.
SHARED_NAME = 0.3


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
    #: How often each tool surely made each request, by stretch of event time.
    habits: dict[int, dict[str, int]] = {}


STATE_TYPES: dict[str, type[msgspec.Struct]] = {"v": Value, "w": Crew, "x": Faded}


class Meeting:
    """One partition's values and crews."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self._fading = Fading(state, "x/")
        self._calls: dict[str, Calls] = {}
        self._models: dict[str, dict[int, Model]] = {}

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

    def attribute(self, key: str, event: Event, before: Attribution, uses: dict[int, int]) -> Attribution:
        """Attribution of a request by the crew of its credential; which call it was is left to the session.

        `uses`: how often the credential was used, by stretch.
        """
        if self._has_other_users(key, event.time, uses):
            return before
        weighed = self._weighed(key, event)
        chances: dict[str, tuple[float, Call]] = {}
        for chance, _, call in weighed:
            known = chances.get(call.session)
            chances[call.session] = (chance, call) if known is None else (known[0] + chance, known[1])
        ranked = sorted(chances.values(), key=lambda found: (-found[0], found[1].session))
        possible = [found for found in ranked[:LISTED] if found[0] >= POSSIBLE]
        return _attributed(before, possible) if possible else before

    def _has_other_users(self, key: str, time: int, uses: dict[int, int]) -> bool:
        """Whether the past, as far as nothing that is late changes it, says that agents' calls do not use this."""
        crew = self._state.get("w/" + key, Crew)
        past = [number for number in uses if number <= stretch_of(time) - 2]
        used = sum(uses[number] for number in past)
        if crew is None or used < USED:
            return False
        explained = sum(sum(crew.habits.get(number, {}).values()) for number in past)
        return explained < HARDLY * used

    def learn(self, key: str, event: Event) -> None:
        """Remember what a request that will not be looked at again says of its tool, if its call is sure."""
        weighed = self._weighed(key, event)
        crew = self._state.get("w/" + key, Crew)
        if crew is None or not weighed or weighed[0][0] < CERTAIN:
            return
        stretch = stretch_of(event.time)
        habits = crew.habits.setdefault(stretch, {})
        habit = habit_of(weighed[0][2], request_of(event))
        habits[habit] = habits.get(habit, 0) + 1
        for old in [number for number in crew.habits if number < stretch - REMEMBERED]:
            del crew.habits[old]
        self._state.put("w/" + key, crew)
        models = self._models.get(key, {})
        for number in [number for number in models if number >= stretch + 2]:
            del models[number]

    def _weighed(self, key: str, event: Event) -> list[tuple[float, str, Call]]:
        crew = self._state.get("w/" + key, Crew)
        if crew is None:
            return []
        calls = self._calls.get(key)
        if calls is None:
            calls = self._calls[key] = Calls(crew.calls)
        return weigh(calls, request_of(event), self._model(key, crew, stretch_of(event.time)), shared_credential=True)

    def _model(self, key: str, crew: Crew, stretch: int) -> Model:
        models = self._models.setdefault(key, {})
        model = models.get(stretch)
        if model is None:
            known: Counter[str] = Counter()
            for number, habits in crew.habits.items():
                if number <= stretch - 2:
                    known.update(habits)
            model = models[stretch] = model_of(known)
        return model

    def disband(self, key: str) -> None:
        """Forget a credential's crew."""
        self._state.delete("w/" + key)
        self._calls.pop(key, None)
        self._models.pop(key, None)

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


def stretch_of(time: int) -> int:
    """Number of the stretch of event time that habits are counted in."""
    return time // STRETCH


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
        named = Link("actor", "identity", SHARED_NAME, [], list(dict.fromkeys([call.actor, *actors])))
        guess = Link("session", "in-flight", confidence, [call.start_event], sessions)
        return msgspec.structs.replace(
            before, links=[named, *[link for link in before.links if link.target not in ("actor", "session")], guess]
        )
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
