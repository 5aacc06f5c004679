"""Commands that read get a Reader: of the store itself or, when a running desk owns it, of the desk's HTTP API.

In:     settings
Out:    Reader, whose rows have the shapes of `pipeline.console.shapes`
Fails:  Transient, saying what to start, when neither the store nor a desk can be reached; Invalid for a wrong parameter
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from confluent_kafka import Producer

from pipeline.alert import life
from pipeline.cli.desk import KEY, DeskReader
from pipeline.cli.reader import PAGE, Reader, Shape, Told, pages
from pipeline.console import (
    alerts,
    asked,
    coverage,
    exporting,
    findings,
    incidents,
    inventory,
    names,
    search,
    shapes,
    state,
)
from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.query import parse
from pipeline.run.bundle import proving
from pipeline.run.decide import decided
from pipeline.store import Store, connect, migrate, queries
from pipeline.store.following import Following
from pipeline.store.inventory import Of
from pipeline.store.search import Scope

#: Seconds between two looks of one who follows.
_LOOK = 1.0


def open_reader(settings: Settings) -> Reader:
    """A Reader of the store that the settings name."""
    if not settings.clickhouse.startswith("chdb:"):
        return StoreReader(connect(settings, migrated=False), settings)
    desk = desk_of(settings)
    if desk.owns(settings.clickhouse):
        return desk
    return StoreReader(_alone(settings, desk), settings)


def open_store(settings: Settings, *, migrated: bool = True, engine: Path | None = None) -> Store:
    """The store itself, to be written to, its schema brought up to date (see `connect`).

    A running desk that owns an embedded store answers questions only. Raises Transient saying so.
    """
    if not settings.clickhouse.startswith("chdb:"):
        return connect(settings, migrated=migrated)
    desk = desk_of(settings)
    if desk.owns(settings.clickhouse):
        raise Transient(
            f"store: {settings.clickhouse} belongs to the running desk at {desk.address}, whose API only reads: "
            "end it, then repeat this; a ClickHouse server can be written to while desks run"
        )
    return _alone(settings, desk, migrated=migrated, engine=engine)


def desk_of(settings: Settings) -> DeskReader:
    """The desk that may run on this machine."""
    return DeskReader(address_of(settings), settings.api_key)


def address_of(settings: Settings) -> str:
    """Where the desk of these settings listens, if it does."""
    return f"http://{_bracketed(settings.host)}:{settings.port}"


class StoreReader:
    """Reads the store itself."""

    def __init__(self, store: Store, settings: Settings | None = None) -> None:
        """`settings` say which broker is told of decisions."""
        self.store, self._settings = store, settings or Settings()

    def timeline(
        self, pivot: str, value: str, *, since: str = "", until: str = "", limit: int, exact: bool = False
    ) -> Iterator[Shape]:
        """See Reader."""
        after = ""
        while limit > 0:
            given = {"since": since, "until": until, "after": after, "limit": str(min(limit, PAGE))}
            given["exact"] = "true" if exact else ""
            page = asked.bounded(pivot, value, given).answer(self.store)
            yield from map(shapes.entry, page.entries)
            limit -= len(page.entries)
            if page.next is None:
                return
            after = asked.cursor(page.next)

    def search(self, q: str, limit: int, *, earliest: bool = False, exact: bool = False) -> Iterator[Shape]:
        """See Reader."""
        scope = Scope(exact=exact)

        def ask(given: dict[str, str]) -> Shape:
            size = int(given["limit"])
            return search.page(self.store, q, after=given["after"], limit=size, latest_first=not earliest, scope=scope)

        return pages("entries", {}, limit, ask)

    def follow(self, q: str, exact: bool = False) -> Iterator[Shape]:
        """See Reader."""
        following = Following(self.store, parse(q), scope=Scope(exact=exact))
        while True:
            yield from search.entries(self.store, following.look())
            time.sleep(_LOOK)

    def export(self, q: str, format: exporting.Format, exact: bool = False) -> Iterator[bytes]:
        """See Reader."""
        return exporting.exported(self.store, q, format, Scope(exact=exact))

    def aliases(self, of: str = "", history: bool = False) -> Shape:
        """See Reader."""
        return names.listing(self.store, {"of": of, "history": "true" if history else ""})

    def event(self, event_id: str) -> Shape | None:
        """See Reader."""
        found = queries.event(self.store, event_id)
        return shapes.entry(found) if found else None

    def dead_letters(self, *, stage: str = "", limit: int = 100) -> list[Shape]:
        """See Reader."""
        return [shapes.dead_letter(item) for item in queries.dead_letters(self.store, stage=stage, limit=limit)]

    def dead_letter(self, rejected_id: str) -> Shape | None:
        """See Reader."""
        found = queries.dead_letter(self.store, rejected_id)
        return shapes.dead_letter(found) if found else None

    def inventory(self, of: Of, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return pages(of, given, limit, lambda asked_for: inventory.listing(self.store, of, asked_for))

    def inventoried(self, of: Of, name: str, kind: str = "") -> Shape | None:
        """See Reader."""
        return inventory.single(self.store, of, name, {"kind": kind})

    def findings(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return pages("findings", given, limit, lambda asked_for: findings.listing(self.store, asked_for))

    def finding(self, finding_id: str) -> Shape | None:
        """See Reader."""
        return findings.single(self.store, finding_id)

    def alerts(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return pages("alerts", given, limit, lambda asked_for: alerts.listing(self.store, asked_for))

    def alert(self, alert_id: str) -> Shape | None:
        """See Reader."""
        return alerts.single(self.store, alert_id)

    def deliveries(self, given: Mapping[str, str]) -> list[Shape]:
        """See Reader."""
        found: list[Shape] = alerts.deliveries(self.store, given)["deliveries"]
        return found

    def responses(self, given: Mapping[str, str]) -> list[Shape]:
        """See Reader."""
        found: list[Shape] = alerts.responses(self.store, given)["responses"]
        return found

    def decide(self, about: str, said: Mapping[str, str]) -> None:
        """See Reader. In a store of files nobody listens: the alert itself is changed. Else the broker is told."""
        decision = alerts.decision(self.store, about, said)
        if decision is None:
            raise Invalid("id", "that of an alert or a response", about)
        if not self.store.embedded:
            decided(self._settings, Producer(producer_config(self._settings)), decision)
            return
        if decision.alert is None or decision.what == "request":
            raise Invalid("what", "something that needs no running pipeline: there is none that has this store")
        changed = life.decided(decision.alert, decision, decision.at)
        if changed is None:
            raise Invalid(
                "what", f"something that can be done to an alert that is {decision.alert.state}", decision.what
            )
        migrate(self.store)
        self.store.write_alerts([changed], [])

    def incident(self, given: Mapping[str, str]) -> Shape:
        """See Reader."""
        return incidents.answer(self.store, given)

    def bundle(self, given: Mapping[str, str], target: Path, progress: Told) -> str:
        """See Reader."""
        prove = proving(self._settings, self.store)
        key = self._settings.hashing_key
        return incidents.pack(self.store, given, target, key=key, prove=prove, progress=progress).incident_id

    def coverage(self, given: Mapping[str, str]) -> Shape:
        """See Reader."""
        return coverage.answer(self.store, given)

    def status(self) -> Shape:
        """See Reader. No process was asked, so there is only `store`."""
        return state.report(self.store, dict)

    def close(self) -> None:
        """See Reader."""
        self.store.close()


def _alone(settings: Settings, desk: DeskReader, *, migrated: bool = False, engine: Path | None = None) -> Store:
    path = Path(settings.clickhouse.removeprefix("chdb://"))
    address = desk.address
    start = f"start one with `whodid up`, or name where it listens with WHODID_HOST and WHODID_PORT (tried {address})"
    if not path.is_absolute():
        raise Transient(f"store: {settings.clickhouse} lives inside a running desk and none answers; {start}")
    if not path.is_dir():
        raise Transient(f"store: there is none at {path}; set WHODID_CLICKHOUSE to yours, or {start}")
    try:
        return connect(settings, migrated=migrated, engine=engine)
    except Transient as error:
        if desk.unknown:
            raise Transient(f"{error}. A desk answers at {address} that has to know who asks: {KEY}") from error
        raise Transient(f"{error}. If a desk has it open: {start}") from error


def _bracketed(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # nosec B104
    return f"[{host}]" if ":" in host else host
