"""Keys, sessions, logins, and who read what: rows of the tables of `0018_access.sql`.

Times are microseconds since 1970; 0 stands for never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from pipeline.store.pivots import Rows
from pipeline.store.write import Block, block_of

_MICROS = ("made", "expires", "revoked", "at")


class Writable(Rows, Protocol):
    """What these rows are written with."""

    def insert(self, block: Block) -> None:
        """Write a block."""


class Key(NamedTuple):
    """A program's way in."""

    key_id: str
    revision: int
    #: SHA-256 of the key, in hexadecimal.
    digest: str
    name: str
    role: str
    scopes: list[str]
    #: Whether it may read contents as its role may.
    content: bool
    made: int
    made_by: str
    expires: int
    revoked: int = 0
    revoked_by: str = ""


class Session(NamedTuple):
    """A browser's way in."""

    #: SHA-256 of what its cookie holds, in hexadecimal.
    session_id: str
    revision: int
    name: str
    role: str
    scopes: list[str]
    content: bool
    via: str
    #: The key by which it was opened; empty if by an identity provider.
    key_id: str
    made: int
    expires: int
    ended: bool = False


class Login(NamedTuple):
    """Somebody came in, or did not, or left; or changed who may."""

    login_id: str
    at: int
    #: `login`, `logout`, `key.create`, `key.revoke`.
    what: str
    #: `success` or `failure`.
    outcome: str
    name: str
    via: str
    address: str
    #: Of which key, if of one.
    about: str = ""
    reason: str = ""


class Read(NamedTuple):
    """Somebody was given contents."""

    read_id: str
    at: int
    name: str
    role: str
    via: str
    key_id: str
    session: str
    address: str
    #: Method and path.
    route: str
    query: str
    #: `full` or `masked` (`pipeline.report.content`).
    content: str
    #: How many events and records, and the ids of the first of them.
    amount: int
    events: list[str]
    #: Whose they are: people, and actors that no person stands behind.
    subjects: list[str]


def keys(store: Rows) -> list[Key]:
    """Every key that there ever was, oldest first."""
    return [_key(row) for row in store.rows(_select(Key, "access_keys FINAL ORDER BY made, key_id"), {})]


def key_of(store: Rows, digest: str) -> Key | None:
    """The key that has this digest."""
    sql = _select(Key, "access_keys FINAL WHERE digest = {digest:String}")
    return next((_key(row) for row in store.rows(sql, {"digest": digest})), None)


def key_by_id(store: Rows, key_id: str) -> Key | None:
    """The key of this id."""
    sql = _select(Key, "access_keys FINAL WHERE key_id = {key_id:String}")
    return next((_key(row) for row in store.rows(sql, {"key_id": key_id})), None)


def any_key(store: Rows) -> bool:
    """Whether there ever was a key; revoked and expired ones count. A store that is older than keys has none."""
    there = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'access_keys'"
    return bool(store.rows(there, {})[0][0] and store.rows("SELECT count() FROM access_keys", {})[0][0])


def last_uses(store: Rows) -> dict[str, tuple[int, str]]:
    """By key: when it was used last, and from which address."""
    sql = "SELECT key_id, toUnixTimestamp64Micro(max(at)), argMax(address, at) FROM access_uses GROUP BY key_id"
    return {key_id: (at, address) for key_id, at, address in store.rows(sql, {})}


def session(store: Rows, session_id: str) -> Session | None:
    """The session of this id."""
    sql = _select(Session, "access_sessions FINAL WHERE session_id = {session_id:String}")
    rows = store.rows(sql, {"session_id": session_id})
    return next((Session(*row)._replace(content=bool(row[5]), ended=bool(row[-1])) for row in rows), None)


def logins(store: Rows, limit: int = 100) -> list[Login]:
    """The latest logins and changes, latest first."""
    sql = _select(Login, "logins FINAL ORDER BY logins.at DESC, login_id LIMIT {limit:UInt32}")
    return [Login(*row) for row in store.rows(sql, {"limit": limit})]


def reads(store: Rows, given: Mapping[str, str], before: int | None = None, limit: int = 100) -> list[Read]:
    """Who read what, latest first: by `name`, of a `subject`, of an `event`; `before` is a time."""
    conditions = {
        "name": "name = {name:String}", "subject": "has(subjects, {subject:String})",
        "event": "has(events, {event:String})",
    }  # fmt: skip
    said = [sql for field, sql in conditions.items() if given.get(field)]
    if before is not None:
        said.append("reads.at < fromUnixTimestamp64Micro({before:Int64}, 'UTC')")
    where = f"WHERE {' AND '.join(said)} " if said else ""
    sql = _select(Read, f"reads FINAL {where}ORDER BY reads.at DESC, read_id LIMIT {{limit:UInt32}}")
    return [Read(*row) for row in store.rows(sql, {**given, "before": before or 0, "limit": limit})]


def write_key(store: Writable, key: Key) -> None:
    """Write a key, or what has become of it."""
    store.insert(_block("access_keys", Key, [(*key[:6], int(key.content), *key[7:])]))


def write_session(store: Writable, one: Session) -> None:
    """Write a session, or its end."""
    store.insert(_block("access_sessions", Session, [(*one[:5], int(one.content), *one[6:-1], int(one.ended))]))


def write_use(store: Writable, key_id: str, at: int, address: str) -> None:
    """Write that a key was used."""
    store.insert(block_of("access_uses", ("key_id", "at", "address"), [(key_id, at, address)]))


def write_login(store: Writable, one: Login) -> None:
    """Write that somebody came in, or did not."""
    store.insert(_block("logins", Login, [one]))


def write_read(store: Writable, one: Read) -> None:
    """Write that somebody was given contents."""
    store.insert(_block("reads", Read, [one]))


def _key(row: Any) -> Key:  # noqa: ANN401  (a row of the driver)
    return Key(*row)._replace(content=bool(row[6]))


def _block(table: str, kind: Any, rows: Iterable[tuple[Any, ...]]) -> Block:  # noqa: ANN401  (a NamedTuple's class)
    return block_of(table, kind._fields, rows)


def _select(kind: Any, rest: str) -> str:  # noqa: ANN401
    table = rest.partition(" ")[0]
    named = [
        f"toUnixTimestamp64Micro({table}.{name}) AS {name}" if name in _MICROS else f"{table}.{name}"
        for name in kind._fields
    ]
    return f"SELECT {', '.join(named)} FROM {rest}"  # noqa: S608  (names of our own)
