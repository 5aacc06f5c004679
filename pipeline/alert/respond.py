"""Alerts become proposals to do something: an HTTP request to whoever can revoke a credential or stop an agent.

    hooks:
      - name: revoke-key
        only: [{detection: llmjacking, credential: "aws:AKIA*"}]
        severity: critical
        do: propose                 # `call`: without anybody's approval
        approvals: 2                # people; whoever asked for it is not one of them
        title: "revoke {{ alert.credentials | first }}"
        method: POST
        url: "https://soar.example.com/keys/{{ alert.credentials | first | urlencode }}/revoke"
        headers: {Authorization: {file: /run/secrets/soar}}
        body: '{"alert": {{ alert.alert_id | tojson }}}'

Off by default: without `hooks` nothing is ever proposed. What is called is exactly what was proposed and approved;
secrets are put in only when it is sent. Templates are those of the destination `template`.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipeline.alert.body import told
from pipeline.alert.destination import Destination, Filter
from pipeline.alert.notice import notice
from pipeline.alert.secret import Secret
from pipeline.alert.templates import Compiled
from pipeline.alert.wire import Reply, Wire
from pipeline.kit.selecting import Text
from schemas.alert import Alert, Change, Request, Response
from schemas.finding import Severity


class Hook(Destination):
    """One kind of response."""

    kind: Literal["hook"] = "hook"
    only: list[Filter] = Field(min_length=1)
    severity: Severity = "high"
    do: Literal["propose", "call"] = "propose"
    approvals: int = Field(1, ge=1, le=5)
    title: Text
    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: Text
    headers: dict[str, Secret] = {}
    content_type: Text = "application/json"
    body: str = Field("", max_length=64 * 1024)

    @field_validator("title", "url", "body")
    @classmethod
    def _template(cls, given: str) -> str:
        Compiled(given)
        return given

    @model_validator(mode="after")
    def _fixed(self) -> Hook:
        if "{" in self.url.partition("://")[2].partition("/")[0]:
            # What an attacker may name must not choose whom we call.
            raise ValueError("url: expected a host without {{ }}: only what follows it may be filled in")
        return self

    def proposed(self, alert: Alert, at: int, by: str = "", reason: str = "") -> Response:
        """What it would do about an alert; `by`: who asks for it, if somebody does. Raises Refused."""
        values = told(notice(alert, "nothing"))
        request = Request(
            self.method, Compiled(self.url).render(values),
            {"Content-Type": self.content_type, **{name: str(secret) for name, secret in self.headers.items()}},
            Compiled(self.body).render(values),
        )  # fmt: skip
        called = self.do == "call" and not by
        return Response(
            response_id=hashlib.blake2b(f"{self.name}\0{alert.alert_id}".encode(), digest_size=16).hexdigest(),
            alert_id=alert.alert_id,
            hook=self.name,
            state="approved" if called else "proposed",
            title=Compiled(self.title).render(values)[:200],
            request=request,
            approvals=self.approvals,
            changes=[Change("request", by or "whodid", at, reason or alert.title)],
            at=at,
        )

    async def call(self, response: Response, wire: Wire) -> Reply:
        """Do it. Raises Refused; Away."""
        secret = {name: one.read() for name, one in self.headers.items()}
        headers = {**response.request.headers, "Idempotency-Key": response.response_id, **secret}
        return await wire.request(
            response.request.method, response.request.url, response.request.body.encode(), headers
        )
