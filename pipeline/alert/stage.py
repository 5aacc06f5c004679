"""The stage that makes Alerts of Findings: one group per actor, session and family of detections, one alert a storm.

In:     Findings and their revisions in any order, Decisions of analysts
Out:    Told: Alerts and Responses (new ones, and revisions), Feedback for the stages that found it
Fails:  never; a decision that cannot be taken is Told as such

State:  groups by fingerprint (`g/`), which group an alert (`a/`) and a finding (`f/`) is of, responses (`r/`), storms
        (`s/`), and the latest event time (`e/`)
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable

import msgspec

from pipeline.alert import life, saying, storm
from pipeline.alert.episodes import MOST, Episode, episodes, keep
from pipeline.alert.file import Alerts
from pipeline.alert.kept import STATE_TYPES, Group, Latest, Place, Proposed, Told, Where
from pipeline.alert.risk import ORDER
from pipeline.alert.storm import Storm
from pipeline.alert.wire import Refused
from pipeline.kit.failures import Invalid
from pipeline.kit.state import PartitionState
from schemas.alert import Alert, Decision, Feedback, Response
from schemas.finding import Finding

_DAY = 86_400_000_000
#: Event time (microseconds) after which what nothing happens in is forgotten.
FORGOTTEN = {"g/": 30 * _DAY, "a/": 30 * _DAY, "f/": 30 * _DAY, "r/": 30 * _DAY, "s/": 2 * _DAY}


class Alerting:
    """`apply` is a function of the state, the findings and decisions, the file of alerts, and the clock."""

    def __init__(self, state: PartitionState, alerts: Alerts, clock: Callable[[], float] = time.time) -> None:
        self.state = state
        self._file = alerts
        self._clock = clock

    @property
    def trouble(self) -> str:
        """What is wrong with the file of alerts; empty if nothing is. The last good one counts."""
        return self._file.trouble

    def apply(self, findings: Iterable[Finding], decisions: Iterable[Decision] = ()) -> Told:
        """Take in some findings, then some decisions."""
        self._file.refresh()
        told = Told()
        at = int(self._clock() * 1e6)
        changed: dict[str, Group] = {}
        for one in findings:
            self._keep(one, changed)
        for key, group in changed.items():
            self._regroup(key, group, told, at)
            self.state.put("g/" + key, group)
        for decision in decisions:
            self._decide(decision, told, at)
        self._forget(max((group.last for group in changed.values()), default=0))
        return told

    def _keep(self, one: Finding, changed: dict[str, Group]) -> None:
        """Put a finding, or a revision of one, into the group of its highest revision."""
        name = "f/" + one.finding_id
        place, key = self.state.get(name, Place), fingerprint(one)
        if place is not None and one.revision <= place.revision:
            key = place.group
        group = self._group(key, one.time, changed)
        if place is not None and place.group != key:
            before = self._group(place.group, one.time, changed)
            moved = before.kept.pop(one.finding_id, None)
            changed[place.group] = before
            if moved is not None and len(group.kept) < MOST:
                group.kept[one.finding_id] = moved
        group.last = max(group.last, one.time)
        if keep(group.kept, one):
            changed[key] = group
            revision = max(one.revision, place.revision if place else 0)
            self.state.put(name, Place(group.last, key, revision))

    def _group(self, key: str, time: int, changed: dict[str, Group]) -> Group:
        return changed.get(key) or self.state.get("g/" + key, Group) or Group(time, {}, {}, {})

    def _regroup(self, key: str, group: Group, told: Told, at: int) -> None:
        """Bring the alerts of a group up to what was found."""
        quiet = int(self._file.said.quiet * 1e6)
        found = {_id(key, one.first // quiet): one for one in episodes(group.kept.values(), quiet)}
        for name in [name for name in group.alerts if name not in found and name not in group.ended]:
            self._end(group, name, found, told, at)
        for name, episode in found.items():
            made = saying.said(episode, self._file.said.sensitivity(episode.findings))
            made = msgspec.structs.replace(made, alert_id=name, fingerprint=key, news="opened", at=at)
            known = group.alerts.get(name)
            if known is None:
                self._tell(group, self._stormed(made, told), told, None)
            elif group.ended.pop(name, False):
                self._tell(group, _back(known, made), told, known)
            elif (revised := _revised(known, made)) is not None:
                self._tell(group, revised, told, known)

    def _tell(self, group: Group, alert: Alert, told: Told, before: Alert | None) -> None:
        """Keep an alert as it is now, and what is to be done about it."""
        if before is not None and alert.severity != before.severity and not alert.suppressed:
            alert = self._stormed(alert, told)
        group.alerts[alert.alert_id] = alert
        self.state.put("a/" + alert.alert_id, Where(group.last, alert.fingerprint))
        told.tell(alert)
        if not (alert.suppressed or alert.part_of or alert.state == "closed"):
            self._propose(alert, told)

    def _stormed(self, alert: Alert, told: Told) -> Alert:
        """An alert that begins, or is of another severity now, as it is told in the storm of that, if there is one."""
        if alert.suppressed:
            return alert
        name = storm.key_of(alert)
        now = self.state.get(name, Storm) or Storm(alert.last, families={}, actors={}, detections={})
        part_of = storm.admit(now, alert, self._file.said.storm)
        if part_of:
            spoken = storm.spoken(now, alert, alert.at)
            told.tell(spoken)
            self.state.put("a/" + spoken.alert_id, Where(now.last, name))
        self.state.put(name, now)
        return msgspec.structs.replace(alert, part_of=part_of)

    def _end(self, group: Group, name: str, found: dict[str, Episode], told: Told, at: int) -> None:
        """An alert of which nothing is left: retracted, or its findings belong to another one now."""
        old = group.alerts[name]
        group.ended[name] = True
        into = next((other for other, one in found.items() if one.first <= old.last and one.last >= old.first), "")
        why = f"part of alert {into}" if into else "what was found was taken back"
        over = msgspec.structs.replace(
            old,
            revision=old.revision + 1,
            state="closed",
            part_of=into,
            at=at,
            quiet=bool(old.part_of),
            news="closed",
            changes=life.itself(old, "close", why, at),
        )
        group.alerts[name] = over
        told.tell(over)

    def _propose(self, alert: Alert, told: Told) -> None:
        for hook in self._file.said.hooks:
            if not hook.wants(alert, "opened"):
                continue
            try:
                response = hook.proposed(alert, alert.at)
            except Refused as error:
                # A template that this alert does not fit: nothing can be proposed, and whoever reads it is told.
                alert.changes = life.itself(alert, "note", f"hook {hook.name}: {error}", alert.at)
                continue
            key = "r/" + response.response_id
            if self.state.peek(key) is None:
                self.state.put(key, Proposed(alert.last, response))
                told.responses.append(response)

    def _decide(self, decision: Decision, told: Told, at: int) -> None:
        try:
            life.checked(decision)
        except Invalid as error:
            told.refuse(decision, str(error))
            return
        proposed = self.state.get("r/" + decision.about, Proposed)
        if proposed is not None:
            self._answer(proposed, decision, told, at)
            return
        known, keep_it, group = self._find(decision)
        if known is None:
            told.refuse(decision, "about: no such alert or response")
            return
        alert = life.decided(known, decision, at)
        if alert is None:
            return
        keep_it(alert)
        told.tell_apart(alert)
        if decision.what == "request":
            self._request(alert, decision, told, at)
        if decision.what == "close" and group is not None:
            told.feedback += feedback(group, alert)

    def _find(self, decision: Decision) -> tuple[Alert | None, Callable[[Alert], None], Group | None]:
        """The alert that a decision is about, what keeps the next revision of it, and its group if it is of one."""
        where = self.state.get("a/" + decision.about, Where)
        key = where.key if where is not None else ""
        stormy = self.state.get(key, Storm) if key.startswith("s/") else None
        if stormy is not None and stormy.alert is not None:

            def in_storm(alert: Alert, storm: Storm = stormy) -> None:
                storm.alert = alert
                self.state.put(key, storm)

            return stormy.alert, in_storm, None
        group = self.state.get("g/" + key, Group) if where is not None else None
        if group is None or decision.about not in group.alerts:
            return decision.alert, lambda _: None, None

        def in_group(alert: Alert, group: Group = group) -> None:
            group.alerts[alert.alert_id] = alert
            self.state.put("g/" + key, group)

        return group.alerts[decision.about], in_group, group

    def _request(self, alert: Alert, decision: Decision, told: Told, at: int) -> None:
        hook = next((one for one in self._file.said.hooks if one.name == decision.hook), None)
        if hook is None:
            told.refuse(decision, f"hook: expected one of {[one.name for one in self._file.said.hooks]}")
            return
        try:
            response = hook.proposed(alert, at, decision.by, decision.reason)
        except Refused as error:
            told.refuse(decision, str(error))
            return
        known = self.state.get("r/" + response.response_id, Proposed)
        if known is not None and known.response.state not in ("rejected", "failed"):
            told.refuse(decision, f"hook: was asked for already, response {response.response_id}")
            return
        if known is not None:
            response.revision = known.response.revision + 1
        self.state.put("r/" + response.response_id, Proposed(alert.last, response))
        told.responses.append(response)

    def _answer(self, proposed: Proposed, decision: Decision, told: Told, at: int) -> None:
        response = life.answered(proposed.response, decision, at)
        if response is None:
            if all(one.decision_id != decision.decision_id for one in proposed.response.changes):
                told.refuse(decision, refusal(proposed.response, decision))
            return
        proposed.response = response
        self.state.put("r/" + response.response_id, proposed)
        told.responses.append(response)

    def _forget(self, now: int) -> None:
        """Once a day (event time), what nothing happens in is forgotten."""
        latest = self.state.get("e/", Latest) or Latest(0)
        if now // _DAY <= latest.last // _DAY:
            return
        self.state.put("e/", Latest(now))
        for prefix, after in FORGOTTEN.items():
            for key in self.state.keys(prefix):
                value = self.state.get(key, STATE_TYPES[prefix[0]])
                if value is not None and value.last < now - after:  # type: ignore[attr-defined]
                    self.state.delete(key)


def fingerprint(one: Finding) -> str:
    """The group of a finding. What is suppressed is apart, so that it neither hides nor raises anything."""
    parts = (one.actor, one.session, one.family or one.detection, "suppressed" if one.suppressed else "")
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


def feedback(group: Group, alert: Alert) -> list[Feedback]:
    """The verdict on an alert, for each of its findings."""
    wanted = set(alert.findings)
    return [
        Feedback(
            key=one.key,
            finding_id=one.finding_id,
            detection=one.detection,
            session=one.session,
            time=one.time,
            score=one.score,
            verdict=alert.verdict,
        )
        for one in (kept.finding for kept in group.kept.values())
        if one.finding_id in wanted and one.key
    ]


def refusal(response: Response, decision: Decision) -> str:
    """Why a decision about a response was not taken."""
    if response.state != "proposed":
        return f"response: expected one that is proposed, this one is {response.state}"
    return f"by: expected somebody who neither asked for it nor approved it before, got {decision.by!r}"


def _back(known: Alert, made: Alert) -> Alert:
    """An alert that had ended, and is found again."""
    changes = life.itself(known, "reopen", "it was found again", made.at)
    return msgspec.structs.replace(made, revision=known.revision + 1, news="updated", changes=changes)


#: What of an alert is not found, but was said of it.
_KEPT = ("revision", "state", "verdict", "part_of", "news", "quiet", "changes", "at")


def _revised(known: Alert, made: Alert) -> Alert | None:
    """The next revision of an alert that was found anew; None if nothing changed."""
    same = {name: getattr(known, name) for name in _KEPT}
    if msgspec.structs.replace(made, **same) == known:
        return None
    worse = ORDER.index(made.severity) > ORDER.index(known.severity)
    news = worse or made.stage != known.stage or bool(set(made.detections) - set(known.detections))
    quiet = not news and made.count < 2 * known.count
    told = {**same, "revision": known.revision + 1, "at": made.at, "quiet": quiet, "news": "updated"}
    if known.state == "closed" and news and not known.part_of:
        reason = f"{made.severity}, {', '.join(sorted(set(made.detections) - set(known.detections))) or 'again'}"
        told |= {"state": "open", "verdict": "", "changes": life.itself(known, "reopen", reason, made.at)}
    return msgspec.structs.replace(made, **told)


def _id(key: str, stretch: int) -> str:
    return hashlib.blake2b(f"{key}\0{stretch}".encode(), digest_size=16).hexdigest()
