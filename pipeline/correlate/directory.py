"""First hop: link keys learn what they stand for, and tell every event that used them.

A credential's key learns it from its issuance, a session's from the first event of the session, a trace's from its
spans. What is learned late revises what was emitted before: revision + 1, as often as it takes. So the outcome
depends on what was received, never on the order in which it came; the grace only spares most events a revision.
"""

from __future__ import annotations

import msgspec

from pipeline.correlate import bindings, crew, keyring, lives, logins, station, traces, tracing
from pipeline.correlate.conflicts import rejection
from pipeline.correlate.crew import Meeting
from pipeline.correlate.held import Held
from pipeline.correlate.keyring import Key, Keyring, Passed, least_revision, passed_within, released_within
from pipeline.correlate.keys import CREDENTIAL, LOGIN, SESSION, TRACE
from pipeline.correlate.ready import Ready
from pipeline.correlate.seen import Said, Seen, said_by
from pipeline.correlate.tracing import Tracing
from pipeline.correlate.watermark import ENDED
from pipeline.kit.state import PartitionState
from schemas.batch import Ask, Attribution, Batch, Bind, Call, Heard, Item, Mention, Recall, Turn, Use
from schemas.event import Head, head_of, unpacked

#: An attribution this sure is shown before the grace is over.
SURE = 0.9


STATE_TYPES: dict[str, type[msgspec.Struct]] = {
    "d": Said, **tracing.STATE_TYPES, **station.STATE_TYPES, **keyring.STATE_TYPES, **crew.STATE_TYPES,
}  # fmt: skip


class Directory(Tracing):
    """One partition of the first hop. `apply` is a pure function of the state and the batch."""

    def __init__(
        self, state: PartitionState, grace: int, late_window: int, late_limit: int, *, recalls: bool = True
    ) -> None:
        """`recalls`: events can be had again from a store, so that not all have to be kept for what comes late."""
        super().__init__(state, grace, late_window, late_limit)
        self._recalls = recalls
        self._keys = Keyring(state, late_window)
        self._seen = Seen(state)
        self._meeting = Meeting(state)
        self._ready = Ready()
        self._dated = lives.Dated()
        #: Calls that were heard of in this batch, by the credential that they may have used.
        self._crews: dict[str, list[Call]] = {}

    def apply(self, batch: Batch) -> list[Item | Recall]:
        """Take in one batch; returns items for both hops (`Own` for the second), and recalls for who has the store."""
        self._reach(batch.marks)
        for item in batch.items:
            if type(item) is Use:
                self._use(item)
            elif type(item) is Bind:
                self._bind(item)
            elif type(item) is Mention:
                self._out += self._meeting.mention(item)
            elif type(item) is Ask:
                self._out += self._meeting.ask(item)
            elif type(item) is Heard:
                self._heard(item)
            elif type(item) is Turn:
                self._turn(item)
        self._resolve_traces()
        self._resolve_crews()
        self._expire()
        self._parking.save()
        out, self._out = self._out, []
        return out

    def _use(self, use: Use) -> None:
        event = head_of(use.event)
        held = self.holding.find(use.key, event.event_id)
        if use.key.startswith(TRACE):
            held = self._hold(use, event, held)
            if held is not None:
                self._trace(use.key, event, held)
            return
        key = self._keys.of(use.key)
        first = self._keys.note(use.key, key, event.time)
        self._infer(use, key, event)
        asks = held is None and bool(use.names) and not use.recalled and self._ask(use, key, event)
        if held is None and self._pass_on(use, key, event):
            return
        held = self._hold(use, event, held)
        if held is None:
            return
        if use.key.startswith(LOGIN):
            self._log_in(use.key)
            return
        park = self._park_again if asks else self._park
        ripe = self._is_ripe(key)
        waits = (self._recalls or not ripe) and park(use.key, event)
        # What a standing key issues is not kept waiting for an issuance that nobody expects to see, nor the next link
        # of a chain for its root; nor is the first event of a credential, so that what is new is soon seen to be there.
        at_once = first or (event.kind == "token_issuance" and (key.binds or bindings.standing(event.credential)))
        if ripe or held.emitted or at_once or not waits:
            self._by_credential(key, event, held, use.key)
        if not waits:
            self._settle_held(use.key, event.event_id, held)

    def _is_ripe(self, key: Key) -> bool:
        """Whether it is known what a key stands for: to the root of its chain, or as far as its grace has shown."""
        bind = bindings.best(key.binds.values())
        if bind is None:
            return False
        return bind.attribution.rooted or not self._parking.waits(bind.time, self.watermarks.settled)

    def _hold(self, use: Use, event: Head, held: Held | None) -> Held | None:
        """Keep an event, or its correction; None if it is neither."""
        if held is None:
            # A copy of its own: what came in is a view into a message of hundreds of events.
            held = Held(use.event.copy(), event.time, use.attribution, use.revision)
            dropped = self.holding.add(use.key, event.event_id, held)
            if dropped:
                self._let_go(dropped)
        elif use.revision > held.incoming:
            held.event, held.time, held.attribution, held.incoming = (
                use.event.copy(), event.time, use.attribution, use.revision
            )  # fmt: skip
            self.holding.touch(use.key, event.event_id)
            held.emitted = held.emitted and not use.key.startswith(LOGIN)
        else:
            self._again(held.event, use.event)
            return None
        return held

    def _infer(self, use: Use, key: Key, event: Head) -> None:
        """Ask the session that an event's role session is named after, where its credential was not seen issued."""
        if key.binds or key.inferred or not use.key.startswith(CREDENTIAL):
            return
        bind = bindings.infer(event)
        if bind is not None:
            key.inferred = True
            self._keys.put(use.key, key)
            self._out.append(bind)

    def _ask(self, use: Use, key: Key, event: Head) -> bool:
        """Ask for tool calls that name what an event names, if its credential stands for nobody's session."""
        bind = bindings.best(key.binds.values())
        if bind is not None and (bind.attribution.session or bind.attribution.human):
            return False
        self._out.append(Ask(crew.value_key(use.names), use.key, event.time))
        return True

    def _heard(self, heard: Heard) -> None:
        """A tool call may have used this credential: its events near the call are looked at again."""
        news = self._meeting.heard(heard)
        if news:
            self._crews.setdefault(heard.key, []).extend(news)

    def _resolve_crews(self) -> None:
        """Look again at the events of credentials whose crew has changed, near the calls that it was."""
        for name, calls in self._crews.items():
            key = self._keys.of(name)
            key.generation += 1
            self._keys.put(name, key)
            for event_id, held in self.holding.of(name):
                if any(crew.near(call, held.time) for call in calls):
                    self.holding.touch(name, event_id)
                    self._by_credential(key, head_of(held.event), held, name, sure=True)
            self._recall_within(name, key, *released_within(key, *crew.span_of(*calls)))
        self._crews = {}

    def _recall_within(self, name: str, key: Key, span: lives.Span | None, events: int) -> None:
        """Ask for those that are no longer kept. What this batch passed on counts, being of an earlier generation."""
        # Not even when their grace is not over by the watermark: that falls back when who sends marks starts again.
        if events:
            self._out.append(Recall(name, events, least_revision(key.generation), span, self._kept(name)))

    def _pass_on(self, use: Use, key: Key, event: Head) -> bool:
        """Pass an event on without keeping it, where its credential's chain is known to its root; True if that is done.

        What an issuance says is needed for what it issued, so issuances are kept.
        """
        known = self._seen.of(event.event_id)
        if known is None and not use.recalled:
            if not self._recalls or event.kind == "token_issuance":
                return False
            bind = bindings.best(key.binds.values())
            if bind is None or not bind.attribution.rooted:
                return False
            self._keys.release(use.key, key, event.time)
        said = said_by(use.event, use.revision)
        if known is not None and not use.recalled and said % 2 <= known % 2:
            self._again_after(use, said, known)
            return True
        owner = self._seen.owner(event.event_id)
        passing = Held(
            use.event, event.time, use.attribution, use.revision, owner=use.owner if owner is None else owner
        )
        self._by_credential(key, event, passing, use.key)
        if use.recalled:
            self._seen.own(event.event_id, passing.owner)
        if said != known:
            self._seen.note(event.event_id, said)
        return True

    def _again_after(self, use: Use, said: int, known: int) -> None:
        # What was corrected since is no conflict, and no news.
        if said == known or said % 2 < known % 2:
            self.duplicates += 1
        else:
            self.conflicts.append(rejection(use.event))

    def _release(self, name: str, event_id: str, held: Held, *, counts: bool) -> None:
        """Note that an event was passed on and is no longer kept."""
        if counts:
            self._keys.release(name, self._keys.of(name), held.time)
        said = said_by(held.event, held.incoming)
        if self._seen.of(event_id) != said:
            self._seen.note(event_id, said)
        self._seen.own(event_id, held.owner)

    def _by_credential(self, key: Key, event: Head, held: Held, name: str, *, sure: bool = False) -> None:
        """`sure`: an event that waits goes on only if its attribution is hardly going to change."""
        attribution = self._attribute(key, event, held, name)
        if key.life:
            attribution = self._dated.at(name, attribution, key.life, event.time)
        if sure and not held.emitted and not _sure(attribution):
            return
        # A correction outranks what it corrects, and a change of the binding both.
        revision = 2 * key.generation + min(held.incoming, 1)
        held.emitted = True
        if event.trace and event.kind == "cloud_audit":
            self._out.append(Use(TRACE + event.trace, held.event, attribution, revision))
            return
        self._settle(event, held, attribution, revision)

    def _attribute(self, key: Key, event: Head, held: Held, name: str) -> Attribution:
        attribution = self._ready.attribute(event, held, bindings.best(key.binds.values()))
        if event.kind != "cloud_audit" or attribution.session or attribution.human:
            return attribution
        if not self._meeting.has_crew(name, event.time):
            return attribution
        return self._meeting.attribute(name, unpacked(held.event), attribution)

    def _bind(self, bind: Bind) -> None:
        key = self._keys.of(bind.key)
        self._keys.note(bind.key, key, bind.time)
        if not bind.key.startswith(LOGIN):
            self._stand_for(key, bind)
        elif logins.remember(key.binds, bind):
            self._log_in(bind.key)

    def _stand_for(self, key: Key, bind: Bind) -> None:
        """Learn what a credential or a session stands for."""
        if bind.path:
            passing = key.passed.setdefault(f"{bind.event_id} {bind.path[-1]}", Passed(bind))
            if passing.bind.revision <= bind.revision:
                passing.bind = bind
                self._keys.put(bind.key, key)
                self._pass(passing, bindings.best(key.binds.values()))
            return
        if bind.event_id == bindings.INFERRED and not bind.attribution.session:
            return
        before, life = bindings.best(key.binds.values()), lives.stages_of(key)
        # A session has one announcer, whose newest word counts; a credential may have several issuances in the logs.
        slot = "" if bind.key.startswith(SESSION) else bind.event_id
        known = key.binds.get(slot)
        if known is not None and known.revision > bind.revision:
            return
        key.binds[slot] = bind
        span = lives.live(key, life) if bind.key.startswith(CREDENTIAL) else None
        self._keys.put(bind.key, key)
        after = bindings.best(key.binds.values())
        if after is None or (before is not None and bindings.says(before) == bindings.says(after)):
            self._revise_within(bind.key, key, span)
            return
        if bind.key.startswith(SESSION):
            self._announce(key, after)
        elif bind.key.startswith(CREDENTIAL):
            key.generation += 1
            self._revise(bind.key)
            self._recall_within(bind.key, key, None, key.released)

    def _turn(self, turn: Turn) -> None:
        """A credential was revoked, restored or renewed: what was done with it after that looks different."""
        key = self._keys.of(turn.key)
        self._keys.note(turn.key, key, turn.time)
        news, span = lives.turn(key, turn)
        if news:
            self._keys.put(turn.key, key)
        self._revise_within(turn.key, key, span)

    def _revise_within(self, name: str, key: Key, span: lives.Span | None) -> None:
        """Look again at events of a stretch of time that went on already; most turns are told before what follows."""
        if span is None:
            return
        first, last = span
        shown = [one for one in self.holding.of(name, first) if one[1].emitted and first <= one[1].time <= last]
        if not shown and key.latest < first:
            return
        key.generation += 1
        self._keys.put(name, key)
        for event_id, held in shown:
            self.holding.touch(name, event_id)
            self._by_credential(key, head_of(held.event), held, name)
        if key.latest >= first:
            self._recall_within(name, key, *passed_within(key, first, last))

    def _log_in(self, name: str) -> None:
        """Send on a person's issuances of which nothing, or another login, was known before."""
        key, kept = self._keys.of(name), dict(self.holding.of(name))
        news = logins.news(key.binds.values(), kept)
        key.generation += any(held.emitted for held, _, _ in news.values())
        self._keys.put(name, key)
        for event_id, (held, pair, shown) in news.items():
            held.emitted, held.shown = True, shown
            self.holding.touch(name, event_id)
            event = head_of(held.event)
            attribution = logins.attribute(event, held.attribution, pair)
            self._settle(event, held, attribution, 2 * key.generation + min(held.incoming, 1))

    def _kept(self, name: str) -> list[str]:
        """Ids of events that went on and are still kept."""
        return [event_id for event_id, held in self.holding.of(name) if held.emitted]

    def _announce(self, key: Key, session: Bind) -> None:
        for passing in key.passed.values():
            passing.changed += 1
            self._pass(passing, session)

    def _pass(self, passing: Passed, session: Bind | None) -> None:
        adopted = bindings.adopt(passing.bind, session)
        self._out.append(msgspec.structs.replace(adopted, revision=adopted.revision + passing.changed))

    def _revise(self, name: str) -> None:
        """Show what was shown before as it looks now, and what waited if it need not wait any longer."""
        key = self._keys.of(name)
        ripe = self._is_ripe(key)
        for event_id, held in self.holding.of(name):
            if held.emitted or ripe:
                self.holding.touch(name, event_id)
                self._by_credential(key, head_of(held.event), held, name)

    def _park_again(self, key: str, event: Head) -> bool:
        """The same where something was asked on behalf of the event just now, so that its grace begins now."""
        settled = self.watermarks.settled
        time = event.time if settled >= ENDED else max(event.time, settled)
        return self._parking.park(time, key, event.event_id, settled)

    def _expire(self) -> None:
        settled = self.watermarks.settled
        for key, event_id in self._parking.due(settled):
            held = self.holding.find(key, event_id)
            if held is None:
                continue
            if not held.emitted:
                self._go_on(key, held)
                self.holding.touch(key, event_id)
            if not key.startswith(TRACE):
                self._settle_held(key, event_id, held)
        if settled < ENDED:
            self._meeting.forget_before(settled - crew.KEEP)
            self._keys.forget(settled, self.holding.holds)
            self._let_go(self.holding.forget_before(settled - self._late_window))

    def _go_on(self, key: str, held: Held) -> None:
        """Emit with what is known now."""
        if key.startswith(TRACE):
            trace = self.state.get("t/" + key, traces.Trace) or traces.Trace({}, {}, [])
            self._in_trace(key, head_of(held.event), held, trace, final=True)
        else:
            self._by_credential(self._keys.of(key), head_of(held.event), held, key)

    def _let_go(self, dropped: list[tuple[str, str, Held]]) -> None:
        """Events no longer kept are emitted if they still waited; what only they needed is forgotten."""
        for key, event_id, held in dropped:
            if not held.emitted:
                self._go_on(key, held)
            if key.startswith(LOGIN):
                logins.forget(self._keys.of(key).binds, held.time)
            if self._recalls and not key.startswith(TRACE):
                counts = head_of(held.event).kind != "token_issuance"
                self._release(key, event_id, held, counts=counts)
            else:
                self.lost += 1
        for key in {key for key, _, _ in dropped}:
            if key.startswith(TRACE) and not self.holding.holds(key):
                self.state.delete("t/" + key)

    def _settle_held(self, key: str, event_id: str, held: Held) -> None:
        """Stop keeping an event of a credential whose grace is over: the store has it, should more become known."""
        if self._recalls and head_of(held.event).kind != "token_issuance":
            self.holding.release(key, event_id)
            self._release(key, event_id, held, counts=True)


def _sure(attribution: Attribution) -> bool:
    return bool(attribution.session) and attribution.links[0].confidence >= SURE
