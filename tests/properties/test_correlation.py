"""What must hold for any input: order and duplicates change nothing, nothing is lost, a crash is as if it never was."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.correlate import directory, sessions
from pipeline.correlate.directory import Directory
from pipeline.correlate.keys import session_key
from pipeline.correlate.route import route
from pipeline.correlate.sessions import Sessions
from pipeline.correlate.watermark import ENDED, LEVELS, Mark
from pipeline.kit.state import PartitionState
from schemas.batch import SECOND_HOP, Batch, Recall, Use
from schemas.event import RENEWS, RESTORES, REVOKES
from tests.events import at, call, issuance, prompt, tool
from tests.unpacking import Engine

LIMITS = (5_000_000, 3_600_000_000, 10_000)


@st.composite
def stories(draw):
    """Chains, sessions and calls that refer to each other, some of them missing."""
    depth = draw(st.integers(1, 4))
    events = []
    for n in range(depth):
        parent = f"C{n - 1}" if n else ""
        name = draw(st.sampled_from(["", "conv-0", "conv-1"]))
        ends = draw(st.sampled_from([0, at(15), at(100)]))
        events.append(issuance(n, f"C{n}", by=parent, actor=f"actor-{n}", session_name=name, issued_expires=ends))
    if draw(st.booleans()):
        later = issuance(12, "C0", actor="actor-0", issued_expires=draw(st.sampled_from([0, at(50)])))
        events.append(msgspec.structs.replace(later, event_id="issued-again"))
    for n in range(draw(st.integers(0, 4))):
        what = draw(st.sampled_from([REVOKES, REVOKES, RESTORES, RENEWS]))
        when, ends = draw(st.sampled_from([3, 10, 10, 25, 110])), draw(st.sampled_from([at(12), at(300)]))
        attributes = {what: f"C{draw(st.integers(0, 4))}"}
        events.append(call(when, draw(st.sampled_from(["", "C0"])), f"turn-{n}", attributes=attributes,
                           issued_expires=ends if what == RENEWS else 0))  # fmt: skip
    named = st.lists(st.sampled_from([1 << 62 | n for n in range(4)]), max_size=2, unique=True)
    for n in range(draw(st.integers(0, 3))):
        events.append(prompt(draw(st.integers(0, 20)), f"conv-{n}", f"{n}", human=draw(st.sampled_from(["", "ana"]))))
        events.append(tool(draw(st.integers(0, 20)), f"conv-{n}", f"t{n}", mentions=draw(named), actor=f"bot-{n}"))
        events.append(tool(draw(st.sampled_from([*range(21), 90])), f"conv-{n}", f"t{n}", "end", tokens=[n + 1]))
    for n in range(draw(st.integers(1, 8))):
        credential = f"C{draw(st.integers(0, 5))}"
        address = draw(st.sampled_from(["", "192.0.2.1", "192.0.2.2"]))
        when = draw(st.sampled_from([*range(31), 120, 200]))
        events.append(call(when, credential, f"{n}", mentions=draw(named), address=address))
    missing = draw(st.sets(st.integers(0, len(events) - 1), max_size=2))
    return [event for n, event in enumerate(events) if n not in missing]


def timeline(entries):
    """Current rows without their revision numbers."""
    rows = {}
    for entry in entries:
        known = rows.get(entry.event.event_id)
        if known is None or known.revision < entry.revision:
            rows[entry.event.event_id] = entry
    return {key: msgspec.structs.replace(entry, revision=0) for key, entry in rows.items()}


def run(events, batch=1):
    engine = Engine(5.0, 3600.0, 10_000)
    entries = []
    for n in range(0, len(events), batch):
        entries += engine.feed([item for event in events[n : n + batch] for item in route(event)])
    return timeline(entries + engine.end())


@settings(max_examples=150, deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_order_of_arrival_changes_nothing(events, chance):
    expected = run(events)
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert run(shuffled, batch=chance.randint(1, 5)) == expected


@settings(max_examples=100, deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_duplicates_change_nothing(events, chance):
    twice = events + chance.sample(events, len(events) // 2)
    assert run(twice) == run(events)


@settings(max_examples=100, deadline=None)
@given(stories())
def test_every_event_ends_as_exactly_one_current_entry(events):
    assert run(events).keys() == {event.event_id for event in events}


def uses(event, key):
    return f"credential:{event.credential}" == key


class Machine:
    """Both hops with checkpoints, of which everything after the last can be lost at any moment."""

    def __init__(self):
        self.first, self.second = [], []
        self.log = {"first": [], "second": []}
        self.entries = []
        self.recalls = []
        self.crash()

    def crash(self):
        self.directory = Directory(self._load("first", directory.STATE_TYPES), *LIMITS)
        self.sessions = Sessions(self._load("second", sessions.STATE_TYPES), *LIMITS)

    def _load(self, name, types):
        state = PartitionState(types)
        state.load(self.log[name])
        return state

    def step(self, hop):
        stage, queue = (self.directory, self.first) if hop == "first" else (self.sessions, self.second)
        at = stage.state.offset + 1
        if at >= len(queue):
            return False
        if hop == "first":
            out = stage.apply(queue[at])
        else:
            shown, out = stage.apply(queue[at])
            self.entries += [entry.unpacked() for entry in shown]
        stage.state.offset = at
        self.put(out)
        return True

    def put(self, items):
        self.recalls += [item for item in items if type(item) is Recall]
        firsts = [item for item in items if not isinstance(item, (*SECOND_HOP, Recall))]
        seconds = [item for item in items if type(item) in SECOND_HOP]
        if firsts:
            self.first.append(Batch(firsts))
        if seconds:
            self.second.append(Batch(seconds))

    def checkpoint(self, hop):
        stage = self.directory if hop == "first" else self.sessions
        segments, dropped = stage.state.checkpoint()
        self.log[hop] = [s for s in self.log[hop] if (s.epoch, s.number) not in dropped] + segments

    def recall(self):
        """As the store does: the events of a credential come again, once it has as many as were passed on."""
        asked, self.recalls = self.recalls, []
        rows = timeline(self.entries).values()
        for recall in asked:
            found = [row.event for row in rows if row.event.kind != "prompt" and uses(row.event, recall.key)]
            if len(found) < recall.events:
                self.recalls.append(recall)
            else:
                owners = {row.event.event_id: session_key(row.session, row.parent_session) for row in rows}
                first, last = recall.span or (0, 2**62)
                for event in (event for event in found if first <= event.time <= last):
                    owner = owners[event.event_id]
                    again = [item for item in route(event) if isinstance(item, Use)]
                    self.put([msgspec.structs.replace(use, recalled=True, owner=owner) for use in again])
        return len(self.recalls) < len(asked)

    def drain(self):
        while self.step("first") or self.step("second") or self.recall():
            pass
        assert not self.recalls, "the store never had what was passed on"


@settings(max_examples=200, deadline=None)
@given(stories(), st.integers(0, 2**32))
def test_a_crash_at_any_moment_leaves_the_same_timeline(events, seed):
    chance = random.Random(seed)
    machine = Machine()
    if chance.random() < 0.5:
        # What revokes and renews comes when most of what it concerns is no longer kept.
        events = sorted(events, key=lambda event: bool(event.attributes))
    else:
        events = chance.sample(events, len(events))
    for event in events:
        machine.put(route(event))
        for _ in range(chance.randint(0, 4)):
            action = chance.choice(["first", "second"] * 2 + ["crash", "recall", "save-first", "save-second"])
            if action == "crash":
                machine.crash()
            elif action == "recall":
                machine.recall()
            elif action.startswith("save"):
                machine.checkpoint(action[5:])
            else:
                machine.step(action)
    machine.drain()
    end = [Mark(sender, [ENDED] * LEVELS, 1) for sender in ("n/x", "p/0")]
    machine.first.append(Batch([], end))
    machine.drain()
    machine.second.append(Batch([], end))
    machine.drain()
    assert timeline(machine.entries) == run(events)
