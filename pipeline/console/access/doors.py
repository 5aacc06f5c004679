"""A key or a cookie becomes who asks.

On loopback, while there is neither a key nor an identity provider, the desk is open: whoever reaches it sits at this
machine. From the first key on it stays closed, also when that one is revoked or has expired.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from pipeline.console.access import keys
from pipeline.console.access.who import BY_TITLE, LOCAL, Who
from pipeline.console.guard import is_loopback
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.report.content import ROLES
from pipeline.store import access
from pipeline.store.access import Key, Session

T = TypeVar("T")
#: Seconds for which an answer of the store is believed: so long another desk goes on with a key that was revoked.
BELIEVED = 2.0
#: Seconds for which it is believed while the store is away.
OUTAGE = 3600.0
#: Answers that are remembered.
_MOST = 4096
#: Seconds between two notes that a key was used.
_USE = 60.0


class Doors:
    """Who may come in. Its methods ask the store, so they are not for an event loop."""

    def __init__(
        self, store: access.Writable, settings: Settings, any_key: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`any_key`: whether the store has one by now."""
        self._store, self._clock = store, clock
        self._life = settings.session_life
        self._shut = any_key or bool(settings.oidc_issuer or settings.public_url or not is_loopback(settings.host))
        self._asked = clock()
        self._known: OrderedDict[tuple[str, str], tuple[Any, float]] = OrderedDict()
        self._used: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def closed(self) -> bool:
        """Whether somebody has to say who they are."""
        if not self._shut and self._clock() >= self._asked + BELIEVED:
            # While the store is away it stays as it was: nothing can be read meanwhile.
            with suppress(Transient):
                self._shut = access.any_key(self._store)
            self._asked = self._clock()
        return self._shut

    def anybody(self) -> Who | None:
        """Who asks that says nothing."""
        return None if self.closed() else LOCAL

    def by_key(self, text: str, address: str) -> Who:
        """Who has a key. Raises Invalid, saying why it opens nothing."""
        if not keys.plausible(text):
            raise Invalid("key", f"{keys.PREFIX}… as `whodid keys create` shows it once")
        digest = keys.digest(text)
        key = self._believed("key", digest, access.key_of)
        if key is None or not secrets.compare_digest(key.digest, digest):
            raise Invalid("key", "one that is known here")
        self._check(key)
        self._note(key, address)
        return keys.who(key)

    def by_session(self, name: str) -> Who | None:
        """Who has a session; None if it has ended, or its key has."""
        digest = keys.digest(name)
        one: Session | None = self._believed("session", digest, access.session)
        if one is None or one.ended or one.expires <= _now():
            return None
        if one.key_id:
            key = self._believed("id", one.key_id, access.key_by_id)
            if key is None or keys.trouble(key, _now()):
                return None
            return keys.who(key)._replace(session=digest)
        role = BY_TITLE[one.role]
        return Who(one.name, role, ROLES[role.title], frozenset(("read", "write")), "oidc", session=digest)

    def begin(self, who: Who) -> tuple[str, int]:
        """A new session: what its cookie holds, and for how many seconds it is good."""
        name = secrets.token_urlsafe(32)
        made = _now()
        ends = made + int(self._life * 1e6)
        if who.key:
            key = access.key_by_id(self._store, who.key)
            ends = min(ends, key.expires) if key else made
        access.write_session(self._store, Session(
            keys.digest(name), 0, who.name, who.role.title, sorted(who.scopes), who.content != "hashes", who.via,
            who.key, made, ends,
        ))  # fmt: skip
        return name, max(1, (ends - made) // 1_000_000)

    def end(self, digest: str) -> None:
        """End a session."""
        one = access.session(self._store, digest)
        if one is not None and not one.ended:
            access.write_session(self._store, one._replace(revision=one.revision + 1, ended=True))
        self._known.pop(("session", digest), None)

    def add(self, key: Key) -> None:
        """A new key. From now on the desk is closed."""
        access.write_key(self._store, key)
        self._shut = True

    def revoke(self, key_id: str, by: str) -> Key | None:
        """A key opens nothing any more, nor do sessions that it opened; None if there is none of that id."""
        key = access.key_by_id(self._store, key_id)
        if key is None:
            return None
        if not key.revoked:
            key = key._replace(revision=key.revision + 1, revoked=_now(), revoked_by=by)
            access.write_key(self._store, key)
        self._known.pop(("key", key.digest), None)
        self._known.pop(("id", key_id), None)
        return key

    def _check(self, key: Key) -> None:
        trouble = keys.trouble(key, _now())
        if trouble:
            raise Invalid(f"key {key.key_id} ({key.name})", f"one that is good: {trouble}")

    def _note(self, key: Key, address: str) -> None:
        with self._lock:
            if self._used.get(key.key_id, float("-inf")) > self._clock() - _USE:
                return
            self._used[key.key_id] = self._clock()
            _bound(self._used)
        with suppress(Transient):
            access.write_use(self._store, key.key_id, _now(), address)

    def _believed(self, kind: str, name: str, ask: Callable[[access.Writable, str], T | None]) -> T | None:
        found, until = self._known.get((kind, name), (None, float("-inf")))
        if found is not None and self._clock() < until:
            return cast(T, found)
        try:
            asked = ask(self._store, name)
        except Transient:
            # Nothing can be read while the store is away; producers, who need it for their key alone, go on.
            if found is not None and self._clock() < until + OUTAGE:
                return cast(T, found)
            raise
        with self._lock:
            # Nothing is remembered of what is not there: whoever makes names up fills no memory.
            self._known.pop((kind, name), None)
            if asked is not None:
                self._known[kind, name] = (asked, self._clock() + BELIEVED)
                _bound(self._known)
        return asked


def _bound(known: OrderedDict[Any, Any]) -> None:
    while len(known) > _MOST:
        known.popitem(last=False)


def _now() -> int:
    return time.time_ns() // 1000
