import pytest

from pipeline.kit.failures import Invalid
from pipeline.store.coverage import coverage
from tests.store.entries import START, entry, issuance

DAY = 86_400_000_000


def event(name, days, form, kind="cloud_audit", **more):
    made = entry(name, days * 86_400, **more)
    made.event.format, made.event.kind = form, kind
    return made


def test_an_empty_store_has_heard_nothing(store):
    found = coverage(store)
    assert (found.sources, found.events, found.issued, found.unused) == ([], 0, 0, 0)


def test_current_events_are_counted_by_kind_link_and_reason_within_the_days(store):
    store.write_entries([
        event("old", 0, "okta.system-log"), event("edge", 9.9, "aws.cloudtrail", unbound="why"),
        event("moved", 9.95, "aws.cloudtrail", unbound="why"), event("moved", 9.95, "aws.cloudtrail", revision=1),
        event("call", 9.96, "mcp", "tool_call", sure=0), event("last", 10, "aws.cloudtrail"),
    ])  # fmt: skip
    found = coverage(store, 7)
    assert (found.since, found.until) == (START + 3 * DAY, START + 10 * DAY)
    assert [source.format for source in found.sources] == ["aws.cloudtrail", "mcp", "okta.system-log"]
    cloud, mcp, okta = found.sources
    assert (cloud.events, cloud.unbound, cloud.reasons) == (3, 1, {"why": 1})
    assert (cloud.kinds, cloud.links) == ({"cloud_audit": 3}, {"credential": 3})
    assert (mcp.kinds, mcp.links) == ({"tool_call": 1}, {"none": 1})
    assert (okta.events, okta.last) == (0, START)
    assert (found.events, found.kinds) == (4, {"cloud_audit": 3, "tool_call": 1})


def test_the_days_end_with_the_latest_event_that_is_not_in_the_future(store):
    store.write_entries([event("now", 10, "mcp"), event("from a wrong clock", 900, "mcp")])
    assert coverage(store, 7, now=START + 11 * DAY).until == START + 11 * DAY
    assert coverage(store, 7, now=START + 11 * DAY).events == 1


def test_calls_of_agents_without_a_tool_call_are_counted(store):
    store.write_entries([
        event("bare", 1, "aws.cloudtrail"), event("explained", 1, "aws.cloudtrail"), event("person", 1, "gcp.audit"),
    ])  # fmt: skip
    told = [event(name, 1, "aws.cloudtrail") for name in ("agent's", "agent's own")]
    for made in told:
        made.actor_kind = "agent"
    told[1].tool_call_event = "t1"
    store.write_entries(told)
    by_name = {source.format: source for source in coverage(store).sources}
    assert (by_name["aws.cloudtrail"].agent_calls, by_name["aws.cloudtrail"].unexplained_calls) == (2, 1)
    assert by_name["gcp.audit"].agent_calls == 0


def test_credentials_that_were_issued_and_never_used_are_counted(store):
    store.write_entries([issuance("b", "a", 1), issuance("c", "b", 2), issuance("d", "c", 3)])
    found = coverage(store)
    assert (found.issued, found.unused) == (3, 1)
    assert coverage(store, 1, now=START + 2_500_000).issued == 2


@pytest.mark.parametrize("days", [0, 4000])
def test_days_are_bounded(store, days):
    with pytest.raises(Invalid, match="days: expected 1 to 3660"):
        coverage(store, days)
