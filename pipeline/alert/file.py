"""The file of alerts (`WHODID_ALERTS`) becomes what there is to be told, whom, and what is to be done.

    console: https://whodid.example.com     # for links
    quiet: 21600                            # seconds of silence (event time) that end an alert
    storm: 8                                # alerts of one severity and hour that are told one by one
    assets:
      - {resource: "arn:aws:s3:::payroll*", sensitivity: critical}
    destinations:
      - name: siem
        kind: webhook
        url: https://siem.example.com/hook
        signing: [{file: /run/secrets/siem}]
        severity: medium
    hooks: []                               # see pipeline.alert.respond

Fails:  `load` raises Invalid, which names the field and the fix; `refresh` never, see Watched
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from pipeline.alert.destination import Destination, Url
from pipeline.alert.destinations import Any_
from pipeline.alert.respond import Hook
from pipeline.alert.risk import SENSITIVITIES, Sensitivity
from pipeline.kit.checked import Strict, checked
from pipeline.kit.failures import Invalid
from pipeline.kit.selecting import Texts, listed, pattern
from pipeline.kit.watched import WatchedFile
from schemas.finding import Finding

#: Destinations, hooks and assets of a file.
MOST = 500


class Asset(Strict):
    """How sensitive something is: resources, or all of an account."""

    resource: Texts | None = None
    account: Texts | None = None
    sensitivity: Sensitivity

    @model_validator(mode="after")
    def _something(self) -> Asset:
        if not (self.resource or self.account):
            raise ValueError("expected `resource` or `account`")
        return self

    @cached_property
    def _patterns(self) -> tuple[Any, Any]:
        return tuple(pattern(listed(one)) if one else None for one in (self.resource, self.account))  # type: ignore[return-value]

    def holds(self, one: Finding) -> bool:
        """Whether a finding is about it."""
        resource, account = self._patterns
        if account is not None and not account.fullmatch(one.account):
            return False
        return resource is None or any(resource.fullmatch(name) for name in one.resources)


class File(Strict):
    """The file."""

    console: Url | None = None
    quiet: float = Field(6 * 3600.0, ge=60, le=30 * 86_400)
    storm: int = Field(8, ge=1, le=10_000)
    assets: Annotated[list[Asset], Field(max_length=MOST)] = []
    destinations: Annotated[list[Any_], Field(max_length=MOST)] = []
    hooks: Annotated[list[Hook], Field(max_length=MOST)] = []

    @model_validator(mode="after")
    def _told_apart(self) -> File:
        names = [one.name for one in (*self.destinations, *self.hooks)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"name: expected a name of its own for each, {twice[0]} is there twice")
        return self

    def sensitivity(self, findings: Iterable[Finding]) -> str:
        """Of the most sensitive thing that these are about; `normal` where nothing is declared."""
        held = {asset.sensitivity for one in findings for asset in self.assets if asset.holds(one)}
        return max(held, key=SENSITIVITIES.index, default="normal")

    def named(self, name: str) -> Destination:
        """A destination or hook. Raises Invalid."""
        known = {one.name: one for one in (*self.destinations, *self.hooks)}
        if name not in known:
            raise Invalid("destination", "one of " + (", ".join(known) or "none: the file of alerts has none"), name)
        return known[name]


class Alerts(WatchedFile):
    """The file as it is now; without one nobody is told."""

    def __init__(self, file: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(file, "WHODID_ALERTS", clock)
        self.said = File()

    @classmethod
    def load(cls, file: Path | None, *, clock: Callable[[], float] = time.monotonic) -> Alerts:
        """What a file says. Raises Invalid, which names file and field."""
        made = cls(file, clock=clock)
        made.reload()
        return made

    def read(self, given: Any, name: str) -> None:  # noqa: ANN401  (what YAML may be)
        """See WatchedFile."""
        self.said = checked(File, given, name)
