from pipeline.store import details
from pipeline.store.details import Related, detail
from tests.store.entries import START, entry, issuance


def names(found, relation):
    return [value.name for value in found.related[relation].values]


def test_an_unknown_name_is_none(store):
    assert [detail(store, of, "nope") for of in ("identities", "credentials", "sessions")] == [None] * 3


def test_an_identity_shows_its_names_credentials_sessions_and_addresses(store):
    first = entry("a", 1, session="s", credential="k", address="192.0.2.1", human="ana", tool="mail")
    second = entry("b", 2, session="s", credential="k", address="192.0.2.1", issued="k2")
    first.event.actor = second.event.actor = "arn:role/session"
    store.write_entries([first, second, entry("c", 3, actor="other", human="bot")])
    found = detail(store, "identities", "bot")
    assert found.own == Related("bot", 2, START + 1_000_000, START + 2_000_000)
    assert found.served == Related("bot", 1, START + 3_000_000, START + 3_000_000)
    assert names(found, "names") == ["arn:role/session"]
    assert (names(found, "credentials"), names(found, "issued"), names(found, "sessions")) == (["k"], ["k2"], ["s"])
    assert (names(found, "addresses"), names(found, "humans"), names(found, "tools")) == (
        ["192.0.2.1"],
        ["ana"],
        ["mail"],
    )
    assert names(found, "actors") == ["other"]
    assert found.related["credentials"].values[0].events == 2
    assert found.complete


def test_a_superseded_identity_says_who_has_its_events(store):
    store.write_entries([entry(f"e{n}", n, actor="role", session="s") for n in range(4)])
    store.write_entries([entry(f"e{n}", n, revision=1, actor="bot" if n else "x", session="t") for n in range(4)])
    found = detail(store, "identities", "role")
    assert (found.own, found.served, found.related) == (None, None, {})
    assert [(one.name, one.events) for one in found.superseded_by] == [("bot", 3), ("x", 1)]
    assert [one.name for one in detail(store, "sessions", "s").superseded_by] == ["t"]


def test_what_a_revision_moved_is_not_shown_any_more(store):
    store.write_entries([entry("a", 1, session="s", human="x", tool="t"), entry("b", 2, session="s", human="y")])
    store.write_entries([entry("a", 1, revision=1, session="other", human="x", tool="t")])
    found = detail(store, "sessions", "s")
    assert (found.own.events, found.own.first, names(found, "humans")) == (1, START + 2_000_000, ["y"])
    assert "tools" not in found.related


def test_a_session_shows_its_tokens_tools_resources_humans_and_children(store):
    store.write_entries([
        entry("a", 1, session="s", human="ana", tool="mail", resources=["x", "y", "x"], credential="k"),
        issuance("k2", "k", 2, session="s", human="ana"),
    ])  # fmt: skip
    child = entry("c", 3, session="t")
    child.parent_session = "s"
    store.write_entries([child])
    found = detail(store, "sessions", "s")
    assert (names(found, "humans"), names(found, "tools"), names(found, "issued")) == (["ana"], ["mail"], ["k2"])
    assert [(one.name, one.events) for one in found.related["resources"].values] == [("x", 1), ("y", 1)]
    assert names(found, "credentials") == ["k"]
    assert [one.name for one in found.children] == ["t"]


def test_a_credential_shows_its_chain_and_its_uses(store):
    store.write_entries([issuance("b", "a", 1), issuance("c", "b", 2), entry("u", 3, credential="b", resources=["r"])])
    found = detail(store, "credentials", "b")
    assert [one.event_id for one in found.family.ancestors] == ["a>b"]
    assert [one.event_id for one in found.family.descendants] == ["b>c"]
    assert (found.own.events, names(found, "resources"), names(found, "actors")) == (2, ["r"], ["bot"])


def test_a_tool_has_what_the_inventory_holds(store):
    store.write_entries([entry("a", 1, actor="bot", tool="search"), entry("b", 2, actor="search")])
    found = detail(store, "identities", "search", "tool")
    assert (found.item.users, found.related, found.complete) == (["bot"], {}, False)
    assert detail(store, "identities", "search").item.events == 1
    assert detail(store, "identities", "search").own.events == 1
    assert detail(store, "identities", "search", "agent") is None


def test_the_most_frequent_are_told_and_how_many_there_are(store):
    rows = [entry(f"e{n}", n, session="s", credential=f"k{n % 70:02}") for n in range(100)]
    store.write_entries(rows)
    found = detail(store, "sessions", "s").related["credentials"]
    assert (found.total, len(found.values)) == (70, details.VALUES)
    assert [one.events for one in found.values] == [2] * 30 + [1] * 20


def test_a_name_with_too_many_rows_says_so(store, monkeypatch):
    monkeypatch.setattr(details, "MOST", 10)
    store.write_entries([entry(f"e{n}", n, session=f"s{n % 2}") for n in range(14)])
    assert not detail(store, "identities", "bot").complete
    assert detail(store, "sessions", "s1").complete
