"""CloudTrail Insights: unusual rates of calls or errors become cloud audit events.

Source: AWS CloudTrail User Guide, Insights events. They state no caller but statistics of callers, and are no calls:
who is named there is kept among the attributes. Start and end share a `sharedEventID`.
"""

from __future__ import annotations

from pipeline.normalize.aws_record import Trail
from pipeline.normalize.documents import mapping, sequence, string, text_of
from schemas.event import Event


def fill(event: Event, trail: Trail) -> None:
    """Set what an insight is about."""
    told = trail.insightDetails or {}
    event.action = f"cloudtrail:{string(told.get('insightType')) or 'Insight'}"
    event.phase = {"Start": "start", "End": "end"}.get(string(told.get("state")), "")
    event.outcome = ""
    about = mapping(told.get("insightContext"))
    statistics = mapping(about.get("statistics"))
    kept = {
        "eventSource": text_of(told.get("eventSource")),
        "eventName": text_of(told.get("eventName")),
        "errorCode": text_of(told.get("errorCode")),
        "baseline": text_of(mapping(statistics.get("baseline")).get("average")),
        "average": text_of(mapping(statistics.get("insight")).get("average")),
        "minutes": text_of(statistics.get("insightDuration")),
    }
    for one in sequence(about.get("attributions"))[:8]:
        values = [text_of(mapping(value).get("value")) for value in sequence(mapping(one).get("insight"))[:8]]
        kept[string(mapping(one).get("attribute"))[:64]] = ", ".join(filter(None, values))
    event.attributes.update({f"insight.{name}": text[:256] for name, text in kept.items() if name and text})
