"""The simulated organisation is the same for the same seed, is understood whole, and its truth fits its records."""

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from pipeline.cli import measure  # noqa: F401  (it registers its commands)
from pipeline.cli.main import app
from pipeline.kit.failures import Invalid
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.simulate import organisation
from pipeline.simulate.faults import Faults, arrivals
from schemas.rejected import Record

EVENTS = 4_000
STRESS = "loss=0.05,duplicates=0.05,delay=30,skew=3"


def written(folder, seed=1, faults=""):
    organisation.write(folder, EVENTS, seed, Faults.parse(faults), lambda _: None)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_same_seed_tells_the_same_and_another_something_else(tmp_path):
    first = written(tmp_path / "a", faults=STRESS)
    assert written(tmp_path / "b", faults=STRESS) == first
    assert written(tmp_path / "c", seed=2, faults=STRESS)["cloud-audit.jsonl"] != first["cloud-audit.jsonl"]


def test_every_record_becomes_exactly_the_events_whose_truth_is_told():
    context = Context(b"0123456789abcdef", fixed_now=organisation.START + 86_400_000_000)
    kinds = Counter()
    for told in organisation.tell(seed=3, events=EVENTS):
        (found,) = process(Record(told.value, told.format, "f", 0, 0), context)
        assert found.rejected is None, told.value
        assert {(event.event_id, event.kind) for event in found.events} == {
            (true.event_id, true.kind) for true in told.truths
        }
        kinds.update(event.kind for event in found.events)
    assert set(kinds) == {"prompt", "tool_call", "token_issuance", "cloud_audit"}


def test_people_of_identity_center_are_named_as_their_calls_name_them():
    context = Context(b"0123456789abcdef", fixed_now=organisation.START + 86_400_000_000)
    told = [one for one in organisation.tell(seed=3, events=EVENTS) if one.truths[0].scenario == "identity center"]
    events = [
        (process(Record(one.value, one.format, "f", 0, 0), context)[0].events[0], one.truths[0]) for one in told
    ]  # fmt: skip
    calls = [(event, truth) for event, truth in events if not event.issued]
    assert all(event.human == truth.human for event, truth in events)
    assert calls
    for event, truth in calls:
        assert json.loads(event.attributes["delegation"]) == [event.actor, truth.human]
        assert "AWSReservedSSO_" in event.actor


def test_every_truth_points_to_events_that_were_told():
    truths = [truth for told in organisation.tell(seed=4, events=EVENTS) for truth in told.truths]
    known = {truth.event_id: truth for truth in truths}
    calls = {truth.tool_call for truth in truths if truth.kind == "tool_call"}
    last = max(told.time for told in organisation.tell(seed=4, events=EVENTS))
    assert len(known) == len(truths)
    assert all(truth.actor for truth in truths)
    # The end of the story cuts tasks short: what is told last may point to what would have come.
    early = [
        truth for told in organisation.tell(seed=4, events=EVENTS) if told.time < last - 120e6 for truth in told.truths
    ]
    assert all(truth.prompt in known for truth in early if truth.prompt)
    assert all(truth.tool_call in calls for truth in early if truth.tool_call and truth.kind == "cloud_audit")


def test_faults_come_at_their_stated_rates_and_the_truth_says_what_was_lost():
    told = list(organisation.tell(seed=5, events=20_000))
    came = list(arrivals(iter(told), Faults.parse(STRESS), 5))
    lost = [one for one in came if one.truths and not one.truths[0].delivered]
    doubled = [one for one in came if not one.truths]
    assert 0.04 < len(lost) / len(told) < 0.06
    assert 0.04 < len(doubled) / len(told) < 0.06
    assert [one.arrives for one in came] == sorted(one.arrives for one in came)


def test_clocks_are_off_by_at_most_what_was_asked():
    plain = {one.truths[0].event_id: one.value for one in organisation.tell(6, 2_000) if one.format == "otel.genai"}
    skewed = {
        one.truths[0].event_id: one.value for one in organisation.tell(6, 2_000, 3.0) if one.format == "otel.genai"
    }

    def start(value):
        return int(json.loads(value)["span"]["startTimeUnixNano"])

    errors = [abs(start(skewed[name]) - start(value)) / 1e9 for name, value in plain.items()]
    assert plain.keys() == skewed.keys()
    assert 1 < max(errors) <= 3


@pytest.mark.parametrize("text", ["loss=2", "los=0.1", "loss", "skew=fast"])
def test_faults_that_make_no_sense_are_named(text):
    with pytest.raises(Invalid, match="--faults"):
        Faults.parse(text)


def test_what_is_simulated_can_be_evaluated(tmp_path):
    told = CliRunner().invoke(app, ["simulate", str(tmp_path / "org"), "--events", "3000", "--summary", "json"])
    assert told.exit_code == 0
    assert json.loads(told.stdout)["events"] >= 3000
    found = CliRunner().invoke(app, ["evaluate", "attribution", str(tmp_path / "org")])
    assert found.exit_code == 0
    report = json.loads(found.stdout)
    assert (report["lost"], report["duplicated"]) == (0, 0)
    assert report["session"]["precision"] > 0.99
    assert report["events"] == json.loads(told.stdout)["events"]


def test_without_truth_there_is_nothing_to_evaluate(tmp_path):
    found = CliRunner().invoke(app, ["evaluate", "attribution", str(tmp_path)])
    assert found.exit_code == 2
    assert "whodid simulate" in found.stderr
