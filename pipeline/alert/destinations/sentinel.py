"""Microsoft Sentinel, by the Logs Ingestion API of Azure Monitor.

In:     Notice
Out:    one row of a custom table, by way of a data collection rule
Fails:  as `pipeline.alert.wire`

The table and the rule must have the columns of COLUMNS: what they lack is dropped without a word (docs/siem/sentinel.md
has both as files to create them from).
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import PrivateAttr, field_validator

from pipeline.alert.body import item
from pipeline.alert.destination import Destination, Url
from pipeline.alert.destinations.entra import Account, Asks
from pipeline.alert.notice import Notice
from pipeline.alert.plain import bounded, encoded
from pipeline.alert.secret import Secret
from pipeline.alert.wire import Away, Reply, Wire

#: Bytes of a row and of a field. 64 KB is what a field may have, and UTF-16 may need twice what UTF-8 does.
ROW, FIELD = 900_000, 32 * 1024
#: Columns by type, in the words of data collection rules; `Title`, `Type` and some more are names that Azure keeps.
COLUMNS: dict[str, str] = {
    "TimeGenerated": "datetime", "AlertId": "string", "Revision": "int", "AlertKey": "string", "News": "string",
    "IsExample": "boolean", "Link": "string", "Fingerprint": "string", "State": "string", "Verdict": "string",
    "Severity": "string", "Risk": "real", "Sensitivity": "string", "Family": "string", "Stage": "string",
    "AlertTitle": "string", "Sentence": "string", "Unusual": "dynamic", "Runbook": "dynamic", "Actor": "string",
    "ActorKind": "string", "Human": "string", "Session": "string", "Credentials": "dynamic", "Policies": "dynamic",
    "Actions": "dynamic", "Resources": "dynamic", "Accounts": "dynamic", "Addresses": "dynamic",
    "FirstSeen": "datetime", "LastSeen": "datetime", "FindingCount": "long", "Detections": "dynamic",
    "Findings": "dynamic", "Entries": "dynamic", "Frameworks": "dynamic", "Models": "dynamic", "PValue": "real",
    "IsStorm": "boolean", "Suppressed": "string", "PartOf": "string", "Changes": "dynamic",
}  # fmt: skip
#: Columns whose names are not those of `pipeline.alert.body`.
_NAMED = {
    "TimeGenerated": "at", "AlertKey": "key", "IsExample": "example", "AlertTitle": "title", "FirstSeen": "first",
    "LastSeen": "last", "FindingCount": "count", "IsStorm": "storm",
}  # fmt: skip
_PATTERNS = {
    "tenant": (r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", "an id or a domain"),
    "client": (r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", "the application's id, a GUID"),
    "rule": (r"dcr-[0-9a-f]{32}", "the rule's immutable id: dcr- and 32 hexadecimal digits"),
    "stream": (r"Custom-[A-Za-z][A-Za-z0-9_]{0,99}", "a name such as Custom-Whodid_CL"),
}


class Sentinel(Destination):
    """One stream of a data collection rule, and the application that may write to it."""

    kind: Literal["sentinel"]
    #: Of the rule or of its data collection endpoint: `https://NAME.REGION.ingest.monitor.azure.com`.
    endpoint: Url
    rule: str
    stream: str
    tenant: str
    client: str
    secret: Secret
    #: Of other clouds: `https://login.microsoftonline.us` and `https://monitor.azure.us/.default`, for example.
    authority: Url = "https://login.microsoftonline.com"
    scope: str = "https://monitor.azure.com/.default"
    _account: Account = PrivateAttr(default_factory=Account)

    @field_validator(*_PATTERNS)
    @classmethod
    def _shaped(cls, given: str, info: Any) -> str:  # noqa: ANN401  (pydantic's)
        shape, expected = _PATTERNS[info.field_name]
        if not re.fullmatch(shape, given):
            raise ValueError(f"expected {expected}")
        return given

    @property
    def url(self) -> str:
        """Of the stream."""
        return (
            f"{self.endpoint.rstrip('/')}/dataCollectionRules/{self.rule}/streams/{self.stream}?api-version=2023-01-01"
        )

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        asks = Asks(self.authority, self.tenant, self.client, self.secret.read(), self.scope)
        token = await self._account.token(asks, wire)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            return await wire.request("POST", self.url, payload(notice), headers)
        except Away as away:
            if away.status == 401:
                self._account.forget(token)
            raise


def payload(notice: Notice) -> bytes:
    """The body: a list of one row."""
    return encoded([bounded(row(notice), ROW)])


def row(notice: Notice) -> dict[str, Any]:
    """Values by column; none is larger than a field may be."""
    given = item(notice.alert) | {"key": notice.key, "news": notice.news, "link": notice.link}
    given["example"] = notice.example
    # Without a time a row is thrown away. Azure puts its own in place of one that is long ago.
    given["at"] = given["at"] or given["last"] or "1970-01-01T00:00:00.000Z"
    return {name: bounded(given[_NAMED.get(name) or _snake(name)], FIELD) for name in COLUMNS}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() if name != "PValue" else "p_value"
