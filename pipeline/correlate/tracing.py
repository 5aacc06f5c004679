"""The part of the first hop that follows traces: a span learns who runs it from the spans around it."""

from __future__ import annotations

import msgspec

from pipeline.correlate import traces
from pipeline.correlate.held import Held
from pipeline.correlate.keys import SESSION
from pipeline.correlate.route import settle
from pipeline.correlate.station import Station, hash_of
from pipeline.kit.state import PartitionState
from schemas.batch import Attribution, Item, Leave, Recall
from schemas.event import Head, head_of

STATE_TYPES: dict[str, type[msgspec.Struct]] = {"t": traces.Trace}


class Tracing(Station):
    """Events by their traces, and what this hop sends on."""

    def __init__(self, state: PartitionState, grace: int, late_window: int, late_limit: int) -> None:
        super().__init__(state, grace, late_window, late_limit)
        self._out: list[Item | Recall] = []
        #: Events of traces that something was learned for in this batch: (key, event id).
        self._traces: list[tuple[str, str]] = []

    def _trace(self, name: str, event: Head, held: Held) -> None:
        """Note what an event tells of its trace, and attribute it."""
        known = self.state.get("t/" + name, traces.Trace)
        trace = known or traces.Trace({}, {}, [])
        concerned = traces.remember(trace, event)
        if concerned is None:
            concerned = [event_id for event_id, _ in self.holding.of(name)]
        self._traces += [(name, event_id) for event_id in concerned]
        self.state.put("t/" + name, trace)
        # As the first event of a credential: who names itself is not kept waiting.
        self._in_trace(name, event, held, trace, final=known is None and bool(event.session or event.actor))

    def _in_trace(self, key: str, event: Head, held: Held, trace: traces.Trace, *, final: bool = False) -> None:
        before = held.attribution
        attribution, complete = traces.inherit(trace, event, before)
        if not complete and not held.emitted and not final and self._park(key, event):
            return
        shown = hash_of(attribution)
        if held.emitted and shown == held.shown:
            return
        held.changed += held.emitted
        held.emitted, held.shown = True, shown
        self.holding.touch(key, event.event_id)
        self._settle(event, held, attribution, held.incoming + held.changed)

    def _resolve_traces(self) -> None:
        concerned, self._traces = dict.fromkeys(self._traces), []
        for key, event_id in concerned:
            trace, held = self.state.get("t/" + key, traces.Trace), self.holding.find(key, event_id)
            if trace is not None and held is not None:
                self._in_trace(key, head_of(held.event), held, trace)
                self.state.put("t/" + key, trace)

    def _settle(self, event: Head, held: Held, attribution: Attribution, revision: int) -> None:
        """Send an event to its owner, and tell the session that it may have been sent to before."""
        items = settle(event, held.event, attribution, revision)
        owner = items[0].key
        if held.owner and held.owner != owner:
            self._out.append(Leave(held.owner, event.event_id, revision))
        held.owner = owner if owner.startswith(SESSION) else ""
        self._out += items
