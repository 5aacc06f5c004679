import itertools

import pytest

from pipeline.kit.failures import Invalid
from pipeline.store import inventory as module
from pipeline.store import write
from pipeline.store.columns import Row
from pipeline.store.inventory import OF, inventory
from pipeline.store.migrations import known, migrate
from pipeline.store.seen import IDENTITIES, Credential, Identity, Session
from tests.store.entries import START, entry, issuance
from tests.store.inventories import listed, one

TABLES = ("identities", "credentials", "sessions", "holders", "superseded", "entries")
MINUTE = 60_000_000


@pytest.fixture
def unmerged(store):
    """A store that never merges in the background, so that every block stays a part of its own."""
    for table in TABLES:
        store.command(f"SYSTEM STOP MERGES {table}")
    yield store
    for table in TABLES:
        store.command(f"SYSTEM START MERGES {table}")


def everything(store):
    return [inventory(store, of, superseded=True, limit=1000) for of in OF]


def test_an_identity_is_there_as_soon_as_its_first_event(store):
    store.write_entries([entry("a", 1, actor="bot"), entry("b", 5, actor="bot"), entry("c", 3, actor="other")])
    assert listed(store) == ["bot", "other"]
    found = one(store, "identities", "bot")
    assert (found.first, found.last, found.events) == (START + 1_000_000, START + 5_000_000, 2)


def test_a_revision_takes_an_event_from_one_and_gives_it_to_another(unmerged):
    unmerged.write_entries([entry("a", 1, actor="role", session="s1", human="x@example.com")])
    unmerged.write_entries([entry("a", 1, revision=1, actor="bot", session="s2", human="y@example.com")])
    assert sorted(listed(unmerged)) == ["bot", "y@example.com"]
    assert listed(unmerged, "sessions") == ["s2"]
    assert sorted(listed(unmerged, superseded=True)) == ["bot", "role", "x@example.com", "y@example.com"]
    gone = one(unmerged, "identities", "role")
    assert (gone.events, gone.superseded, gone.current) == (0, 1, False)


def test_what_is_left_to_a_name_is_counted(unmerged):
    unmerged.write_entries([entry(f"e{n}", n, actor="role") for n in range(10)])
    unmerged.write_entries([entry(f"e{n}", n, revision=1, actor="bot") for n in range(7)])
    counts = {found.name: found.events for found in inventory(unmerged, "identities").items}
    assert counts == {"role": 3, "bot": 7}


def test_an_event_that_comes_back_is_counted_once(unmerged):
    for revision, actor in enumerate(["role", "bot", "role"]):
        unmerged.write_entries([entry("a", 1, revision=revision, actor=actor)])
    assert listed(unmerged) == ["role"]
    assert one(unmerged, "identities", "role").events == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_arrival_changes_nothing(unmerged, order):
    revisions = [
        [entry("a", 1, revision=n, actor=f"actor-{n}", session=f"s{n % 2}", credential="k"), entry(f"x{n}", n)]
        for n in range(3)
    ]
    for number in order:
        unmerged.write_entries(revisions[number])
    assert sorted(listed(unmerged)) == ["actor-2", "bot"]
    assert listed(unmerged, "sessions") == ["s0"]
    assert one(unmerged, "sessions", "s0").events == 1
    assert one(unmerged, "credentials", "k").events == 1
    assert one(unmerged, "credentials", "k").actor == "actor-2"


def test_two_revisions_in_one_block(unmerged):
    unmerged.write_entries([entry("a", 1, revision=1, actor="bot"), entry("a", 1, actor="role"), entry("b", 1)])
    assert [(found.name, found.events) for found in inventory(unmerged, "identities").items] == [("bot", 2)]


def test_duplicates_and_merges_change_nothing(unmerged):
    blocks = [
        [entry(f"e{n}", n, revision=revision, actor=f"a{(n + revision) % 3}", session="s", credential="k", tool="t")]
        for revision in range(3)
        for n in range(6)
    ] + [[issuance("k", "root", 2)]]
    for block in blocks:
        unmerged.write_entries(block)
    before = everything(unmerged)
    for block in blocks[::-1]:
        unmerged.write_entries(block)
        unmerged.write_entries(block)
    assert everything(unmerged) == before
    for table in TABLES:
        unmerged.command(f"SYSTEM START MERGES {table}")
        unmerged.command(f"OPTIMIZE TABLE {table} FINAL")
    assert everything(unmerged) == before


def test_a_writer_that_died_between_its_two_writes_does_both_again(store):
    store.write_entries([entry("a", 1, actor="role")])
    store.insert(write.entries_block([Row(entry("a", 1, revision=1, actor="bot"))]))
    store.command("OPTIMIZE TABLE entries FINAL")
    store.write_entries([entry("a", 1, revision=1, actor="bot")])
    assert listed(store) == ["bot"]


def test_two_writers_at_once_miss_nothing(store):
    first, second = [Row(entry("a", 1, actor="role"))], [Row(entry("a", 1, revision=1, actor="bot"))]
    blocks = [write.inventory_blocks([store.write_timeline(rows)]) for rows in (second, first)]
    for told in range(2):
        for block in reversed(blocks):
            store.insert(block[told])
    assert listed(store) == ["bot"]


def test_a_deleted_row_is_taken_from_everybody(store):
    store.write_entries([entry("a", 1, actor="bot"), entry("b", 1, actor="other")])
    at = f"fromUnixTimestamp64Micro({START + 1_000_000})"
    store.command(f"INSERT INTO arrivals (event_id, time, revision, actor, is_deleted) SELECT 'a', {at}, 1, 'bot', 1")
    store.command(f"INSERT INTO settled SELECT {at}, 'a'")
    assert listed(store) == ["other"]


def test_a_difference_of_two_sketches_is_looked_up(store, monkeypatch):
    store.write_entries([entry("a", 1, actor="role"), entry("b", 2, actor="gone")])
    store.command("INSERT INTO superseded SELECT 'actor', 'role', uniqState(sipHash64(sipHash64('a'), toUInt64(0)))")
    store.write_entries([entry("b", 2, revision=1, actor="bot")])
    assert sorted(listed(store)) == ["bot"]
    monkeypatch.setattr(module, "_EXACT", 0)
    assert sorted(listed(store)) == ["bot", "role"]


def test_what_was_there_before_the_inventory_is_in_it(store):
    blocks = [
        [entry("a", 1, actor="role", session="s"), issuance("k", "root", 3)],
        [entry("a", 1, revision=1, actor="bot", session="s", credential="k", tool="t")],
    ]
    for block in blocks:
        store.write_entries(block)
    before = everything(store)
    for view in ("arrivals_to_holders", "arrivals_to_identities", "settled_to_superseded"):
        store.command(f"DROP VIEW {view}")
    for table in (*TABLES[:-1], "arrivals", "settled"):
        store.command(f"DROP TABLE {table} SYNC")
    for view in ("arrivals_to_credentials", "arrivals_to_sessions"):
        store.command(f"DROP VIEW {view}")
    store.command("ALTER TABLE migrations DELETE WHERE version IN (4, 6, 7, 8) SETTINGS mutations_sync = 2")
    assert migrate(store, known()) == [4, 6, 7, 8]
    assert everything(store) == before


# Credentials


def test_a_credential_never_seen_issued(store):
    store.write_entries([entry("a", 1, credential="aws:AKIAEXAMPLE"), entry("b", 2, credential="aws:ASIAEXAMPLE")])
    standing, temporary = one(store, "credentials", "aws:AKIAEXAMPLE"), one(store, "credentials", "aws:ASIAEXAMPLE")
    assert (standing.kind, standing.issued, standing.events) == ("standing", None, 1)
    assert (temporary.kind, temporary.issued, temporary.first_used) == ("temporary", None, START + 2_000_000)
    assert listed(store, "credentials", kind="standing") == ["aws:AKIAEXAMPLE"]


def test_a_credential_with_its_issuance_and_uses_in_any_order(store):
    use = entry("u", 9, actor="bot", human="ana", credential="k", address="192.0.2.1", session="s")
    store.write_entries([use])
    store.write_entries([
        issuance(
            "k", "root", 3, actor="pod", issued_kind="session", issued_subject="role", issued_expires=START + MINUTE
        )
    ])  # fmt: skip
    found = one(store, "credentials", "k")
    assert (found.issued, found.issuer, found.parents, found.subject) == (START + 3_000_000, "pod", ["root"], "role")
    assert (found.first_used, found.last_used, found.events) == (START + 9_000_000, START + 9_000_000, 1)
    assert (found.kind, found.expires, found.issuances) == ("temporary", START + MINUTE, ["root>k"])
    assert (found.actor, found.owner, found.addresses, found.sessions) == ("bot", "ana", ["192.0.2.1"], 1)
    assert one(store, "credentials", "root").issued is None


def test_a_refused_issuance_issues_nothing(store):
    store.write_entries([issuance("k", "root", 1, outcome="denied")])
    assert listed(store, "credentials") == ["root"]


def test_a_key_is_revoked_when_an_event_says_so(store):
    aws = entry("d", 5, resources=["ana", "AKIAIOSFODNN7EXAMPLE", "Admin"])
    aws.event.action = "iam:DeleteAccessKey"
    failed = entry("f", 4, resources=["AKIAI44QH8DHBEXAMPLE"], outcome="denied")
    failed.event.action = "iam:DeleteAccessKey"
    okta = entry("o", 5, resources=["User/ana", "Token/00T7"])
    okta.event.action = "okta:system.api_token.revoke"
    store.write_entries([aws, failed, okta, entry("r", 6, attributes={"revoked": "jti-7"})])
    assert one(store, "credentials", "aws:AKIAIOSFODNN7EXAMPLE").revoked == START + 5_000_000
    assert one(store, "credentials", "jti-7").revocations == ["r"]
    assert sorted(listed(store, "credentials")) == ["aws:AKIAIOSFODNN7EXAMPLE", "jti-7", "okta:00T7"]


def test_what_the_sources_say_is_revoked_for_good_is_revoked(store):
    both = entry("a", 5, attributes={"revokes": "entra:key/1\nentra:key/2", "revoked": "entra:key/1"})
    inactive = entry("b", 6, attributes={"revokes": "aws:AKIAIOSFODNN7EXAMPLE"})
    inactive.event.action = "iam:UpdateAccessKey"
    store.write_entries([both, inactive])
    assert [one(store, "credentials", f"entra:key/{n}").revocations for n in (1, 2)] == [["a"], ["a"]]
    assert sorted(listed(store, "credentials")) == ["entra:key/1", "entra:key/2"]


# Sessions


def test_a_session_says_who_and_with_what(store):
    store.write_entries([
        entry("a", 1, session="s", human="ana", tool="mail", resources=["x", "y"], credential="k"),
        entry("b", 4, session="s", human="ana", actor="helper", resources=["y"], issued="k2"),
    ])  # fmt: skip
    child = entry("c", 3, session="t")
    child.parent_session = "s"
    store.write_entries([child])
    found = one(store, "sessions", "s")
    assert (found.first, found.last, found.events) == (START + 1_000_000, START + 4_000_000, 2)
    assert (found.actors, found.humans, found.tools) == (["bot", "helper"], ["ana"], ["mail"])
    assert (found.resources, found.credentials) == (["x", "y"], ["k", "k2"])
    assert one(store, "sessions", "t").parent == "s"


def test_what_a_row_lists_is_bounded_and_its_number_is_told(store):
    for begin in range(0, 400, 50):
        numbers = range(begin, begin + 50)
        store.write_entries([entry(f"e{n}", n, session="s", actor=f"a{n}", resources=[f"r{n}"]) for n in numbers])
    found = one(store, "sessions", "s")
    assert (len(found.actors), found.actor_count) == (16, 400)
    assert (len(found.resources), found.resource_count) == (64, 400)


# Pages


def test_pages_show_every_name_once_latest_first(store):
    store.write_entries([entry(f"e{n:03}", n // 7, actor=f"a{n:03}", tool=f"a{n % 5}") for n in range(137)])
    whole = inventory(store, "identities", limit=1000).items
    paged, after = [], None
    while True:
        page = inventory(store, "identities", limit=10, after=after)
        paged += page.items
        if (after := page.next) is None:
            break
        assert len(page.items) == 10
    assert paged == whole
    assert len(whole) == 142
    assert [found.last for found in whole] == sorted((found.last for found in whole), reverse=True)


def test_pages_are_full_though_most_names_are_superseded(store):
    store.write_entries([entry(f"e{n:03}", n, actor=f"a{n:03}") for n in range(600)])
    store.write_entries([entry(f"e{n:03}", n, revision=1, actor="bot") for n in range(600) if n % 200])
    page = inventory(store, "identities", limit=2)
    assert [found.name for found in page.items] == ["bot", "a400"]
    page = inventory(store, "identities", limit=2, after=page.next)
    assert ([found.name for found in page.items], page.next) == (["a200", "a000"], None)


def test_since_is_when_it_was_last_seen(store):
    store.write_entries([entry("a", 1, actor="x"), entry("b", 5, actor="x"), entry("c", 4, actor="y")])
    assert listed(store, since=START + 5_000_000) == ["x"]
    assert listed(store, since=START + 4_000_000) == ["x", "y"]
    assert listed(store, since=START + 5_000_001) == []


@pytest.mark.parametrize("time", [-(2**63), -1, 0, 253_402_300_799_999_999, 2**63 - 1])
def test_any_time_is_kept(store, time):
    store.write_entries([entry("a", time=time, session="s", credential="k")])
    for of, name in (("identities", "bot"), ("sessions", "s"), ("credentials", "k")):
        found = inventory(store, of).items[0]
        assert (found.name, found.first, found.last) == (name, time, time)


@pytest.mark.parametrize("name", ["a/b", "x'y\\", "\0", "ü\u202e", "tool/x", "a" * 4000, "{name:String}"])
def test_any_name_is_kept(store, name):
    store.write_entries([entry("a", actor=name, session=name, credential=name)])
    assert [listed(store, of) for of in OF] == [[name]] * 3


@pytest.mark.parametrize(("of", "kind"), [("identities", "bot"), ("credentials", "agent"), ("sessions", "tool")])
def test_a_wrong_kind_is_refused_with_those_there_are(store, of, kind):
    with pytest.raises(Invalid, match="kind: expected one of"):
        inventory(store, of, kind=kind)
    with pytest.raises(Invalid, match="limit"):
        inventory(store, of, limit=0)


class Explained:
    """Passes queries on, and keeps their plans."""

    def __init__(self, store):
        self._store = store
        self.plans = []

    def rows(self, sql, parameters=None, binary=()):
        self.plans.append("\n".join(row[0] for row in self._store.rows("EXPLAIN indexes = 1 " + sql, parameters)))
        return self._store.rows(sql, parameters, binary)


def test_a_page_does_not_read_the_timeline(store):
    store.write_entries([entry(f"e{n}", n, actor=f"a{n % 9}", session="s", credential="k") for n in range(5000)])
    store.write_entries([entry("e7", 7, revision=1, actor="a0")])
    explained = Explained(store)
    for of in OF:
        assert inventory(explained, of).items
    assert len(explained.plans) >= 6
    for plan in explained.plans:
        assert "ReadFromMergeTree" in plan
        for table in ("entries", "pivots", "holders"):
            assert f".{table})" not in plan


def test_nouns_and_queries_have_the_same_columns(store):
    assert everything(store)[0].items == []
    store.write_entries([issuance("k", "root", session="s")])
    found = [inventory(store, of).items[0] for of in OF]
    assert [type(item) for item in found] == [Identity, Credential, Session]
    assert len(store.rows(IDENTITIES.rows, {"names": ["bot"]})[0]) == len(Identity._fields) + 1
