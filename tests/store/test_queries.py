import pytest

from pipeline.kit.failures import Invalid
from pipeline.store import lineage, queries
from schemas.batch import RawRecord
from schemas.rejected import Rejected
from tests.store.entries import START, entry, issuance


def rejected(name: str, time: int = START, **more) -> Rejected:
    more = {"stage": "normalize", "reason": "time: expected a number", "value": b"\xff\0raw", **more}
    return Rejected(
        rejected_id=name, format="aws.cloudtrail", topic="cloud-audit", partition=1, offset=7, time=time, **more
    )


def test_an_unknown_event_is_none(store):
    assert queries.event(store, "nope") is None


def test_a_family_is_followed_up_and_down(store):
    store.write_entries([issuance("b", "a", 1), issuance("c", "b", 2), issuance("d", "c", 3), issuance("e", "b", 4)])
    found = lineage.lineage(store, "b")
    assert [(i.issued, i.parent) for i in found.ancestors] == [("b", "a")]
    assert [i.issued for i in found.descendants] == ["c", "e", "d"]
    assert [i.issued for i in lineage.lineage(store, "d").ancestors] == ["d", "c", "b"]
    assert not found.truncated


def test_a_circle_of_issuances_ends(store):
    store.write_entries([issuance("b", "a", 1), issuance("a", "b", 2)])
    found = lineage.lineage(store, "a")
    assert {i.event_id for i in found.ancestors} == {i.event_id for i in found.descendants} == {"a>b", "b>a"}


def test_a_credential_issued_twice_shows_both(store):
    store.write_entries([issuance("c", "a", 1), issuance("c", "b", 2)])
    assert [i.parent for i in lineage.lineage(store, "c").ancestors] == ["a", "b"]


def test_a_family_beyond_the_limits_says_so(store, monkeypatch):
    store.write_entries([issuance(f"k{n:03}", "root", n) for n in range(20)])
    monkeypatch.setattr(lineage, "MAX_SIZE", 10)
    found = lineage.lineage(store, "root")
    assert found.truncated
    assert [i.issued for i in found.descendants] == [f"k{n:03}" for n in range(10)]


def test_a_replayed_rejection_replaces_itself(store):
    store.write_rejected([rejected("r1", START)])
    store.write_rejected([rejected("r1", START + 40 * 86_400_000_000)])
    found = queries.dead_letters(store)
    assert [(item.rejected_id, item.time, item.size) for item in found] == [("r1", START + 40 * 86_400_000_000, 5)]
    assert queries.counts(store).rejected == 1


def test_dead_letters_are_listed_latest_first_and_by_stage(store):
    store.write_rejected([rejected("a", 1), rejected("b", 3, stage="store"), rejected("c", 2)])
    assert [item.rejected_id for item in queries.dead_letters(store)] == ["b", "c", "a"]
    assert [item.rejected_id for item in queries.dead_letters(store, stage="normalize", limit=1)] == ["c"]
    assert [item.rejected_id for item in queries.dead_letters(store, limit=1, offset=2)] == ["a"]


def test_a_dead_letter_keeps_everything(store):
    item = rejected("r", reason="x\0\n\u202e'\\", value=bytes(range(256)))
    store.write_rejected([item])
    assert queries.dead_letter(store, "r") == item
    assert queries.dead_letter(store, "nope") is None


def test_a_wrong_limit_is_refused_by_name(store):
    with pytest.raises(Invalid, match="limit: expected 1 to 10000"):
        queries.dead_letters(store, limit=0)
    with pytest.raises(Invalid, match="offset: expected"):
        queries.dead_letters(store, offset=-1)


def test_an_empty_store_counts_nothing(store):
    assert queries.counts(store) == queries.Counts(0, 0, 0, 0, None, {})
    assert queries.rejections(store) == []


def test_counts_are_of_current_rows(store):
    store.write_entries([entry("a", 1, sure=0, unbound="credential never issued"), entry("b", 2)])
    store.write_entries([entry("a", 1, revision=2)])
    store.write_records([RawRecord("r", "f", "t", 0, 0, START, b"")] * 2)
    store.write_rejected([rejected("x"), rejected("y"), rejected("z", stage="store", reason="other")])
    assert queries.counts(store) == queries.Counts(2, 0, 1, 3, START + 2_000_000, {"credential": 2})
    assert queries.rejections(store) == [("normalize", "time: expected a number", 2), ("store", "other", 1)]
