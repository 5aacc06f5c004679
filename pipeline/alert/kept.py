"""What the alert stage keeps (its state), and what it tells of (its output)."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from pipeline.alert.episodes import Kept
from pipeline.alert.storm import Storm
from schemas.alert import Alert, Decision, Feedback, Response


class Group(msgspec.Struct, array_like=True, gc=False):
    """What was found of one actor, in one session, by one family of detections; `last`: event time, as all of these."""

    last: int
    kept: dict[str, Kept] = {}
    alerts: dict[str, Alert] = {}
    #: Alerts of which nothing is left; what is found later may bring one back. (Values mean nothing.)
    ended: dict[str, bool] = {}


class Where(msgspec.Struct, array_like=True, gc=False):
    """The group (or the storm) of an alert."""

    last: int
    key: str


class Place(msgspec.Struct, array_like=True, gc=False):
    """The group of a finding, and the revision that says so: a higher one may belong elsewhere."""

    last: int
    group: str
    revision: int


class Proposed(msgspec.Struct, array_like=True, gc=False):
    """A response."""

    last: int
    response: Response


class Latest(msgspec.Struct, array_like=True, gc=False):
    """The latest event time."""

    last: int


STATE_TYPES: dict[str, type[msgspec.Struct]] = {
    "g": Group, "a": Where, "f": Place, "r": Proposed, "s": Storm, "e": Latest,
}  # fmt: skip


@dataclass
class Told:
    """What is new."""

    responses: list[Response] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    #: Decisions that could not be taken, each with the reason.
    refused: list[tuple[Decision, str]] = field(default_factory=list)
    _before: list[Alert] = field(default_factory=list)
    _current: dict[str, Alert] = field(default_factory=dict)

    @property
    def alerts(self) -> list[Alert]:
        """Alerts and their revisions; those of one in order."""
        return [*self._before, *self._current.values()]

    def tell(self, alert: Alert) -> None:
        """What was found changes an alert. What changed it before, in this batch, is told with it."""
        known = self._current.pop(alert.alert_id, None)
        if known is not None and not known.quiet:
            alert.quiet = False
            if alert.news == "updated":
                alert.news = known.news
        self._current[alert.alert_id] = alert

    def tell_apart(self, alert: Alert) -> None:
        """Somebody changes an alert: that is a revision of its own."""
        known = self._current.pop(alert.alert_id, None)
        if known is not None:
            self._before.append(known)
        self._current[alert.alert_id] = alert

    def refuse(self, decision: Decision, reason: str) -> None:
        """A decision cannot be taken."""
        self.refused.append((decision, reason))
