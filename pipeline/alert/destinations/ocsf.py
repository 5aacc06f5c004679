"""OCSF over HTTP: a Detection Finding for whatever takes JSON (a collector, a data lake's ingest, a pipeline's source).

In:     Notice
Out:    POST of one event, or of an array of one where the receiver wants arrays
"""

from __future__ import annotations

from typing import Literal

from pipeline.alert.destination import Destination, Url
from pipeline.alert.notice import Notice
from pipeline.alert.ocsf import event
from pipeline.alert.plain import encoded
from pipeline.alert.secret import Secret
from pipeline.alert.wire import Reply, Wire


class Ocsf(Destination):
    """`array`: the event comes in an array."""

    kind: Literal["ocsf"]
    url: Url
    array: bool = False
    #: A header such as `Authorization`, whose value is a secret.
    headers: dict[str, Secret] = {}

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        given = {name: secret.read() for name, secret in self.headers.items()}
        headers = {"Content-Type": "application/json", "Idempotency-Key": notice.key, **given}
        return await wire.request("POST", self.url, payload(notice, array=self.array), headers)


def payload(notice: Notice, *, array: bool = False) -> bytes:
    """What is sent."""
    found = event(notice)
    return encoded([found] if array else found)
