"""An Alert that never happened, to try destinations with: everything in it that an alert may have."""

from __future__ import annotations

from schemas.alert import Alert, Change

_AT = 1_767_225_600_000_000


def example(at: int = _AT) -> Alert:
    """Marked as an example wherever it is told. `at`: its times, in microseconds since 1970."""
    return Alert(
        alert_id="example-0001",
        fingerprint="example-fingerprint",
        severity="high",
        risk=0.87,
        sensitivity="high",
        family="token",
        stage="credential-access",
        title="A token is used in two places",
        sentence="build-7 assumed arn:aws:iam::123456789012:role/deploy for ana@example.com under policy deploy-only.",
        unusual=[
            "The token was used from 203.0.113.7 four minutes after 192.0.2.10.",
            'Its task says "rotate \\ keys".',
        ],
        runbook=[
            "Ask ana@example.com whether this was meant.",
            "Revoke the session of arn:aws:iam::123456789012:role/deploy.",
        ],
        actor="build-7",
        actor_kind="workload",
        human="ana@example.com",
        session="s-0001",
        credentials=["aws:ASIAEXAMPLE"],
        policies=["deploy-only"],
        actions=["sts:AssumeRole", "iam:CreateAccessKey"],
        resources=["arn:aws:iam::123456789012:role/deploy"],
        accounts=["123456789012"],
        addresses=["203.0.113.7", "192.0.2.10", "2001:db8::7"],
        first=at - 240_000_000,
        last=at - 1_000_000,
        detections={"token-in-two-places": 2, "new-key-after-assume": 1},
        count=3,
        findings=["finding-1", "finding-2", "finding-3"],
        entries=["entry-1", "entry-2"],
        frameworks=["T1078.004", "NHI9"],
        models=["cadence@1"],
        p_value=0.0004,
        quotes=['"rotate \\ keys"'],
        changes=[Change(what="opened", by="whodid", at=at)],
        at=at,
    )
