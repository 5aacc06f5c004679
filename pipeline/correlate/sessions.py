"""Second hop: at the partition of its session, an event finds the prompt and the tool call that caused it.

Everything that belongs to one root session meets here, sub-agents included; events without a session pass by their
actor. As at the first hop, what comes late revises what was emitted: the outcome depends on what was received only.
"""

from __future__ import annotations

from operator import attrgetter

import msgspec

from pipeline.correlate import station
from pipeline.correlate.belonging import announcement, belong
from pipeline.correlate.crew import mentions_of, request_of
from pipeline.correlate.flow import flow_of
from pipeline.correlate.held import Held
from pipeline.correlate.inflight import SECOND, Calls, Model, Request, learn, weigh
from pipeline.correlate.keys import SESSION
from pipeline.correlate.links import CLOUD, Owner, Weighed, causes, note_call, note_outer, note_prompt, note_spawn
from pipeline.correlate.origins import Known, Seen, fingerprinted, trace_arguments
from pipeline.correlate.station import Station, hash_of
from pipeline.correlate.steps import matters, step_of
from pipeline.correlate.watermark import ENDED
from pipeline.kit.state import PartitionState
from schemas.batch import REVISIONS, Attribution, Batch, Item, Leave, Own
from schemas.entry import PackedEntry
from schemas.event import Event, Head, head_of, packed, unpacked
from schemas.step import Flow, Step

#: Clocks differ, and CloudTrail's has one second: facts reach back this far (microseconds).
SLACK = 20 * SECOND
#: A session is looked at as a whole this long (event time, microseconds) after something new in it.
QUIET = 30 * SECOND
#: Requests that a session's model is learned from at most: its latest.
TAUGHT_BY = 2000


NEVER = 2**62

STATE_TYPES: dict[str, type[msgspec.Struct]] = {"o": Owner, "s": Seen, **station.STATE_TYPES}


class Sessions(Station):
    """One partition of the second hop. `apply` is a pure function of the state and the batch."""

    def __init__(self, state: PartitionState, grace: int, late_window: int, late_limit: int) -> None:
        super().__init__(state, grace, late_window, late_limit)
        self._entries: list[PackedEntry] = []
        self._announcements: list[Item] = []
        #: For the scoring stage: what the last batch tells of agents' sessions.
        self.steps: list[Step] = []
        #: Of tool calls that come out of the store, without fingerprints: how they came about, by event id.
        self.flows: dict[str, Flow] = {}
        #: What is looked up of sessions' texts.
        self._known: dict[str, Known] = {}
        #: What was read of the held events, by key: the calls in their order, and requests by event id.
        self._calls: dict[str, Calls] = {}
        self._requests: dict[str, dict[str, Request]] = {}
        #: Sessions that changed after their grace was over, and those of which this batch brought the first event.
        self._unsettled: dict[str, None] = {}
        self._new: set[str] = set()

    def apply(self, batch: Batch) -> tuple[list[PackedEntry], list[Item]]:
        """Take in one batch; returns Entries, and for the first hop whose sessions there are and what calls name."""
        self.steps = []
        self._reach(batch.marks)
        news: dict[str, int] = {}
        fresh: list[tuple[str, Head, Held]] = []
        for item in batch.items:
            if type(item) is Leave:
                self._leave(item)
            if type(item) is not Own:
                continue
            if item.key.startswith(SESSION):
                self._take(item, news, fresh)
            else:
                self._entries.append(entry_of(item.event, item.attribution, item.revision * REVISIONS))
        for key, event, held in fresh:
            self._show(key, event, held)
        self._show_news(news, {(key, event.event_id) for key, event, _ in fresh})
        for key in self._unsettled:
            self._settle(key)
        self._unsettled = {}
        self._new.clear()
        self._expire()
        self._parking.save()
        # A prompt that comes late comes before the calls that it explains.
        self.steps.sort(key=attrgetter("time"))
        entries, self._entries = self._entries, []
        announcements, self._announcements = self._announcements, []
        return entries, announcements

    def _show_news(self, news: dict[str, int], shown: set[tuple[str, str]]) -> None:
        """Look again at the events of each session from the time on from which something new may matter to them."""
        for key, since in news.items():
            if since == NEVER:
                continue
            for event_id, held in self.holding.of(key, since - SLACK):
                if held.time >= since - SLACK and (key, event_id) not in shown:
                    self._show(key, readable(held.event), held)

    def _take(self, own: Own, news: dict[str, int], fresh: list[tuple[str, Head, Held]]) -> None:
        event, key = readable(own.event), own.key
        held = self.holding.find(key, event.event_id)
        before = _own(held.attribution) if held is not None else 0
        if held is None:
            held = Held(own.event.copy(), event.time, own.attribution, own.revision)
            self._let_go(self.holding.add(key, event.event_id, held))
        elif own.revision > held.incoming:
            held.event, held.time = own.event.copy(), event.time
            # It may have been elsewhere in between, so that what was shown here is no longer what the timeline has.
            held.attribution, held.incoming, held.changed, held.shown = own.attribution, own.revision, 0, 0
            self.holding.touch(key, event.event_id)
        else:
            self._again(held.event, own.event)
            return
        fresh.append((key, event, held))
        if isinstance(event, Event):
            since = self._learn(key, event, own.attribution)
            news[key] = min(since, news.get(key, since))
        else:
            self._requests.get(key, {}).pop(event.event_id, None)
            self._note_credential(key, _own(own.attribution) - before)
            self._settle_after(key, event.time)

    def _learn(self, key: str, event: Event, attribution: Attribution) -> int:
        """Take in what an event tells of its session; returns from which event time on that may matter."""
        known = self.state.get("o/" + key, Owner)
        if known is None:
            self._new.add(key)
        owner = known or Owner({}, {}, {}, {})
        silent = not owner.calls
        news = note_prompt(owner, event, attribution.session)
        called = [since for note in (note_call, note_outer) if (since := note(owner, event, attribution))]
        spawned = note_spawn(owner, event, attribution.session)
        if self._note_texts(key, event):
            news = True
        announced = self._announce(owner, event, attribution)
        if announced or news or spawned or called:
            self.state.put("o/" + key, owner)
        if called:
            if event.tool_call in owner.calls:
                self._announcements += mentions_of(event.tool_call, owner.calls[event.tool_call])
            self._calls.pop(key, None)
            self._settle_after(key, event.time)
        # A session that shows its calls explains its requests in another way, the earlier ones too.
        if spawned or announced or (silent and owner.calls):
            return 0
        return min([event.time, *called]) if news or called else NEVER

    def _note_texts(self, key: str, event: Event) -> bool:
        """Take in what an event says; True if that may matter to the origin of arguments."""
        known = self._known_of(key) or Known(Seen({}, {}, []))
        if not known.note(event):
            return False
        self._known[key] = known
        self.state.put("s/" + key, known.seen)
        return True

    def _known_of(self, key: str) -> Known | None:
        known = self._known.get(key)
        if known is None and (seen := self.state.get("s/" + key, Seen)) is not None:
            known = self._known[key] = Known(seen)
        return known

    def _note_credential(self, key: str, difference: int) -> None:
        """Tell where its calls may meet requests with shared credentials whether a session has one of its own."""
        owner = self.state.get("o/" + key, Owner)
        if owner is None or not difference:
            return
        before = owner.credentialed
        owner.credentialed += difference
        self.state.put("o/" + key, owner)
        if (before > 0) == (owner.credentialed > 0):
            return
        for name, call in owner.calls.items():
            call.own = owner.credentialed > 0
            self._announcements += mentions_of(name, call)

    def _leave(self, leave: Leave) -> None:
        """No longer keep an event that belongs elsewhere."""
        held = self.holding.find(leave.key, leave.event_id)
        if held is None or held.incoming >= leave.revision:
            return
        self.holding.release(leave.key, leave.event_id)
        self._requests.get(leave.key, {}).pop(leave.event_id, None)
        self._note_credential(leave.key, -_own(held.attribution))
        self._settle_after(leave.key, held.time)

    def _announce(self, owner: Owner, event: Event, attribution: Attribution) -> bool:
        """Tell the first hop whose session this is, when that is new."""
        belonging = belong(owner.sessions.get(attribution.session), event, attribution)
        if belonging is None:
            return False
        owner.sessions[attribution.session] = belonging
        self._announcements.append(announcement(attribution.session, belonging))
        return True

    def _show(self, key: str, event: Head, held: Held, *, final: bool = False) -> None:
        """Emit an event's Entry if it has none yet, or if it would look different now."""
        owner = self.state.get("o/" + key, Owner)
        entry = entry_of(held.event, held.attribution, 0)
        complete = causes(owner, event, entry, self._weighed(key, owner, event, held))
        if not complete and not held.emitted and not final and key not in self._new and self._park(key, event):
            return
        # One event of a new session goes on as it is, so that the session is soon seen to be there.
        self._new.discard(key)
        step = step_of(entry, event)
        if isinstance(event, Event):
            shown_event = self._shown(key, owner, event)
            entry.event, step.tool = packed(shown_event), shown_event.tool
            step.flow = self._flow(key, event, shown_event.tool)
        shown = hash_of(entry) ^ (hash_of(step.flow) if step.flow is not None else 0)
        if held.emitted and shown == held.shown:
            return
        held.changed = min(held.changed + held.emitted, REVISIONS - 1)
        held.emitted, held.shown = True, shown
        self.holding.touch(key, event.event_id)
        entry.revision = step.revision = held.incoming * REVISIONS + held.changed
        self._entries.append(entry)
        if owner is not None and matters(step, event, revised=held.changed > 0):
            self.steps.append(step)

    def _flow(self, key: str, event: Event, tool: str) -> Flow | None:
        """How a tool call came about; None for what is none."""
        known = self._known_of(key)
        if event.kind != "tool_call" or event.phase == "end":
            return None
        if known is None or not fingerprinted(event):
            return self.flows.get(event.event_id)
        done = known.flows.get(event.event_id)
        if done is None:
            done = known.flows[event.event_id] = event.time, flow_of(event, tool, known)
        return done[1]

    def _weighed(self, key: str, owner: Owner | None, event: Head, held: Held) -> Weighed | None:
        """The calls that a cloud event may come from; None if its session shows none."""
        if owner is None or event.kind not in CLOUD or not owner.calls:
            return None
        return weigh(self._calls_of(key, owner), self._request(key, event.event_id, held), owner.model or Model())

    def _calls_of(self, key: str, owner: Owner) -> Calls:
        calls = self._calls.get(key)
        if calls is None:
            calls = self._calls[key] = Calls(owner.calls)
        return calls

    def _request(self, key: str, event_id: str, held: Held) -> Request:
        known = self._requests.setdefault(key, {})
        request = known.get(event_id)
        if request is None:
            event = unpacked(held.event)
            request = known[event_id] = request_of(event)
        return request

    def _settle_after(self, key: str, time: int) -> None:
        """Have a session's model learned when the grace of everything up to this time is over."""
        owner = self.state.get("o/" + key, Owner)
        if owner is None or owner.settles >= time:
            return
        if self._parking.park(time + QUIET, key, "", self.watermarks.settled):
            owner.settles = time + QUIET
            self.state.put("o/" + key, owner)
        else:
            self._unsettled[key] = None

    def _settle(self, key: str) -> None:
        """Learn the model of a session from all that is known of it, and look at its requests in its light."""
        owner = self.state.get("o/" + key, Owner)
        if owner is None or not owner.calls:
            return
        requests = [(event_id, held) for event_id, held in self.holding.of(key) if head_of(held.event).kind in CLOUD]
        # Requests that only a guess has brought here may belong elsewhere, and teach nothing.
        sure = [one for one in requests if not _guessed(one[1].attribution)]
        latest = sorted((self._request(key, *one) for one in sure), key=_moment)[-TAUGHT_BY:]
        model = learn(self._calls_of(key, owner), latest)
        if model == (owner.model or Model()):
            return
        owner.model = model
        self.state.put("o/" + key, owner)
        for _, held in requests:
            if held.emitted:
                self._show(key, head_of(held.event), held)

    def _shown(self, key: str, owner: Owner | None, event: Event) -> Event:
        """An agent's event as the timeline shows it: arguments with their origin, and no fingerprints."""
        tool, action = event.tool, event.action
        if event.phase == "end" and not tool and owner is not None and event.tool_call in owner.calls:
            tool = owner.calls[event.tool_call].tool
            action = action or tool
        arguments = trace_arguments(self._known_of(key), event)
        return msgspec.structs.replace(
            event, tool=tool, action=action, arguments=arguments, tokens=[], argument_tokens=[]
        )

    def _expire(self) -> None:
        settled = self.watermarks.settled
        for key, event_id in self._parking.due(settled):
            if not event_id:
                self._settled(key)
                continue
            held = self.holding.find(key, event_id)
            if held is not None and not held.emitted:
                self._show(key, readable(held.event), held, final=True)
        if settled < ENDED:
            self._let_go(self.holding.forget_before(settled - self._late_window))

    def _settled(self, key: str) -> None:
        owner = self.state.get("o/" + key, Owner)
        if owner is not None and not self._parking.waits(owner.settles, self.watermarks.settled):
            owner.settles = 0
            self.state.put("o/" + key, owner)
            self._settle(key)

    def _let_go(self, dropped: list[tuple[str, str, Held]]) -> None:
        """Events no longer kept are emitted if they still waited; a session none of whose events is kept is over."""
        self.lost += len(dropped)
        for key, event_id, held in dropped:
            if not held.emitted:
                self._show(key, readable(held.event), held, final=True)
            self._requests.get(key, {}).pop(event_id, None)
            self.flows.pop(event_id, None)
        for key in {key for key, _, _ in dropped}:
            if not self.holding.holds(key):
                self._calls.pop(key, None)
                self._requests.pop(key, None)
                self._known.pop(key, None)
                self.state.delete("o/" + key)
                self.state.delete("s/" + key)


def _guessed(attribution: Attribution) -> bool:
    return any(link.target == "session" and link.method == "in-flight" for link in attribution.links)


def _own(attribution: Attribution) -> int:
    """1 for an event that its credential has brought here."""
    return int(not _guessed(attribution))


def _moment(request: Request) -> tuple[int, str, str, list[int]]:
    return request.time, request.action, request.address, request.mentions


def readable(raw: msgspec.Raw) -> Head:
    """As much of an event as its session needs: of an agent's the whole, for its texts; of others what links."""
    head = head_of(raw)
    return unpacked(raw) if head.kind in ("prompt", "tool_call") else head


def entry_of(event: msgspec.Raw, attribution: Attribution, revision: int) -> PackedEntry:
    """The timeline row of an event as attributed so far."""
    links = list(attribution.links)
    return PackedEntry(
        event=event,
        revision=revision,
        actor=attribution.actor,
        actor_kind=attribution.actor_kind,
        actor_name=attribution.actor_name,
        human=attribution.human,
        on_behalf_of=attribution.on_behalf_of,
        credential_chain=attribution.credential_chain,
        session=attribution.session,
        parent_session=attribution.parent_session,
        tool_call=attribution.tool_call,
        links=links,
        unbound=attribution.unbound,
        credential_expires=attribution.credential_expires,
        credential_revoked=attribution.credential_revoked,
    )
