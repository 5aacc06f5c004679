"""Questions of the commands become requests to the HTTP API of a running desk.

In:     the address of a desk
Out:    DeskReader, whose rows have the shapes of `pipeline.console.shapes`
Fails:  Transient when none answers there; Invalid for a parameter that it refused
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from pipeline.cli.reader import PAGE, Shape, Told, pages
from pipeline.console.exporting import Format
from pipeline.kit.failures import Invalid, Transient
from pipeline.report.bundle import check
from pipeline.report.fetched import take
from pipeline.store.inventory import Of
from pipeline.store.pivots import MAX_LIMIT

#: Seconds that an answer may take, and one that reads much.
_TIMEOUT, _LONG = 60.0, 7200.0
#: What to do when a desk does not know who asks.
KEY = "give a key with --key or WHODID_API_KEY; `whodid keys create` makes one"
#: Bytes that are taken at once.
_PIECE = 64 * 1024


class DeskReader:
    """Reads through the HTTP API of a running desk."""

    def __init__(self, address: str, key: str = "") -> None:
        """`key` is one that `whodid keys create` has made; a desk on which nobody has to sign in needs none."""
        self.address = address
        #: Whether a desk answered that did not say whose store it has, since it does not know who asks.
        self.unknown = False
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Without proxies: the desk is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def owns(self, clickhouse: str) -> bool:
        """Whether a desk answers there, and this is its store."""
        try:
            health = self._get("/healthz", (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE), timeout=10.0)
        except (Transient, Invalid):
            return False
        self.unknown = isinstance(health, dict) and health.get("login") is True
        return isinstance(health, dict) and health.get("embedded_store") == clickhouse

    def timeline(
        self, pivot: str, value: str, *, since: str = "", until: str = "", limit: int, exact: bool = False
    ) -> Iterator[Shape]:
        """See Reader."""
        after = ""
        while limit > 0:
            given = {pivot: value, "since": since, "until": until, "after": after, "limit": min(limit, PAGE)}
            given["exact"] = "true" if exact else ""
            page = self._get("/v1/timeline?" + urlencode({name: item for name, item in given.items() if item}))
            yield from page["entries"]
            limit -= len(page["entries"])
            if page["next"] is None:
                return
            after = page["next"]

    def search(self, q: str, limit: int, *, earliest: bool = False, exact: bool = False) -> Iterator[Shape]:
        """See Reader."""
        given = {"q": q, "order": "earliest" if earliest else "latest", "exact": "true" if exact else "false"}
        return pages("entries", given, limit, lambda asked_for: self._get("/v1/search?" + urlencode(asked_for)))

    def follow(self, q: str, exact: bool = False) -> Iterator[Shape]:
        """See Reader."""
        for event, data in self._events("/v1/tail?" + urlencode({"q": q, "exact": "true" if exact else "false"})):
            told: Shape = json.loads(data)
            if event == "entry":
                yield told
            elif event == "trouble":
                raise Transient(f"desk: {told['message']}")

    def export(self, q: str, format: Format, exact: bool = False) -> Iterator[bytes]:
        """See Reader."""
        given = {"q": q, "format": format, "exact": "true" if exact else "false"}
        with self._streamed("/v1/export?" + urlencode(given), _LONG) as response:
            while piece := response.read(_PIECE):
                yield piece

    def _events(self, path: str) -> Iterator[tuple[str, str]]:
        """Names and data of server-sent events."""
        name = ""
        with self._streamed(path, _TIMEOUT) as response:
            for line in response:
                key, _, value = line.decode().rstrip("\r\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    yield name, value
        raise Transient(f"desk: {self.address} ended the stream")

    @contextmanager
    def _streamed(self, path: str, timeout: float) -> Iterator[Any]:
        try:
            with self._open(path, timeout) as response:
                yield response
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error.code, error.read(), ())
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise Transient(f"desk: {self.address} does not answer as one: {error}") from error

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
        return pages(of, given, limit, lambda asked_for: self._get(f"/v1/{of}?" + urlencode(asked_for)))

    def inventoried(self, of: Of, name: str, kind: str = "") -> Shape | None:
        """See Reader."""
        path = f"/v1/{of}/{quote(name, safe='')}?" + urlencode({"kind": kind})
        found: Shape = self._get(path, (HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        return None if "name" not in found else found

    def findings(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return pages("findings", given, limit, lambda asked_for: self._get("/v1/findings?" + urlencode(asked_for)))

    def finding(self, finding_id: str) -> Shape | None:
        """See Reader."""
        return self._find("/v1/findings/", finding_id)

    def alerts(self, given: Mapping[str, str], limit: int) -> Iterator[Shape]:
        """See Reader."""
        return pages("alerts", given, limit, lambda asked_for: self._get("/v1/alerts?" + urlencode(asked_for)))

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
        if "decision_id" in self._get(self._posted(path, said), (HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND)):
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

    def coverage(self, given: Mapping[str, str]) -> Shape:
        """See Reader."""
        found: Shape = self._get("/v1/coverage?" + urlencode(given))
        return found

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

    def send(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Shape | None:
        """What the desk answers to something that is asked or said; None if there is no such thing. Raises Invalid."""
        body = None if given is None else json.dumps(dict(given)).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, body, headers, method=method)  # noqa: S310
        found: Shape = self._get(request, (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NOT_FOUND))
        return None if set(found) == {"error"} else found

    def all_keys(self) -> list[Shape]:
        """Every key that there ever was, as in `console.access.api`."""
        found: list[Shape] = self._get("/v1/keys")["keys"]
        return found

    def make_key(self, given: Mapping[str, Any]) -> Shape:
        """Make a key; `key` is in the answer this once."""
        found: Shape = self._get(self._posted("/v1/keys", given), (HTTPStatus.CREATED,))
        return found

    def revoke_key(self, key_id: str) -> Shape | None:
        """Revoke a key; None if there is none of that id."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.address}/v1/keys/{quote(key_id, safe='')}", method="DELETE"
        )
        found: Shape = self._get(request, (HTTPStatus.OK, HTTPStatus.NOT_FOUND))
        return found if "key_id" in found else None

    def reads(self, given: Mapping[str, str]) -> list[Shape]:
        """Who read whose contents, latest first, as in `console.access.api`."""
        found: list[Shape] = self._get("/v1/reads?" + urlencode(given))["reads"]
        return found

    def _posted(self, path: str, given: Mapping[str, Any]) -> urllib.request.Request:
        body = json.dumps(dict(given)).encode()
        return urllib.request.Request(self.address + path, body, {"Content-Type": "application/json"})  # noqa: S310

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
        request = urllib.request.Request(self.address + path) if isinstance(path, str) else path  # noqa: S310
        for name, value in self._headers.items():
            request.add_unredirected_header(name, value)
        return self._opener.open(request, timeout=timeout)

    def _refused(self, code: int, body: bytes, expected: tuple[int, ...]) -> Any:  # noqa: ANN401
        try:
            answer = json.loads(body)
            if code in expected:
                return answer
            fault = answer["error"]
        except (ValueError, TypeError, KeyError) as error:
            raise Transient(f"desk: {self.address} answered {code} and no reason") from error
        if code in (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT):
            raise _Refusal(fault["parameter"], fault["message"])
        if code == HTTPStatus.UNAUTHORIZED:
            raise Transient(f"desk: {fault['message']}; {KEY}")
        raise Transient(f"desk: {fault['message']}")


class _Refusal(Invalid):
    """A parameter that the desk refused, in its own words."""

    def __init__(self, field: str, message: str) -> None:
        Exception.__init__(self, message)
        self.field = field
