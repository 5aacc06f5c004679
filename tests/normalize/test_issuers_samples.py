"""Vendors' sample events of identity providers: what is made of every one of them, and why the rest is refused."""

import gzip
import json
from collections import Counter

import pytest

from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, shared

#: The format of each log, and the names under which its samples have their time.
FORMATS = {
    "Auth0.Events": ("auth0.log", {"data"}),
    "OneLogin.Events": ("onelogin.event", {"event_timestamp", "created_at", "p_event_time"}),
    "GitHub.Audit": ("github.audit", {"@timestamp", "created_at"}),
    "Okta.SystemLog": ("okta.system-log", {"published"}),
}


def samples(log_type):
    with gzip.open(shared("adapters/vendor-events.jsonl.gz"), "rt") as lines:
        rows = [row for row in map(json.loads, lines) if row["log_type"] == log_type]
    # Rules for many logs have samples of all of them; those of others are said to be so by the collector.
    own = {json.dumps(row["event"]) for row in rows if row["event"].get("p_log_type", log_type) == log_type}
    return [json.loads(one) for one in own]


def why(event, times):
    """Why a sample cannot be an event: it was cut down to what a rule looks at."""
    if not times & event.keys():
        return "no time"
    return "time redacted" if event.get("published") == "redacted" else ""


@pytest.mark.parametrize("log_type", FORMATS)
def test_every_sample_is_an_event_of_its_format_or_lacks_a_time(log_type):
    rows, (name, times) = samples(log_type), FORMATS[log_type]
    assert rows
    unexplained, made = Counter(), 0
    for event in rows:
        (one,) = process(Record(json.dumps(event).encode(), name), CONTEXT)
        made += bool(one.events)
        if one.rejected is not None and not why(event, times):
            unexplained[one.rejected.reason] += 1
    assert not unexplained
    # Samples of OneLogin have a time only where they are samples of several logs.
    assert made > len(rows) / 2 or log_type == "OneLogin.Events"
