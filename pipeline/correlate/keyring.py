"""What is known of each credential and each session, from its first event until it is forgotten."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.correlate.bindings import INFERRED
from pipeline.correlate.fading import Faded, Fading
from pipeline.correlate.keys import CREDENTIAL
from pipeline.kit.state import PartitionState
from schemas.batch import REVISIONS, Bind

#: A key's last use is known to this part of the window in which late events come.
PART = 4
#: Events that were passed on are counted by slots of so much event time (microseconds), the latest ones of a key.
SLOT, SLOTS = 30_000_000, 64


class Passed(msgspec.Struct, array_like=True, gc=False):
    """A binding as it came in, and how often this session's owner has changed it since."""

    bind: Bind
    changed: int = 0


#: From which event time on a credential was to expire when, and was revoked since when (microseconds, 0 = not).
Stage = tuple[int, int, int]


class Key(msgspec.Struct, array_like=True, gc=False):
    """What is known of one credential or session."""

    #: A credential's issuances, or a session's announcements, by event id.
    binds: dict[str, Bind] = {}
    #: Bindings that passed through this session on their way to a credential, by issuance and credential.
    passed: dict[str, Passed] = {}
    #: How often what it stands for has changed, and how many of its events were passed on and are no longer kept.
    generation: int = 0
    released: int = 0
    #: How many of those there were in each of the latest slots of event time.
    slots: dict[int, int] = {}
    #: Whether the session that its role session is named after was asked.
    inferred: bool = False
    #: Event time (microseconds) as of which it is noted for being forgotten; it was used little later.
    noted: int = 0
    #: What happened to a credential, by event id: revision, time, what, and until when it was renewed (`batch.Turn`).
    turns: dict[str, tuple[int, int, str, int]] = {}
    #: What follows from it and from the issuances (see `lives`); empty where there is but the expiry of the best one.
    life: list[Stage] = []
    #: Latest event time of those that were passed on and are no longer kept.
    until: int = 0

    @property
    def latest(self) -> int:
        """The same, or the end of the latest slot, where an earlier version of the program kept the key."""
        return self.until or ((max(self.slots) + 1) * SLOT - 1 if self.slots else 0)

    @property
    def sealed(self) -> bool:
        """Most keys rest between two uses; as bytes they take a quarter of the memory."""
        return True


STATE_TYPES: dict[str, type[msgspec.Struct]] = {"k": Key, "y": Faded}


class Keyring:
    """The keys of one partition."""

    def __init__(self, state: PartitionState, late_window: int) -> None:
        self._state = state
        self._window = late_window
        self._fading = Fading(state, "y/")

    def of(self, name: str) -> Key:
        """The key of this name; a new one, not yet kept, if there is none."""
        return self._state.get("k/" + name, Key) or Key({}, {}, slots={}, turns={})

    def put(self, name: str, key: Key) -> None:
        """Keep a key as it is now."""
        self._state.put("k/" + name, key)

    def release(self, name: str, key: Key, time: int) -> None:
        """Count an event of this time that was passed on and is no longer kept."""
        key.released += 1
        key.until = max(key.until, time)
        key.slots[time // SLOT] = key.slots.get(time // SLOT, 0) + 1
        if len(key.slots) > SLOTS:
            del key.slots[min(key.slots)]
        self.put(name, key)

    def note(self, name: str, key: Key, time: int) -> bool:
        """See to it that a key that is used at this event time is forgotten some time after; True if it is new."""
        new = not key.noted
        if new or time > key.noted + self._window // PART:
            self._fade(name, key, time)
        return new

    def forget(self, settled: int, kept: Callable[[str], bool]) -> None:
        """Forget keys neither used nor valid within the window in which late events come.

        `kept`: whether a key must stay for another reason.
        """
        limit = settled - self._window
        for name in self._fading.due(limit - self._window // PART):
            key = self.of(name)
            if key.noted > limit - self._window // PART:
                continue
            expires = _expires(key)
            if expires > limit:
                self._fade(name, key, expires)
            elif not _stands(name, key) and not kept(name):
                self._state.delete("k/" + name)

    def _fade(self, name: str, key: Key, time: int) -> None:
        key.noted = time
        self._fading.add(name, time)
        self.put(name, key)


def released_within(key: Key, first: int, last: int) -> tuple[tuple[int, int], int]:
    """The whole slots that a stretch of event time touches, and how many events of them were passed on."""
    low, high = first // SLOT, last // SLOT
    return (low * SLOT, (high + 1) * SLOT - 1), sum(count for slot, count in key.slots.items() if low <= slot <= high)


def passed_within(key: Key, first: int, last: int) -> tuple[tuple[int, int] | None, int]:
    """The same, or all of them where those of the stretch are no longer counted apart."""
    if key.released > sum(key.slots.values()) and first // SLOT < min(key.slots, default=0):
        return None, key.released
    return released_within(key, first, min(last, key.latest))


def least_revision(generation: int) -> int:
    """The lowest revision of an entry whose event was passed on as of this generation of its credential."""
    return 2 * generation * REVISIONS


def _expires(key: Key) -> int:
    """The latest time to which it was issued or renewed."""
    renewed = (expires for _, _, _, expires in key.turns.values())
    return max([*(bind.expires for bind in key.binds.values()), *renewed], default=0)


def _stands(name: str, key: Key) -> bool:
    """Whether a credential was issued without an end, or is revoked and would have had none."""
    issued = [bind for bind in key.binds.values() if bind.event_id != INFERRED]
    revoked = bool(key.life) and key.life[-1][2] > 0 and not _expires(key)
    return name.startswith(CREDENTIAL) and (revoked or any(not bind.expires for bind in issued))
