"""Entries become flat JSON objects: one shape for the API, the command line and what is handed out.

In:     Entry
Out:    an object whose keys are the columns of the table `entries`, none of them ever absent

* `event_id`, `time` (ISO 8601, UTC, with microseconds only when there are any), `kind`, `action`, `phase`, `outcome`,
  `error`, `format`, `record_id`, `revision`
* who: `actor`, `actor_kind`, `actor_name`; for whom: `human`, `on_behalf_of` (the acting principal first)
* how sure: `link` (method of the actor link), `confidence` (0 to 1), `unbound` (why nothing could be bound), `links`
  (`target`, `method`, `confidence`, `evidence`, `candidates`)
* because of: `tool_call`, `tool_call_event`, `prompt_event`, `session`, `parent_session`
* with what: `credential`, `credential_chain`; when it was to expire, and since when it was revoked at the time of this
  event: `credential_expires`, `credential_revoked` (time or null); `issued`, `issued_kind`, `issued_expires`, …
* what the source itself said: `stated_actor`, `stated_human`, `stated_session`, …
* under which policy: `policy`; of a cloud event or an issuance whose source says none, that it says none
* and the rest of the event: `resources`, `address`, `text`, `arguments` (`path`, `value`, `origin`), `attributes`, …

Keys may be added; none changes its meaning or goes away within `/v1`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from pipeline.store import columns
from schemas.entry import Entry

#: Keys that people look for come first.
_FIRST = (
    "time",
    "event_id",
    "kind",
    "action",
    "outcome",
    "actor",
    "actor_kind",
    "human",
    "link",
    "confidence",
    "unbound",
)
NO_POLICY = "not stated by the source"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def entry(item: Entry) -> dict[str, Any]:
    """The JSON object of one timeline row."""
    values = columns.named(item)
    shape = {name: values.pop(name) for name in _FIRST} | values
    shape["time"] = iso(item.event.time)
    shape["issued_expires"] = iso(item.event.issued_expires) if item.event.issued_expires else None
    shape["credential_expires"] = iso(item.credential_expires) if item.credential_expires else None
    shape["credential_revoked"] = iso(item.credential_revoked) if item.credential_revoked else None
    if item.event.kind in ("cloud_audit", "token_issuance"):
        shape["policy"] = item.event.policy or NO_POLICY
    shape["links"] = [msgspec.structs.asdict(link) for link in item.links]
    shape["arguments"] = [msgspec.structs.asdict(argument) for argument in item.event.arguments]
    return shape


def iso(time: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC; a time outside the years 1 to 9999 as `1970-01-01T00:00:00Z+…us`."""
    try:
        return (EPOCH + timedelta(microseconds=time)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"1970-01-01T00:00:00Z{time:+d}us"
