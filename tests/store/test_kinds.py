"""What identities are, by their names, by what they do, and by what a source says."""

import pytest

from pipeline.score.act import UNKNOWN, kind_of
from pipeline.store.inventory import named
from tests.store.entries import entry
from tests.store.inventories import listed, one

NAMES = [
    ("arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com:sts:repo:example/app", "ci"),
    ("dependabot[bot]", "ci"),
    ("system:serviceaccount:finance:pod", "workload"),
    ("spiffe://example.com/pay", "workload"),
    ("arn:aws:sts::123456789012:assumed-role/web/i-0123456789abcdef0", "workload"),
    ("job@project.iam.gserviceaccount.com", "service"),
    ("lambda.amazonaws.com", "service"),
    ("arn:aws:iam::123456789012:saml-provider/corp:ana@example.com", "human"),
    ("ana@example.com", "human"),
    ("ana @example.com", ""),
    ("arn:aws:iam::123456789012:user/backup", ""),
]


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_a_name_says_what_it_is(store, name, kind):
    store.write_entries([entry("a", actor=name)])
    found = one(store, "identities", name)
    assert (found.kind, found.observed, found.declared) == (kind, kind, [])
    assert bool(found.kind_from) == bool(kind)


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_scoring_reads_names_as_the_inventory_does(name, kind):
    # Sessions of a role are one identity there, so that an instance's name is gone.
    assert kind_of(name) == ((kind if ":assumed-role/web/i-" not in name else "") or UNKNOWN)


def acting(name, seconds=0, **more):
    item = entry(name, seconds, **more)
    item.actor_kind = item.event.actor_kind
    return item


def test_a_declared_kind_stands_beside_the_observed_one(store):
    call = acting("a", actor="bot", actor_kind="human")
    call.event.kind = "tool_call"
    store.write_entries([call, acting("b", actor="ana", attributes={"mfa": "true"})])
    found = one(store, "identities", "bot")
    assert (found.kind, found.kind_from) == ("human", "stated by a source")
    assert (found.declared, found.observed) == (["human"], "agent")
    assert one(store, "identities", "ana").kind_from == "proved a second factor"
    assert sorted(listed(store, kind="human")) == ["ana", "bot"]
    assert listed(store, kind="agent") == []


def test_the_highest_revision_says_the_kind(store):
    store.write_entries([acting("a", 1, revision=4, actor="x", actor_kind="agent")])
    store.write_entries([acting("b", 9, revision=1, actor="x", actor_kind="service"), acting("c", 10, actor="x")])
    assert one(store, "identities", "x").kind == "agent"
    assert one(store, "identities", "x").declared == ["agent", "service"]


def test_people_are_seen_by_what_others_do_for_them(store):
    store.write_entries([entry("a", 1, actor="bot", human="ana"), entry("b", 2, actor="ana", human="ana")])
    found = one(store, "identities", "ana")
    assert (found.events, found.served, found.users, found.kind) == (1, 1, ["bot"], "human")
    assert one(store, "identities", "bot").owner == "ana"


def test_tools_and_servers_are_listed_with_their_users(store):
    calls = [
        entry("a", 1, actor="bot", tool="send_mail", resources=["mcp:helpdesk", "x"]),
        entry("b", 2, actor="other", tool="mcp__files__read"),
    ]
    for call in calls:
        call.event.kind = "tool_call"
    store.write_entries(calls)
    store.write_entries([entry("c", 3, actor="bot", resources=["mcp:no-call"])])
    assert sorted(listed(store, kind="tool")) == ["mcp__files__read", "send_mail"]
    assert sorted(listed(store, kind="mcp-server")) == ["mcp:files", "mcp:helpdesk"]
    assert one(store, "identities", "mcp:helpdesk").users == ["bot"]


def test_an_actor_and_a_tool_may_share_a_name(store):
    store.write_entries([entry("a", 1, actor="search", tool="search")])
    assert [found.kind for found in named(store, "identities", "search")] == ["", "tool"]
    assert listed(store) == ["search", "search"]
