import pytest

from pipeline.kit.failures import Invalid
from pipeline.store import timeline
from pipeline.store.aliases import alias, aliases, changes, known, names_of, split
from pipeline.store.rules import RELATIONS, RULES, mates
from tests.store.entries import entry, names

EKS = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/{}:sts:system:serviceaccount:shop:w"


def seen(store, *actors):
    store.write_entries([entry(f"by {actor}", number, actor=actor) for number, actor in enumerate(actors)])


def said(store, name, identity, reason="same person", by="ana"):
    return alias(store, name, identity, reason, by)


# Aliases


def test_whichever_name_is_given_all_are_found(store):
    said(store, "octo-ana", "ana")
    said(store, "okta|7", "octo-ana")
    assert [names_of(store, name) for name in ("ana", "octo-ana", "okta|7")] == [
        ["ana", "octo-ana", "okta|7"],
        ["octo-ana", "ana", "okta|7"],
        ["okta|7", "octo-ana", "ana"],
    ]
    assert names_of(store, "bob") == ["bob"]


def test_a_split_takes_back_one_name_and_stays_on_record(store):
    said(store, "a", "x")
    said(store, "b", "x")
    split(store, "a", "was another", "bob")
    assert names_of(store, "a") == ["a"]
    assert names_of(store, "x") == ["x", "b"]
    assert [(one.name, one.by, one.removed) for one in changes(store)] == [
        ("a", "ana", False), ("b", "ana", False), ("a", "bob", True),
    ]  # fmt: skip
    said(store, "a", "y")
    assert [(one.name, one.identity) for one in aliases(store)] == [("a", "y"), ("b", "x")]
    assert names_of(store, "a") == ["a", "y"]


def test_the_latest_alias_of_a_name_counts_whatever_the_clock(store, monkeypatch):
    said(store, "a", "x")
    monkeypatch.setattr("pipeline.store.aliases.time.time_ns", lambda: 1_000_000)
    said(store, "a", "y")
    store.command("OPTIMIZE TABLE aliases FINAL")
    assert [one.identity for one in aliases(store)] == ["y"]
    split(store, "a")
    assert aliases(store) == []
    assert len(changes(store)) == 3


def test_a_circle_is_refused_and_shown(store):
    said(store, "a", "b")
    said(store, "b", "c")
    with pytest.raises(Invalid, match="c → a → b → c") as failure:
        said(store, "c", "a")
    assert failure.value.field == "identity"
    assert [(one.name, one.identity) for one in aliases(store)] == [("a", "b"), ("b", "c")]


def test_a_circle_that_two_writers_made_ends(store):
    for name, identity in (("a", "b"), ("b", "a")):
        store.command(f"INSERT INTO aliases (name, identity, at) SELECT '{name}', '{identity}', now64(6, 'UTC')")
    assert names_of(store, "a") == ["a", "b"]
    said(store, "b", "c")
    assert names_of(store, "c") == ["c", "b", "a"]


@pytest.mark.parametrize("field", ["name", "identity", "reason", "by"])
@pytest.mark.parametrize("wrong", ["", " ", "x" * 5000, "\udcff"])
def test_what_is_missing_is_named(store, field, wrong):
    given = {"name": "a", "identity": "b", "reason": "r", "by": "ana", field: wrong}
    with pytest.raises(Invalid) as failure:
        alias(store, **given)
    assert failure.value.field == field


def test_only_an_alias_can_be_taken_back(store):
    with pytest.raises(Invalid, match="one that has an alias"):
        split(store, "nobody")


def test_a_store_without_the_tables_has_names_as_they_are(store):
    seen(store, "Ana@example.com", "ana@example.com")
    store.command("DROP TABLE aliases SYNC")
    assert names_of(store, "ana@example.com") == ["ana@example.com", "Ana@example.com"]
    assert changes(store) == []


# Rules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_joins_its_example_and_not_what_looks_alike(store, rule):
    one, other = rule.example
    seen(store, one, other, rule.unlike, "somebody")
    assert names_of(store, one) == [one, other]
    (found,) = known(store, [other])[other]
    assert (found.name, found.because, found.of) == (one, rule.name, other)
    assert names_of(store, rule.unlike) == [rule.unlike]
    assert rule.holds
    assert rule.source


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)
def test_what_is_related_is_not_the_same(store, relation):
    one, other = relation.example
    seen(store, one, other)
    assert relation.of(one) == other
    assert relation.of(other) == ""
    assert names_of(store, one) == [one]


def test_a_rule_joins_names_that_the_store_has_and_no_others(store):
    seen(store, "ana@example.com")
    assert names_of(store, "Ana@example.com") == ["Ana@example.com"]
    assert names_of(store, "ana@example.com") == ["ana@example.com"]
    store.write_entries([entry("for", 5, human="ANA@example.com")])
    assert names_of(store, "ana@example.com") == ["ana@example.com", "ANA@example.com"]


def test_rules_and_aliases_go_on_from_each_other(store):
    path, plain = RULES[0].example
    seen(store, path, plain, "Ana@Example.com", "ana@example.com")
    said(store, plain, "ana@example.com")
    expected = {path, plain, "Ana@Example.com", "ana@example.com"}
    assert [set(names_of(store, name)) for name in expected] == [expected] * 4
    why = {found.name: found.because for found in known(store, [path])[path]}
    assert why == {plain: "iam-path", "ana@example.com": "alias", "Ana@Example.com": "mail-case"}


def test_of_two_clusters_no_name_is_joined_until_somebody_says_which(store):
    bare, one, other, spiffe = (
        "system:serviceaccount:shop:w",
        EKS.format("A"),
        EKS.format("B"),
        "spiffe://t/ns/shop/sa/w",
    )
    seen(store, bare, one, spiffe)
    assert set(names_of(store, bare)) == {bare, one, spiffe}
    seen(store, other)
    assert [names_of(store, name) for name in (bare, one, other, spiffe)] == [[bare], [one], [other], [spiffe]]
    same = one.replace("123456789012", "210987654321")
    seen(store, same)
    assert names_of(store, one) == [one, same]
    said(store, other, other)
    assert set(names_of(store, bare)) == {bare, one, same, spiffe}
    assert names_of(store, other) == [other]


def test_who_stands_alone_is_joined_by_no_rule(store):
    seen(store, "Ana@example.com", "ana@example.com", "ANA@example.com")
    said(store, "ANA@example.com", "ANA@example.com")
    assert names_of(store, "ana@example.com") == ["ana@example.com", "Ana@example.com"]
    assert names_of(store, "ANA@example.com") == ["ANA@example.com"]
    split(store, "ANA@example.com")
    assert len(names_of(store, "ana@example.com")) == 3


@pytest.mark.parametrize("name", ["x'y\\z@example.com", "a:b@c.d", "ü@example.com", "@", "arn:aws:iam::1:user/", "\0"])
def test_odd_names_are_read_without_harm(store, name):
    seen(store, name, name.upper())
    assert name in names_of(store, name)
    assert all(mates(rule, [name]) == [] for rule in RULES)


# The timeline


@pytest.mark.parametrize("amount", [2, 16, 17, 40])
def test_the_rows_of_all_names_are_one_timeline_with_pages(store, amount):
    actors = [f"n{number}" for number in range(amount)]
    store.write_entries([entry(f"e{n % 7}-{n:03}", n // 10, actor=actors[n % amount]) for n in range(137)])
    store.write_entries([entry(f"other{n}", n) for n in range(20)])
    store.write_entries([entry(f"e{n % 7}-{n:03}", n // 10, revision=1) for n in range(50, 80)])
    everything = names(timeline(store, "actor", actors, limit=10_000))
    assert everything == sorted(everything, key=lambda name: (int(name[3:]) // 10, name))
    assert len(everything) == 107
    paged, after = [], None
    while True:
        page = timeline(store, "actor", actors, limit=10, after=after)
        paged += names(page)
        if (after := page.next) is None:
            break
    assert paged == everything


def test_a_row_of_two_names_is_there_once(store):
    store.write_entries([entry("a", credential="k", issued="j")])
    assert names(timeline(store, "credential", ["k", "j", "k"])) == ["a"]
    assert names(timeline(store, "credential", [])) == []
