"""A store as it is after a day: an organisation at work, the bundled incident, its alerts, verdicts and deliveries."""

from __future__ import annotations

import itertools

import msgspec

from pipeline.alert.life import VERDICTS, decided
from pipeline.kit.config import Settings
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident, organisation
from pipeline.store import Store
from pipeline.store.alerts import alerts
from pipeline.store.findings import findings
from schemas.alert import Decision, Delivery, Request, Response
from schemas.rejected import Record

HOUR = 3_600_000_000
EVENTS = 2_000


def fill(store: Store, settings: Settings) -> incident.Truth:
    """Put a day into an empty store, by the stages themselves; returns what is true of the incident."""
    at = organisation.START + 6 * HOUR
    told = [record for _, record in incident.records(at)]
    work = [Record(one.value, one.format, "f", 0, n) for n, one in enumerate(organisation.tell(3, EVENTS))]
    broken = [Record(value, "aws.cloudtrail", "f", 0, n) for n, value in enumerate([b'{"eventTime": "never"}', b"{"])]
    # Two runs, so that there are two signed heads.
    Investigation(settings, store).run(told)
    Investigation(settings, store).run(work, broken)
    judge(store)
    silence(store)
    return incident.truth(at)


def judge(store: Store) -> None:
    """Analysts close every second alert, and destinations are told of all."""
    now = organisation.START + 24 * HOUR
    verdicts = itertools.cycle(VERDICTS)
    found = alerts(store, limit=1000).alerts
    for number, one in enumerate(found):
        if number % 2 == 0:
            decision = Decision(
                decision_id=f"d{number}", about=one.alert_id, what="close", by="ana@example.com", at=now,
                reason="looked at it", verdict=next(verdicts),
            )  # fmt: skip
            closed = decided(one, decision, now)
            assert closed is not None
            store.write_alerts([closed], [])
        store.write_deliveries([
            Delivery(destination="siem", alert_id=one.alert_id, revision=0, key=f"{one.alert_id}.0", attempt=attempt,
                     at=one.last + attempt * 1_000_000, outcome=outcome, status=status, latency=10.0 * attempt)
            for attempt, outcome, status in ((1, "retry", 503), (2, "delivered", 200))
        ])  # fmt: skip
    request = Request("POST", "https://soar.example.com/revoke", {"Authorization": "<secret soar>"}, "{}")
    store.write_alerts([], [
        Response(
            response_id="r1", alert_id=found[0].alert_id, hook="revoke", title="revoke it", request=request, at=now
        )
    ])  # fmt: skip


def silence(store: Store) -> None:
    """An exception covers one of the findings."""
    one = findings(store, limit=1).findings[0]
    quiet = msgspec.structs.replace(one, revision=one.revision + 1, suppressed="the scanner, until 2026-12-31")
    store.write_findings([quiet])
