"""Exceptions: what is known to be harmless is kept and marked, for as long as somebody said."""

from __future__ import annotations

import datetime

import msgspec
import pytest

from pipeline.kit.failures import Invalid
from pipeline.kit.watched import LOOK_EVERY
from pipeline.score.rules.exceptions import Exceptions
from schemas.finding import Finding
from tests.score.rules.making import entry
from tests.store.findings import finding

TODAY = datetime.datetime.now(datetime.UTC).date()


def day(days: int) -> str:
    return (TODAY + datetime.timedelta(days=days)).isoformat()


FILE = f"""
environments:
  sandbox: {{account: ["1111", "dev-*"]}}
exceptions:
  - detection: new-*
    actor: ["arn:aws:iam::1:role/scan*", bot]
    address: 192.0.2.0/24
    reason: the scanner
    until: {day(30)}
    by: ana@example.com
  - {{detection: old, actor: bot, reason: long ago, until: {day(-2)}, by: ana}}
severity:
  - {{detection: "*", environment: sandbox, severity: low}}
  - {{detection: new-address, severity: critical}}
"""


def load(path, text: str = FILE, **clocks) -> Exceptions:
    (path / "exceptions.yml").write_text(text)
    return Exceptions.load(path / "exceptions.yml", **clocks)


def test_a_finding_that_is_known_is_marked_and_kept(tmp_path):
    said = load(tmp_path)
    one = finding("f", detection="new-address", actor="Bot", severity="high", entries=["e"])
    marked = said.apply(one, entry(action="x", address="192.0.2.9"))
    assert marked.suppressed == f"the scanner (until {day(30)}, by ana@example.com)"
    assert (marked.finding_id, marked.entries, one.suppressed) == ("f", ["e"], "")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({"detection": "other"}, "192.0.2.9"),
        ({"actor": "someone"}, "192.0.2.9"),
        ({}, "192.0.3.9"),
        ({}, "ssm.amazonaws.com"),
        ({}, None),
    ],
)
def test_an_exception_holds_where_all_of_it_does(tmp_path, given, address):
    about = None if address is None else entry(action="x", address=address)
    one = finding("f", **{"detection": "new-address", "actor": "bot", **given})
    assert load(tmp_path).apply(one, about).suppressed == ""


def test_an_exception_whose_time_is_over_holds_nowhere_and_is_listed(tmp_path):
    said = load(tmp_path)
    assert said.apply(finding("f", detection="old", actor="bot"), None).suppressed == ""
    assert [one.reason for one in said.expired()] == ["long ago"]
    later = datetime.datetime.combine(TODAY + datetime.timedelta(days=31), datetime.time(), datetime.UTC).timestamp()
    said = load(tmp_path, now=lambda: later)
    about = entry(action="x", address="192.0.2.9")
    assert said.apply(finding("f", detection="new-address", actor="bot"), about).suppressed == ""
    assert len(said.expired()) == 2


def test_severity_is_what_the_first_that_fits_says(tmp_path):
    said = load(tmp_path)
    one = finding("f", detection="new-address", severity="high")
    low = said.apply(one, entry(action="x", account="DEV-1"))
    assert (low.severity, low.details["severity_was"], low.suppressed) == ("low", "high", "")
    assert said.apply(one, entry(action="x", account="prod")).severity == "critical"
    assert (
        said.apply(finding("f", detection="b", severity="high"), entry(action="x", account="prod")).severity == "high"
    )


def test_credentials_and_resources_are_looked_for_in_the_entry(tmp_path):
    text = FILE.replace("    address: 192.0.2.0/24\n", "    credential: AKIA*\n    resource: s3://b/*\n")
    said = load(tmp_path, text)
    one = finding("f", detection="new-address", actor="bot")
    minted = entry(action="x", credential="ASIA1", credential_chain=["ASIA1", "AKIA1"], resources=["a", "s3://b/c"])
    assert said.apply(one, minted).suppressed
    assert not said.apply(one, entry(action="x", credential="ASIA1", resources=["s3://b/c"])).suppressed
    assert not said.apply(one, entry(action="x", credential="AKIA1", resources=["s3://c/c"])).suppressed


def test_what_is_taken_back_stays_so(tmp_path):
    one = finding("f", detection="new-address", severity="high", retracted=True)
    assert load(tmp_path).apply(one, None) is one


@pytest.mark.parametrize(
    ("line", "instead", "says"),
    [
        (f"    until: {day(30)}\n", "", "exceptions.0.until: expected this field, which is missing"),
        (f"until: {day(30)}", f"until: {day(400)}", "at most a year away"),
        (f"until: {day(30)}", "until: soon", "a date such as 2026-12-31"),
        (f"until: {day(30)}", f"until: {day(30)}T12:00:00", "with an offset"),
        ("reason: the scanner", 'reason: ""', "exceptions.0.reason"),
        ("192.0.2.0/24", "192.0.2.0/33", "exceptions.0.address"),
        ("detection: new-*", 'detection: "*"', None),
        ("detection: new-*", "detecton: new", "exceptions.0"),
        ("environment: sandbox", "environment: sanbox", "one of `environments`, got 'sanbox'"),
        ('- {detection: "*", environment: sandbox, severity: low}', '- {detection: "*", severity: low}', "everything"),
        ("severity: low", "severity: lower", "severity.0.severity"),
        ("environments:", "environment:", "known there: environments, exceptions, maintenance"),
    ],
)
def test_a_wrong_file_is_refused_with_the_field(tmp_path, line, instead, says):
    assert line in FILE
    text = FILE.replace(line, instead, 1)
    if says is None:
        assert load(tmp_path, text)
        return
    with pytest.raises(Invalid, match=r"^exceptions\.yml: ") as caught:
        load(tmp_path, text)
    assert says in str(caught.value)


def test_a_file_that_became_invalid_keeps_what_it_said(tmp_path):
    clock = [100.0]
    said = load(tmp_path, clock=lambda: clock[0])
    (tmp_path / "exceptions.yml").write_text("exceptions: 5")
    clock[0] += LOOK_EVERY
    assert not said.refresh()
    assert "exceptions" in said.trouble
    assert len(said.said.exceptions) == 2
    (tmp_path / "exceptions.yml").write_text("")
    clock[0] += LOOK_EVERY
    assert said.refresh()
    assert (said.trouble, said.said.exceptions) == ("", [])


def test_no_file_says_nothing():
    one = finding("f")
    assert Exceptions.load(None).apply(one, None) is one


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Invalid, match=r"gone\.yml: expected a file that can be read"):
        Exceptions.load(tmp_path / "gone.yml")


MAINTENANCE = f"""
maintenance:
  - {{detection: "*", actor: bot, since: "2026-03-02T08:00:00Z", until: "2026-03-02T10:00:00Z", reason: moving,
     by: ana}}
  - {{detection: "*", actor: night, since: "2026-01-01", until: {day(30)}, weekly: "sat 22:00-04:00", reason: patches,
     by: ana}}
"""


def at(moment: str, actor: str) -> Finding:
    """A finding of this event time."""
    time = int(datetime.datetime.fromisoformat(moment).timestamp() * 1_000_000)
    return msgspec.structs.replace(finding("f", actor=actor), time=time)


@pytest.mark.parametrize(
    ("moment", "actor", "expected"),
    [
        ("2026-03-02T08:00:00Z", "bot", True),
        ("2026-03-02T09:59:59Z", "bot", True),
        ("2026-03-02T10:00:00Z", "bot", False),
        ("2026-03-02T07:59:59Z", "bot", False),
        ("2026-03-02T09:00:00Z", "other", False),
        # 2026-03-07 was a Saturday.
        ("2026-03-07T22:00:00Z", "night", True),
        ("2026-03-08T03:59:59Z", "night", True),
        ("2026-03-08T04:00:00Z", "night", False),
        ("2026-03-07T21:59:59Z", "night", False),
        ("2026-03-06T23:00:00Z", "night", False),
        ("2025-12-27T23:00:00Z", "night", False),
    ],
)
def test_what_happens_during_maintenance_is_expected(tmp_path, moment, actor, expected):
    said = load(tmp_path, MAINTENANCE)
    assert bool(said.apply(at(moment, actor), None).suppressed) == expected


@pytest.mark.parametrize("weekly", ["saturday 22:00-04:00", "sat 24:00-04:00", "sat 22-04", "22:00-04:00"])
def test_hours_that_are_none_are_refused_by_name(tmp_path, weekly):
    text = MAINTENANCE.replace("sat 22:00-04:00", weekly)
    with pytest.raises(Invalid, match=r"maintenance\.1\.weekly: expected"):
        load(tmp_path, text)
