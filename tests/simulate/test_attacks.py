"""Every attack and every control is told once in an organisation that has a past, and its truth fits its records."""

from collections import Counter, defaultdict

import pytest

from pipeline.simulate.attacks import ATTACKS
from pipeline.simulate.controls import CONTROLS
from pipeline.simulate.days import inject
from pipeline.simulate.staff.hire import ASLEEP
from pipeline.simulate.staff.office import DAY, FIRST
from tests.simulate.telling import understood

DAYS = 12


@pytest.fixture(scope="module")
def story():
    """(record, event, truth) of some days with everything injected, in the order of time."""
    told = list(inject(2, DAYS, {**ATTACKS, **CONTROLS}, scale=0.5))
    assert [one.time for one in told] == sorted(one.time for one in told)
    return [(one, event, truth) for one in told for event, truth in understood(one)]


@pytest.fixture(scope="module")
def scenarios(story):
    found = defaultdict(list)
    for one, event, truth in story:
        found[truth.scenario].append((one, event, truth))
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_told_with_its_truth(scenarios, name):
    told = scenarios[name]
    bad = [truth for _, _, truth in told if truth.malicious]
    assert bad
    assert all(truth.actor for truth in bad)
    assert min(one.time for one, _, _ in told) >= FIRST + DAYS * DAY * 0.6


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_told_and_is_not_malicious(scenarios, name):
    assert scenarios[name]
    assert not any(truth.malicious for _, _, truth in scenarios[name])


def test_only_attacks_are_malicious(scenarios):
    assert {name for name, told in scenarios.items() if any(truth.malicious for _, _, truth in told)} == set(ATTACKS)


def test_stolen_credentials_have_a_past(story, scenarios):
    """What an attacker uses of somebody's was issued to them, or used by them, before; but for the cases about that."""
    first = {}
    for one, event, truth in story:
        for credential in (event.credential, event.issued):
            if credential and not truth.malicious:
                first.setdefault(credential, one.time)
    for name in ("enumeration with a stolen session", "llmjacking: logging switched off", "replayed token",
                 "leaked developer token", "ci secret theft", "agent using a human session", "logging disabled",
                 "ci session from another network", "dormant identity wakes"):  # fmt: skip
        for one, event, truth in scenarios[name]:
            if truth.malicious and event.credential:
                assert first[event.credential] < one.time, name
    for _, event, truth in scenarios["temporary credential never seen issued"]:
        assert truth.malicious
        assert event.credential not in first


def test_expired_and_revoked_tokens_are_used_afterwards(scenarios):
    issued = {event.issued: event for _, event, _ in scenarios["token used after it expired"] if event.issued}
    issued |= {event.issued: event for told in scenarios.values() for _, event, _ in told if event.issued}
    for one, event, truth in scenarios["token used after it expired"]:
        if truth.malicious:
            assert one.time > issued[event.credential].issued_expires > 0
    for name in ("vault token used after revocation", "github token used after revocation",
                 "standing key used after revocation", "kubernetes token used after its pod is gone"):  # fmt: skip
        told = scenarios[name]
        ends = [one.time for one, event, truth in told if not truth.malicious]
        assert max(ends) < min(one.time for one, _, truth in told if truth.malicious), name


def test_nothing_harmless_is_done_with_what_is_expired_or_revoked_or_was_never_issued(story):
    issued, over = {}, {}
    for one, event, truth in story:
        if event.issued:
            issued[event.issued] = event.issued_expires
        if event.action in ("vault:update token", "github:personal_access_token.access_revoked"):
            over[event.credential] = one.time
        if truth.malicious or not event.credential:
            continue
        # Whoever signed in before the first day did so where nobody can see it.
        temporary = event.credential.startswith(("aws:ASIA", "vault:", "kubernetes:JTI"))
        if temporary and one.time > FIRST + DAY:
            assert event.credential in issued, truth
        assert event.time <= (issued.get(event.credential) or event.time), truth
        assert one.time <= over.get(event.credential, one.time), truth


def test_lifetimes_are_as_long_as_their_names_say(scenarios):
    def lasts(name):
        return max(
            (event.issued_expires - event.time) / 3_600_000_000 for _, event, _ in scenarios[name] if event.issued
        )

    assert lasts("session of twelve hours") == pytest.approx(12, abs=0.1)
    assert lasts("vault token of a month") > 30 * 24


def test_the_sleeper_was_not_seen_for_as_long_as_the_days_allow(story, scenarios):
    woken = next(event for _, event, truth in scenarios["dormant identity wakes"] if truth.malicious)
    before = [
        one.time for one, event, truth in story if event.credential == woken.credential and not truth.malicious
    ]  # fmt: skip
    assert before
    assert (max(before) - FIRST) / DAY < ASLEEP[1] + 2


def test_bearer_calls_of_an_api_key_say_so(scenarios):
    marks = Counter(
        event.attributes.get("callWithBearerToken") for _, event, _ in scenarios["llmjacking: Bedrock API key"]
        if event.action == "bedrock:InvokeModel"
    )  # fmt: skip
    assert marks["true"] == marks.total() > 20


def test_an_agent_that_has_a_new_version_says_so(scenarios):
    told = [(event, truth) for _, event, truth in scenarios["control: new version of an agent"]]
    versions = {event.attributes.get("gen_ai.agent.version") for event, _ in told if event.kind == "tool_call"}
    assert len(versions) == 1
    assert None not in versions


def test_from_a_control_on_things_are_otherwise(scenarios, story):
    """What changes for somebody stays so; nobody is seen with the old and the new at once."""
    for name in ("control: new laptop", "control: service moved to new hosts", "control: new version of an agent"):
        who = {truth.actor for _, _, truth in scenarios[name] if truth.kind in ("cloud_audit", "tool_call")}
        since = min(one.time for one, _, _ in scenarios[name])
        usual = {"console", "okta", "identity center", "standing key", "agent", "developer"}
        late = [one for one, _, truth in story if truth.actor in who and truth.scenario in usual and one.time > since]
        # What had begun before then ends as it began.
        assert all(one.time < since + 3600e6 for one in late), name
    where = {
        event.address for _, event, truth in scenarios["control: everybody on a new network"]
        if event.kind == "cloud_audit" and event.format == "aws.cloudtrail"
    }  # fmt: skip
    assert len(where) == 1


def test_a_rotated_key_is_not_used_by_its_service_any_more(scenarios, story):
    told = [event for _, event, _ in scenarios["control: key rotation"]]
    gone = {event.resources[-1]: event.time for event in told if event.action == "iam:DeleteAccessKey"}
    fresh = {event.issued for event in told if event.issued}
    assert gone
    assert len(fresh) == len(gone)
    for _, event, truth in story:
        key = event.credential.removeprefix("aws:")
        assert key not in gone or event.time < gone[key] or truth.malicious


def test_a_rogue_server_changes_its_definitions(scenarios):
    told = [
        event for _, event, _ in sorted(scenarios["rogue mcp server"], key=lambda one: one[0].time)
        if event.action == "tools/list" and any(name.startswith("definition.") for name in event.attributes)
    ]  # fmt: skip
    assert len(told) == 2
    assert told[0].attributes.keys() == told[1].attributes.keys()
    assert told[0].attributes != told[1].attributes
