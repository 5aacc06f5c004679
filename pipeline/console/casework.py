"""Cases, notes and views become JSON objects, and what somebody says becomes a case, a note, a view.

A case: `case_id`, `revision`, `title`, `clue` and `kind` (what it is reconstructed from), `state` (open, contained,
closed), `owner`, `by`, `at`, `opened`; one on its own has `notes` too. A note: `note_id`, `about`, `name`, `event_id`
(of a pinned entry), `text`, `by`, `at`. A view: `name`, `query`, `by`, `at`. Times are ISO 8601.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from pipeline.console.access.who import who
from pipeline.console.inert import inert
from pipeline.console.shapes import iso
from pipeline.kit.failures import Invalid
from pipeline.store import casework
from pipeline.store.casework import Case, Note, View
from pipeline.store.pivots import Rows

#: What of a case can be changed.
CHANGES = ("title", "state", "owner", "clue", "kind")


def case(one: Case) -> dict[str, Any]:
    """The JSON object of a case."""
    return {**one._asdict(), "at": iso(one.at), "opened": iso(one.opened)}


def single(store: Rows, case_id: str) -> dict[str, Any] | None:
    """One case with its notes and pins; None if there is none of that id."""
    found = casework.case(store, case_id)
    if found is None:
        return None
    return {**case(found), "notes": [note(one) for one in casework.notes(store, "case", case_id)]}


def note(one: Note) -> dict[str, Any]:
    """The JSON object of a note."""
    return {name: value for name, value in one._asdict().items() if name not in ("removed", "at")} | {"at": iso(one.at)}


def view(one: View) -> dict[str, Any]:
    """The JSON object of a view."""
    return {"name": one.name, "query": one.query, "by": one.by, "at": iso(one.at)}


def speaker(request: Request, given: Mapping[str, Any]) -> str:
    """In whose name something is said: of whoever signed in, else of whom the request names. Raises Invalid."""
    somebody = who(request)
    name = somebody.name if somebody.known else given.get("by", "")
    if not isinstance(name, str) or not name.strip():
        raise Invalid("by", "who says so, e.g. ana@example.com", name)
    return name.strip()


def text(given: Mapping[str, Any], name: str, default: str = "") -> str:
    """A text of a request. Raises Invalid."""
    value = given.get(name, default)
    if not isinstance(value, str):
        raise Invalid(name, "text", value)
    return value


def revision(given: Mapping[str, Any]) -> int:
    """The revision that a change is made of. Raises Invalid."""
    value = given.get("revision", "")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Invalid("revision", "the revision of the case that the change is made of", value)
    return value


def only(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raises Invalid for a field that there is none of: a misspelt one would otherwise be ignored."""
    for name in given:
        if name not in known:
            raise Invalid(inert(name[:40]), "no such field; there are " + ", ".join(known))
