"""Google SecOps (Chronicle), by `events.import` of the Chronicle API.

In:     Notice
Out:    one UDM event (`pipeline.alert.destinations.udm`)
Fails:  as `pipeline.alert.wire`

The older ingestion API (`malachiteingestion-pa`, `udmevents:batchCreate`) is not spoken: Google replaces it by this
one. Either one event or none is taken, so what we cannot be sure of (an address that is none) is left out.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import PrivateAttr, field_validator, model_validator

from pipeline.alert.destination import Destination, Url
from pipeline.alert.destinations.google import Account, available
from pipeline.alert.destinations.udm import event
from pipeline.alert.notice import Notice
from pipeline.alert.plain import encoded
from pipeline.alert.secret import Secret
from pipeline.alert.wire import Away, Reply, Wire

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


class SecOps(Destination):
    """One instance, and a token for it: one that is kept fresh in a file, or a service account's key."""

    kind: Literal["secops"]
    project: str
    region: str
    instance: str
    #: A bearer token. Whatever writes the file (workload identity, `gcloud auth print-access-token`) keeps it fresh.
    token: Secret | None = None
    #: The JSON file of a service account's key; needs the package `cryptography`.
    key: Secret | None = None
    #: Else the region's: `https://chronicle.REGION.rep.googleapis.com`.
    endpoint: Url | None = None
    _account: Account = PrivateAttr(default_factory=Account)

    @field_validator("project", "region", "instance")
    @classmethod
    def _part(cls, given: str) -> str:
        if not _PART.fullmatch(given):
            raise ValueError("expected letters, digits and dashes")
        return given

    @model_validator(mode="after")
    def _one(self) -> SecOps:
        if (self.token is None) == (self.key is None):
            raise ValueError("expected either token or key")
        if self.key is not None and not available():
            raise ValueError("expected token: key needs a package that is not installed (pip install cryptography)")
        return self

    @property
    def url(self) -> str:
        """Of `events.import`."""
        endpoint = self.endpoint or f"https://chronicle.{self.region}.rep.googleapis.com"
        parent = f"projects/{self.project}/locations/{self.region}/instances/{self.instance}"
        return f"{endpoint.rstrip('/')}/v1/{parent}/events:import"

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        if self.token is not None:
            token = self.token.read()
        else:
            assert self.key is not None  # noqa: S101  (one of them, see above)
            token = await self._account.token(self.key.read(), wire)
        if not token.isascii() or not token.isprintable():
            raise Away("token: expected one line of ASCII")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            return await wire.request("POST", self.url, payload(notice), headers)
        except Away as away:
            if away.status == 401:
                self._account.forget()
            raise


def payload(notice: Notice) -> bytes:
    """The body of `events.import`."""
    return encoded({"inlineSource": {"events": [{"udm": event(notice)}]}})
