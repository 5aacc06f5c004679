"""What the commands that read ask: the same questions of a store and of a desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pipeline.console.exporting import Format
from pipeline.store.inventory import Of

Shape = dict[str, Any]
#: Rows that are asked for at once.
PAGE = 1000
#: Told of what is written: its name, how many of how many.
Told = Callable[[str, int, int], None]


class Reader(Protocol):
    """What the commands that read need."""

    def timeline(
        self, pivot: str, value: str, *, since: str = "", until: str = "", limit: int, exact: bool = False
    ) -> Iterator[Shape]:
        """Entries of one pivot, oldest first, at most `limit`; `since` and `until` in ISO 8601.

        Of an actor or a person under all names of the identity, unless `exact`.
        """

    def search(self, q: str, limit: int, *, earliest: bool = False, exact: bool = False) -> Iterator[Shape]:
        """Entries that a query finds, with their risk, latest first unless `earliest`, at most `limit`."""

    def follow(self, q: str, exact: bool = False) -> Iterator[Shape]:
        """Entries that a query finds, as they are written, without end. Raises Transient when that breaks off."""

    def export(self, q: str, format: Format, exact: bool = False) -> Iterator[bytes]:
        """What a query finds as a file, piece by piece."""

    def aliases(self, of: str = "", history: bool = False) -> Shape:
        """Aliases, rules, and the names of the identity `of`, as in `console.names`."""

    def event(self, event_id: str) -> Shape | None:
        """The current entry of an event."""

    def dead_letters(self, *, stage: str = "", limit: int = 100) -> list[Shape]:
        """Dead letters, latest first."""

    def dead_letter(self, rejected_id: str) -> Shape | None:
        """One dead letter with its bytes."""

    def inventory(self, of: Of, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """Identities, credentials or sessions, latest first, at most `limit`; `given` as in `console.inventory`."""

    def inventoried(self, of: Of, name: str, kind: str = "") -> Shape | None:
        """One of them in detail."""

    def findings(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """Findings, latest first, at most `limit`; `given` as in `console.findings`."""

    def finding(self, finding_id: str) -> Shape | None:
        """One finding with its evidence."""

    def alerts(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """Alerts, latest first, at most `limit`; `given` as in `console.alerts`."""

    def alert(self, alert_id: str) -> Shape | None:
        """One alert with all that belongs to it."""

    def deliveries(self, given: Mapping[str, str]) -> list[Shape]:
        """Attempts to tell somebody, latest first; `given` as in `console.alerts`."""

    def responses(self, given: Mapping[str, str]) -> list[Shape]:
        """Responses, latest first; `given` as in `console.alerts`."""

    def decide(self, about: str, said: Mapping[str, str]) -> None:
        """Decide about an alert or a response. Raises Invalid; Transient."""

    def incident(self, given: Mapping[str, str]) -> Shape:
        """The incident of a clue; `given` as in `console.incidents`. Raises Invalid when nothing is of that clue."""

    def bundle(self, given: Mapping[str, str], target: Path, progress: Told) -> str:
        """Write the bundle of the incident, a folder or an archive; returns its id. Raises Invalid; OSError."""

    def coverage(self, given: Mapping[str, str]) -> Shape:
        """Which sources were heard and which logs are missing; `given` as in `console.coverage`. Raises Invalid."""

    def status(self) -> Shape:
        """What the process says of itself, if it can be asked, and what the store holds."""

    def close(self) -> None:
        """Give back what it holds."""


def pages(of: str, given: Mapping[str, str], limit: int, ask: Callable[[dict[str, str]], Shape]) -> Iterator[Shape]:
    """Rows of page after page, at most `limit`."""
    after = ""
    while limit > 0:
        page = ask({**given, "after": after, "limit": str(min(limit, PAGE))})
        yield from page[of]
        limit -= len(page[of])
        if page["next"] is None:
            return
        after = page["next"]
