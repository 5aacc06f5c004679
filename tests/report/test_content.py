"""What sentences lose of withheld texts, and how JSON is written, whatever is in it."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.ascii import line, page
from pipeline.report.content import WINDOW, covered, hidden
from pipeline.store import shapes
from schemas.entry import Entry
from schemas.event import Argument, Event
from schemas.incident import Clue, Incident

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=WINDOW, max_size=80)


def summary(sentence, text="", value=""):
    event = Event(event_id="e", kind="prompt", time=0, format="", text=text, arguments=[Argument("a", value)])
    incident = Incident(incident_id="i", clue=Clue("span"), made=0, cutoff=0, summary=[sentence])
    return covered(incident, [shapes.entry(Entry(event=event))], "hashes").summary[0]


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(0, 60), st.integers(WINDOW, 80), st.text(max_size=20), st.text(max_size=20))
def test_no_piece_of_a_text_is_left_in_a_sentence(text, begin, length, before, after):
    piece = text[begin : begin + length]
    found = summary(f"{before}{piece}{after}", text)
    for at in range(len(text) - WINDOW + 1):
        assert text[at : at + WINDOW] not in found


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_sentence_that_quotes_nothing_stays(sentence):
    assert summary(sentence, "", "") == sentence


def test_line_ends_of_a_text_hide_nothing():
    assert summary("said: first line second line", "first line\nsecond line") == "said: [withheld]"


def test_hashes_stand_for_texts_and_differ_by_key():
    assert hidden("a", b"k") == hidden("a", b"k") != hidden("a", b"l")
    assert hidden("a", b"k") != hidden("b", b"k")
    assert (hidden("", b"k"), hidden("a", b"")) == ("", "[withheld]")


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_json_is_ascii_and_reads_back(value):
    for document in (line(value), page(value)):
        assert document.isascii()
        assert "\x7f" not in document
        assert json.loads(document) == value
    assert "\n" not in line(value)


def test_what_json_cannot_hold_becomes_something_that_it_can():
    assert (
        line({"a": float("nan"), "b": "\ud800", "c": "\U0001f600"}) == '{"a":null,"b":"\\ufffd","c":"\\ud83d\\ude00"}'
    )
    assert msgspec.json.decode(line("\ud800x")) == "\ufffdx"
