"""Findings and decisions for tests, written as short as a story."""

from pipeline.alert.file import Alerts, File
from pipeline.alert.kept import STATE_TYPES, Told
from pipeline.alert.stage import Alerting
from pipeline.kit.checked import checked
from pipeline.kit.state import PartitionState
from schemas.alert import Alert, Decision
from schemas.finding import Finding

START = 1_772_442_000_000_000  # 2026-03-02 09:00 UTC
MINUTE, HOUR = 60_000_000, 3_600_000_000


def finding(name: str, minutes: float = 0, **more) -> Finding:
    told = {
        "detection": "llmjacking", "title": "A stolen credential is turned to models", "severity": "medium",
        "actor": "invoice-bot", "actor_kind": "agent", "human": "ana@example.com", "session": "s1", "family": "llm",
        "tactic": "impact", "score": 0.9, "p_value": 0.0004, "model": "identity-baselines@1", "key": "invoice-bot",
        "sentence": f"What {name} found is unusual.", "entries": [f"{name}-entry"], "runbook": ["Revoke it first."],
        "action": "bedrock:InvokeModel", "credential": "aws:AKIAEXAMPLE", "policy": "arn:aws:iam::aws:policy/Bedrock",
        "account": "123456789012", "address": "203.0.113.66", "resources": ["arn:aws:s3:::invoices/1"],
        "frameworks": ["T1496.004"],
        **more,
    }  # fmt: skip
    return Finding(finding_id=name, time=START + int(minutes * MINUTE), **told)


def decision(about: str, what: str, by: str = "ana", **more) -> Decision:
    name = more.pop("decision_id", f"{about} {what} {by}")
    return Decision(decision_id=name, about=about, what=what, by=by, at=START, **more)


def stage(file: dict | None = None, state: PartitionState | None = None) -> Alerting:
    alerts = Alerts(None)
    if file is not None:
        alerts.said = checked(File, file, "alerts.yml")
    return Alerting(state if state is not None else PartitionState(STATE_TYPES), alerts, clock=lambda: START / 1e6)


class Seen:
    """What somebody who takes in all that is told knows: the current alert of each id, and what was to be told."""

    def __init__(self) -> None:
        self.current: dict[str, Alert] = {}
        self.loud: list[Alert] = []

    def add(self, told: Told) -> None:
        for alert in told.alerts:
            known = self.current.get(alert.alert_id)
            assert known is None or alert.revision > known.revision, "revisions of an alert count up"
            self.current[alert.alert_id] = alert
            if not (alert.quiet or alert.suppressed or (alert.part_of and alert.state != "closed")):
                self.loud.append(alert)

    @property
    def live(self) -> list[Alert]:
        """Alerts that are not part of another one."""
        return [one for one in self.current.values() if one.state != "closed" and not one.storm]


def one_alert(told: Told) -> Alert:
    (alert,) = told.alerts
    return alert
