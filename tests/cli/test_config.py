"""`whodid config`: what is set and where that comes from, everything that is wrong, what a setting means."""

import json
import tomllib

import pytest
from typer.testing import CliRunner

from pipeline.cli import config as _commands  # noqa: F401  (registers the command)
from pipeline.cli.main import app
from pipeline.kit.config import Settings
from pipeline.kit.config.given import Misconfigured
from pipeline.run import config_page

SECRET = "hunter2-hunter2-hunter2"


def run(*words, **env):
    return CliRunner().invoke(app, ["config", *words], env={"COLUMNS": "200", **env})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "whodid.toml"
    path.write_text('[kafka]\nprefix = "file-"\nreplication = 3\n')
    path.chmod(0o600)
    return path


def test_show_says_where_each_value_comes_from_and_no_secret(file, tmp_path):
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "key").chmod(0o600)
    env = {
        "WHODID_CONFIG": str(file), "WHODID_PARTITIONS": "7", "WHODID_API_KEY_FILE": str(tmp_path / "key"),
        "WHODID_HASH_KEY": SECRET, "WHODID_CLICKHOUSE": f"http://u:{SECRET}@h:8123/db",
    }  # fmt: skip
    found = run("show", "--format", "json", **env)
    rows = {row["name"]: row for row in json.loads(found.output)}
    assert set(rows) == set(Settings.model_fields)
    told = {name: (rows[name]["value"], rows[name]["source"], rows[name]["where"]) for name in rows}
    assert told["prefix"] == ("file-", "file", f"{file}:2")
    assert told["partitions"] == (7, "environment", "WHODID_PARTITIONS")
    assert told["port"] == (8470, "default", "")
    assert told["hash_key"] == ("***", "environment", "WHODID_HASH_KEY")
    assert told["api_key"] == ("***", "secret file", f"{tmp_path}/key (WHODID_API_KEY_FILE)")
    assert told["clickhouse"][0] == "http://u:***@h:8123/db"
    for format in ("table", "json", "toml"):
        assert SECRET not in run("show", "--format", format, **env).output


def test_what_show_writes_as_a_file_says_the_same(file, monkeypatch, tmp_path):
    text = run("show", "--format", "toml", WHODID_CONFIG=str(file), WHODID_GRACE="2.5").output
    assert tomllib.loads(text)["kafka"]["prefix"] == "file-"
    file.write_text(text)
    monkeypatch.setenv("WHODID_CONFIG", str(file))
    assert Settings().model_dump() == Settings(prefix="file-", replication=3, grace=2.5).model_dump()


def test_check_tells_all_faults_at_once(file):
    file.write_text('[kafka]\nprefx = "x"\npartitions = 0\n')
    found = run("check", WHODID_CONFIG=str(file), WHODID_PROT="1", WHODID_GRACE="long")
    assert found.exit_code == 2
    told = found.stderr.splitlines()
    assert next(line.split(":")[1].strip() for line in told) == "WHODID_PROT"
    assert len(told) == 4
    for part in ("kafka.prefx", "did you mean kafka.prefix?", "setting partitions", "setting grace (WHODID_GRACE)"):
        assert part in found.stderr


def test_check_looks_into_the_files_that_settings_name(tmp_path):
    (tmp_path / "alerts.yml").write_text("destinations: [{name: x}]\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "bad.yml").write_text("name: [")
    (tmp_path / "key").write_text("no key")
    (tmp_path / "key").chmod(0o600)
    found = run(
        "check", WHODID_ALERTS=str(tmp_path / "alerts.yml"), WHODID_RULES=str(tmp_path / "rules"),
        WHODID_EVIDENCE_KEY=str(tmp_path / "key"), WHODID_DRIFT_MODEL=str(tmp_path / "none.json"),
        WHODID_BASELINES=str(tmp_path / "key"), WHODID_EXCEPTIONS=str(tmp_path / "none.yml"), WHODID_CONTENT="some",
        WHODID_PRODUCERS=str(tmp_path / "none.yml"), WHODID_PRODUCER_KEY=str(tmp_path / "key"),
        WHODID_TOOL_CHAINS=str(tmp_path / "none.yml"), WHODID_OIDC_ISSUER="https://idp.example.com",
    )  # fmt: skip
    assert found.exit_code == 2
    for place in (
        "detections.rules", "detections.exceptions", "detections.baselines", "drift.model", "drift.tool_chains",
        "alerts.file", "producers.file", "producers.name", "content.keep", "evidence.key", "oidc.issuer",
    ):  # fmt: skip
        assert f"whodid: {place} (WHODID_" in found.stderr
    assert "Traceback" not in found.stderr


def test_check_is_content_with_what_is_right_and_writes_nothing(tmp_path):
    found = run("check", WHODID_DATA_DIR=str(tmp_path / "data"), WHODID_PARTITIONS="6")
    assert found.exit_code == 0, found.stderr
    assert found.output == f"2 of {len(Settings.model_fields)} settings are given, and what they say holds.\n"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("key", ["grace", "correlation.grace", "WHODID_GRACE"])
def test_explain_knows_a_setting_by_each_of_its_names(key):
    said = json.loads(run("explain", key, "--format", "json").output)
    assert (said["unit"], said["default"], said["variable"]) == ("s", "5", "WHODID_GRACE")
    assert "Event time" in run("explain", key).output


def test_explain_says_what_may_have_been_meant(tmp_path):
    found = run("explain", "bootstarp")
    assert found.exit_code == 4
    assert "did you mean bootstrap" in found.stderr
    assert run("explain").output.split() == [one.place for one in Settings.options().values()]


def test_an_option_of_the_command_line_names_the_file(file):
    shown = CliRunner(env={"WHODID_CONFIG": ""}).invoke(
        app, ["--config", str(file), "config", "show", "--format", "json"]
    )
    assert {row["name"]: row["value"] for row in json.loads(shown.output)}["prefix"] == "file-"


def test_a_wrong_setting_ends_a_command_without_a_traceback_or_a_secret(monkeypatch):
    monkeypatch.setenv("WHODID_CLICKHOUSE", f"mysql://root:{SECRET}@db")
    found = run("show")
    assert isinstance(found.exception, Misconfigured)
    assert str(found.exception).startswith("setting clickhouse (WHODID_CLICKHOUSE): Value error, expected chdb://")
    assert SECRET not in str(found.exception)


def test_the_page_of_settings_is_current():
    assert config_page.PAGE.read_text(encoding="utf-8") == config_page.page(), "make schemas"
