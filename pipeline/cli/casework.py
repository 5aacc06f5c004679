"""Cases, notes and views for the commands: of the store itself, or of the desk that owns it.

In:     what somebody asks or says
Out:    the shapes of `pipeline.console.casework`; None where there is no such thing
Fails:  Invalid, naming the field (Conflict when somebody else changed it meanwhile); Transient
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote, urlencode

from pipeline.cli.desk import DeskReader
from pipeline.cli.reader import Reader, Shape
from pipeline.cli.remote import StoreReader
from pipeline.console import casework as shapes
from pipeline.store import Store, casework, migrate


class Casework(Protocol):
    """What the commands `cases` and `views` need."""

    def cases(self, state: str) -> list[Shape]:
        """Cases, the one that was changed last first."""

    def case(self, case_id: str) -> Shape | None:
        """One with its notes and pins."""

    def opened(self, by: str, title: str, clue: str, kind: str) -> Shape:
        """Open one."""

    def changed(self, case_id: str, revision: int, by: str, said: Mapping[str, str]) -> Shape | None:
        """Change what `said` names."""

    def noted(self, case_id: str, by: str, text: str, event_id: str) -> Shape | None:
        """Say something about a case, or pin an entry to it."""

    def views(self) -> list[Shape]:
        """Queries that are kept."""

    def kept(self, name: str, query: str, by: str) -> Shape:
        """Keep one."""

    def dropped(self, name: str, by: str) -> Shape | None:
        """Drop one."""


def of(reader: Reader) -> Casework:
    """That of the store or the desk which a reader asks."""
    if isinstance(reader, DeskReader):
        return DeskCasework(reader)
    if isinstance(reader, StoreReader):
        return StoreCasework(reader.store)
    raise TypeError(reader)


class StoreCasework:
    """Of the store itself."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def cases(self, state: str) -> list[Shape]:
        """See Casework."""
        return [shapes.case(one) for one in casework.cases(self._migrated(), state)]

    def case(self, case_id: str) -> Shape | None:
        """See Casework."""
        return shapes.single(self._migrated(), case_id)

    def opened(self, by: str, title: str, clue: str, kind: str) -> Shape:
        """See Casework."""
        return shapes.case(casework.opened(self._migrated(), title, by, clue, kind))

    def changed(self, case_id: str, revision: int, by: str, said: Mapping[str, str]) -> Shape | None:
        """See Casework."""
        found = casework.changed(self._migrated(), case_id, revision, by, **said)
        return shapes.case(found) if found else None

    def noted(self, case_id: str, by: str, text: str, event_id: str) -> Shape | None:
        """See Casework."""
        store = self._migrated()
        if casework.case(store, case_id) is None:
            return None
        return shapes.note(casework.noted(store, "case", case_id, by, text, event_id))

    def views(self) -> list[Shape]:
        """See Casework."""
        return [shapes.view(one) for one in casework.views(self._migrated())]

    def kept(self, name: str, query: str, by: str) -> Shape:
        """See Casework."""
        return shapes.view(casework.kept(self._migrated(), name, query, by))

    def dropped(self, name: str, by: str) -> Shape | None:
        """See Casework."""
        found = casework.dropped(self._migrated(), name, by)
        return shapes.view(found) if found else None

    def _migrated(self) -> Store:
        """The store, which may be older than cases."""
        migrate(self._store)
        return self._store


class DeskCasework:
    """Of a running desk, through its API; where it knows who asks, that is who says it."""

    def __init__(self, desk: DeskReader) -> None:
        self._desk = desk

    def cases(self, state: str) -> list[Shape]:
        """See Casework."""
        found: list[Shape] = self._told("GET", "/v1/cases?" + urlencode({"state": state}))["cases"]
        return found

    def case(self, case_id: str) -> Shape | None:
        """See Casework."""
        return self._desk.send("GET", "/v1/cases/" + quote(case_id, safe=""))

    def opened(self, by: str, title: str, clue: str, kind: str) -> Shape:
        """See Casework."""
        return self._told("POST", "/v1/cases", {"title": title, "clue": clue, "kind": kind, "by": by})

    def changed(self, case_id: str, revision: int, by: str, said: Mapping[str, str]) -> Shape | None:
        """See Casework."""
        given = {**said, "revision": revision, "by": by}
        return self._desk.send("PATCH", "/v1/cases/" + quote(case_id, safe=""), given)

    def noted(self, case_id: str, by: str, text: str, event_id: str) -> Shape | None:
        """See Casework."""
        given = {"text": text, "event_id": event_id, "by": by}
        return self._desk.send("POST", "/v1/notes/case/" + quote(case_id, safe=""), given)

    def views(self) -> list[Shape]:
        """See Casework."""
        found: list[Shape] = self._told("GET", "/v1/views")["views"]
        return found

    def kept(self, name: str, query: str, by: str) -> Shape:
        """See Casework."""
        return self._told("POST", "/v1/views", {"name": name, "query": query, "by": by})

    def dropped(self, name: str, by: str) -> Shape | None:
        """See Casework."""
        return self._desk.send("DELETE", f"/v1/views/{quote(name, safe='')}?" + urlencode({"by": by}))

    def _told(self, method: str, path: str, given: Mapping[str, str] | None = None) -> Shape:
        return self._desk.send(method, path, given) or {}
