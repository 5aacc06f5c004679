"""What is known to be harmless, and how severe things are where: one file, applied to every Finding.

    environments:
      sandbox: {account: ["111122223333", "proj-dev-*"]}
    exceptions:
      - detection: new-address          # name, or a pattern with *
        actor: "arn:aws:iam::111122223333:role/scanner"
        address: 192.0.2.0/24
        reason: the scanner's new egress, ticket 4711
        until: 2026-12-31               # required, at most a year away
        by: ana@example.com
    maintenance:                        # what happens then is expected; `weekly` is in UTC, and may pass midnight
      - {detection: "*", account: "111122223333", since: "2026-03-06T20:00:00Z", until: "2026-09-30",
         weekly: "sat 22:00-04:00", reason: patch night, by: ana@example.com}
    severity:
      - {detection: "*", environment: sandbox, severity: low}
    changes:                            # what it did before says little of what it does from then on
      - {actor: invoice-bot, at: "2026-03-02T09:00:00Z", reason: new owner and tools, by: ana@example.com}

In:     a Finding, and the Entry at which it was found
Out:    the Finding, with `suppressed` and `severity` as the file says; nothing is dropped
Fails:  `load` raises Invalid; `refresh` never, see Watched

An exception holds where all of its fields do. One whose time is over holds nowhere, and is listed as expired.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import Field, field_validator

from pipeline.kit.checked import Strict, checked
from pipeline.kit.failures import Invalid
from pipeline.kit.selecting import Selector, Text, Texts, listed, moment, pattern
from pipeline.kit.watched import WatchedFile
from schemas.entry import Entry
from schemas.finding import Finding, Severity

#: A year, and a day for those that are written in the evening of another time zone.
LONGEST = datetime.timedelta(days=367)
#: Exceptions, and severities, of a file.
MOST = 2000
_SECONDS = 1_000_000
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR = r"([01]\d|2[0-3]):([0-5]\d)"
_WEEKLY = re.compile(rf"({'|'.join(_DAYS)}) {_HOUR}-{_HOUR}")


class Exception_(Selector):
    """Known to be harmless, until when and who says so."""

    reason: Text
    until: Text
    by: Text

    @field_validator("until")
    @classmethod
    def _soon(cls, given: str) -> str:
        if moment(given) > datetime.datetime.now(datetime.UTC) + LONGEST:
            raise ValueError("expected a date at most a year away: what is accepted is looked at again every year")
        return given

    @property
    def ends(self) -> float:
        """Seconds since 1970: a date holds to the end of its day, in UTC."""
        return moment(self.until).timestamp()


class Maintenance(Exception_):
    """What happens within this time (event time), perhaps only within these hours of every week, is expected."""

    since: Text
    weekly: Text | None = None

    @field_validator("since")
    @classmethod
    def _begins(cls, given: str) -> str:
        moment(given)
        return given

    @field_validator("weekly")
    @classmethod
    def _hours(cls, given: str | None) -> str | None:
        if given is not None and not _WEEKLY.fullmatch(given):
            raise ValueError('expected a day and hours in UTC, e.g. "sat 22:00-04:00"')
        return given

    @cached_property
    def _span(self) -> tuple[float, float]:
        return moment(self.since).timestamp(), self.ends

    @cached_property
    def _minutes(self) -> tuple[int, int] | None:
        """Minutes of the week at which it begins, and how many it lasts."""
        found = _WEEKLY.fullmatch(self.weekly or "")
        if found is None:
            return None
        day, *clock = found.groups()
        begin, end = (int(clock[place]) * 60 + int(clock[place + 1]) for place in (0, 2))
        return _DAYS.index(day) * 1440 + begin, (end - begin) % 1440 or 1440

    def holds(self, time: float) -> bool:
        """Whether an event time (seconds) is within it."""
        begin, end = self._span
        if not begin <= time < end:
            return False
        if self._minutes is None:
            return True
        # 1970-01-01 was a Thursday.
        minute = (int(time // 60) + 3 * 1440) % (7 * 1440)
        return (minute - self._minutes[0]) % (7 * 1440) < self._minutes[1]


class Graded(Selector):
    """How severe findings are, whatever their detection says."""

    severity: Severity


class Change(Strict):
    """Somebody's word that an identity does other things from then on: another owner, version, set of tools."""

    actor: Texts
    at: Text
    reason: Text
    by: Text

    @field_validator("at")
    @classmethod
    def _when(cls, given: str) -> str:
        moment(given)
        return given

    @cached_property
    def since(self) -> int:
        """Event time (microseconds) from which on it counts."""
        return int(moment(self.at).timestamp() * _SECONDS)

    @cached_property
    def _actors(self) -> Any:  # noqa: ANN401
        return pattern(listed(self.actor))

    def concerns(self, identity: str) -> bool:
        """Whether it is about this identity."""
        return self._actors.fullmatch(identity) is not None


class Environment(Strict):
    """What belongs to it."""

    account: Texts


class File(Strict):
    """The file."""

    environments: dict[str, Environment] = {}
    exceptions: Annotated[list[Exception_], Field(max_length=MOST)] = []
    maintenance: Annotated[list[Maintenance], Field(max_length=MOST)] = []
    severity: Annotated[list[Graded], Field(max_length=MOST)] = []
    changes: Annotated[list[Change], Field(max_length=MOST)] = []


class Exceptions(WatchedFile):
    """The file as it is now; without one nothing is suppressed."""

    def __init__(
        self, file: Path | None, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(file, "WHODID_EXCEPTIONS", clock)
        self.said = File()
        self._now = now
        self._environments: dict[str, Any] = {}

    @classmethod
    def load(cls, file: Path | None, **clocks: Callable[[], float]) -> Exceptions:
        """What a file says. Raises Invalid, which names file and field."""
        made = cls(file, **clocks)
        made.reload()
        return made

    def read(self, given: Any, name: str) -> None:  # noqa: ANN401  (what YAML may be)
        """See WatchedFile."""
        said = checked(File, given, name)
        for place, one in enumerate([*said.exceptions, *said.maintenance, *said.severity], 1):
            for one_of in listed(one.environment):
                if one_of not in said.environments:
                    raise Invalid(f"{name}: {place}. environment", "one of `environments`", one_of)
        self._environments = {name: pattern(listed(one.account)) for name, one in said.environments.items()}
        self.said = said

    def apply(self, finding: Finding, entry: Entry | None) -> Finding:
        """The Finding as it is to be kept. Of `entry` are credential, account, address and resource."""
        said = self.said
        if not (said.exceptions or said.maintenance or said.severity) or finding.retracted:
            return finding
        facts = self._facts(finding, entry)
        graded = next((one for one in self.said.severity if one.fits(facts)), None)
        if graded is not None and graded.severity != finding.severity:
            details = {**finding.details, "severity_was": finding.severity}
            finding = msgspec.structs.replace(finding, severity=graded.severity, details=details)
        now = max(self._now(), finding.time / _SECONDS)
        held = next((one for one in said.exceptions if now < one.ends and one.fits(facts)), None)
        if held is None:
            at = finding.time / _SECONDS
            held = next((one for one in said.maintenance if one.holds(at) and one.fits(facts)), None)
        if held is None:
            return finding
        return msgspec.structs.replace(finding, suppressed=f"{held.reason} (until {held.until}, by {held.by})")

    def expired(self) -> list[Exception_]:
        """Exceptions whose time is over."""
        now = self._now()
        return [one for one in self.said.exceptions if one.ends <= now]

    def _facts(self, finding: Finding, entry: Entry | None) -> dict[str, list[str]]:
        facts = {
            "detection": [finding.detection],
            "actor": [finding.actor],
            "human": [finding.human],
            "session": [finding.session],
        }
        if entry is not None:
            event = entry.event
            facts["actor"].append(event.actor)
            facts["credential"] = [event.credential, *entry.credential_chain]
            facts["account"], facts["address"], facts["resource"] = [event.account], [event.address], event.resources
            facts["environment"] = [
                n for n, accounts in self._environments.items() if accounts.fullmatch(event.account)
            ]
        return {name: [text for text in texts if text] for name, texts in facts.items()}
