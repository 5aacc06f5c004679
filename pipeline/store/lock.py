"""Of several processes that start at once, one changes the schema; the others wait until it is done.

In:     a Store
Out:    a lock that is held, and extended, until it is left
Fails:  Transient when somebody else has it for too long, or when it was lost

A bid is a row with an owner and an end. Who has made one and then sees no other live bid has the lock: of two that
have made theirs, at least the later one sees the other's. Who sees others waits if its name is the lowest, else takes
its bid back and makes it again. A holder that is killed loses it when its bid ends, by the server's clock, and whoever
comes next runs all of an unfinished migration again: every statement does nothing the second time.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from pipeline.kit.failures import Transient

TABLE = """CREATE TABLE IF NOT EXISTS migration_lock
(owner String, revision UInt64, who String, expires DateTime64(3, 'UTC'), released UInt8)
ENGINE = ReplacingMergeTree(revision) ORDER BY owner
"""
#: Seconds that a bid lasts unless it is extended, between two extensions, and that somebody else is waited for.
LEASE, EXTENDED, PATIENCE = 30, 10.0, 900.0
#: On a cluster a bid is in when a majority of the servers has it, and whoever looks sees it; one server ignores both.
_SEEN = "SETTINGS select_sequential_consistency = 1"
_LIVE = "NOT released AND expires > now64(3)"
_BID = """
INSERT INTO migration_lock (owner, revision, who, expires, released)
SETTINGS insert_quorum = 'auto', insert_quorum_parallel = 0
SELECT {owner:String}, {revision:UInt64}, {who:String}, now64(3) + toIntervalSecond({lease:UInt32}), {released:UInt8}
"""
_OTHERS = f"""
SELECT owner, who FROM migration_lock FINAL WHERE {_LIVE} AND owner != {{owner:String}} ORDER BY owner {_SEEN}
"""  # noqa: S608
_MINE = f"SELECT count() FROM migration_lock FINAL WHERE {_LIVE} AND owner = {{owner:String}} {_SEEN}"  # noqa: S608


class Target(Protocol):
    """What is needed of a Store."""

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """Rows of a query."""

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement."""


class Bid:
    """One process's wish to have the lock."""

    def __init__(self, store: Target, lease: int = LEASE) -> None:
        self._store = store
        self._lease = lease
        self._owner = uuid.uuid4().hex
        self._revision = 0
        self._who = f"process {os.getpid()} on {socket.gethostname()}"

    def take(self, patience: float = PATIENCE) -> None:
        """Wait until the lock is ours. Raises Transient, which names who has it, when that takes too long."""
        end = time.monotonic() + patience
        while others := self._bid():
            first, who = others[0]
            if first < self._owner:
                self.release()
            if time.monotonic() >= end:
                self.release()
                raise Transient(
                    f"store: {who} has been changing its tables for {patience:.0f} s: wait for it, or end it; "
                    f"its lock ends {self._lease} s after it"
                )
            time.sleep(random.uniform(0.1, 0.4))  # noqa: S311  (so that two do not meet again and again)

    def check(self) -> None:
        """Raises Transient when the lock is no longer ours, since it was not extended in time."""
        if not self._store.rows(_MINE, {"owner": self._owner})[0][0]:
            raise Transient("store: lost the lock on its tables, which was not extended in time: start again")

    def extend(self) -> None:
        """Have it for as long again from now on, if it is still ours."""
        self.check()
        self._write(released=False)

    def release(self) -> None:
        """Give it back."""
        self._write(released=True)

    def _bid(self) -> list[tuple[str, str]]:
        self._write(released=False)
        return [(row[0], row[1]) for row in self._store.rows(_OTHERS, {"owner": self._owner})]

    def _write(self, *, released: bool) -> None:
        self._revision += 1
        self._store.command(_BID, {
            "owner": self._owner, "revision": self._revision, "who": self._who, "lease": self._lease,
            "released": int(released),
        })  # fmt: skip


@contextmanager
def held(store: Target, every: float = EXTENDED, patience: float = PATIENCE) -> Iterator[Callable[[], None]]:
    """Have the lock of a store whose table is there; gives what raises Transient once it is lost."""
    bid = Bid(store)
    bid.take(patience)
    over = threading.Event()

    def extending() -> None:
        while not over.wait(every):
            try:
                bid.extend()
            except Transient:
                # Whoever has it looks before every statement.
                continue

    thread = threading.Thread(target=extending, name="migration-lock", daemon=True)
    thread.start()
    try:
        yield bid.check
    finally:
        over.set()
        thread.join()
        bid.release()
