"""Splunk, by its HTTP Event Collector (HEC): /services/collector/event, and /services/collector/ack.

In:     Notice
Out:    one event; if wanted, only once an indexer has it
Fails:  Refused where HEC says that it is the event (`pipeline.alert.destinations.hec`); else Away
"""

from __future__ import annotations

import re
import uuid
from typing import Any, Literal

from pydantic import Field, field_validator

from pipeline.alert.body import iso, item
from pipeline.alert.destination import Destination, Url
from pipeline.alert.destinations.hec import indexed, judged, said
from pipeline.alert.notice import Notice
from pipeline.alert.plain import bounded, clean, encoded
from pipeline.alert.secret import Secret
from pipeline.alert.wire import Away, Refused, Reply, Wire

#: Bytes of an event. HEC takes `max_content_length`, 1 MB where it is least.
MOST = 512 * 1024
_INDEX = re.compile(r"[a-z0-9_][a-z0-9_-]{0,79}")
#: Ours, unless one is configured. Of the process: no two clients may share one.
_CHANNEL = uuid.uuid4()


class Splunk(Destination):
    """One token of a collector."""

    kind: Literal["splunk"]
    #: Of the collector, e.g. `https://splunk.example.com:8088`; what comes after it is added.
    url: Url
    token: Secret
    #: Else the token's.
    index: str | None = None
    host: str = Field("whodid", min_length=1, max_length=200)
    source: str = Field("whodid", min_length=1, max_length=200)
    sourcetype: str = Field("whodid:alert", min_length=1, max_length=200)
    #: Wait until an indexer has the event. The token must have `useACK = true`, and else must not.
    acknowledge: bool = False
    #: Seconds that this may take; then the event is sent again, with the same key.
    acknowledge_within: float = Field(60.0, gt=0, le=600)
    channel: uuid.UUID | None = Field(None, strict=False)

    @field_validator("index")
    @classmethod
    def _index(cls, given: str | None) -> str | None:
        if given is not None and not _INDEX.fullmatch(given):
            raise ValueError("expected small letters, digits, _ and -, e.g. security")
        return given

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        token = self.token.read()
        if not token.isascii() or not token.isprintable():
            raise Away("token: expected one line of ASCII")
        channel = str(self.channel or _CHANNEL)
        headers = {"Authorization": f"Splunk {token}", "Content-Type": "application/json"}
        if self.acknowledge:
            headers["X-Splunk-Request-Channel"] = channel
        try:
            reply = await wire.request("POST", self._at("event"), encoded(self.event(notice)), headers)
        except (Refused, Away) as failure:
            judged(failure, token)
        ack = said(reply).ackId
        if self.acknowledge:
            if ack is None:
                raise Away("acknowledge: this token does not (set useACK = true for it, or acknowledge: false here)")
            await indexed(wire, f"{self._at('ack')}?channel={channel}", headers, ack, self.acknowledge_within)
        return reply

    def event(self, notice: Notice) -> dict[str, Any]:
        """What is sent."""
        where = {"host": self.host, "source": self.source, "sourcetype": self.sourcetype, "index": self.index}
        return {**{name: value for name, value in where.items() if value}, **payload(notice)}

    def _at(self, what: str) -> str:
        return f"{self.url.rstrip('/')}/services/collector/{what}"


def payload(notice: Notice) -> dict[str, Any]:
    """The event, but for what is configured."""
    alert = notice.alert
    # Named as nothing in the event is: a search would find both values under one name.
    fields = {
        "whodid_key": notice.key, "whodid_alert": alert.alert_id, "whodid_news": notice.news,
        "whodid_state": alert.state, "whodid_severity": alert.severity, "whodid_family": alert.family,
        "whodid_example": str(notice.example).lower(),
    }  # fmt: skip
    head = {"type": f"alert.{notice.news}", "key": notice.key, "example": notice.example, "link": notice.link}
    return {
        **({"time": round(alert.at / 1e6, 3)} if iso(alert.at) else {}),
        "event": bounded({**head, **item(alert)}, MOST),
        "fields": {name: clean(value, 200) for name, value in fields.items() if value},
    }
