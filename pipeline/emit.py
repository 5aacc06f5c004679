"""What a home-grown agent does becomes canonical events at the collector. One file, standard library only: copy it.

    whodid = Emitter("http://127.0.0.1:8470", actor="billing-agent")
    with whodid.session("conversation-7", human="ana@example.com"):
        whodid.prompt("Pay the open invoices")
        with whodid.tool("pay", {"invoice": 7}) as call:
            call.result(pay(7))

It never raises into the agent and never waits for the network in the agent's threads: events wait in memory for a
background thread, and those that find no room, or that the collector refuses, are dropped and counted (`dropped`).
It is longer than a module should be because it is to be copied as it is.
"""

from __future__ import annotations

import atexit
import email.utils
import gzip
import http.client
import inspect
import json
import logging
import os
import random
import sys
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from datetime import datetime
from functools import wraps
from types import TracebackType
from typing import Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

TOPICS: Final = {
    "prompt": "prompts",
    "tool_call": "tool-calls",
    "token_issuance": "token-issuance",
    "cloud_audit": "cloud-audit",
}
#: What every canonical event may have (schemas/canonical.py), and what only some have, by `kind`.
SHARED: Final = frozenset(
    ("event_id", "time", "actor", "on_behalf_of", "human", "account", "session", "parent_session", "credential",
     "trace", "span", "parent_span", "request", "outcome", "error", "address", "user_agent", "region", "resources",
     "policy", "attributes")
)  # fmt: skip
OWN: Final = {
    "prompt": frozenset({"action", "text"}),
    "tool_call": frozenset({"tool", "tool_call", "phase", "arguments", "text", "parent_tool_call"}),
    "token_issuance": frozenset(
        ("action", "issued", "issued_kind", "expires", "subject", "session_name", "source_identity")
    ),
    "cloud_audit": frozenset({"action"}),
}
#: Bounds of the canonical schema: a name's characters, list entries and attributes.
_NAME, _LISTS = 2048, {"on_behalf_of": 32, "resources": 64}
_ATTRIBUTES = 64
#: Characters of a text or of arguments that are sent: with both, an event stays below a megabyte.
_TEXT = 100_000
#: Bytes of a request before compression, and of all that may wait. Events of a request.
_REQUEST, _ROOM, _MANY = 500_000, 16_000_000, 500
#: Seconds: until a started request is given up; that events wait for others; between tries at most; at exit at most.
_TIMEOUT, _LINGER, _LONGEST, _EXIT = 10.0, 0.3, 30.0, 3.0
_UNUSABLE: Final = "url: expected http(s)://host:port, and a key without spaces and line breaks"
F = TypeVar("F", bound=Callable[..., Any])


class _Place(NamedTuple):
    """Where the agent is: what events have in common, the running tool call, and the one that opened the session."""

    fields: Mapping[str, Any] = {}
    call: str = ""
    opened_by: str = ""


_NOWHERE = _Place()
_PLACE: ContextVar[_Place] = ContextVar("whodid_place", default=_NOWHERE)


class Emitter:
    """Sends events to one collector. Every method may be called from any thread, task or forked process.

    Keywords that are fields of the canonical schema become those, any others attributes. `url` and `key` are taken from
    WHODID_COLLECTOR and WHODID_API_KEY if left out. `fields` go with every event.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        actor: str | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        self._fields = {"actor": actor, **fields}
        self._sender = _Sender(
            url or os.environ.get("WHODID_COLLECTOR") or "http://127.0.0.1:8470",
            os.environ.get("WHODID_API_KEY", "") if key is None else key,
        )

    @property
    def dropped(self) -> int:
        """How many events were not sent and never will be."""
        return self._sender.dropped

    @property
    def sent(self) -> int:
        """How many events the collector has acknowledged."""
        return self._sender.sent

    @contextmanager
    def session(self, name: str | None = None, **fields: Any) -> Iterator[str]:
        """A conversation: what happens within has its name, and `fields`. One within another names it as its parent.

        Threads that are started within do not know of it (tasks do): run them in `contextvars.copy_context()`.
        """
        outer, name = _PLACE.get(), name or uuid.uuid4().hex
        inherited = {"parent_session": outer.fields["session"]} if outer.fields.get("session") else {}
        opened_by = _said(fields.pop("parent_tool_call", outer.call))
        given = {**outer.fields, **inherited, **fields, "session": name}
        token = _PLACE.set(_Place(given, "", opened_by))
        try:
            yield name
        finally:
            _leave(token)

    def prompt(self, text: str, action: str = "user_message", **fields: Any) -> None:
        """What was said to the agent; with the action `answer`, what the model answered."""
        self.event("prompt", text=text, action=action, **fields)

    def answer(self, text: str, **fields: Any) -> None:
        """What the model answered."""
        self.prompt(text, "answer", **fields)

    def tool(self, name: str = "", arguments: Any = None, **fields: Any) -> Tool:
        """A tool call: `with whodid.tool("pay", {"invoice": 7}) as call:`, or a decorator, `@whodid.tool()`."""
        return Tool(self, name, arguments, fields)

    def token_issued(self, issued: str, issued_kind: str = "session", **fields: Any) -> None:
        """A credential was issued or exchanged. `issued` is its identifier (`jti:…`, key id, hash), never the secret.

        Of use: `subject`, `session_name`, `expires` (a datetime), `credential` (the one that it was exchanged for).
        """
        self.event("token_issuance", issued=issued, issued_kind=issued_kind, **fields)

    def acted(self, action: str, **fields: Any) -> None:
        """An act at a service of one's own: `service:Operation`, with `resources`, `credential`, `outcome`."""
        self.event("cloud_audit", action=action, **fields)

    def event(self, kind: str, **fields: Any) -> None:
        """Any canonical event."""
        try:
            place = _PLACE.get()
            made = {**self._fields, **place.fields, **{name: one for name, one in fields.items() if one is not None}}
            if place.opened_by and kind == "tool_call":
                made.setdefault("parent_tool_call", place.opened_by)
            self._sender.put(TOPICS[kind], encoded(kind, made))
        # Whatever an agent's own objects do when they are looked at, the agent goes on.
        except Exception as fault:  # noqa: BLE001
            self._sender.drop(1, "event", f"an event of kind {_said(kind)} cannot be written: {type(fault).__name__}")

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything is sent or dropped; False if that took too long. A process that ends needs it only
        where it ends without `atexit` (`os._exit`, workers of multiprocessing)."""
        return self._sender.flush(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush, then take no more; what is left is dropped, counted and told. Called by itself at exit."""
        self._sender.close(timeout)


class Tool:
    """A tool call as a context manager, or a decorator for functions, plain and async."""

    def __init__(self, emitter: Emitter, name: str, arguments: Any, fields: dict[str, Any]) -> None:
        self._emitter, self._name, self._arguments, self._fields = emitter, name, arguments, fields
        self._id = _said(fields.pop("tool_call", "")) or uuid.uuid4().hex
        self._end: dict[str, Any] = {"outcome": "success"}
        self._token: Token[_Place] | None = None

    @property
    def id(self) -> str:
        """What call and result share."""
        return self._id

    def result(self, value: Any) -> None:
        """What it came to; the last word counts."""
        self._end["text"] = value

    def denied(self, reason: str) -> None:
        """It was refused; PermissionError says so by itself."""
        self._end.update(outcome="denied", error=reason)

    def failed(self, reason: str) -> None:
        """It did not work; any other exception says so by itself."""
        self._end.update(outcome="failure", error=reason)

    def __enter__(self) -> Tool:
        self._tell("start", arguments=self._arguments)
        self._token = _PLACE.set(_PLACE.get()._replace(call=self._id))
        return self

    def __exit__(self, kind: type[BaseException] | None, found: BaseException | None, _: TracebackType | None) -> None:
        if self._token is not None:
            _leave(self._token)
        if kind is not None:
            said = f"{kind.__name__}: {_said(found)}".rstrip(": ")
            (self.denied if issubclass(kind, PermissionError) else self.failed)(said)
        self._tell("end", **self._end)

    def __call__(self, function: F) -> F:
        """The function, with each of its calls told: arguments by their names, the result, or the exception."""
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def told_later(*args: Any, **kwargs: Any) -> Any:
                with self._once(function, args, kwargs) as call:
                    value = await function(*args, **kwargs)
                    call.result(value)
                    return value

            return cast(F, told_later)

        @wraps(function)
        def told(*args: Any, **kwargs: Any) -> Any:
            with self._once(function, args, kwargs) as call:
                value = function(*args, **kwargs)
                call.result(value)
                return value

        return cast(F, told)

    def _once(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tool:
        arguments: Any = {**{str(at): one for at, one in enumerate(args)}, **kwargs}
        with suppress(TypeError, ValueError):
            arguments = dict(inspect.signature(function).bind(*args, **kwargs).arguments)
        for own in ("self", "cls"):
            arguments.pop(own, None)
        return Tool(self._emitter, self._name or function.__name__, arguments, dict(self._fields))

    def _tell(self, phase: str, **more: Any) -> None:
        self._emitter.event("tool_call", tool=self._name, tool_call=self._id, phase=phase, **{**self._fields, **more})


class Handler(logging.Handler):
    """Sends log records that say their `kind`: `log.info("Pay", extra={"kind": "prompt", "session": "s-1"})`.

    Their other canonical fields are taken along; the message is the `text` of a prompt or a tool call that has none.
    """

    def __init__(self, emitter: Emitter, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._emitter = emitter

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record, or let it pass."""
        kind = record.__dict__.get("kind")
        if not isinstance(kind, str) or kind not in TOPICS:
            return
        try:
            fields = {name: record.__dict__[name] for name in SHARED | OWN[kind] if name in record.__dict__}
            fields.setdefault("time", datetime.fromtimestamp(record.created).astimezone())
            if "text" in OWN[kind]:
                fields.setdefault("text", record.getMessage())
            if record.exc_info and record.exc_info[0]:
                fields.setdefault("outcome", "failure")
                fields.setdefault("error", f"{record.exc_info[0].__name__}: {_said(record.exc_info[1])}")
        # As logging's own handlers: told in the way that logging has for it.
        except Exception:  # noqa: BLE001
            self.handleError(record)
        else:
            self._emitter.event(kind, **fields)


def encoded(kind: str, given: Mapping[str, Any]) -> bytes:
    """One canonical event as JSON, within the bounds of the schema. Raises what the agent's objects raise."""
    known = SHARED | OWN[kind]
    event: dict[str, Any] = {"kind": kind, "event_id": uuid.uuid4().hex, "time": datetime.now()}
    attributes = dict(given.get("attributes") or {})
    for name, value in given.items():
        # What is empty is not stated.
        if value is None or name == "attributes" or (isinstance(value, str) and not value):
            continue
        if name in known:
            event[name] = _fit(name, value)
        else:
            attributes.setdefault(name, value)
    event["time"] = _moment(event["time"])
    if attributes:
        event["attributes"] = {_text(name): _text(one) for name, one in list(attributes.items())[:_ATTRIBUTES]}
    # A lone half of a character is not JSON.
    return json.dumps(event, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _fit(name: str, value: Any) -> Any:
    if name == "actor":
        given = value if isinstance(value, Mapping) else {"id": value, "kind": "agent"}
        return {field: _text(one) for field, one in given.items() if one is not None}
    if name in ("time", "expires"):
        return _moment(value)
    if name in _LISTS:
        entries: Iterable[Any] = [value] if isinstance(value, str) else value
        return [_text(one) for one in list(entries)[: _LISTS[name]]]
    if name == "arguments":
        return _plain(value)
    if name == "text":
        return (value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False))[:_TEXT]
    return _text(value)


def _plain(value: Any) -> Any:
    """The same in JSON's own types; as text what JSON has no words for, or what is too large."""
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
        return json.loads(written) if len(written) <= _TEXT else written[:_TEXT]
    # Circles, numbers of no end, objects that cannot be printed.
    except Exception:  # noqa: BLE001
        return _said(value, repr) or f"<{type(value).__name__}>"


def _moment(value: Any) -> str:
    if isinstance(value, (int, float)):
        value = datetime.fromtimestamp(value)
    # A time without a zone is one of this machine.
    return (value if value.tzinfo else value.astimezone()).isoformat() if isinstance(value, datetime) else str(value)


def _text(value: Any) -> str:
    return str(value)[:_NAME]


def _said(found: object, how: Callable[[object], str] = str) -> str:
    try:
        return how(found)[:_NAME]
    # An object of the agent's own that cannot be printed.
    except Exception:  # noqa: BLE001
        return ""


def _leave(token: Token[_Place]) -> None:
    # An asynchronous generator may end in another context than it began in.
    with suppress(ValueError):
        _PLACE.reset(token)


class _Sender:
    """Events that wait, and the thread that sends them."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url.rstrip("/"), key
        self._start_afresh()
        _SENDERS.add(self)
        atexit.register(self.close)

    def _start_afresh(self) -> None:
        """As after a fork: the parent sends what waits, and its thread and locks are its own."""
        # Its lock may be taken again by the thread that has it, as a signal handler does that emits.
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._size = self._busy = self._late = self.sent = self.dropped = 0
        self._hurry = self._stopped = self._closed = False
        self._deadline: float | None = None
        self._told: set[str] = set()
        self._thread: threading.Thread | None = None

    def put(self, topic: str, event: bytes) -> None:
        """Let an event wait, if there is room."""
        with self._changed:
            if self._stopped or self._deadline is not None:
                self.dropped += 1
            elif self._size + len(event) > _ROOM:
                self.drop(1, "room", f"more than {_ROOM} bytes wait for {self._url}")
            else:
                self._waiting.append((topic, event))
                self._size += len(event)
                self._run()
                # Woken by the first, and when there is enough for a request.
                if len(self._waiting) == 1 or self._size > _REQUEST:
                    self._changed.notify_all()

    def drop(self, count: int, reason: str, text: str) -> None:
        """Count what will not be sent, and say why the first time that it is for this reason."""
        with self._changed:
            self.dropped += count
        self._tell(reason, f"{text}; dropped, and counted")

    def flush(self, timeout: float) -> bool:
        """Wait until nothing waits."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            alone = bool(self._waiting) and not self._run()
        # The interpreter ends, and lets no thread begin.
        while alone and self._waiting:
            self._deadline = self._deadline or time.monotonic() + timeout
            self._once()
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush, and take no more."""
        timeout = _EXIT if timeout is None else timeout
        with self._changed:
            self._deadline = time.monotonic() + timeout
        self.flush(timeout)
        with self._changed:
            self._closed = self._stopped = True
            left = len(self._waiting) + self._busy
            self._waiting.clear()
            self.dropped += left
            if left + self._late:
                self._tell("end", f"{left + self._late} events could not be sent to {self._url} before the end")
        atexit.unregister(self.close)

    def _run(self) -> bool:
        """Begin the thread unless it runs; False if none can."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._loop, name="whodid-emit", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:
                self._thread = None
        return self._thread is not None

    def _loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                self._changed.wait_for(lambda: self._hurry or self._size > _REQUEST, _LINGER)
            self._once()

    def _once(self) -> None:
        with self._changed:
            batch = self._taken()
        for topic, events in batch.items():
            self._deliver(topic, events)
        with self._changed:
            self._busy = 0
            self._hurry = self._hurry and bool(self._waiting)
            self._changed.notify_all()

    def _taken(self) -> dict[str, list[bytes]]:
        """A request's worth of events by topic, in their order."""
        batch: dict[str, list[bytes]] = {}
        # Whatever a thread that came to a sudden end had under way is lost.
        self.dropped += self._busy
        self._busy = size = 0
        while self._waiting and self._busy < _MANY and (not size or size + len(self._waiting[0][1]) <= _REQUEST):
            topic, event = self._waiting.popleft()
            batch.setdefault(topic, []).append(event)
            size += len(event)
            self._busy += 1
        self._size -= size
        return batch

    def _deliver(self, topic: str, events: list[bytes]) -> None:
        """Try until they are acknowledged, refused, or the process has to end."""
        tries = 0
        while not self._stopped:
            status, said, wait = self._post(topic, events)
            if 200 <= status < 300:
                with self._changed:
                    self.sent += len(events)
                return
            if status == 413 and len(events) > 1:
                middle = len(events) // 2
                self._deliver(topic, events[:middle])
                return self._deliver(topic, events[middle:])
            if status not in (0, 408, 429) and status < 500:
                # Of a key or an address that is wrong nothing will ever be taken; of a bad event, all the others are.
                self._stopped = status not in (400, 413)
                more = "; nothing more is sent" if self._stopped else ""
                return self.drop(
                    len(events), str(status), f"{self._url} refuses events for {topic}: {status} {said}{more}"
                )
            self._tell("away", f"{self._url} does not take events: {status or ''} {said}; trying again")
            tries += 1
            if not self._pause(wait or min(_LONGEST, 0.25 * 2 ** min(tries, 10)) * random.uniform(0.5, 1.0)):  # noqa: S311
                break
        with self._changed:
            # Whoever closed has counted what was under way then.
            count = 0 if self._closed else len(events)
            self.dropped += count
            self._late += count

    def _pause(self, seconds: float) -> bool:
        """Wait before another try; False if there is no time for one."""
        with self._changed:
            if self._deadline is None:
                # Whoever closes wants one more try at once.
                self._changed.wait_for(lambda: self._deadline is not None, seconds)
                return True
            left = self._deadline - time.monotonic()
            if seconds < left:
                self._changed.wait_for(lambda: self._stopped, seconds)
            return seconds < left

    def _post(self, topic: str, events: list[bytes]) -> tuple[int, str, float]:
        """Status (0: no answer), what was said, and the seconds to wait that were asked for."""
        left = _TIMEOUT if self._deadline is None else min(_TIMEOUT, max(0.1, self._deadline - time.monotonic()))
        headers = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        try:
            where = urlsplit(self._url)
            kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}[where.scheme]
            connection = kind(where.hostname or "", where.port, timeout=left)
            try:
                path = f"{where.path}/v1/events/{topic}?format=canonical"
                connection.request("POST", path, gzip.compress(b"\n".join(events), 5), headers)
                answer = connection.getresponse()
                said = answer.read(2000).decode("utf-8", "replace").strip()
                return answer.status, said[:300], _seconds(answer.headers.get("retry-after"))
            finally:
                connection.close()
        except http.client.InvalidURL:
            return 401, _UNUSABLE, 0.0
        except (OSError, http.client.HTTPException) as fault:
            return 0, f"{type(fault).__name__}: {_said(fault)}", 0.0
        except (ValueError, KeyError):
            # Not the error's text: it holds the header that is wrong, and so the key.
            return 401, _UNUSABLE, 0.0

    def _tell(self, reason: str, text: str) -> None:
        """Once a reason, on standard error."""
        if reason not in self._told:
            self._told.add(reason)
            with suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(f"whodid: {text}\n")


def _seconds(stated: str | None) -> float:
    """Of a Retry-After: seconds or a date; 0 for none."""
    if not stated:
        return 0.0
    try:
        wait = float(stated) if stated.strip().isdigit() else _until(stated)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(max(wait, 0.0), 300.0)


def _until(date: str) -> float:
    return email.utils.parsedate_to_datetime(date).timestamp() - time.time()


_SENDERS: weakref.WeakSet[_Sender] = weakref.WeakSet()


def _forked() -> None:
    for sender in list(_SENDERS):
        sender._start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
