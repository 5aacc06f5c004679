"""What the normalizer tests share."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline.normalize.context import Context
from pipeline.normalize.mask import mask_bytes
from pipeline.normalize.stage import process
from pipeline.run import source_pages
from schemas.event import RENEWS, RESTORES, REVOKES
from schemas.rejected import Record

NOW = 1_795_000_000_000_000
CONTEXT = Context(b"0123456789abcdef", fixed_now=NOW)
SHARED = Path(__file__).parents[3] / "shared" / "data"


def shared(name):
    """A file of the real data that lies beside the checkout on some machines."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"no real data here: {name} is not beside the checkout")
    return path


def events(document, name=""):
    """Events of one document that must be accepted."""
    results = process(Record(document if isinstance(document, bytes) else json.dumps(document).encode(), name), CONTEXT)
    assert [one.rejected for one in results] == [None] * len(results)
    return [event for one in results for event in one.events]


def example(name):
    """The records of a format's example."""
    found = json.loads(source_pages.record(name))
    return found if isinstance(found, list) else [found]


def turns(document):
    """What the event of one document revokes, restores and renews."""
    (event,) = events(document)
    return {what: event.attributes[what] for what in (REVOKES, RESTORES, RENEWS) if what in event.attributes}


def reason(document, name=""):
    """Why one document is rejected."""
    value = document if isinstance(document, bytes) else json.dumps(document).encode()
    (one,) = process(Record(value, name), CONTEXT)
    assert one.rejected is not None
    assert one.rejected.value == mask_bytes(value, CONTEXT)
    assert one.rejected.stage == "normalize"
    return one.rejected.reason


def vendor_rows(recognizes):
    """The vendors' sample events that a format recognizes, whatever log they were filed under, each only once."""
    with gzip.open(shared("adapters/vendor-events.jsonl.gz"), "rt") as lines:
        rows = {json.dumps(row["event"]): row["event"] for row in map(json.loads, lines)}
    return [row for row in rows.values() if recognizes(row)]


def outcomes(rows, name):
    """What becomes of many documents: the events, and the fields at fault with their number."""
    results = [one for row in rows for one in process(Record(json.dumps(row).encode(), name), CONTEXT)]
    faults = Counter(one.rejected.reason.split(":")[0] for one in results if one.rejected)
    assert all(one.rejected is None or one.rejected.stage == "normalize" for one in results)
    return [event for one in results for event in one.events], faults
