"""Replays: unchanged history has no difference, and what is changed shows, and nothing else."""

import msgspec
import pytest

from pipeline.correlate import links
from pipeline.run.agent_runs import BETWEEN_RUNS, Replay
from pipeline.score import model, modelfile
from pipeline.store import connect, replays
from schemas.rejected import Record
from tests.flow.test_late import CALLS, story  # noqa: F401  (a fixture)
from tests.run.replaying import HOUR, investigated, organisation, replayed, settings_in
from tests.score.runs import runs

EVENTS = 2500
_LIVE = """
SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
AND name NOT LIKE 'replay%' ORDER BY name
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A made-up organisation's busy day that was investigated."""
    home = tmp_path_factory.mktemp("replay")
    made = settings_in(home)
    assert investigated(made, *organisation(home / "logs", EVENTS)).findings
    return made


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    """Agents' sessions, some of them hijacked, that were investigated."""
    made = settings_in(tmp_path_factory.mktemp("agents"))
    investigated(made, told(made))
    return made


def records_of(messages):
    """Records of messages (topic, format, bytes)."""
    return [Record(value, form, topic, 0, number) for number, (topic, form, value) in enumerate(messages)]


def told(settings):
    """The records of some runs of agents."""
    source, records = Replay(settings, None), []
    for run in runs(8, seed=3):
        for topic, event in source._told(run):
            records.append(Record(msgspec.json.encode(event), "canonical", topic, 0, len(records)))
        source._time += BETWEEN_RUNS
    return records


def test_unchanged_history_has_no_difference(settings):
    made, found = replayed(settings)
    assert found == []
    assert made.state == "finished"
    assert made.replayed == made.compared == EVENTS
    with connect(settings) as store:
        assert made.findings == store.rows("SELECT count() FROM findings FINAL")[0][0] > 0
        assert made.alerts > 0


@pytest.mark.parametrize(
    "faults", [pytest.param("delay=30,skew=3", marks=pytest.mark.long), "loss=0.02,duplicates=0.02,delay=300"]
)
def test_nor_has_one_that_came_late_twice_and_in_another_order(tmp_path, faults):
    made = settings_in(tmp_path)
    investigated(made, *organisation(tmp_path / "logs", EVENTS, faults, seed=7))
    assert replayed(made)[1] == []


def test_nor_has_one_whose_truth_came_hours_late(tmp_path, story):  # noqa: F811
    made = settings_in(tmp_path, grace=1.0, late_window=60.0)
    investigated(made, [record for part in story for record in records_of(part)])
    assert replayed(made)[1] == []


def test_logs_that_were_taken_in_apart_are_attributed_together(tmp_path, story):  # noqa: F811
    made = settings_in(tmp_path)
    for part in story:
        investigated(made, records_of(part))
    actors = [one.after for one in replayed(made)[1] if one.subject == "actor"]
    assert actors.count("invoice-bot") == CALLS


def test_nor_has_a_part_of_it_with_what_leads_in_and_out(settings):
    made, found = replayed(settings, lead=HOUR, cut=(60_000_000, 30_000_000))
    assert found == []
    assert 0 < made.compared < made.replayed == EVENTS


def test_nor_has_what_agents_did_scores_of_drift_included(agents):
    made, found = replayed(agents)
    assert found == []
    assert made.findings > 0


def test_drift_in_history_that_is_older_than_the_kept_steps_is_not_decided_again(tmp_path):
    made = settings_in(tmp_path)
    investigated(made, told(made))
    with connect(made) as store:
        known = store.rows("SELECT count() FROM findings FINAL WHERE detection = 'tool-chain-drift'")[0][0]
        store.command("TRUNCATE TABLE steps")
    done, found = replayed(made)
    assert found == []
    assert done.undecided >= known > 0


def test_another_model_of_drift_changes_scores_of_drift_and_nothing_else(agents, tmp_path):
    trained = model.load().trained
    trained.later.baseline += 3.0
    trained.first.baseline += 3.0
    modelfile.write(trained, tmp_path / "drift.json.gz")
    found = replayed(agents, drift_model=tmp_path / "drift.json.gz")[1]
    assert {(one.sort, one.because) for one in found} >= {("finding", "options")}
    assert {one.subject for one in found if one.sort == "finding"} == {"tool-chain-drift"}
    assert any(one.score_after > one.score_before > 0 for one in found)
    assert {one.because for one in found} == {"options"}


def test_a_new_rule_finds_what_it_should_in_history_and_nothing_else_changes(settings, rules):
    found = replayed(settings, rules=rules)[1]
    assert {(one.sort, one.verdict, one.subject) for one in found} <= {
        ("finding", "new", "models-called"), ("alert", "new", "own"), ("alert", "new", "storm"),
    }  # fmt: skip
    with connect(settings) as store:
        calls = {name for (name,) in store.rows(
            "SELECT event_id FROM entries FINAL WHERE action = 'bedrock:InvokeModel' AND outcome = 'success'"
        )}  # fmt: skip
    evidence = [set(one.entries) for one in found if one.sort == "finding"]
    assert evidence
    assert set.union(*evidence) <= calls
    assert all(one.sentence and one.after == "high" for one in found if one.sort == "finding")


def test_a_rule_that_is_removed_or_excepted_is_gone(tmp_path, rules):
    made = settings_in(tmp_path, rules=rules)
    investigated(made, *organisation(tmp_path / "logs", EVENTS))
    (empty := tmp_path / "none").mkdir()
    found = [one for one in replayed(made, rules=empty)[1] if one.sort == "finding"]
    assert {(one.subject, one.verdict, one.because) for one in found} == {("models-called", "gone", "options")}
    (excepted := tmp_path / "exceptions.yml").write_text(
        "exceptions: [{detection: models-called, reason: all known, until: 2026-12-31, by: ana@example.com}]"
    )
    also = [one for one in replayed(made, exceptions=excepted)[1] if one.sort == "finding"]
    assert {one.name for one in also} == {one.name for one in found}
    assert all(one.note.startswith("suppressed: all known") for one in also)


def test_a_changed_rule_of_correlation_shows_in_what_it_attributes(settings, monkeypatch):
    monkeypatch.setattr(links, "CLAIMED", 1.1)
    made, found = replayed(settings)
    gone = [one for one in found if one.subject == "tool_call" and one.verdict == "gone"]
    assert gone
    assert all(one.before and not one.after and one.method_before == "in-flight" for one in gone)
    with connect(settings) as store:
        methods = replays.methods(store, made.replay_id)
        assert sum(one.amount for one in methods) == sum(one.sort == "attribution" for one in found)


def test_the_live_tables_are_not_touched(settings, rules):
    def live():
        with connect(settings) as store:
            names = [name for (name,) in store.rows(_LIVE)]
            return {name: store.rows(f"SELECT count(), sum(cityHash64(*)) FROM {name}") for name in names}

    before = live()
    assert before["entries"][0][0]
    assert before["steps"][0][0]
    replayed(settings, rules=rules)
    assert live() == before


def test_one_that_is_interrupted_says_so_and_leaves_nothing(settings):
    def interrupting(what, share):
        raise KeyboardInterrupt

    with connect(settings) as store:
        known = {one.replay_id for one in replays.replays(store)}
    with pytest.raises(KeyboardInterrupt):
        replayed(settings, interrupting)
    with connect(settings) as store:
        (made,) = [one for one in replays.replays(store) if one.replay_id not in known]
        assert made.state == "interrupted"
        for table in replays.PARTS:
            sql = f"SELECT count() FROM {table} WHERE replay_id = '{made.replay_id}'"
            assert store.rows(sql) == [(0,)]


def test_a_dropped_one_is_gone_with_all_that_it_wrote(settings, rules):
    made, found = replayed(settings, rules=rules)
    assert found
    with connect(settings) as store:
        replays.drop(store, made)
        assert replays.replay(store, made.replay_id) is None
        assert replays.differences(store, made.replay_id) == []
        assert replays.counts(store, made.replay_id) == {}


def test_history_is_read_in_slices_that_part_no_microsecond(settings):
    with connect(settings) as store:
        there = replays.edges(store, -(2**62), 2**62)
        cut = list(replays.slices(store, there.first, there.last + 1, 100))
        assert len(cut) > 10
        assert [end for _, end in cut[:-1]] == [begin for begin, _ in cut[1:]]
        assert sum(len(replays.history(store, *one)) for one in cut) == there.amount
