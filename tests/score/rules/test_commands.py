"""The command `rules`, on real folders."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import rules  # noqa: F401  (registers its commands)
from pipeline.cli.main import app
from pipeline.kit.failures import Permanent
from pipeline.score.frameworks import catalogue
from pipeline.score.rules import importing, trying
from pipeline.score.rules.rulebook import Rulebook
from tests.score.rules.making import OWN, SIGMA, book
from tests.score.rules.test_correlation import file
from tests.score.rules.test_rulebook import CODE, SCRIPTED


def ask(*words: object, code: int = 0, **environment: str) -> str:
    result = CliRunner(env=environment).invoke(app, ["rules", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.stdout


def asked(*words: object, **more) -> list[dict]:
    return json.loads(ask(*words, "--format", "json", **more))


def mine(*words: object, **more) -> dict[str, dict]:
    return {row["name"]: row for row in asked(*words, **more)}


def test_rules_are_listed_and_shown(tmp_path):
    book(tmp_path, own=OWN, sigma=SIGMA, many=file("event_count", "{gte: 3}", "a"))
    listed = mine("list", "--rules", tmp_path)
    assert {name: listed[name]["kind"] for name in ("own", "sigma", "many.1", "many.2")} == {
        "own": "rule", "sigma": "rule", "many.1": "rule", "many.2": "correlation",
    }  # fmt: skip
    assert listed["sigma"]["frameworks"] == ["T1562.008"]
    (shown,) = asked("show", "own", "--rules", tmp_path)
    assert shown["when"]["condition"] == "selection and not filter"
    text = ask("show", "own", WHODID_RULES=str(tmp_path))
    assert "They last." in text
    assert "by terraform" in text
    ask("show", "nothing", "--rules", tmp_path, code=4)


def test_expired_exceptions_are_named(tmp_path):
    (tmp_path / "x.yml").write_text(
        "exceptions:\n  - {detection: a, actor: bot, reason: r, until: 2026-01-01, by: ana}\n"
    )
    result = CliRunner().invoke(app, ["rules", "list", "--exceptions", str(tmp_path / "x.yml")])
    assert "expired 2026-01-01, does nothing any more: detection=a, actor=bot" in result.stderr


def test_fields_are_listed(tmp_path):
    ours = mine("fields")
    assert {"actor", "action", "credential_chain", "attributes.NAME", "links.TARGET", "event.FIELD"} <= set(ours)
    assert not {"tokens", "mentions", "record_id"} & set(ours)
    assert mine("fields", "--source", "aws/cloudtrail")["eventName"]["what"].startswith("action")
    result = CliRunner().invoke(app, ["rules", "fields", "--source", "windows/security"])
    assert result.exit_code == 2
    assert "expected one of aws/cloudtrail" in result.stderr


def test_examples_are_tried_and_a_failing_one_is_an_error(tmp_path):
    book(tmp_path, own=OWN)
    assert [(row["example"], row["outcome"]) for row in asked("test", tmp_path)] == [
        ("a user is made", "passed"), ("by terraform", "passed"),
    ]  # fmt: skip
    (tmp_path / "own.yml").write_text(OWN.replace("actor: terraform}", "actor: pulumi}", 1))
    rows = asked("test", tmp_path, code=1)
    assert [row["outcome"] for row in rows] == ["passed", "failed"]
    assert rows[1]["said"] == "expected to be silent, but it was found"
    (tmp_path / "own.yml").write_text(OWN.replace("outcome: success}]", "outcoem: success}]", 1))
    assert "outcoem: expected a field" in asked("test", tmp_path, code=1)[0]["said"]


def test_rules_with_code_are_tried_by_the_engine(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "own.py").write_text(CODE)
    examples = OWN[OWN.index("examples:") :]
    made = book(tmp_path, own=SCRIPTED + examples)
    asked_for = []

    def engine(name, entries):
        asked_for.append((name, len(entries)))
        return True

    outcomes = list(trying.tried(made.definitions, trying.runner(made, engine)))
    assert [one.outcome for one in outcomes] == ["passed", "failed"]
    assert asked_for == [("own", 1), ("own", 1)]
    outcomes = list(trying.tried(made.definitions, trying.runner(made, lambda *_: None)))
    assert [one.outcome for one in outcomes] == ["not tried", "not tried"]


def test_a_rule_that_only_a_correlation_speaks_of_can_be_tried(tmp_path):
    made = book(tmp_path, many=file("event_count", "{gte: 2}", "a"))
    entries = __import__("tests.score.rules.test_correlation", fromlist=["act"])
    assert made.finds("many.1", [entries.act("a", "1", 0)])
    assert not made.finds("many.2", [entries.act("a", "1", 0)])
    assert made.finds("many.2", [entries.act("a", "1", 0), entries.act("a", "2", 0)])


def test_coverage_has_every_id_also_the_empty_ones(tmp_path):
    book(tmp_path, sigma=SIGMA.replace("attack.defense-evasion", "attack.t1999.001"))
    rows = {row["id"]: row for row in asked("coverage", "--rules", tmp_path)}
    assert set(catalogue()) | {"T1999.001"} == set(rows)
    assert "sigma" in rows["T1562.008"]["rules"]
    assert rows["T1999.001"]["framework"] == "MITRE ATT&CK"
    assert "none" in ask("coverage", "--rules", tmp_path)


@pytest.fixture
def sigma(tmp_path):
    """A folder as somebody has it: good files, and all kinds of others."""
    folder = tmp_path / "sigma"
    (folder / "cloud").mkdir(parents=True)
    (folder / "cloud" / "Good One.yml").write_text(SIGMA)
    (folder / "cloud" / "windows.yml").write_text(SIGMA.replace("aws", "windows"))
    (folder / "cloud" / "unknown.yaml").write_text(SIGMA.replace("eventName", "requestParameters.secret"))
    (folder / "cloud" / "old.yml").write_text(
        SIGMA.replace("condition: selection", "condition: selection | count() > 5")
    )
    (folder / "bomb.yml").write_text("a: &a [x]\nb: *a")
    (folder / "other.yml").write_text("services: {}")
    (folder / "corr.yml").write_text(
        "title: c\ncorrelation: {type: event_count, rules: [stopped], timespan: 5m, group-by: [userIdentity.arn], "
        "condition: {gte: 2}}"
    )
    (folder / "lost.yml").write_text(
        "title: l\ncorrelation: {type: event_count, rules: [gone], timespan: 5m, condition: {gte: 2}}"
    )
    (folder / "run.py").write_text("raise SystemExit")
    return folder


def test_sigma_files_are_copied_as_they_are_and_the_others_have_a_reason(sigma, tmp_path):
    out = tmp_path / "rules"
    rows = {row["file"]: row for row in asked("import", sigma, "--out", out)}
    assert {name for name, row in rows.items() if row["taken"]} == {"cloud/Good One.yml", "corr.yml"}
    assert sorted(path.name for path in out.iterdir()) == ["corr.yml", "good_one.yml"]
    assert (out / "good_one.yml").read_bytes() == (sigma / "cloud" / "Good One.yml").read_bytes()
    reasons = {name: row["reason"] for name, row in rows.items()}
    assert reasons["cloud/windows.yml"].startswith("logsource: expected one of")
    assert reasons["cloud/unknown.yaml"].startswith("requestParameters.secret: expected a field of aws/cloudtrail")
    assert "correlation" in reasons["cloud/old.yml"]
    assert "no YAML alias" in reasons["bomb.yml"]
    assert "a Sigma rule" in reasons["other.yml"]
    assert "names or ids" in reasons["lost.yml"]
    assert sorted(Rulebook.load(out).definitions) == ["corr", "good_one"]
    assert rows["cloud/windows.yml"]["source"] == "windows/cloudtrail"


def test_an_import_sums_up_by_log_source(sigma, tmp_path):
    result = CliRunner().invoke(app, ["rules", "import", str(sigma), "--out", str(tmp_path / "rules")])
    assert "whodid: aws/cloudtrail: 1 of 3 taken" in result.stderr
    assert "whodid: windows/cloudtrail: 0 of 1 taken" in result.stderr
    assert "whodid: correlation: 1 of 2 taken" in result.stderr


def test_what_differs_is_replaced_only_if_asked(sigma, tmp_path):
    out = tmp_path / "rules"
    importing.take(sigma, out)
    assert {one.reason for one in importing.take(sigma, out) if one.taken} == {"the same was there"}
    (out / "good_one.yml").write_text(SIGMA.replace("level: high", "level: low"))
    refused = next(one for one in importing.take(sigma, out) if one.file == "cloud/Good One.yml")
    assert "--replace" in refused.reason
    assert "level: low" in (out / "good_one.yml").read_text()
    assert next(one for one in importing.take(sigma, out, replace=True) if one.rule == "good_one").reason == "replaced"
    assert "level: high" in (out / "good_one.yml").read_text()


def test_two_files_of_one_name_are_not_both_taken(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "sigma" / name).mkdir(parents=True)
        (tmp_path / "sigma" / name / "x.yml").write_text(SIGMA)
    assert [one.taken for one in importing.take(tmp_path / "sigma", tmp_path / "rules")] == [True, False]


def test_an_import_without_folders_says_what_is_missing(tmp_path):
    assert "WHODID_RULES" in CliRunner().invoke(app, ["rules", "import", str(tmp_path)]).stderr
    gone = CliRunner().invoke(app, ["rules", "import", str(tmp_path / "gone"), "--out", str(tmp_path)])
    assert gone.exit_code == 2
    assert "expected a folder" in gone.stderr


def test_a_wrong_folder_is_one_line(tmp_path):
    result = CliRunner().invoke(app, ["rules", "list", "--rules", str(tmp_path / "gone")])
    assert isinstance(result.exception, Permanent)
    assert "a folder with rules" in str(result.exception)


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
def test_hostile_rules_command_no_terminal(tmp_path, format):
    book(tmp_path, sigma=SIGMA.replace("Trail stopped", '"\\e[31mred\\a\\u202e [bold]"'))
    for words in (("list",), ("show", "sigma"), ("coverage",)):
        output = ask(*words, "--rules", tmp_path, "--format", format)
        assert not set(output) & set("\x1b\x07\u202e")
    (tmp_path / "sigma").mkdir()
    (tmp_path / "sigma" / "x\x1b[31m.yml").write_text(SIGMA.replace("aws", '"\\e[31m"'))
    output = ask("import", tmp_path / "sigma", "--out", tmp_path / "out", "--format", format)
    assert "\x1b" not in output
