"""What was taken out on purpose verifies, and says who did it and why; nothing else can be hidden behind it."""

import json

import msgspec
import pytest

from pipeline.evidence.keys import Key
from pipeline.evidence.publish import Directory, Published
from pipeline.evidence.removal import Removal, signed
from pipeline.kit.failures import Invalid
from pipeline.run.removals import Held, Hold, Remover, Wish, bounds, hold, months_before, release
from pipeline.store import removal
from pipeline.store.aliases import alias
from schemas.alert import Alert
from schemas.rejected import Rejected
from tests.evidence.logged import SECOND, START, Logged, entry, record
from tests.evidence.test_tampering import replace

ANA, BOB = "ana@example.com", "bob@example.com"
MONTH = 202311
LATER = 40 * 86_400
WISH = Wish("dpo", "request 17")


def said_by(name, seconds, person, revision=0, raw="0" * 32):
    made = entry(name, seconds, revision=revision)
    made.event.human = made.human = person
    made.event.record_id = raw
    return made


@pytest.fixture
def logged(engine, tmp_path):
    """Two people, two months, a revision, raw records."""
    made = Logged(tmp_path)
    a, b, c = said_by("a", 1, ANA, raw="0a"), said_by("b", 2, BOB, raw="0b"), said_by("c", LATER, ANA, raw="0c")
    made.message(0, [a, b, c])
    made.message(0, records=[record("0a", 1), record("0b", 2), record("0c", LATER)], log="records/1")
    made.head()
    made.message(1, [said_by("a", 1, ANA, revision=1 << 20, raw="0a")])
    made.head()
    yield made
    made.store.close()


def remover(logged, wish=WISH):
    return Remover(logged.settings, logged.store, wish)


def texts(logged):
    return dict(logged.store.rows("SELECT event_id, text FROM entries FINAL"))


def test_what_a_person_said_is_gone_from_disk_and_everything_verifies(logged):
    done = remover(logged).erase(ANA)
    assert (done.entries, done.records) == (2, 2)
    assert texts(logged) == {"a": "", "b": "send it – now", "c": ""}
    assert dict(logged.store.rows("SELECT record_id, length(value) FROM records FINAL"))["0b"] > 0
    for table, column in (("entries", "text"), ("records", "value")):
        rows = logged.store.rows(f"SELECT count() FROM {table} WHERE {column} != ''")
        assert rows == [(1,)], "no superseded revision keeps it either"
    report = logged.verify()
    assert (report.problems, report.erased, report.rows) == ([], 4, 6)
    (told,) = report.removals
    assert (told["sort"], told["by"], told["reason"], told["rows"]) == ("erasure", "dpo", "request 17", 4)


def test_who_acted_and_what_was_found_out_stays(logged):
    before = logged.store.rows("SELECT event_id, human, actor, action, resources FROM entries FINAL ORDER BY event_id")
    remover(logged).erase(ANA)
    assert (
        logged.store.rows("SELECT event_id, human, actor, action, resources FROM entries FINAL ORDER BY event_id")
        == before
    )


def test_all_names_of_the_person_are_meant(logged):
    alias(logged.store, BOB, ANA, "married", "dpo")
    assert remover(logged).erase(BOB).entries == 3


def test_an_erased_row_that_is_changed_afterwards_is_found(logged):
    remover(logged).erase(ANA)
    replace(logged.store, "entries", "event_id", "c", text="'something else'")
    assert logged.found() == [("altered", "c")]
    replace(logged.store, "entries", "event_id", "c", text="''")
    assert logged.found() == []
    replace(logged.store, "entries", "event_id", "c", actor="'somebody else'")
    assert logged.found() == [("altered", "c")]


def test_nobody_can_add_a_row_to_what_was_erased(logged):
    remover(logged).erase(ANA)
    name = logged.store.rows("SELECT DISTINCT removal FROM erasures FINAL")[0][0]
    logged.store.command(
        "INSERT INTO erasures (kind, event_id, commitment, time, by, reason, removal) "
        f"SELECT 'entry', 'b', commitment, time, by, reason, '{name}' FROM erasures FINAL WHERE kind = 'entry' LIMIT 1"
    )
    found = logged.found()
    assert ("removal-forged", name) in found
    assert {("altered", "a"), ("altered", "c")} <= set(found), "none of them counts as erased any more"


def test_what_broke_off_is_finished_and_what_came_back_is_erased_again(logged, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(removal, "add", lambda *_: (_ for _ in ()).throw(Invalid("x", "y")))
        with pytest.raises(Invalid):
            remover(logged).erase(ANA)
    assert texts(logged)["a"] == "send it – now", "it broke off before anything was erased"
    assert remover(logged, Wish("dpo", "after a crash")).again().entries == 2
    assert (texts(logged)["a"], logged.found()) == ("", [])
    replace(logged.store, "entries", "event_id", "a", text="'send it – now'")
    assert remover(logged).again().removals, "as after a backup was restored"
    assert texts(logged)["a"] == ""
    assert remover(logged).again().removals == []


def test_an_alert_keeps_its_facts_and_loses_what_it_quotes(logged):
    quoting = Alert(
        alert_id="x", entries=["a"], unusual=["to 'eve@example.com'"], quotes=["eve@example.com"], human=ANA
    )
    other = msgspec.structs.replace(quoting, alert_id="y", entries=["b"], human=BOB)
    logged.store.write_alerts([quoting, other], [])
    assert remover(logged).erase(ANA).alerts == 1
    said = "to 'eve@example.com'"
    kept = {row[0]: json.loads(row[1]) for row in logged.store.rows("SELECT alert_id, alert FROM alerts")}
    assert (kept["x"]["unusual"], kept["x"]["human"]) == ([], ANA)
    assert kept["y"]["unusual"] == [said]


def test_a_dead_letter_that_names_the_person_is_deleted(logged):
    letters = [
        Rejected(rejected_id=name, stage="normalize", reason="", format="", topic="prompts", partition=0, offset=0,
                 time=START, value=value)
        for name, value in (("1", b"from ana@example.com"), ("2", b"from bob"))
    ]  # fmt: skip
    logged.store.write_rejected(letters)
    assert remover(logged).erase(ANA).dead_letters == 1
    assert logged.store.rows("SELECT rejected_id FROM dead_letters FINAL") == [("2",)]


def test_a_month_that_was_dropped_is_no_deletion(logged):
    assert months_before(logged.store, "timeline", START + LATER * SECOND) == [MONTH]
    assert remover(logged).drop("timeline", [MONTH]) > 0
    assert remover(logged).drop("records", [MONTH]) == 2
    assert texts(logged) == {"c": "send it – now"}
    report = logged.verify()
    assert (report.problems, report.dropped, report.rows) == ([], 4, 2)
    assert [(one["sort"], one["rows"]) for one in report.removals] == [("retention", 3), ("retention", 2)]


def test_what_comes_late_for_a_dropped_month_is_kept_and_may_go_with_the_next_drop(logged):
    remover(logged).drop("timeline", [MONTH])
    logged.message(2, [said_by("late", 3, ANA)])
    logged.head()
    assert (logged.found(), set(texts(logged))) == ([], {"c", "late"})
    logged.store.command(f"ALTER TABLE entries DROP PARTITION {MONTH}")
    assert logged.found() == [("deleted", "late")], "nobody signed for this one"
    remover(logged).drop("timeline", [MONTH])
    assert logged.found() == [], "whoever may drop a month signs for all of it"


def test_a_row_of_another_month_cannot_be_hidden_behind_a_drop(logged):
    remover(logged).drop("timeline", [MONTH])
    logged.store.command("DELETE FROM entries WHERE event_id = 'c'")
    replace(logged.store, "leaves", "event_id", "c", time=f"fromUnixTimestamp64Micro({START})")
    found = logged.found()
    assert ("deleted", "c") in found
    assert [what for what, _ in found].count("removal-forged") == 1


def test_a_statement_that_another_key_signed_is_refused(logged):
    made = Removal(removal_id="r", sort="retention", time=START, by="eve", reason="old", parts=[])
    item = signed(made, Key.made())
    Published(Directory(logged.settings.data_dir / "published")).removal("r", item)
    assert logged.found() == [("removal-forged", "r")]


def test_what_is_stated_is_known_from_where_it_is_published_too(logged):
    remover(logged).drop("timeline", [MONTH])
    logged.store.command("TRUNCATE TABLE removals")
    assert logged.found() == []


def test_nothing_is_taken_out_of_what_is_held(logged):
    span = bounds(MONTH)
    hold(logged.store, Hold("case-9", "", *span, "lawsuit", "legal", START))
    with pytest.raises(Held, match=r"hold case-9 \(by legal: lawsuit\) covers 2023-11"):
        remover(logged).drop("timeline", [MONTH])
    with pytest.raises(Held, match="1 of these events"):
        remover(logged).erase(ANA)
    with pytest.raises(Held, match="what is older"):
        remover(logged).delete("audit", START + LATER * SECOND)
    assert len(texts(logged)) == 3
    release(logged.store, "case-9", Wish("legal", "settled"))
    assert remover(logged).erase(ANA).entries == 2


def test_a_hold_of_one_person_holds_their_months_and_nobody_elses_words(logged):
    hold(logged.store, Hold("case-9", BOB, *bounds(MONTH), "lawsuit", "legal", START))
    with pytest.raises(Held):
        remover(logged).drop("timeline", [MONTH])
    with pytest.raises(Held):
        remover(logged).erase(BOB)
    assert remover(logged).erase(ANA).entries == 2
    assert remover(logged).drop("timeline", [202312]) > 0


def test_a_hold_says_what_it_is_for(logged):
    span = bounds(MONTH)
    for wrong, field in (
        (Hold("", "", *span, "r", "b", START), "name"), (Hold("h", "", *span, " ", "b", START), "reason"),
        (Hold("h", "", span[1], span[0], "r", "b", START), "until"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match=field):
            hold(logged.store, wrong)
    with pytest.raises(Invalid, match="there is none"):
        release(logged.store, "h", WISH)
    with pytest.raises(Invalid, match="reason"):
        remover(logged, Wish("dpo", ""))


def test_rows_that_lie_in_no_months_go_by_their_time(logged):
    letter = Rejected(
        rejected_id="1", stage="", reason="", format="", topic="", partition=0, offset=0, time=START, value=b""
    )
    logged.store.write_rejected([letter, msgspec.structs.replace(letter, rejected_id="2", time=START + SECOND)])
    assert remover(logged).delete("dead-letters", START + 1) == 1
    assert logged.store.rows("SELECT rejected_id FROM dead_letters FINAL") == [("2",)]
