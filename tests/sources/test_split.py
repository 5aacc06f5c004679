"""However a stream is cut into pieces and whatever it holds, its records come out whole, and nothing is left out."""

import contextlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import split as module
from pipeline.sources.files import read
from pipeline.sources.split import elements, split
from pipeline.sources.streams import Unreadable

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
DOCUMENTS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), min_size=1, max_size=6)
CHUNKS = st.integers(1, 40)
PACKINGS = {
    "lines": lambda documents: b"\n".join(json.dumps(one).encode() for one in documents),
    "array": lambda documents: json.dumps(documents).encode(),
    "pretty array": lambda documents: json.dumps(documents, indent=2, ensure_ascii=False).encode(),
    "envelope": lambda documents: json.dumps({"Records": documents, "more": [{"]": "}"}]}).encode(),
    "pretty envelope": lambda documents: json.dumps({"Records": documents}, indent=1).encode(),
    "documents": lambda documents: b"\n".join(json.dumps(one, indent=1).encode() for one in documents),
    "byte order mark": lambda documents: b"\xef\xbb\xbf" + json.dumps(documents).encode(),
}


def pieces(data, chunk):
    """A source that gives a few bytes at a time, as a pipe may."""
    source = io.BytesIO(data)
    return lambda amount: source.read(min(amount, chunk))


@pytest.mark.parametrize("packing", PACKINGS)
@given(documents=DOCUMENTS, chunk=CHUNKS)
def test_records_are_the_same_in_every_packing_and_every_piece_size(packing, documents, chunk):
    if packing == "documents":
        # `{}` alone on the first line is a line; whoever writes documents over several lines has something to say.
        documents = [one or {"a": 1} for one in documents]
    data = PACKINGS[packing](documents)
    assert [json.loads(value) for value in split(pieces(data, chunk), chunk)] == documents


@given(data=st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"\\", b"\n", b",", b" ", b"a", b"1", b":"])))
def test_no_visible_byte_of_a_damaged_stream_is_lost_but_commas_and_brackets(data):
    stream = b"".join(data)
    found = []
    try:
        found += split(pieces(stream, 3), 3)
    except Unreadable:
        # An array that is not closed, be it the first value or a later one.
        assert b"[" in stream
    visible = bytes.maketrans(b"", b""), b"[], \n{}"
    assert b"".join(found).translate(*visible) == stream.translate(*visible)


@given(data=st.binary(max_size=200), chunk=CHUNKS)
def test_any_bytes_are_split_without_an_error(data, chunk):
    with contextlib.suppress(Unreadable):
        assert all(value.strip() for value in split(pieces(data, chunk), chunk))


def test_a_damaged_line_costs_only_itself():
    lines = [b'{"a": 1}', b'{"a": {', b'{"b": "}', b"]", b'{"c": 3}']
    assert list(split(pieces(b"\n".join(lines), 4), 4)) == lines


def test_a_damaged_first_line_does_not_swallow_the_others():
    lines = [b'om": "the middle"}', b'{"a": 1}', b'{"b": 2}']
    assert list(split(pieces(b"\n".join(lines), 4), 4)) == lines


def test_an_array_that_breaks_off_gives_its_records_and_says_so():
    found = []
    with pytest.raises(Unreadable, match="array"):
        found += split(pieces(b'[{"a": 1}, {"a": 2}', 5), 5)
    assert list(split(pieces(b'[{"a": 1}, {"a": 2}]', 5), 5)) == [b'{"a": 1}', b'{"a": 2}']


def test_what_never_ends_is_cut_so_that_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 1000)
    monkeypatch.setattr(module, "HEAD", 100)
    data = b'{"a": "' + b"x" * 10_000
    found = list(split(pieces(data, 100), 100))
    assert b"".join(found) == data
    assert max(map(len, found)) < 4000


def test_a_live_pipe_is_read_line_by_line_as_it_comes():
    script = [b'{"a": 1}\n{"a"', b': 2}\n{"a": 3}\n']

    def live(_amount):
        assert script, "asked for more before giving what it had"
        return script.pop(0)

    records = split(live)
    assert [next(records), next(records), next(records)] == [b'{"a": 1}', b'{"a": 2}', b'{"a": 3}']


def test_only_lists_of_records_have_elements():
    assert elements(b'[{"a": 1}, {}]') == [b'{"a": 1}', b"{}"]
    assert elements(b'{"Records": [{}]}') == [b"{}"]
    assert elements(b'{"records": [{}]}') is None
    assert elements(b"[{") is None


def test_a_large_otlp_file_becomes_one_record_a_span(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.sources.files.WHOLE", 100)
    spans = [{"name": f"s{n}"} for n in range(20)]
    resource = {"attributes": []}
    path = tmp_path / "traces.json"
    path.write_text(json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}))
    found = [json.loads(record.value) for record in read([path])]
    assert [one["resourceSpans"][0]["scopeSpans"][0]["spans"] for one in found] == [[span] for span in spans]
    assert all(one["resourceSpans"][0]["resource"] == resource for one in found)
