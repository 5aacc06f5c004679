"""PagerDuty, by its Events API v2 (developer.pagerduty.com/docs/events-api-v2).

In:     Notice
Out:    an event: trigger, acknowledge or resolve
Fails:  as `pipeline.alert.wire`; PagerDuty answers 400 to a wrong routing key too, which is not the alert's fault: Away

`dedup_key` is the alert's id. The fingerprint would not do: two alerts of one fingerprint may be open at once (of
different days), and closing one would resolve the other's incident.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pipeline.alert.body import iso, item
from pipeline.alert.destination import Destination, Url
from pipeline.alert.notice import Notice
from pipeline.alert.plain import bounded, clean, encoded, short
from pipeline.alert.secret import Secret
from pipeline.alert.wire import Away, Refused, Reply, Wire

SEVERITY = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
ACTION = {"opened": "trigger", "updated": "trigger", "acknowledged": "acknowledge", "closed": "resolve"}
#: 512 KB is what PagerDuty takes; the key and what is around the details need some of it.
DETAILS = 480 * 1024
_KEY = re.compile(r"[A-Za-z0-9]{32}")


class PagerDuty(Destination):
    """One integration of a service, or of an event orchestration."""

    kind: Literal["pagerduty"]
    #: The integration key.
    routing_key: Secret
    #: In Europe `https://events.eu.pagerduty.com/v2/enqueue`.
    url: Url = "https://events.pagerduty.com/v2/enqueue"

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        key = self.routing_key.read()
        if not _KEY.fullmatch(key):
            raise Away("routing_key: expected 32 letters and digits, the integration key of Events API v2")
        body = encoded({"routing_key": key, **payload(notice)})
        try:
            return await wire.request("POST", self.url, body, {"Content-Type": "application/json"})
        except Refused as refused:
            if "routing_key" in str(refused) or "routing key" in str(refused).lower():
                raise Away(str(refused).replace(key, "<routing_key>"), refused.status) from refused
            raise


def payload(notice: Notice) -> dict[str, Any]:
    """The event, but for the routing key."""
    alert = notice.alert
    found: dict[str, Any] = {"event_action": ACTION[notice.news], "dedup_key": short(alert.alert_id, 255)}
    if found["event_action"] != "trigger":
        return found
    link = notice.link if notice.link.startswith(("https://", "http://")) else ""
    return found | {
        "client": "whodid",
        **({"client_url": link, "links": [{"href": link, "text": "The alert in whodid"}]} if link else {}),
        "payload": {
            "summary": _summary(notice),
            "severity": SEVERITY.get(alert.severity, "warning"),
            "source": clean((alert.accounts or [alert.actor])[0] or "whodid", 255),
            **({"timestamp": iso(alert.at)} if iso(alert.at) else {}),
            "component": clean(alert.actor or "unknown", 255),
            "group": clean(alert.family or "alert", 255),
            "class": clean(next(iter(alert.detections), "") or alert.family or "alert", 255),
            "custom_details": bounded({"key": notice.key, "example": notice.example, **item(alert)}, DETAILS),
        },
    }


def _summary(notice: Notice) -> str:
    alert = notice.alert
    text = ": ".join(filter(None, (alert.title, alert.sentence))) or alert.family or "alert"
    return clean(f"{'EXAMPLE: ' if notice.example else ''}{text}", 1024)
