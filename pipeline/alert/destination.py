"""What every destination has: a name, what it is told and what not, how it is reached.

A destination is one file of `destinations/`: a model of its settings (`kind` names it), with `send`, and a pure
function that says what is sent. Nothing else knows its protocol.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, Field, field_validator, model_validator

from pipeline.alert.notice import Mask, News, Notice
from pipeline.alert.wire import Network, Reply, Tls, Wire
from pipeline.kit.checked import Strict
from pipeline.kit.selecting import Facts, Text, Texts, listed, pattern
from pipeline.query import Fault, Query, parse
from pipeline.query.facts import ALERT, fields, values_of
from pipeline.query.matching import check, matches
from pipeline.query.parsing import LENGTH
from schemas.alert import Alert
from schemas.finding import Severity

ORDER: tuple[str, ...] = ("low", "medium", "high", "critical")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def _http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL such as https://siem.example.com/hook")
    if parts.username or parts.password:
        raise ValueError("expected a URL without user and password: secrets do not belong into this file")
    return url


#: A URL of http or https without secrets.
Url = Annotated[str, Field(max_length=2000), AfterValidator(_http)]


def _asks(text: str) -> str:
    try:
        check(parse(text), fields(ALERT), text)
    except Fault as fault:
        raise ValueError(str(fault).removeprefix("q: ")) from fault
    return text


#: A query of fields that alerts have.
When = Annotated[str, Field(max_length=LENGTH), AfterValidator(_asks)]


class Filter(Strict):
    """Alerts that fit all that is given; a list of values fits if one of them does. Patterns, `*` is anything."""

    detection: Texts | None = None
    family: Texts | None = None
    actor: Texts | None = None
    human: Texts | None = None
    session: Texts | None = None
    credential: Texts | None = None
    account: Texts | None = None
    resource: Texts | None = None
    stage: Texts | None = None

    @model_validator(mode="after")
    def _something(self) -> Filter:
        if not any(getattr(self, name) for name in Filter.model_fields):
            raise ValueError("expected at least one of " + ", ".join(Filter.model_fields))
        return self

    @cached_property
    def _patterns(self) -> dict[str, Any]:
        given = {name: listed(getattr(self, name)) for name in Filter.model_fields}
        return {name: pattern(texts) for name, texts in given.items() if texts}

    def fits(self, facts: Facts) -> bool:
        """Whether what is known of an alert fits."""
        return all(any(texts.fullmatch(text) for text in facts.get(name, ())) for name, texts in self._patterns.items())


class Destination(Strict):
    """Settings that all have."""

    name: str
    #: Alerts below this severity are not told; nor those that a filter of `only` lacks or one of `never` has.
    severity: Severity = "low"
    only: list[Filter] = []
    never: list[Filter] = []
    #: In the query language (docs/query.md), e.g. `risk:>0.8 -actor:ci-*`: what does not match is not told either.
    when: When | None = None
    #: What of an alert's life is told.
    tell: list[News] = ["opened", "updated", "acknowledged", "closed"]
    mask: Mask = "content"
    #: Seconds for one attempt; after how many it is given up, and the alert becomes a dead letter.
    timeout: float = Field(10.0, gt=0, le=300)
    give_up_after: float = Field(86_400.0, gt=0)
    #: Alerts that are under way at once; those of one alert are told one after the other.
    at_once: int = Field(8, ge=1, le=256)
    tls: Tls = Tls()
    proxy: Url | None = None
    #: Networks that are not public and may be reached all the same, e.g. `10.0.4.0/24`.
    allow: list[Text] = []

    @field_validator("name")
    @classmethod
    def _name(cls, given: str) -> str:
        if not NAME.fullmatch(given):
            raise ValueError("expected small letters, digits and dashes, e.g. siem-west")
        return given

    @field_validator("allow")
    @classmethod
    def _networks(cls, given: list[str]) -> list[str]:
        for one in given:
            ipaddress.ip_network(one)
        return given

    @property
    def allowed(self) -> list[Network]:
        """Networks of `allow`."""
        return [ipaddress.ip_network(one) for one in self.allow]

    @cached_property
    def _when(self) -> Query | None:
        return parse(self.when) if self.when else None

    def wire(self) -> Wire:
        """Its connections."""
        return Wire(timeout=self.timeout, tls=self.tls, proxy=self.proxy, allowed=self.allowed)

    def wants(self, alert: Alert, news: News) -> bool:
        """Whether it is told of this."""
        if ORDER.index(alert.severity) < ORDER.index(self.severity) or news not in self.tell:
            return False
        if self._when is not None and not matches(self._when, values_of(msgspec.structs.asdict(alert), ALERT)):
            return False
        facts = facts_of(alert)
        return not any(one.fits(facts) for one in self.never) and (
            not self.only or any(one.fits(facts) for one in self.only)
        )

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """Tell it. Raises Refused; Away."""
        raise NotImplementedError


def facts_of(alert: Alert) -> dict[str, list[str]]:
    """What filters look at."""
    return {
        "detection": list(alert.detections),
        "family": [alert.family],
        "actor": [alert.actor],
        "human": [alert.human],
        "session": [alert.session],
        "credential": alert.credentials,
        "account": alert.accounts,
        "resource": alert.resources,
        "stage": [alert.stage],
    }
