"""Cases, notes and views: every word stays, the latest counts, and nobody overwrites what they have not read."""

import threading
import time
from functools import partial

import pytest

from pipeline.kit.failures import Invalid
from pipeline.store import casework
from pipeline.store.casework import LONG, MOST, SHORT, Conflict

HOSTILE = "'; DROP TABLE cases; --\\\"{x:String}\x1b[31m\u202e\0</script>"
AHEAD = 10**15


def titles(found) -> list[str]:
    return [one.title for one in found]


def texts(store, about="case", name="c") -> list[str]:
    return [one.text for one in casework.notes(store, about, name)]


@pytest.fixture
def opened(store):
    return casework.opened(store, "Odd key", "ana", "aws:AKIA1", "credential")


def test_a_case_is_what_was_said_last_and_keeps_what_it_began_with(store, opened):
    changed = casework.changed(store, opened.case_id, opened.revision, "bob", state="contained", owner="bob")
    assert casework.case(store, opened.case_id) == changed
    assert (changed.title, changed.clue, changed.kind, changed.opened) == (
        "Odd key",
        "aws:AKIA1",
        "credential",
        opened.at,
    )
    assert (changed.state, changed.owner, changed.by) == ("contained", "bob", "bob")
    assert changed.revision > opened.revision
    assert store.rows("SELECT count() FROM cases", {}) == [(2,)]


def test_a_change_of_an_outdated_revision_is_a_conflict_that_names_who_was_faster(store, opened):
    casework.changed(store, opened.case_id, opened.revision, "bob", state="closed")
    with pytest.raises(Conflict, match=r"revision: .*bob has changed the case meanwhile"):
        casework.changed(store, opened.case_id, opened.revision, "ana", title="mine")
    assert casework.case(store, opened.case_id).title == "Odd key"


def test_of_many_that_change_one_revision_at_once_one_wins(store, opened):
    start, won, lost = threading.Barrier(6), [], []

    def change(name):
        start.wait()
        try:
            won.append(casework.changed(store, opened.case_id, opened.revision, name, title=name))
        except Conflict:
            lost.append(name)

    threads = [threading.Thread(target=change, args=(f"user {number}",)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(won), len(lost)) == (1, 5)
    assert casework.case(store, opened.case_id) == won[0]


def test_cases_come_changed_last_first_and_by_state(store, opened):
    others = [casework.opened(store, f"case {number}", "ana") for number in range(3)]
    casework.changed(store, others[1].case_id, others[1].revision, "ana", state="closed")
    casework.changed(store, opened.case_id, opened.revision, "ana", state="contained")
    assert titles(casework.cases(store)) == ["Odd key", "case 1", "case 2", "case 0"]
    assert titles(casework.cases(store, "open")) == ["case 2", "case 0"]
    assert titles(casework.unfinished(store)) == ["Odd key", "case 2", "case 0"]
    with pytest.raises(Invalid, match=r"^state: expected one of open, contained, closed, got 'opne'"):
        casework.cases(store, "opne")


def test_closed_cases_do_not_push_open_ones_out_of_the_list(store, opened, monkeypatch):
    monkeypatch.setattr(casework, "MOST", 2)
    for number in range(3):
        one = casework.opened(store, str(number), "ana")
        casework.changed(store, one.case_id, one.revision, "ana", state="closed")
    assert titles(casework.cases(store, "open")) == titles(casework.unfinished(store)) == ["Odd key"]
    assert len(casework.cases(store)) == 2


def test_there_is_no_case_of_an_unknown_id(store, opened):
    assert casework.case(store, "") is None
    assert casework.case(store, HOSTILE) is None
    assert casework.changed(store, "nope", 1, "ana", title="x") is None


WRONG = (
    ("title", {"title": ""}), ("title", {"title": "  \n"}), ("title", {"title": "x" * (SHORT + 1)}),
    ("title", {"title": "a\ud800b"}), ("owner", {"owner": ""}), ("owner", {"owner": "x" * (SHORT + 1)}),
    ("state", {"state": "done"}), ("clue", {"clue": "x" * 4097}), ("kind", {"kind": "x" * (SHORT + 1)}),
    ("clue", {"clue": "\udfff"}),
)  # fmt: skip


def test_what_a_case_cannot_be_is_refused_by_field(store, opened):
    for field, said in WRONG:
        with pytest.raises(Invalid) as failure:
            casework.changed(store, opened.case_id, opened.revision, "ana", **said)
        assert failure.value.field == field
        str(failure.value).encode()
    assert casework.case(store, opened.case_id) == opened


@pytest.mark.parametrize(
    ("field", "act"),
    [
        ("by", partial(casework.opened, title="x", by=" ")),
        ("title", partial(casework.opened, title=7, by="ana")),
        ("clue", partial(casework.opened, title="x", by="ana", clue="x" * 4097)),
        ("about", partial(casework.noted, about="alert", name="x", by="ana", text="x")),
        ("name", partial(casework.noted, about="case", name="", by="ana", text="x")),
        ("name", partial(casework.noted, about="case", name="x" * 4097, by="ana", text="x")),
        ("text", partial(casework.noted, about="case", name="x", by="ana", text="")),
        ("text", partial(casework.noted, about="case", name="x", by="ana", text="x" * (LONG + 1))),
        ("text", partial(casework.noted, about="case", name="x", by="ana", text="\ud800")),
        ("event_id", partial(casework.noted, about="case", name="x", by="ana", event_id="x" * 4097)),
        ("name", partial(casework.kept, name=" ", query="x", by="ana")),
        ("query", partial(casework.kept, name="x", query="", by="ana")),
        ("query", partial(casework.kept, name="x", query="x" * (LONG + 1), by="ana")),
        ("by", partial(casework.dropped, name="x", by="")),
        ("by", partial(casework.taken_back, about="case", name="x", note_id="x", by="")),
    ],
)  # fmt: skip
def test_what_is_missing_or_too_long_is_refused_by_field_before_the_store_is_asked(field, act):
    with pytest.raises(Invalid) as failure:
        act(None)
    assert failure.value.field == field


def test_texts_of_the_greatest_length_are_kept_whole(store):
    case = casework.opened(store, "x" * SHORT, "y" * SHORT, "z" * 4096)
    assert casework.case(store, case.case_id) == case
    note = casework.noted(store, "identity", "n" * 4096, "ana", "é" * LONG)
    assert casework.notes(store, "identity", "n" * 4096) == [note]


def test_hostile_text_comes_back_as_it_was_said(store):
    case = casework.opened(store, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    assert casework.case(store, case.case_id) == case
    assert case.clue == HOSTILE
    note = casework.noted(store, "credential", HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    assert casework.notes(store, "credential", HOSTILE) == [note]
    view = casework.kept(store, HOSTILE, HOSTILE, HOSTILE)
    assert casework.views(store) == [view]
    assert casework.dropped(store, HOSTILE, HOSTILE).removed
    assert store.rows("SELECT count() FROM cases", {}) == [(1,)]


def test_notes_come_oldest_first_and_of_their_own_thing_only(store):
    for text in ("first", "second"):
        casework.noted(store, "case", "c", "ana", text)
    casework.noted(store, "case", "d", "ana", "another case")
    casework.noted(store, "session", "c", "ana", "a session of the same name")
    assert texts(store) == ["first", "second"]
    assert texts(store, "session") == ["a session of the same name"]


def test_of_too_many_notes_the_latest_are_shown(store, monkeypatch):
    monkeypatch.setattr(casework, "MOST", 3)
    for number in range(5):
        casework.noted(store, "case", "c", "ana", str(number))
    assert texts(store) == ["2", "3", "4"]
    assert MOST == 1000


def test_a_note_that_is_taken_back_is_gone_and_stays_in_the_table(store):
    note = casework.noted(store, "case", "c", "ana", "wrong")
    gone = casework.taken_back(store, "case", "c", note.note_id, "bob")
    assert (gone.removed, gone.by, gone.text) == (True, "bob", "wrong")
    assert texts(store) == []
    assert casework.taken_back(store, "case", "c", note.note_id, "bob") is None
    assert casework.taken_back(store, "session", "c", note.note_id, "bob") is None
    assert store.rows("SELECT text, removed FROM notes ORDER BY revision", {}) == [("wrong", 0), ("wrong", 1)]


def test_an_entry_is_pinned_once_and_the_later_word_counts(store):
    casework.noted(store, "case", "c", "ana", "look", "event-1")
    casework.noted(store, "case", "c", "bob", "that is it", "event-1")
    casework.noted(store, "case", "c", "bob", "", "event-2")
    casework.noted(store, "case", "d", "bob", "", "event-1")
    found = casework.notes(store, "case", "c")
    assert [(one.event_id, one.text, one.by) for one in found] == [
        ("event-1", "that is it", "bob"),
        ("event-2", "", "bob"),
    ]


def test_what_is_said_later_counts_although_the_clock_was_ahead(store, opened, monkeypatch):
    pin = casework.noted(store, "case", "c", "ana", "early", "event-1")
    casework.kept(store, "mine", "early", "ana")
    clock = time.time_ns
    monkeypatch.setattr(casework.time, "time_ns", lambda: clock() + AHEAD)
    changed = casework.changed(store, opened.case_id, opened.revision, "ana", title="ahead")
    casework.taken_back(store, "case", "c", pin.note_id, "ana")
    casework.kept(store, "mine", "ahead", "ana")
    monkeypatch.setattr(casework.time, "time_ns", clock)
    casework.changed(store, opened.case_id, changed.revision, "ana", title="after")
    casework.noted(store, "case", "c", "ana", "pinned again", "event-1")
    casework.kept(store, "mine", "after", "ana")
    assert casework.case(store, opened.case_id).title == "after"
    assert texts(store) == ["pinned again"]
    assert [one.query for one in casework.views(store)] == ["after"]
    casework.dropped(store, "mine", "ana")
    assert casework.views(store) == []


def test_a_view_is_kept_under_a_name_that_all_share(store):
    casework.kept(store, " denied ", " outcome:denied ", "ana")
    casework.kept(store, "denied", "outcome:denied since:2h", "bob")
    casework.kept(store, "a first", "actor:bot", "ana")
    assert [(one.name, one.query, one.by) for one in casework.views(store)] == [
        ("a first", "actor:bot", "ana"), ("denied", "outcome:denied since:2h", "bob"),
    ]  # fmt: skip
    assert casework.dropped(store, "denied", "ana").query == "outcome:denied since:2h"
    assert [one.name for one in casework.views(store)] == ["a first"]
    assert casework.dropped(store, "denied", "ana") is None
    assert casework.dropped(store, "never kept", "ana") is None
    casework.kept(store, "denied", "again", "ana")
    assert [one.query for one in casework.views(store)] == ["actor:bot", "again"]
