"""What the overview shows: who is at risk, how much was heard, how much there is."""

import msgspec

from pipeline.alert.example import example
from pipeline.store import overview
from pipeline.store.overview import WEEK, Numbers, Volume
from tests.store.entries import START, entry, issuance
from tests.store.findings import finding

SECOND, HOUR = 1_000_000, 3_600_000_000
FULL = START // HOUR * HOUR // SECOND


def test_an_empty_store_has_nothing(store):
    assert overview.at_risk(store, 0, 10) == []
    assert overview.latest(store) is None
    assert overview.volumes(store, START) == []
    assert overview.numbers(store) == Numbers(0, 0, 0, 0, 0)


def test_the_gravest_comes_first_then_whoever_has_more_then_the_latest(store):
    store.write_findings([
        finding("a", 1, actor="many", severity="medium"), finding("b", 2, actor="many", severity="low"),
        finding("c", 3, actor="grave", severity="critical"), finding("d", 4, actor="early", severity="medium"),
        finding("e", 5, actor="late", severity="medium", actor_kind="human"),
    ])  # fmt: skip
    found = overview.at_risk(store, 0, 10)
    assert [(one.actor, one.severity, one.findings) for one in found] == [
        ("grave", "critical", 1), ("many", "medium", 2), ("late", "medium", 1), ("early", "medium", 1),
    ]  # fmt: skip
    assert (found[2].kind, found[2].last, found[2].detections) == ("human", START + 5 * SECOND, ["tool-chain-drift"])
    assert [one.actor for one in overview.at_risk(store, 0, 2)] == ["grave", "many"]


def test_what_is_suppressed_retracted_old_or_of_nobody_puts_nobody_at_risk(store):
    store.write_findings([
        finding("a", actor="quiet", suppressed="exception 7"), finding("b", actor=""), finding("c", -1, actor="old"),
        finding("d", actor="retracted"), finding("e", actor="there"),
    ])  # fmt: skip
    store.write_findings([finding("d", actor="retracted", revision=1, retracted=True)])
    assert [one.actor for one in overview.at_risk(store, START, 10)] == ["there"]


def test_volumes_are_rows_by_hour_and_kind_of_the_week_that_ends_then(store):
    week = WEEK / SECOND
    prompts = [entry("p", 10), entry("q", 11)]
    for one in prompts:
        one.event.kind = "prompt"
    store.write_entries([entry("before", -week), entry("first", -week + 0.000001), entry("last", 0), *prompts])
    found = overview.volumes(store, START)
    assert found == [Volume(FULL - WEEK // SECOND, "cloud_audit", 1), Volume(FULL, "cloud_audit", 1)]
    later = overview.volumes(store, START + 11 * SECOND)
    assert later[-1] == Volume(FULL, "prompt", 2)


def test_a_revised_row_counts_again_in_volumes(store):
    store.write_entries([entry("a")])
    store.write_entries([entry("a", revision=1)])
    assert [one.rows for one in overview.volumes(store, START)] == [2]


def test_numbers_say_how_much_there_is(store):
    store.write_entries([entry("a", actor="bot", session="s", credential="k"), entry("b", 1, actor="ana", session="s"),
                         issuance("k2", "k", 2)])  # fmt: skip
    alert = example()
    store.write_alerts([alert, msgspec.structs.replace(alert, alert_id="closed", state="closed")], [])
    found = overview.numbers(store)
    assert (found.entries, found.identities, found.credentials, found.sessions, found.open_alerts) == (3, 2, 2, 1, 1)
    assert overview.latest(store) == START + 2 * SECOND
