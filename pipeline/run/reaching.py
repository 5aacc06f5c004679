"""Whether destinations of alerts can be reached: a connection is opened and closed, and nothing is sent.

In:     the file of alerts
Out:    a Line for each destination
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from pipeline.alert.destination import Destination
from pipeline.alert.file import Alerts
from pipeline.kit.config import Settings
from pipeline.run.looked import Line

TIMEOUT = 5.0
PART = "destinations"


def lines(settings: Settings) -> Iterator[Line]:
    """One for each destination. Raises Invalid for a wrong file."""
    if settings.alerts is None:
        yield Line(PART, "warn", "nobody is told of alerts", "name a file with WHODID_ALERTS (docs/alerts.md)")
        return
    said = Alerts.load(settings.alerts).said
    for one in (*said.destinations, *said.hooks):
        yield _line(one)


def _line(one: Destination) -> Line:
    address = _address(one)
    if address is None:
        return Line(PART, "ok", f"{one.name}: its address is not looked at", f"whodid alerts test {one.name}")
    try:
        socket.create_connection(address, TIMEOUT).close()
    except OSError as error:
        said = f"{one.name}: {address[0]}:{address[1]} cannot be reached from here: {error}"
        return Line(PART, "fail", said, "docs/operations/destination-away.md", away=True)
    return Line(PART, "ok", f"{one.name}: {address[0]}:{address[1]} takes connections")


def _address(one: Destination) -> tuple[str, int] | None:
    """Host and port, if they are fixed and no proxy stands between."""
    url = getattr(one, "url", None)
    if one.proxy:
        return None
    if isinstance(url, str):
        parts = urlsplit(url)
        return (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)) if parts.hostname else None
    host, port = getattr(one, "host", None), getattr(one, "port", None)
    return (host, port) if isinstance(host, str) and isinstance(port, int) else None
