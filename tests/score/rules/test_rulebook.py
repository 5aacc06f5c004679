"""A folder of rules: what is read, what is found, and what happens when it changes."""

from __future__ import annotations

import os

import pytest

from pipeline.kit.failures import Invalid
from pipeline.kit.state import PartitionState
from pipeline.kit.watched import LOOK_EVERY
from pipeline.score.rules.rulebook import STATE, Rulebook
from tests.score.rules.making import OWN, SIGMA, book, entry, found, trail

CODE = "def score(act, past, parameters):\n    return None\n"
SCRIPTED = OWN[: OWN.index("when:")]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_rule_of_ones_own_finds_what_it_says(tmp_path):
    rules = book(tmp_path, own=OWN)
    (match,) = found(rules, entry(action="iam:CreateUser", actor="ana", outcome="success", address="192.0.2.1"))
    assert match.rule == "own"
    assert match.definition.say(match.values) == "iam:CreateUser by ana from 192.0.2.1"
    assert (match.entries, match.group, match.score) == (["e"], "actor=ana", 0.8)
    assert not found(rules, entry(action="iam:CreateUser", actor="Terraform", outcome="success"))
    assert not found(rules, entry(action="iam:CreateUser", actor="ana", outcome="denied"))
    assert not found(rules, entry(action="s3:GetObject", actor="ana", outcome="success"))


def test_a_sigma_rule_is_taken_as_it_is(tmp_path):
    rules = book(tmp_path, sigma=SIGMA)
    (match,) = found(rules, trail("cloudtrail:StopLogging", actor="ana", session="s1"))
    assert (match.rule, match.group) == ("sigma", "session=s1")
    said = match.definition
    assert (said.title, said.severity, said.family, said.frameworks) == ("Trail stopped", "high", "own", ["T1562.008"])
    assert said.runbook == ["May be harmless: maintenance"]
    assert said.say(match.values) == "Trail stopped: cloudtrail:StopLogging by ana"
    assert not found(rules, entry(action="cloudtrail:StopLogging", format="gcp.audit"))
    assert not found(rules, trail("iam:StopLogging"))


def test_an_event_that_no_rule_speaks_of_asks_no_rule(tmp_path):
    named = {f"r{n}": SIGMA.replace("StopLogging", f"Stop{n}").replace("DeleteTrail", f"Gone{n}") for n in range(200)}
    rules = book(tmp_path, **named)
    asked = []

    def watched(rule):
        test = rule.test

        def told(call, one):
            asked.append(rule.name)
            return call(one)

        return rule._replace(
            test=test._replace(holds=lambda one: told(test.holds, one), early=lambda one: told(test.early, one))
        )

    for held in (*rules._book.needed.values(), rules._book.free):
        held[:] = map(watched, held)
    assert not found(rules, *(trail(f"s3:GetObject{number}", str(number)) for number in range(50)))
    assert asked == []
    assert [match.rule for match in found(rules, trail("cloudtrail:Stop7"), trail("cloudtrail:Gone9"))] == ["r7", "r9"]
    assert set(asked) == {"r7", "r9"}


def test_what_a_rule_says_of_an_action_by_not_is_not_lost(tmp_path):
    text = OWN.replace('{action|startswith: "iam:", outcome: success}', "{outcome: success}").replace(
        "filter: {actor: terraform}", 'filter: {action|startswith: "s3:"}'
    )
    rules = book(tmp_path, own=text)
    assert found(rules, entry(action="iam:x", outcome="success"))
    assert not found(rules, entry(action="s3:x", outcome="success"))


@pytest.mark.parametrize(
    ("selection", "condition", "given"),
    [
        ('[{action: "a:x"}, {outcome: denied}]', "selection", {"action": "b", "outcome": "denied"}),
        ('[{action: "a:x"}, {action|startswith: "b"}]', "selection", {"action": "b:y"}),
        ('{action: "a:x"}', "not selection", {"action": "b"}),
        ('{action: ["a:x", "B:Y"], kind: cloud_audit}', "selection", {"action": "b:y"}),
        ('{action: "a:x"}', "selection or other", {"action": "b", "outcome": "denied"}),
    ],
)
def test_a_rule_is_found_by_whatever_it_says_of_the_action(tmp_path, selection, condition, given):
    text = OWN[: OWN.index("when:")] + f"when:\n  selection: {selection}\n  other: {{outcome: denied}}\n  condition: "
    rules = book(tmp_path, own=text + condition)
    assert found(rules, entry(**given))
    assert not found(rules, entry(action="a:x" if condition.startswith("not") else "c"))


def test_a_folder_that_changes_is_read_again(tmp_path):
    clock = Clock()
    rules = Rulebook.load(tmp_path, clock=clock)
    (tmp_path / "own.yml").write_text(OWN)
    assert not rules.refresh()
    clock.now += LOOK_EVERY
    assert rules.refresh()
    assert list(rules.definitions) == ["own"]
    clock.now += LOOK_EVERY
    assert not rules.refresh()
    (tmp_path / "own.yml").unlink()
    clock.now += LOOK_EVERY
    assert rules.refresh()
    assert not rules.definitions


def test_a_folder_that_became_invalid_keeps_its_last_good_rules(tmp_path):
    clock = Clock()
    (tmp_path / "own.yml").write_text(OWN)
    rules = Rulebook.load(tmp_path, clock=clock)
    act = entry(action="iam:CreateUser", actor="ana", outcome="success")
    (tmp_path / "bad.yml").write_text(OWN.replace("outcome: success", "outcoem: success"))
    clock.now += LOOK_EVERY
    assert not rules.refresh()
    assert "bad.yml: outcoem" in rules.trouble
    assert found(rules, act)
    clock.now += LOOK_EVERY
    assert not rules.refresh()
    assert rules.trouble
    (tmp_path / "bad.yml").unlink()
    clock.now += LOOK_EVERY
    rules.refresh()
    assert not rules.trouble
    (tmp_path / "own.yml").unlink()
    tmp_path.rmdir()
    clock.now += LOOK_EVERY
    assert not rules.refresh()
    assert "a folder with rules" in rules.trouble
    assert found(rules, act)


def test_a_rule_with_code_is_loaded_if_only_its_owner_can_write_it(tmp_path):
    (tmp_path / "own.py").write_text(CODE)
    (tmp_path / "own.py").chmod(0o644)
    tmp_path.chmod(0o755)
    rules = book(tmp_path, own=SCRIPTED)
    assert rules.scripts["own"].score(None, None, {}) is None
    assert list(rules.definitions) == ["own"]
    (tmp_path / "own.py").chmod(0o666)
    with pytest.raises(Invalid, match=r"own\.py: expected only its owner .*chmod go-w"):
        Rulebook.load(tmp_path)
    (tmp_path / "own.py").chmod(0o644)
    tmp_path.chmod(0o777)
    with pytest.raises(Invalid, match="only its owner"):
        Rulebook.load(tmp_path)


def test_the_code_of_a_rule_is_read_again_when_it_changes(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "own.py").write_text(CODE)
    rules = book(tmp_path, own=SCRIPTED)
    (tmp_path / "own.py").write_text(CODE.replace("None", "'other'"))
    rules.reload()
    assert rules.scripts["own"].score(None, None, {}) == "other"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def score(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("score = 5", "a function `score"),
        ("#" * 300_000, "262144 bytes"),
    ],
)
def test_code_that_cannot_be_loaded_says_so(tmp_path, code, says):
    tmp_path.chmod(0o755)
    (tmp_path / "own.py").write_text(code)
    with pytest.raises(Invalid, match=says):
        book(tmp_path, own=SCRIPTED)


def test_a_link_out_of_the_folder_is_held_against_what_it_points_to(tmp_path):
    away = tmp_path / "away.txt"
    away.write_text(CODE)
    away.chmod(0o666)
    rules = tmp_path / "rules"
    rules.mkdir(mode=0o755)
    (rules / "own.py").symlink_to(away)
    with pytest.raises(Invalid, match="only its owner"):
        book(rules, own=SCRIPTED)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a": ""}, "a.yml: expected a rule, but it is empty"),
        ({"a": "- x"}, "a.yml: expected a mapping"),
        ({"a": SCRIPTED}, "a.yml: expected `when`, or the code"),
        ({"a": OWN + "\n---\n" + OWN}, "a.yml: expected one document"),
        ({"a": OWN.replace("{address}", "{adress}")}, "a.yml: sentence: expected fields .* {adress}"),
        ({"a": OWN.replace("condition: selection and not filter", "condition: selection and")}, "a.yml: rule: .*Sigma"),
        ({"a": OWN.replace("condition: selection and not filter", "condition: ")}, "a.yml: condition"),
        ({"a": SIGMA.replace("aws", "windows")}, "a.yml: logsource: expected one of whodid/, aws/cloudtrail.*windows"),
        ({"a": SIGMA.replace("eventName", "eventNaem")}, "a.yml: eventNaem: expected a field of aws/cloudtrail"),
        ({"a": SIGMA.replace("condition: selection", "timeframe: 5m\n  condition: selection")}, "correlation rule"),
        ({"a": SIGMA.replace("condition: selection", "condition: selection | count() > 5")}, "correlations"),
    ],
)
def test_a_wrong_file_is_named_with_the_field(tmp_path, files, says):
    with pytest.raises(Invalid, match=says):
        book(tmp_path, **files)


def test_two_rules_of_one_name_are_refused(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "own.yml").write_text(OWN)
    with pytest.raises(Invalid, match="own: expected a name that only one"):
        book(tmp_path, own=OWN)


def test_what_is_hidden_is_not_read(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.yml").write_text("{")
    (tmp_path / ".x.yml").write_text("{")
    assert not Rulebook.load(tmp_path).definitions


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yml")
    with pytest.raises(Invalid, match=r"pipe\.yml: expected a file"):
        Rulebook.load(tmp_path)
    (tmp_path / "pipe.yml").unlink()
    (tmp_path / "gone.yml").symlink_to(tmp_path / "nothing")
    with pytest.raises(Invalid, match=r"gone\.yml: expected a file that can be read"):
        Rulebook.load(tmp_path)
    (tmp_path / "gone.yml").unlink()
    (tmp_path / "/".join("abcdefgh")).mkdir(parents=True)
    with pytest.raises(Invalid, match="at most 6 folders"):
        Rulebook.load(tmp_path)


def test_more_than_fits_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.score.rules.reading.MOST_BYTES", 100)
    with pytest.raises(Invalid, match="at most"):
        book(tmp_path, own=OWN)


def test_no_folder_has_no_rules():
    rules = Rulebook.load(None)
    assert not rules.refresh()
    assert not rules.apply(entry(action="x"), PartitionState(STATE))
    with pytest.raises(Invalid, match="a folder with rules"):
        Rulebook.load(__import__("pathlib").Path(os.devnull))
