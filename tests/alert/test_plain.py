"""Text that somebody else wrote, as every receiver can take it."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alert.plain import addresses, bounded, clean, encoded, inert, short, valid

TEXTS = st.text(st.characters(exclude_categories=()), max_size=60)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)


@settings(deadline=None)
@given(TEXTS)
def test_nothing_invisible_is_left(text: str) -> None:
    found = inert(text)
    assert not {unicodedata.category(char) for char in found} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    found.encode()


@settings(deadline=None)
@given(TEXTS, st.integers(1, 80))
def test_what_is_cut_shows_it(text: str, most: int) -> None:
    found = short(text, most)
    assert len(found) <= most
    assert found == text or found.endswith("…")
    assert len(clean(text, most)) <= most


@settings(deadline=None)
@given(VALUES)
def test_everything_becomes_json(value: object) -> None:
    json.loads(encoded(value))
    assert encoded(valid(value)) == encoded(value)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=300), st.integers(2000, 20_000))
def test_json_is_as_short_as_it_has_to_be(texts: list[str], most: int) -> None:
    found = bounded({"texts": texts * 50, "long": "é" * 1_000_000, "kept": 1}, most)
    assert len(encoded(found)) <= most
    assert found["kept"] == 1
    assert found["long"].endswith("…")
    if len(texts) * 50 > len(found["texts"]):
        assert found["texts"][-1].startswith("… and ")


def test_what_is_short_is_left_as_it_is() -> None:
    value = {"a": ["b", 1, 0.5, None, True], "c": {"d": "é"}}
    assert bounded(value, 10_000) == value


def test_what_cannot_be_said_in_so_little_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be said in 3 bytes"):
        bounded({"a": "b"}, 3)


def test_line_ends_are_blanks_and_others_are_written_out() -> None:
    assert inert("a\r\nb\tc\x1b\u202e\ud800🦊é") == "a b c<U+001B><U+202E><U+D800>🦊é"


def test_addresses_are_told_from_other_texts_and_have_no_zones():
    given = ["192.0.2.1", "nowhere", "fe80::1%eth0", "fe80::1%" + "x" * 1000, "192.0.2.1%eth0", "", "2001:DB8::1"]
    assert addresses(given, 9) == ["192.0.2.1", "fe80::1", "2001:db8::1"]
    assert addresses(given, 1) == ["192.0.2.1"]


def test_no_text_is_longer_than_it_may_be():
    assert bounded({"a": ["x" * 50, "y"]}, 1000, 10) == {"a": ["x" * 9 + "…", "y"]}
