"""Timelines for Timesketch, held against what its importer checks.

The checks are those of `read_and_validate_csv` and `read_and_validate_jsonl` (google/timesketch, `timesketch/lib`)
stated again: of release 20261014, and of older ones where they were stricter (times had to be written alike). The
functions themselves were run once on the bundled incident and on the hostile one: they say the same.
"""

import csv
import io
import json

import pandas
import pytest

from pipeline.report import timesketch
from pipeline.report.bundle import Bundle
from pipeline.store.shapes import iso
from tests.report import hostile
from tests.report.incidents import START, case

#: What an event has to have.
REQUIRED = {"message", "datetime", "timestamp_desc"}
#: What is taken out of events, and what the import client drops.
REMOVED = {"_id", "_type", "_index", "_source", "__ts_timeline_id", "label"}
#: Rows that are read at once; bytes that OpenSearch indexes as one term; half of the fields that an index may have.
CHUNK, TERM, FIELDS = 10_000, 32_766, 500


def made(of):
    bundle = Bundle(of.incident, of.entries, "full", b"")
    return list(timesketch.rows(bundle.shapes, bundle.parts, bundle.incident.incident_id))


def read_csv(text):
    """Events as Timesketch makes them of a CSV."""
    assert set(pandas.read_csv(io.StringIO(text), sep=",", nrows=0).columns) >= REQUIRED
    for chunk in pandas.read_csv(io.StringIO(text), sep=",", chunksize=CHUNK):
        assert not chunk["datetime"].isnull().any()
        assert not pandas.api.types.is_numeric_dtype(chunk["datetime"])
        # Of one format: older releases drop what differs from the first row, newer ones take any.
        alike = pandas.to_datetime(chunk["datetime"], errors="coerce", utc=True)
        mixed = pandas.to_datetime(chunk["datetime"], format="mixed", errors="coerce", utc=True)
        assert alike.notna().all()
        assert (alike == mixed).all()
        assert mixed.dt.year.between(1700, 9999).all()
        chunk["timestamp"] = mixed.dt.tz_localize(None).astype("datetime64[us]").astype("int64")
        for _, row in chunk.iterrows():
            yield row.dropna().to_dict()


def read_jsonl(text):
    """Events as Timesketch makes them of JSON lines."""
    for line in text.splitlines():
        found = json.loads(line)
        assert not REQUIRED - found.keys()
        assert isinstance(found["timestamp"], int)
        yield found


def tags(value):
    """As Timesketch reads them: a list, or a text that may be one."""
    if isinstance(value, list):
        return value
    assert not (value.startswith("[") and value.endswith("]"))
    return value.split(",")


@pytest.mark.parametrize("of", [case, hostile.case])
def test_every_entry_arrives_and_both_files_say_the_same(of):
    one = of()
    rows = made(one)
    from_csv = list(read_csv("".join(timesketch.csv_lines(rows))))
    from_jsonl = list(read_jsonl("".join(timesketch.json_lines(rows))))
    assert len(from_csv) == len(from_jsonl) == len(one.entries)
    for left, right in zip(from_csv, from_jsonl, strict=True):
        assert left["timestamp"] == right["timestamp"]
        assert tags(left["tag"]) == tags(right["tag"])
        assert left.keys() == right.keys()
        for name in right.keys() - {"tag", "timestamp", "datetime", "confidence", "part_confidence"}:
            assert left[name] in (right[name], "'" + right[name]), name


@pytest.mark.parametrize("of", [case, hostile.case])
def test_fields_are_flat_short_few_and_none_that_is_dropped(of):
    for row in made(of()):
        assert set(row) == set(timesketch.COLUMNS)
        assert not REMOVED & row.keys()
        assert len(row) < FIELDS
        assert all(isinstance(value, str) for name, value in row.items() if name not in ("timestamp", "tag"))
        assert max(len(str(value).encode()) for value in row.values()) < TERM
        assert row["message"]
        assert row["tag"]


def test_a_time_that_timesketch_cannot_hold_is_moved_and_said():
    rows = made(hostile.case())
    moved = [row for row in rows if "(stated for " in row["message"]]
    assert [row["datetime"][:4] for row in moved] == ["1700", "2262"]
    assert moved[0]["message"].endswith(f"(stated for {iso(-(2**61))})")


def test_no_spreadsheet_runs_a_cell_and_no_reader_guesses_one():
    text = "".join(timesketch.csv_lines(made(hostile.case())))
    cells = list(csv.DictReader(io.StringIO(text)))
    for row in cells:
        for name, value in row.items():
            assert not value.startswith(("=", "+", "@", "\t", "\r", "-")) or name in ("timestamp",), (name, value)
    guessed = [row for row in cells if row["event_id"].startswith("g")]
    assert [row["account"].removeprefix("'").strip() for row in guessed] == [one.strip() for one in hostile.GUESSED]
    frame = pandas.read_csv(io.StringIO(text))
    assert set(frame[frame["event_id"].str.startswith("g")]["account"].map(type)) == {str}


def test_a_timeline_of_accounts_keeps_their_zeros():
    one = case()
    for entry in one.entries:
        entry.event.account = "000123456789"
    try:
        text = "".join(timesketch.csv_lines(made(one)))
    finally:
        for entry in one.entries:
            entry.event.account = "123456789012"
    assert set(pandas.read_csv(io.StringIO(text))["account"]) == {"'000123456789"}


@pytest.mark.parametrize("time", [0, START, START + 1, -1, 2**61, -(2**61)])
def test_times_come_back_from_their_text(time):
    assert timesketch.microseconds(iso(time)) == time
