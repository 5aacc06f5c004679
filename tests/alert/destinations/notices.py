"""Alerts of every sort that there is, told: what a document or an event has to be made of."""

from __future__ import annotations

from typing import get_args

from pipeline.alert.example import example
from pipeline.alert.notice import Mask, News, Notice, notice
from pipeline.alert.storm import Storm, admit, spoken
from schemas.alert import Alert, Change
from schemas.event import ActorKind
from tests.alert.said import CONSOLE, HOSTILE, hostile, said

STATES = {"opened": "open", "updated": "open", "acknowledged": "acknowledged", "closed": "closed"}
#: Nothing is said of it.
EMPTY = said(
    title="", sentence="", unusual=[], runbook=[], actor="", actor_kind="", human="", session="", credentials=[],
    policies=[], actions=[], resources=[], accounts=[], addresses=[], detections={}, findings=[], entries=[],
    frameworks=[], models=[], stage="", family="", fingerprint="", first=0, last=0, at=0, count=0, p_value=1.0,
)  # fmt: skip
#: Lists and names are there, and empty.
BLANK = said(
    **{name: ["", ""] for name in ("unusual", "runbook", "actions", "resources", "accounts", "addresses", "entries")},
    **{name: [""] for name in ("policies", "frameworks", "models")}, detections={"": 0}, credentials=["aws:", ""],
)  # fmt: skip


def storm() -> Alert:
    """Stands for several."""
    held = Storm(0)
    for alert in (example(), example()):
        admit(held, alert, 0)
    return spoken(held, example(), example().at)


def _closed(verdict: str) -> Notice:
    steps = [
        Change(what="acknowledge", by="ben@example.com", at=example().at),
        Change(what="close", by=HOSTILE, at=example().at, reason='keys "rotated"', verdict=verdict, decision_id="d"),
    ]
    return said(state="closed", verdict=verdict, revision=3, changes=steps)


def _several() -> dict[str, Notice]:
    found = {
        f"{news}, {mask} is masked": said(mask, news=news, state=STATES[news])
        for mask in get_args(Mask) for news in get_args(News)
    }  # fmt: skip
    found |= {f"closed as {verdict or 'nothing'}": _closed(verdict) for verdict in ("", "true", "false", "benign")}
    found |= {f"of {kind or 'nobody known'}": said(actor_kind=kind) for kind in get_args(ActorKind)}
    found |= {f"{value} {name}": said(**{name: value}) for name in ("severity", "sensitivity")
              for value in ("low", "medium", "normal", "high", "critical", "unheard of")}  # fmt: skip
    found |= {
        f"without {name}": said(**{name: type(getattr(example(), name))()})
        for name in ("actor", "addresses", "credentials", "accounts", "detections", "models", "actions", "stage")
    }
    return found | {
        "example": said(is_example=True), "storm": notice(storm(), "nothing", CONSOLE),
        "empty": EMPTY, "blank": BLANK, "hostile": hostile(),
        "of zones": said(addresses=["fe80::1%eth0", f"fe80::1%{'x' * 100}", "::ffff:192.0.2.1", "192.0.2.1"]),
        "of a person": said(actor="ana@example.com", actor_kind="human", human="ana@example.com"),
        "of techniques": said(frameworks=["T1078.004", "T1078", "AML.T0051.001", "ASI03"], stage="command-and-control"),
        "of long texts": said(unusual=["é" * 40_000], runbook=["\U0001f98a" * 40_000], human="x" * 40_000),
        "of many": said(resources=[f"arn:{at}" for at in range(5000)], detections={f"d.{at}": at for at in range(300)}),
    }  # fmt: skip


SEVERAL = _several()
