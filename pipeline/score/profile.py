"""What is kept of identities, credentials and sessions: the state of the misuse stage. Event times are microseconds."""

from __future__ import annotations

import msgspec

#: Active days after which a day counts half, and what a day is worth one day later.
HALF_LIFE = 30.0
DECAY = 0.5 ** (1 / HALF_LIFE)
#: Ids of entries that a Finding names; entries that it grows by (as a factor) before it is told again.
EVIDENCE, GROWTH = 64, 2


class Facet(msgspec.Struct, array_like=True, gc=False):
    """One facet of an identity: by value the days on which it was there (decayed)."""

    days: dict[str, float] = {}
    #: Days on which something new was there (decayed).
    fresh: float = 0.0
    #: Surprise of each value that was there today.
    today: dict[str, float] = {}


class Found(msgspec.Struct, array_like=True, gc=False):
    """A Finding of today, so that it is found once and then revised."""

    revision: int
    score: float
    entries: list[str]
    #: Entries when it was last told, and its severity then.
    told: int
    severity: str
    #: Who it was, and in which session, when it was found first.
    actor: str = ""
    session: str = ""


class Token(msgspec.Struct, array_like=True, gc=False):
    """One credential as this identity has used it: event times in microseconds."""

    last: int
    #: Whether an act of an identity was taken in.
    used: bool = False
    #: By network and by program: last use.
    networks: dict[str, int] = {}
    programs: dict[str, int] = {}
    #: Steps towards a model's use (bits of `deeds`), and distinct actions among them.
    steps: int = 0
    survey: list[str] = []


class Session(msgspec.Struct, array_like=True, gc=False):
    """A session: event times (microseconds) of its latest entry, and of its latest prompt or tool call."""

    last: int
    #: 0 without any.
    said: int = 0


class Population(msgspec.Struct, array_like=True, gc=False):
    """All identities of a partition together (decayed by days)."""

    day: int = 0
    days: float = 0.0
    #: By kind: identities that were new.
    fresh: dict[str, float] = {}
    #: Temporary credentials at their first use: those seen to be issued, and others.
    issued: float = 0.0
    unseen: float = 0.0

    def begin(self, day: int) -> bool:
        """Let earlier days count less, once a day; True if this day is a new one."""
        if day <= self.day:
            return False
        if self.day:
            self.days = self.days * DECAY + 1.0
            self.issued, self.unseen = self.issued * DECAY, self.unseen * DECAY
            for kind in self.fresh:
                self.fresh[kind] *= DECAY
        self.day = day
        return True


class Profile(msgspec.Struct, array_like=True, gc=False):
    """What is known of one identity."""

    kind: str
    last: int
    #: The day that goes on, days that were active (decayed), and the same without decay.
    day: int = 0
    days: float = 0.0
    active: int = 0
    #: In the order of FACETS.
    facets: list[Facet] = []
    #: By name of RATES: acts of the latest minutes, their sum, and the greatest counts of earlier days and of today.
    minutes: dict[str, list[tuple[int, int]]] = {}
    within: dict[str, int] = {}
    peaks: dict[str, list[int]] = {}
    top: dict[str, int] = {}
    #: By name of RATES: the greatest count that is usual.
    usual: dict[str, int] = {}
    #: Minute of each distinct thing of the latest minutes: `breadth`, `services`, `spread` (see `Past.looked`).
    looked: dict[str, dict[str, int]] = {}
    #: The minute as of which what was looked at longer ago is forgotten.
    swept: int = 0
    #: By detection: the highest score of today, and what was found.
    best: dict[str, float] = {}
    found: dict[str, Found] = {}
    #: Days (decayed) on which it behaved like a person, an agent, a script; and today's probabilities.
    tempo: list[float] = []
    today: list[float] = []
    #: The longest time (microseconds) that it was silent, decayed; and before today.
    silence: float = 0.0
    quiet: int = 0
    #: What a source declares: version of the agent, hash of each tool's definition by server and name.
    version: str = ""
    #: Event time (microseconds) of the latest change that somebody declared.
    changed: int = 0
    tools: dict[str, str] = {}
    #: Values of FACETS of the latest act of today.
    seen: tuple[str, ...] = ()
    #: Hashes of the latest event ids (values mean nothing).
    recent: dict[int, int] = {}
    #: By detection: scores of earlier days, with the day.
    own: dict[str, list[tuple[float, int]]] = {}
    #: A day of which nothing is learned: somebody says that it was an attack.
    barred: int = -1
    #: By day, the latest few: facet (its place) and value of what was there for the first time.
    learned: dict[int, list[tuple[int, str]]] = {}
    #: By day, of as many: the counts that were greater than ever before.
    peaked: dict[int, dict[str, int]] = {}
    #: By day, of as many: the group among whose days it counted, and its scores that did.
    counted: dict[int, tuple[str, dict[str, float]]] = {}


class Prior(msgspec.Struct, array_like=True):
    """What identities of one kind do: shares of days with a new value by facet, greatest counts by rate."""

    fresh: dict[str, float] = {}
    peaks: dict[str, float] = {}
