"""Commands that read get a Reader: of the store itself or, when a running desk owns it, of the desk's HTTP API.

In:     settings
Out:    Reader, whose rows have the shapes of `pipeline.console.shapes`
Fails:  Transient, saying what to start, when neither the store nor a desk can be reached; Invalid for a wrong parameter
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from confluent_kafka import Producer

from pipeline.alert import life
from pipeline.console import alerts, asked, findings, incidents, inventory, names, shapes, state
from pipeline.kit.clients import producer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.report.bundle import check
from pipeline.report.fetched import take
from pipeline.run.bundle import proving
from pipeline.run.decide import decided
from pipeline.store import Store, connect, migrate, queries
from pipeline.store.inventory import Of
from pipeline.store.pivots import MAX_LIMIT

Shape = dict[str, Any]
_PAGE = 1000
#: Seconds that an answer may take, and one that reads much.
_TIMEOUT, _LONG = 60.0, 7200.0
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

    def status(self) -> Shape:
        """What the process says of itself, if it can be asked, and what the store holds."""

    def close(self) -> None:
        """Give back what it holds."""


def open_reader(settings: Settings) -> Reader:
    """A Reader of the store that the settings name."""
    if not settings.clickhouse.startswith("chdb:"):
        return StoreReader(connect(settings, migrated=False), settings)
    desk = DeskReader(f"http://{_bracketed(settings.host)}:{settings.port}")
    if desk.owns(settings.clickhouse):
        return desk
    return StoreReader(_alone(settings, desk.address), settings)


def open_store(settings: Settings) -> Store:
    """The store itself, to be written to, its schema brought up to date.

    A running desk that owns an embedded store answers questions only. Raises Transient saying so.
    """
    if not settings.clickhouse.startswith("chdb:"):
        return connect(settings)
    desk = DeskReader(f"http://{_bracketed(settings.host)}:{settings.port}")
    if desk.owns(settings.clickhouse):
        raise Transient(
            f"store: {settings.clickhouse} belongs to the running desk at {desk.address}, whose API only reads: "
            "end it, then repeat this; a ClickHouse server can be written to while desks run"
        )
    return _alone(settings, desk.address, migrated=True)


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
            given = {"since": since, "until": until, "after": after, "limit": str(min(limit, _PAGE))}
            given["exact"] = "true" if exact else ""
            page = asked.bounded(pivot, value, given).answer(self.store)
            yield from map(shapes.entry, page.entries)
            limit -= len(page.entries)
            if page.next is None:
                return
            after = asked.cursor(page.next)

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
        return _pages(of, given, limit, lambda asked_for: inventory.listing(self.store, of, asked_for))

    def inventoried(self, of: Of, name: str, kind: str = "") -> Shape | None:
        """See Reader."""
        return inventory.single(self.store, of, name, {"kind": kind})

    def findings(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return _pages("findings", given, limit, lambda asked_for: findings.listing(self.store, asked_for))

    def finding(self, finding_id: str) -> Shape | None:
        """See Reader."""
        return findings.single(self.store, finding_id)

    def alerts(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return _pages("alerts", given, limit, lambda asked_for: alerts.listing(self.store, asked_for))

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

    def status(self) -> Shape:
        """See Reader. No process was asked, so there is only `store`."""
        return state.report(self.store, dict)

    def close(self) -> None:
        """See Reader."""
        self.store.close()


class DeskReader:
    """Reads through the HTTP API of a running desk."""

    def __init__(self, address: str) -> None:
        self.address = address
        # Without proxies: the desk is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def owns(self, clickhouse: str) -> bool:
        """Whether a desk answers there, and this is its store."""
        try:
            health = self._get("/healthz", (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE), timeout=10.0)
        except (Transient, Invalid):
            return False
        return isinstance(health, dict) and health.get("embedded_store") == clickhouse

    def timeline(
        self, pivot: str, value: str, *, since: str = "", until: str = "", limit: int, exact: bool = False
    ) -> Iterator[Shape]:
        """See Reader."""
        after = ""
        while limit > 0:
            given = {pivot: value, "since": since, "until": until, "after": after, "limit": min(limit, _PAGE)}
            given["exact"] = "true" if exact else ""
            page = self._get("/v1/timeline?" + urlencode({name: item for name, item in given.items() if item}))
            yield from page["entries"]
            limit -= len(page["entries"])
            if page["next"] is None:
                return
            after = page["next"]

    def aliases(self, of: str = "", history: bool = False) -> Shape:
        """See Reader."""
        given = {"of": of, "history": "true" if history else ""}
        found: Shape = self._get("/v1/aliases?" + urlencode({name: item for name, item in given.items() if item}))
        return found

    def event(self, event_id: str) -> Shape | None:
        """See Reader."""
        return self._find("/v1/events/", event_id)

    def dead_letters(self, *, stage: str = "", limit: int = 100) -> list[Shape]:
        """See Reader."""
        given = urlencode({"stage": stage, "limit": min(limit, MAX_LIMIT)})
        found: list[Shape] = self._get("/v1/dead-letters?" + given)["dead_letters"]
        return found

    def dead_letter(self, rejected_id: str) -> Shape | None:
        """See Reader."""
        return self._find("/v1/dead-letters/", rejected_id)

    def inventory(self, of: Of, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return _pages(of, given, limit, lambda asked_for: self._get(f"/v1/{of}?" + urlencode(asked_for)))

    def inventoried(self, of: Of, name: str, kind: str = "") -> Shape | None:
        """See Reader."""
        path = f"/v1/{of}/{quote(name, safe='')}?" + urlencode({"kind": kind})
        found: Shape = self._get(path, (HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        return None if "name" not in found else found

    def findings(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return _pages("findings", given, limit, lambda asked_for: self._get("/v1/findings?" + urlencode(asked_for)))

    def finding(self, finding_id: str) -> Shape | None:
        """See Reader."""
        return self._find("/v1/findings/", finding_id)

    def alerts(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return _pages("alerts", given, limit, lambda asked_for: self._get("/v1/alerts?" + urlencode(asked_for)))

    def alert(self, alert_id: str) -> Shape | None:
        """See Reader."""
        found: Shape = self._get("/v1/alerts/" + quote(alert_id, safe=""), (HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        return found if "alert_id" in found else None

    def deliveries(self, given: Mapping[str, str]) -> list[Shape]:
        """See Reader."""
        found: list[Shape] = self._get("/v1/deliveries?" + urlencode(given))["deliveries"]
        return found

    def responses(self, given: Mapping[str, str]) -> list[Shape]:
        """See Reader."""
        found: list[Shape] = self._get("/v1/responses?" + urlencode(given))["responses"]
        return found

    def decide(self, about: str, said: Mapping[str, str]) -> None:
        """See Reader."""
        path = f"/v1/alerts/{quote(about, safe='')}/decisions"
        body = json.dumps(dict(said)).encode()
        request = urllib.request.Request(self.address + path, body, {"Content-Type": "application/json"})  # noqa: S310
        if "decision_id" in self._get(request, (HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND)):
            return
        raise Invalid("id", "that of an alert or a response", about)

    def incident(self, given: Mapping[str, str]) -> Shape:
        """See Reader."""
        found: Shape = self._get("/v1/reconstruct?" + urlencode(given), timeout=_LONG)
        return found

    def bundle(self, given: Mapping[str, str], target: Path, progress: Told) -> str:
        """See Reader."""
        check(target)
        try:
            with self._open("/v1/reconstruct/bundle?" + urlencode(given), _LONG) as response:
                return take(response, target, progress)
        except urllib.error.HTTPError as error:
            with error:
                raise Transient(str(self._refused(error.code, error.read(), ()))) from error
        except (http.client.HTTPException, ValueError) as error:
            raise Transient(f"desk: {self.address} does not answer as one: {error}") from error

    def status(self) -> Shape:
        """See Reader."""
        found: Shape = self._get("/v1/status")
        return found

    def close(self) -> None:
        """See Reader. Nothing is held."""

    def ask(self, path: str, body: bytes | None = None) -> Shape:
        """What the desk answers to a question that may take it long; `error` is in it when there is no such thing."""
        request = urllib.request.Request(self.address + path, body, {"Content-Type": "application/json"})  # noqa: S310
        found: Shape = self._get(request, (HTTPStatus.OK, HTTPStatus.NOT_FOUND), timeout=_LONG)
        return found

    def _find(self, path: str, name: str) -> Shape | None:
        found = self._get(path + quote(name, safe=""), (HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        return None if "error" in found and "time" not in found else dict(found)

    def _get(
        self, path: str | urllib.request.Request, expected: tuple[int, ...] = (HTTPStatus.OK,),
        timeout: float = _TIMEOUT,
    ) -> Any:  # noqa: ANN401  # fmt: skip
        try:
            with self._open(path, timeout) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(error.code, error.read(), expected)
        except (OSError, ValueError) as error:
            raise Transient(f"desk: {self.address} does not answer as one: {error}") from error

    def _open(self, path: str | urllib.request.Request, timeout: float) -> Any:  # noqa: ANN401
        return self._opener.open(self.address + path if isinstance(path, str) else path, timeout=timeout)

    def _refused(self, code: int, body: bytes, expected: tuple[int, ...]) -> Any:  # noqa: ANN401
        try:
            answer = json.loads(body)
            if code in expected:
                return answer
            fault = answer["error"]
        except (ValueError, TypeError, KeyError) as error:
            raise Transient(f"desk: {self.address} answered {code} and no reason") from error
        if code == HTTPStatus.BAD_REQUEST:
            raise _Refusal(fault["parameter"], fault["message"])
        raise Transient(f"desk: {fault['message']}")


def _pages(of: str, given: Mapping[str, str], limit: int, ask: Callable[[dict[str, str]], Shape]) -> Iterator[Shape]:
    after = ""
    while limit > 0:
        page = ask({**given, "after": after, "limit": str(min(limit, _PAGE))})
        yield from page[of]
        limit -= len(page[of])
        if page["next"] is None:
            return
        after = page["next"]


class _Refusal(Invalid):
    """A parameter that the desk refused, in its own words."""

    def __init__(self, field: str, message: str) -> None:
        Exception.__init__(self, message)
        self.field = field


def _alone(settings: Settings, address: str, migrated: bool = False) -> Store:
    path = Path(settings.clickhouse.removeprefix("chdb://"))
    start = f"start one with `whodid up`, or name where it listens with WHODID_HOST and WHODID_PORT (tried {address})"
    if not path.is_absolute():
        raise Transient(f"store: {settings.clickhouse} lives inside a running desk and none answers; {start}")
    if not path.is_dir():
        raise Transient(f"store: there is none at {path}; set WHODID_CLICKHOUSE to yours, or {start}")
    try:
        return connect(settings, migrated=migrated)
    except Transient as error:
        raise Transient(f"{error}. If a desk has it open: {start}") from error


def _bracketed(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host
