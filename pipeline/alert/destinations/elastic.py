"""Elasticsearch: documents in the Elastic Common Schema (8.17), by the bulk API.

In:     Notice
Out:    POST of two lines: what to do, and the document
"""

from __future__ import annotations

import base64
import json
from typing import Any, Literal

from pydantic import Field, model_validator

from pipeline.alert.destination import Destination, Url
from pipeline.alert.ecs import document
from pipeline.alert.notice import Notice
from pipeline.alert.plain import encoded
from pipeline.alert.secret import Secret
from pipeline.alert.wire import Away, Refused, Reply, Wire

#: Statuses of an item that are the index's trouble, not the document's.
_LATER = {401, 403, 404, 408, 425, 429}
#: What an index answers with 400 when it is wrong, not the document: a data stream that takes no `index`, a pipeline
#: that is not there, an index that is closed (seen with OpenSearch 2.19). As a cause of another error, the first is
#: about a value of the document.
_OF_THE_INDEX = ("illegal_argument_exception", "index_closed_exception")
#: But this one is the document's: a text that is too long for the index's mapping.
_TERM = "immense term"


class Elastic(Destination):
    """One document an alert, replaced while it goes on; with `history`, one a revision, as data streams want it."""

    kind: Literal["elastic"]
    url: Url
    #: Index, alias or data stream.
    index: str = Field("whodid-alerts", pattern=r"^[a-z0-9][a-z0-9._-]{0,200}$")
    history: bool = False
    #: An API key as Elasticsearch encodes it, or a user and a password.
    api_key: Secret | None = None
    user: str | None = None
    password: Secret | None = None

    @model_validator(mode="after")
    def _known(self) -> Elastic:
        if (self.user is None) != (self.password is None) or (self.api_key is not None and self.user is not None):
            raise ValueError("expected `api_key`, or `user` and `password`")
        return self

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        url = f"{self.url.rstrip('/')}/_bulk"
        headers = {"Content-Type": "application/x-ndjson", **self._authorization()}
        reply = await wire.request("POST", url, payload(notice, self.index, history=self.history), headers)
        check(reply)
        return reply

    def _authorization(self) -> dict[str, str]:
        if self.api_key is not None:
            return {"Authorization": f"ApiKey {self.api_key.read()}"}
        if self.password is None:
            return {}
        pair = f"{self.user}:{self.password.read()}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def payload(notice: Notice, index: str, *, history: bool = False) -> bytes:
    """What is sent."""
    alert = notice.alert
    if history:
        action: dict[str, Any] = {"create": {"_index": index, "_id": notice.key}}
    else:
        # Whatever comes twice or late: the highest revision stays.
        action = {"index": {
            "_index": index, "_id": alert.alert_id, "version": alert.revision, "version_type": "external_gte",
        }}  # fmt: skip
    return encoded(action) + b"\n" + encoded(document(notice)) + b"\n"


def check(reply: Reply) -> None:
    """Raises Refused or Away for what the answer says of the document; HTTP 200 says nothing of it."""
    try:
        answer = json.loads(reply.body)
        (item,) = answer["items"]
        (result,) = item.values()
        status = int(result["status"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Away(f"no answer of a bulk API: {reply.body[:200].decode('utf-8', 'replace')}", reply.status) from error
    if status < 300 or status == 409:
        # 409: this revision, or a later one, is there.
        return
    told = result.get("error")
    reason = json.dumps(told)[:400]
    kind = told.get("type") if isinstance(told, dict) else None
    if status in _LATER or status >= 500 or (kind in _OF_THE_INDEX and _TERM not in reason):
        raise Away(f"the index answered {status}: {reason}", status)
    raise Refused(f"the index answered {status}: {reason}", status)
