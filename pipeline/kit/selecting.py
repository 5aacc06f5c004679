"""Findings and alerts that somebody says something of: patterns, networks, and until when.

In:     mappings of a file that somebody wrote
Out:    Selectors, which fit facts (texts by name) or do not
Fails:  ValueError, with what was expected
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any

import re2
from pydantic import Field, field_validator, model_validator

from pipeline.kit.checked import Strict

Text = Annotated[str, Field(min_length=1, max_length=1000)]
Texts = Text | list[Text]
Facts = Mapping[str, list[str]]


class Selector(Strict):
    """Findings that something is said of: those that fit all that is given. Patterns, `*` stands for anything."""

    detection: Texts
    actor: Texts | None = None
    human: Texts | None = None
    session: Texts | None = None
    credential: Texts | None = None
    account: Texts | None = None
    address: Texts | None = None
    resource: Texts | None = None
    environment: Texts | None = None

    @field_validator("address")
    @classmethod
    def _networks(cls, given: Texts | None) -> Texts | None:
        for one in listed(given):
            ipaddress.ip_network(one)
        return given

    @model_validator(mode="after")
    def _narrow(self) -> Selector:
        others = set(Selector.model_fields) - {"detection"}
        if "*" in listed(self.detection) and not any(getattr(self, name) for name in others):
            raise ValueError("`detection: *` alone is everything: say more, e.g. actor or account")
        return self

    @cached_property
    def _patterns(self) -> dict[str, Any]:
        plain = set(Selector.model_fields) - {"address"}
        given = {name: listed(getattr(self, name)) for name in plain}
        return {name: pattern(texts) for name, texts in given.items() if texts}

    @cached_property
    def _within(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        return [ipaddress.ip_network(one) for one in listed(self.address)]

    def fits(self, facts: Facts) -> bool:
        """Whether what is known of a finding fits."""
        for name, texts in self._patterns.items():
            if not any(texts.fullmatch(text) for text in facts.get(name, ())):
                return False
        return not self._within or any(_inside(text, self._within) for text in facts.get("address", ()))


def listed(given: Texts | None) -> list[str]:
    """One text or several as several."""
    return [] if given is None else [given] if isinstance(given, str) else given


def pattern(texts: Iterable[str]) -> Any:  # noqa: ANN401  (re2 has no types)
    """What fits one of these texts as a whole, whatever the case; `*` stands for anything in them."""
    return re2.compile("(?is)" + "|".join(".*".join(map(re2.escape, text.split("*"))) for text in texts))


def moment(text: str) -> datetime.datetime:
    """When a date is over, or a time is. Raises ValueError."""
    try:
        if len(text) == len("2026-12-31"):
            day = datetime.date.fromisoformat(text)
            return datetime.datetime.combine(day, datetime.time(), datetime.UTC) + datetime.timedelta(days=1)
        found = datetime.datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"expected a date such as 2026-12-31, got {text!r}") from error
    if found.tzinfo is None:
        raise ValueError(f"expected a date, or a time with an offset such as 2026-12-31T12:00:00Z, got {text!r}")
    return found


def _inside(text: str, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address.version == network.version and address in network for network in networks)
