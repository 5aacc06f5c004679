"""What people make of the timeline: cases that they work on, notes and pinned entries, views that they keep.

In:     a Store, what somebody says
Out:    what is current; every earlier word stays in the tables
Fails:  Invalid for what is missing or too long; Conflict when somebody else changed it meanwhile
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any, Literal, NamedTuple, get_args

from pipeline.kit.failures import Invalid
from pipeline.store import write
from pipeline.store.aliases import Writable
from pipeline.store.pivots import Rows

State = Literal["open", "contained", "closed"]
STATES: tuple[State, ...] = get_args(State)
About = Literal["case", "identity", "credential", "session"]
ABOUT: tuple[About, ...] = get_args(About)
#: Characters of a name or title, and of a note or query; cases, notes of one thing and views that are shown.
SHORT, LONG, MOST = 400, 10_000, 1000
#: Characters of an identifier: of a clue, an event, what a note is about.
_NAME = 4096

_CASE = ("case_id", "revision", "title", "clue", "kind", "state", "owner", "by", "at", "opened")
_NOTE = ("about", "name", "note_id", "revision", "removed", "event_id", "text", "by", "at")
_VIEW = ("name", "revision", "removed", "query", "by", "at")
_CASES = """
SELECT case_id, revision, title, clue, kind, state, owner, `by`, toUnixTimestamp64Micro(at),
       toUnixTimestamp64Micro(opened) FROM
(SELECT * FROM cases WHERE {case_id:String} IN ('', case_id) ORDER BY revision DESC LIMIT 1 BY case_id)
WHERE state IN {states:Array(String)} ORDER BY revision DESC, case_id LIMIT {most:UInt32}
"""
_NOTES = """
SELECT about, name, note_id, revision, removed, event_id, text, `by`, toUnixTimestamp64Micro(at) AS moment FROM
(
    SELECT * FROM notes WHERE about = {about:String} AND name = {name:String}
    ORDER BY revision DESC LIMIT 1 BY note_id
)
WHERE NOT removed ORDER BY moment DESC, note_id DESC LIMIT {most:UInt32}
"""
_VIEWS = """
SELECT name, revision, removed, query, `by`, toUnixTimestamp64Micro(at) FROM
(SELECT * FROM views ORDER BY revision DESC LIMIT 1 BY name) WHERE NOT removed ORDER BY name LIMIT {most:UInt32}
"""


_LATEST_NOTE = """
SELECT max(revision) FROM notes WHERE about = {about:String} AND name = {name:String} AND note_id = {note_id:String}
"""
_VIEW_NOW = """
SELECT name, revision, removed, query, `by`, toUnixTimestamp64Micro(at) FROM views WHERE name = {name:String}
ORDER BY revision DESC LIMIT 1
"""
#: Of two that change one case at once in this process the second one sees what the first one said.
_changing = threading.Lock()


class Conflict(Invalid):
    """Somebody else changed it after it was read."""


class Case(NamedTuple):
    """An incident that somebody works on; times in microseconds since 1970."""

    case_id: str
    revision: int
    title: str
    #: What it is reconstructed from, and of what kind that is; may be empty.
    clue: str
    kind: str
    state: str
    #: Who works on it now.
    owner: str
    #: Who said this, and when.
    by: str
    at: int
    opened: int


class Note(NamedTuple):
    """What somebody says about something; with an event it is a pinned entry."""

    about: str
    name: str
    note_id: str
    revision: int
    removed: bool
    event_id: str
    text: str
    by: str
    at: int


class View(NamedTuple):
    """A query that somebody keeps, under a name that all share."""

    name: str
    revision: int
    removed: bool
    query: str
    by: str
    at: int


def cases(store: Rows, state: str = "") -> list[Case]:
    """All cases, or those in one state; the one that was changed last first."""
    if state and state not in STATES:
        raise Invalid("state", "one of " + ", ".join(STATES), state)
    return _cases(store, "", [state] if state else list(STATES), MOST)


def unfinished(store: Rows) -> list[Case]:
    """Cases that are not closed, the one that was changed last first."""
    return _cases(store, "", [one for one in STATES if one != "closed"], MOST)


def case(store: Rows, case_id: str) -> Case | None:
    """One case; None if there is none of that id."""
    found = _cases(store, case_id, list(STATES), 1) if case_id else []
    return found[0] if found else None


def opened(store: Writable, title: str, by: str, clue: str = "", kind: str = "") -> Case:
    """Open a case. Who opens it owns it."""
    _check(SHORT, title=title, by=by)
    _check(SHORT, least=0, kind=kind)
    _check(_NAME, least=0, clue=clue)
    now = _now()
    return _keep(store, Case(uuid.uuid4().hex[:12], now, title.strip(), clue, kind, "open", by, by, now, now))


def changed(store: Writable, case_id: str, revision: int, by: str, **said: str) -> Case | None:
    """Say something else of a case: `title`, `state`, `owner`, `clue`, `kind`. None if there is no such case.

    `revision` is the one that the change is made of: Conflict if there is a later one.
    """
    with _changing:
        found = case(store, case_id)
        if found is None:
            return None
        if found.revision != revision:
            raise Conflict(
                "revision", f"{found.revision}: {found.by} has changed the case meanwhile; look at it and say it again"
            )
        new = Case(**{**found._asdict(), **said})
        if new.state not in STATES:
            raise Invalid("state", "one of " + ", ".join(STATES), new.state)
        _check(SHORT, title=new.title, by=by, owner=new.owner)
        _check(SHORT, least=0, kind=new.kind)
        _check(_NAME, least=0, clue=new.clue)
        now = _now(found.revision)
        return _keep(store, new._replace(title=new.title.strip(), revision=now, by=by, at=now))


def notes(store: Rows, about: str, name: str) -> list[Note]:
    """What is said about something, oldest first; of more than MOST the latest."""
    _about(about, name)
    rows = store.rows(_NOTES, {"about": about, "name": name, "most": MOST})
    return [Note(*row)._replace(removed=False) for row in reversed(rows)]


def noted(store: Writable, about: str, name: str, by: str, text: str = "", event_id: str = "") -> Note:
    """Say something about something, or pin an entry to it. An entry is pinned once: the later word about it counts."""
    _about(about, name)
    _check(SHORT, by=by)
    _check(LONG, least=0 if event_id else 1, text=text)
    _check(_NAME, least=0, event_id=event_id)
    if not event_id:
        note_id, now = uuid.uuid4().hex[:12], _now()
    else:
        note_id = uuid.uuid5(uuid.NAMESPACE_URL, event_id).hex[:12]
        ((latest,),) = store.rows(_LATEST_NOTE, {"about": about, "name": name, "note_id": note_id})
        now = _now(latest)
    return _put(store, Note(about, name, note_id, now, False, event_id, text.strip(), by, now))


def taken_back(store: Writable, about: str, name: str, note_id: str, by: str) -> Note | None:
    """Take a note back, or unpin an entry. What was said stays in the table. None if there is no such note."""
    _check(SHORT, by=by)
    found = next((one for one in notes(store, about, name) if one.note_id == note_id), None)
    if found is None:
        return None
    now = _now(found.revision)
    return _put(store, found._replace(revision=now, removed=True, by=by, at=now))


def views(store: Rows) -> list[View]:
    """Queries that are kept, by name."""
    return [View(*row)._replace(removed=False) for row in store.rows(_VIEWS, {"most": MOST})]


def kept(store: Writable, name: str, query: str, by: str) -> View:
    """Keep a query under a name, in place of the one of that name."""
    _check(SHORT, name=name, by=by)
    _check(LONG, query=query)
    before = _view(store, name.strip())
    now = _now(before.revision if before else 0)
    return _shelve(store, View(name.strip(), now, False, query.strip(), by, now))


def dropped(store: Writable, name: str, by: str) -> View | None:
    """Drop a view; its rows stay in the table. None if there is none of that name."""
    _check(SHORT, name=name, by=by)
    found = _view(store, name.strip())
    if found is None or found.removed:
        return None
    now = _now(found.revision)
    return _shelve(store, found._replace(revision=now, removed=True, by=by, at=now))


def _view(store: Rows, name: str) -> View | None:
    found = [View(*row) for row in store.rows(_VIEW_NOW, {"name": name})]
    return found[0]._replace(removed=bool(found[0].removed)) if found else None


def _cases(store: Rows, case_id: str, states: list[State], most: int) -> list[Case]:
    given = {"case_id": case_id, "states": states, "most": most}
    return [Case(*row) for row in store.rows(_CASES, given)]


def _shelve(store: Writable, row: View) -> View:
    store.insert(write.block_of("views", _VIEW, [(*row[:2], int(row.removed), *row[3:])]))
    return row


def _keep(store: Writable, row: Case) -> Case:
    store.insert(write.block_of("cases", _CASE, [tuple(row)]))
    return row


def _put(store: Writable, row: Note) -> Note:
    store.insert(write.block_of("notes", _NOTE, [(*row[:4], int(row.removed), *row[5:])]))
    return row


def _about(about: str, name: str) -> None:
    if about not in ABOUT:
        raise Invalid("about", "one of " + ", ".join(ABOUT), about)
    _check(_NAME, name=name)


def _now(after: int = 0) -> int:
    """Microseconds since 1970; later than what it replaces, also when the clock that wrote that was ahead."""
    return max(time.time_ns() // 1000, after + 1)


def _check(most: int, least: int = 1, **given: Any) -> None:  # noqa: ANN401  (a form's values)
    for field, text in given.items():
        if not isinstance(text, str) or not least <= len(text.strip()) <= len(text) <= most:
            raise Invalid(field, f"{least} to {most} characters", text)
        if not text.isascii() and text != text.encode("utf-8", "replace").decode():
            raise Invalid(field, "Unicode without lone surrogates")
