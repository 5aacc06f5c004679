"""The store as a reconstruction asks it: each question once, with what was cut off written down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property

from pipeline.reconstruct.strands import Key, Thread, key_of, threads
from pipeline.store import hands as told
from pipeline.store import queries
from pipeline.store.alerts import alerts
from pipeline.store.findings import findings
from pipeline.store.hands import Hand
from pipeline.store.pivots import Rows
from schemas.entry import Entry

#: Rows of one strand and of all of them that are read at most; actors that are asked for at once.
ROWS, ALL_ROWS, TOGETHER = 20_000, 100_000, 50
#: Findings of an actor that are looked at, and ids in one question.
FINDINGS, IDS = 1_000, 500


class Case:
    """Everything that was read for one incident."""

    def __init__(self, store: Rows, since: int | None = None, until: int | None = None) -> None:
        self.store = store
        self.since, self.until = since, until
        #: What was not looked at, and why.
        self.limits: list[str] = []
        self._threads: dict[Key, Thread] = {}
        self._asked: dict[tuple[str, str], list[Thread]] = {}
        self._firsts: dict[str, dict[str, int]] = {}
        self._entries: dict[str, Entry] = {}
        self._of_resource: dict[str, list[Entry]] = {}
        self._issuing: dict[str, Entry | None] = {}
        self._read = 0

    @cached_property
    def began(self) -> int:
        """Of the first entry in the store, microseconds."""
        return told.began(self.store)

    def by(self, by: str, value: str) -> list[Thread]:
        """Strands of a pivot's value, earliest first."""
        if (by, value) not in self._asked:
            self._keep(by, value, told.hands(self.store, by, [value], since=self.since, until=self.until))
        return self._asked[by, value]

    def of_span(self, since: int | None, until: int | None) -> list[Thread]:
        """Strands that have an entry in a span of time."""
        return self._note(threads(told.hands(self.store, "span", [], since=since, until=until)))

    def past(self, actors: Iterable[str]) -> None:
        """Get to know what these actors did, when they did it first, and what was found of them, all at once."""
        new = [actor for actor in dict.fromkeys(actors) if actor and actor not in self._firsts]
        for begin in range(0, len(new), TOGETHER):
            chunk = new[begin : begin + TOGETHER]
            by_actor: dict[str, list[Hand]] = defaultdict(list)
            for hand in told.hands(self.store, "actor", chunk, until=self.until):
                by_actor[hand.actor].append(hand)
            for actor in chunk:
                self._keep("actor", actor, by_actor[actor])
                self._firsts[actor] = _firsts(by_actor[actor])
            self._find(chunk)

    def first_time(self, actor: str) -> dict[str, int]:
        """When an actor did each action for the first time; `past` has to know it."""
        return self._firsts.get(actor, {})

    def rows(self, thread: Thread, since: int | None = None, until: int | None = None) -> list[Entry]:
        """Current entries of a strand in a span, oldest first, at most `ROWS`."""
        by, value = _way_to(thread.key)
        first = max((one for one in (since, self.since) if one is not None), default=None)
        last = min((one for one in (until, self.until) if one is not None), default=None)
        found: dict[str, Entry] = {}
        for hand in thread.hands:
            room = min(ROWS - len(found), ALL_ROWS - self._read)
            if room <= 0 or (last is not None and hand.first >= last) or (first is not None and hand.last < first):
                continue
            some = told.rows(self.store, by, [value], of=hand, since=first, until=last, limit=room)
            self._read += len(some)
            found.update((one.event.event_id, one) for one in some if key_of(one) == thread.key)
            if len(some) == room:
                self.limit(f"{thread.told()}: only the first {len(found):,} of its {thread.events:,} entries were read")
        self._entries.update(found)
        return sorted(found.values(), key=lambda one: (one.event.time, one.event.event_id))

    def of_resource(self, name: str) -> list[Entry]:
        """Current entries that name a resource, at most `ROWS`."""
        if name not in self._of_resource:
            found = told.rows(self.store, "resource", [name], since=self.since, until=self.until, limit=ROWS)
            self._of_resource[name] = found
        return self._of_resource[name]

    def entries(self, ids: Sequence[str]) -> list[Entry]:
        """Current entries of some events, oldest first; those that there are."""
        new = [one for one in dict.fromkeys(ids) if one and one not in self._entries]
        for begin in range(0, len(new), IDS):
            for entry in queries.events(self.store, new[begin : begin + IDS]):
                self._entries[entry.event.event_id] = entry
        known = {one: self._entries[one] for one in ids if one in self._entries}
        return sorted(known.values(), key=lambda one: (one.event.time, one.event.event_id))

    def thread(self, entry: Entry) -> Thread:
        """The strand of an entry, whole."""
        key = key_of(entry)
        if key not in self._threads or not self._whole(key):
            self.by(*_way_to(key))
        return self._threads[key]

    def issuing(self, credential: str) -> Entry | None:
        """The entry that issued a credential first; None if that was never seen."""
        if credential not in self._issuing:
            found = told.issuing(self.store, credential)
            self._issuing[credential] = found[0] if found else None
        return self._issuing[credential]

    def children(self, session: str) -> list[str]:
        """Sessions that a session opened."""
        return told.children(self.store, [session])

    def limit(self, text: str) -> None:
        """Write down that something was not looked at."""
        if text not in self.limits:
            self.limits.append(text)

    def _whole(self, key: Key) -> bool:
        return _way_to(key) in self._asked

    def _keep(self, by: str, value: str, hands: list[Hand]) -> None:
        if len(hands) == told.HANDS or sum(hand.events for hand in hands) >= told.MOST:
            self.limit(f"{by} {value}: only its latest {told.MOST:,} entries were looked at")
        self._asked[by, value] = self._note(threads(hands))

    def _note(self, new: list[Thread]) -> list[Thread]:
        """The strands themselves, also when another question has met them before."""
        for thread in new:
            known = self._threads.setdefault(thread.key, thread)
            if known is not thread:
                hands = {(one.address, one.user_agent, one.parent_session): one for one in known.hands}
                for one in thread.hands:
                    place = (one.address, one.user_agent, one.parent_session)
                    if place not in hands or hands[place].events < one.events:
                        hands[place] = one
                known.hands = list(hands.values())
        return [self._threads[thread.key] for thread in new]

    def _find(self, actors: list[str]) -> None:
        page = findings(self.store, {"actor": actors}, until=self.until, limit=FINDINGS)
        if page.next is not None:
            self.limit(f"findings: only the latest {FINDINGS:,} of {len(actors)} actors were looked at")
        closed = alerts(self.store, {"actor": actors, "verdict": ["false", "benign"]}, limit=FINDINGS, everything=True)
        harmless = {name for alert in closed.alerts for name in alert.findings}
        kept = [one for one in page.findings if one.finding_id not in harmless]
        self.entries([name for one in kept for name in one.entries])
        for one in kept:
            for entry in self.entries(one.entries):
                thread = self._threads.get(key_of(entry))
                if thread is not None:
                    thread.findings.setdefault(entry.event.event_id, []).append(one)


def _firsts(hands: Iterable[Hand]) -> dict[str, int]:
    """When something was done first, of an action by its name, of a policy as `policy …`."""
    found: dict[str, int] = {}
    for hand in hands:
        for name, time in (*hand.actions.items(), *((f"policy {name}", time) for name, time in hand.policies.items())):
            found[name] = min(time, found.get(name, time))
    return found


def _way_to(key: Key) -> tuple[str, str]:
    """The pivot that leads to a strand's entries."""
    if key.part == "agent" and key.session:
        return "session", key.session
    return ("credential", key.credential) if key.credential else ("actor", key.actor)
