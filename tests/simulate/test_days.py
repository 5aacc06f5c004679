"""Days of an organisation: told in order, the same for the same seed, by identities that are there day after day."""

import hashlib
import json
from collections import Counter, defaultdict

import msgspec
import pytest
from typer.testing import CliRunner

from pipeline.cli import measure  # noqa: F401  (it registers its commands)
from pipeline.cli.main import app
from pipeline.simulate import organisation
from pipeline.simulate.attacks import ATTACKS
from pipeline.simulate.controls import CONTROLS
from pipeline.simulate.days import days, inject, schedule
from pipeline.simulate.staff.hire import organisation as hired
from pipeline.simulate.staff.office import DAY, FIRST
from pipeline.simulate.staff.people import Person
from tests.simulate.telling import understood

DAYS, SCALE = 9, 0.3


@pytest.fixture(scope="module")
def calm():
    return list(days(4, DAYS, SCALE))


def test_a_busy_day_is_told_as_it_always_was():
    told = organisation.tell(1, 20_000)
    digest = hashlib.sha256(b"".join(msgspec.json.encode(one) for one in told)).hexdigest()
    # Published figures are of these very records.
    assert digest == "34019f720617dd4a5407f2d6d357cb18c8693eb860d4c16ab73b1f5ffa2af88b"


def test_the_same_seed_tells_the_same_days_and_another_others(calm):
    assert list(days(4, DAYS, SCALE)) == calm
    assert [one.value for one in days(5, DAYS, SCALE)][:100] != [one.value for one in calm][:100]


def test_days_are_told_in_the_order_of_time_and_nothing_is_malicious(calm):
    times = [one.time for one in calm]
    assert times == sorted(times)
    assert times[0] >= FIRST
    assert {(time - FIRST) // DAY for time in times} >= set(range(DAYS))
    assert not any(truth.malicious for one in calm for truth in one.truths)
    ids = [truth.event_id for one in calm for truth in one.truths]
    assert len(ids) == len(set(ids))


def test_every_record_of_a_calm_day_becomes_the_events_whose_truth_is_told(calm):
    kinds = Counter(event.kind for one in calm for event, _ in understood(one))
    assert set(kinds) == {"prompt", "tool_call", "token_issuance", "cloud_audit"}


def test_identities_come_again_and_do_what_they_usually_do(calm):
    by_day = defaultdict(lambda: defaultdict(set))
    for one in calm:
        for event, truth in understood(one):
            by_day[truth.actor][(one.time - FIRST) // DAY].add(event.action)
    regular = [found for found in by_day.values() if len(found) >= 5]
    assert len(regular) > 25
    repeated = [
        len(actions & set().union(*(others for other, others in found.items() if other != day))) / len(actions)
        for found in regular for day, actions in found.items()
    ]  # fmt: skip
    assert sum(repeated) / len(repeated) > 0.9


def test_people_work_in_the_week_and_machines_always(calm):
    people, machines = Counter(), Counter()
    for one in calm:
        day = (one.time - FIRST) // DAY
        for truth in one.truths:
            if truth.scenario in ("console", "okta", "identity center"):
                people[day % 7 > 4] += 1
            elif truth.scenario == "standing key":
                machines[day % 7 > 4] += 1
    assert people[True] / 2 < people[False] / 7 / 2
    assert machines[True] / 2 > machines[False] / 7 * 0.7


def test_no_identity_is_a_copy_of_another():
    office = hired(1, 3)
    people = office.of(Person)
    assert 140 < len(office.staff) < 170
    assert len({(one.rate, one.begins, one.clicks) for one in people}) == len(people)
    assert len({one.home for one in people}) == len(people)
    assert min(one.rate for one in people) * 5 < max(one.rate for one in people)


def test_more_days_have_the_same_identities():
    def habits(found):
        return {one.name: one for one in found.of(Person)}

    assert habits(hired(6, 10)) == habits(hired(6, 60))


def test_what_is_injected_changes_nothing_else(calm):
    chosen = {name: happening for name, happening in ATTACKS.items() if "session" in name or "agent" in name}
    told = list(inject(4, DAYS, chosen, scale=SCALE))
    rest = Counter(one.value for one in told)
    missing = [one for one in calm if one.value not in rest]
    added = {truth.scenario for one in told for truth in one.truths} - {
        truth.scenario for one in calm for truth in one.truths
    }
    assert not missing
    assert added == set(chosen)
    assert len(told) > len(calm)


def test_attacks_are_spread_over_the_last_days():
    plan = schedule(1, 30, ATTACKS)
    assert len(plan) == len(ATTACKS)
    assert [bout.time for bout in plan] == sorted(bout.time for bout in plan)
    assert 19 < (plan[0].time - FIRST) / DAY < 21.5
    assert plan[-1].time < FIRST + 30 * DAY
    assert (schedule(1, 30, ATTACKS, since=28)[0].time - FIRST) / DAY >= 28


def test_the_command_tells_days(tmp_path):
    run = CliRunner()
    size = ["--days", "2", "--identities-scale", "0.1", "--summary", "json"]
    told = run.invoke(app, ["simulate", str(tmp_path / "a"), *size, "--controls"])
    assert told.exit_code == 0
    lines = (tmp_path / "a" / "truth.jsonl").read_text().splitlines()
    truths = [json.loads(line) for line in lines]
    assert json.loads(told.stdout)["events"] == len(truths)
    assert {one["scenario"] for one in truths if one.get("malicious")} == set(ATTACKS)
    assert {one["scenario"] for one in truths} > set(CONTROLS)
    calm = run.invoke(app, ["simulate", str(tmp_path / "b"), *size, "--without-abuse"])
    assert calm.exit_code == 0
    assert '"malicious"' not in (tmp_path / "b" / "truth.jsonl").read_text()


@pytest.mark.parametrize(
    ("options", "says"), [(["--controls"], "--days"), (["--days", "2", "--events", "5"], "one of them")]
)
def test_options_that_do_not_go_together_are_named(tmp_path, options, says):
    refused = CliRunner().invoke(app, ["simulate", str(tmp_path / "org"), *options])
    assert refused.exit_code == 2
    assert says in refused.stderr
    assert not (tmp_path / "org").exists()
