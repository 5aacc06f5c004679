"""Who came in and who read what becomes rows, and events of the timeline itself: whodid is audited like everybody.

The row comes first, and nothing is given without it. The event is told to the broker, if there is one; what the broker
did not take is told again with the next, and the row says it in any case.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from pipeline.alert.record import event
from pipeline.console.access.reading import Given
from pipeline.console.access.who import Who
from pipeline.console.shapes import iso
from pipeline.store import access
from pipeline.store.access import Login, Read

#: Takes an event to the topic `cloud-audit`.
Tell = Callable[[bytes], None]
#: Characters of a query, a name and a reason that are kept.
QUERY, NAME, REASON = 2000, 200, 300
#: Ids and names that an event has; the row has all.
_SAMPLE = 20


class Recorder:
    """Writes rows and tells events."""

    def __init__(self, store: access.Writable, tell: Tell | None) -> None:
        self._store, self._tell = store, tell

    def login(self, what: str, name: str, via: str, address: str, *, about: str = "", reason: str = "") -> None:
        """Somebody came in, left, or changed who may (`reason`: why it failed). Raises Transient."""
        outcome = "failure" if reason else "success"
        one = Login(
            secrets.token_hex(8), _now(), what, outcome, name[:NAME], via, address[:NAME], about[:NAME],
            reason[:REASON],
        )  # fmt: skip
        access.write_login(self._store, one)
        said = {"via": via, "about": about}
        self._told(
            event(
                f"whodid-login-{one.login_id}", one.at, one.name or "unknown", _kind(via), f"whodid:{what}",
                [about] if about else [], said, one.reason, address,
            ),
        )  # fmt: skip

    def read(self, who: Who, given: Given, route: str, query: str, address: str) -> None:
        """Somebody is given contents. Raises Transient: then they must not be."""
        one = Read(
            secrets.token_hex(8), _now(), who.name, who.role.title, who.via, who.key, who.session[:16],
            address[:NAME], route[:NAME], query[:QUERY], who.content, given.amount, given.events, given.subjects,
        )  # fmt: skip
        access.write_read(self._store, one)
        if who.known:
            # On an open desk nobody is known, and the timeline has enough of what nobody did.
            self._told(_event(one))

    def _told(self, body: bytes) -> None:
        if self._tell is not None:
            self._tell(body)


def shape(one: Read) -> dict[str, Any]:
    """The JSON object of who read what."""
    return {**one._asdict(), "at": iso(one.at)}


def _event(one: Read) -> bytes:
    said = {
        "route": one.route, "query": one.query, "content": one.content, "via": one.via, "key": one.key_id,
        "amount": str(one.amount), "of": ", ".join(one.subjects[:_SAMPLE]),
    }  # fmt: skip
    return event(
        f"whodid-read-{one.read_id}", one.at, one.name, _kind(one.via), "whodid:content.read", one.events[:_SAMPLE],
        said, "", one.address,
    )  # fmt: skip


def _kind(via: str) -> str:
    return "service" if via == "key" else "human"


def _now() -> int:
    return time.time_ns() // 1000
