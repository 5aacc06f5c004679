"""What a home-grown agent does becomes events at the collector. One file, standard library only: copy it or import it.

In: calls of an agent's own code. Out: `POST /v1/events/prompts` and `/v1/events/tool-calls`, in batches from a thread.
Fails: never. What cannot be sent is dropped and counted, and said once on standard error. docs/emit.md has an example.
"""

from __future__ import annotations

import atexit
import functools
import json
import logging
import math
import queue
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
#: Events of a request, and seconds that an event waits for others.
BATCH, LINGER = 200, 0.2
#: Tries of a batch, and the longest pause between two (seconds).
TRIES, LONGEST = 6, 30.0
#: Characters of a text or an argument that are sent.
LENGTH = 100_000
_TOPICS = {"prompt": "prompts", "tool_call": "tool-calls"}
_session: ContextVar[tuple[str, str]] = ContextVar("whodid_session", default=("", ""))


class Emitter:
    """Sends events in the background.

    Args:
        url: the collector, e.g. `http://127.0.0.1:8470`.
        actor: what the agent is called.
        key: a key with the scope `collect`; empty = none is asked for.
        held: events that wait at most; more are dropped.
    """

    def __init__(self, url: str, actor: str, key: str = "", held: int = 10_000) -> None:
        self._url, self._actor, self._key = url.rstrip("/"), actor, key
        self._waiting: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue(held)
        self._said = False
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="whodid-emit", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @contextmanager
    def session(self, name: str = "", human: str = "") -> Iterator[str]:
        """Everything emitted inside belongs to this session, also in tasks that are started there."""
        before = _session.get()
        made = name or uuid.uuid4().hex
        token = _session.set((made, before[0]))
        try:
            if human:
                self._emit("prompt", action="context", human=human)
            yield made
        finally:
            _session.reset(token)

    def prompt(self, text: str, **more: Any) -> None:  # noqa: ANN401  (fields of the event)
        """What somebody asks of the agent; `human=` says who."""
        self._emit("prompt", action="user_message", text=text, **more)

    def answer(self, text: str, action: str = "answer", **more: Any) -> None:  # noqa: ANN401
        """What the model answers."""
        self._emit("prompt", action=action, text=text, **more)

    @contextmanager
    def tool(self, name: str, arguments: Any = None, **more: Any) -> Iterator[dict[str, str]]:  # noqa: ANN401
        """A tool call from its start to its end; put the result into `["text"]`. An exception is told and goes on."""
        call = uuid.uuid4().hex
        self._emit("tool_call", tool=name, tool_call=call, phase="start", arguments=arguments, **more)
        end: dict[str, str] = {"outcome": "success"}
        try:
            yield end
        except BaseException as error:
            end |= {"outcome": "failure", "error": f"{type(error).__name__}: {error}"[:2000]}
            raise
        finally:
            self._emit("tool_call", tool=name, tool_call=call, phase="end", **end)

    def traced(self, function: Callable[P, R]) -> Callable[P, R]:
        """A decorator: every call of the function is a tool call."""

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.tool(function.__name__, {"args": list(args), **kwargs}) as end:
                result = function(*args, **kwargs)
                end["text"] = _text(result)
                return result

        return called

    def flush(self, patience: float = 5.0) -> bool:
        """Wait until all is sent or dropped; whether it was."""
        until = time.monotonic() + patience
        while self._waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.01)
        return not self._waiting.unfinished_tasks

    def close(self, patience: float = 5.0) -> None:
        """Send what waits, then stop; what is left after `patience` seconds is dropped."""
        atexit.unregister(self.close)
        if not self._ending.is_set():
            self.flush(patience)
            self._ending.set()
            self._thread.join(1.0)
            self._drop(self._waiting.qsize(), "it was not sent before the end")

    def _emit(self, kind: str, **fields: Any) -> None:  # noqa: ANN401
        """Never raises into the agent."""
        try:
            session, parent = _session.get()
            event = {
                "kind": kind, "event_id": uuid.uuid4().hex, "time": datetime.now(timezone.utc).isoformat(),  # noqa: UP017
                "actor": {"id": self._actor, "kind": "agent"}, "session": session, "parent_session": parent, **fields,
            }  # fmt: skip
            # Now: what an argument holds may be another thing by the time it is sent.
            line = {name: _plain(value) for name, value in event.items() if value not in ("", None)}
            self._waiting.put_nowait((_TOPICS[kind], line))
        except queue.Full:
            self._drop(1, "the queue is full")
        except Exception as error:  # noqa: BLE001  (an audit trail must not stop what it watches)
            self._drop(1, f"{type(error).__name__}: {error}")

    def _run(self) -> None:
        while not self._ending.is_set():
            batch = self._batch()
            for topic in _TOPICS.values():
                lines = [event for to, event in batch if to == topic]
                if lines:
                    self._send(topic, lines)
            for _ in batch:
                self._waiting.task_done()

    def _batch(self) -> list[tuple[str, dict[str, Any]]]:
        batch: list[tuple[str, dict[str, Any]]] = []
        until = time.monotonic() + LINGER
        while len(batch) < BATCH:
            try:
                batch.append(self._waiting.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def _send(self, topic: str, events: list[dict[str, Any]]) -> None:
        reason = ""
        for attempt in range(TRIES):
            reason, pause = self._post(topic, events)
            if not reason:
                return
            if pause < 0 or self._ending.wait(min(LONGEST, pause or 0.5 * 2**attempt)):
                break
        self._drop(len(events), reason)

    def _post(self, topic: str, events: list[dict[str, Any]]) -> tuple[str, float]:
        """Why it was not taken, empty = it was; and seconds to wait: 0 = as the sender likes, -1 = do not try again."""
        headers = {
            "content-type": "application/json",
            **({"authorization": f"Bearer {self._key}"} if self._key else {}),
        }
        try:
            body = json.dumps(events).encode()
            request = urllib.request.Request(f"{self._url}/v1/events/{topic}", body, headers)  # noqa: S310
            with urllib.request.urlopen(request, timeout=15):  # noqa: S310
                return "", 0
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(300).decode(errors="replace")
            again = error.code in (429, 503)
            after = error.headers.get("retry-after", "")
            return f"{error.code} {said}", (float(after) if after.isdigit() else 0.0) if again else -1.0
        except OSError as error:
            return str(error), 0.0
        except Exception as error:  # noqa: BLE001  (the thread must live)
            return f"{type(error).__name__}: {error}", -1.0

    def _drop(self, count: int, reason: str) -> None:
        if not count:
            return
        with self._lock:
            self.dropped += count
            said, self._said = self._said, True
        if not said and sys.stderr is not None:
            print(f"whodid: events are dropped: {reason}", file=sys.stderr)


class LogHandler(logging.Handler):
    """Log records become context of the session, with the logger's name and level as attributes."""

    def __init__(self, emitter: Emitter, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._emitter = emitter

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        try:
            told = {"logger": record.name, "level": record.levelname}
            self._emitter.answer(self.format(record), action="context", attributes=told)
        except Exception:  # noqa: BLE001  (as logging's own handlers have it)
            self.handleError(record)


def _text(value: object) -> str:
    return value if isinstance(value, str) else repr(value)[:LENGTH]


def _plain(value: Any) -> Any:  # noqa: ANN401
    """A copy that JSON can hold; a text that is too long is cut."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()[:LENGTH]
    if isinstance(value, bool | int | float):
        return value if math.isfinite(value) else str(value)
    text = json.dumps(value, default=repr)
    return json.loads(text) if len(text) <= LENGTH else text[:LENGTH]
