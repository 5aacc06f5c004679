"""`whodid retention`, `holds` and `erase`, as somebody types them."""

import json
import time

import pytest
from typer.testing import CliRunner

from pipeline.cli import main
from pipeline.cli.main import app
from pipeline.kit.config import Settings
from pipeline.store import connect
from tests.evidence.logged import Logged, entry, record

DAY = 86_400
AGO = int(time.time()) - 1_700_000_000


@pytest.fixture
def home(tmp_path):
    """A store on disk with an old month and a young one."""
    settings = Settings(data_dir=tmp_path, clickhouse=f"chdb://{tmp_path}/store", hash_key="k" * 20)
    made = Logged(tmp_path, connect(settings))
    made.message(0, [entry("old", 1), entry("young", AGO)])
    made.message(0, records=[record("0a", 1)], log="records/1")
    made.head()
    made.store.close()
    return tmp_path


def whodid(home, *words, code=0, **env):
    main.register()
    env = {"WHODID_HASH_KEY": "k" * 20, "WHODID_EVIDENCE": str(home / "published"), "WHODID_DATA_DIR": str(home), **env}
    found = CliRunner().invoke(app, [*words, "--store", str(home / "store")], env=env)
    assert found.exit_code == code, (found.output, found.exception)
    return found.output


def test_what_is_older_than_it_is_kept_goes_and_the_rest_verifies(home):
    kept = {
        "WHODID_KEEP_TIMELINE": "30", "WHODID_KEEP_RECORDS": "30", "WHODID_KEEP_FINDINGS": "30",
        "WHODID_KEEP_DEAD_LETTERS": "30", "WHODID_KEEP_AUDIT": "30",
    }  # fmt: skip
    told = json.loads(whodid(home, "retention", "apply", "--dry-run", "--format", "json", **kept))
    assert [(one["what"], one["months"]) for one in told] == [
        ("timeline", ["2023-11"]),
        ("records", ["2023-11"]),
        ("findings", []),
        ("dead-letters", []),
        ("audit", []),
    ]
    assert json.loads(whodid(home, "retention", "show", "--format", "json"))[0]["month"] == "2023-11"
    again = json.loads(whodid(home, "retention", "apply", "--reason", "policy 4", "--format", "json", **kept))
    assert [one["rows"] for one in again] == [one["rows"] for one in told]
    assert "2023-11" not in whodid(home, "retention", "show")
    verified = whodid(home, "verify")
    assert "Everything verifies." in verified
    assert "retention of 1 rows" in verified
    assert "policy 4" in verified


def test_without_days_nothing_is_dropped(home):
    assert "WHODID_KEEP_TIMELINE" in whodid(home, "retention", "apply", "--reason", "x", code=2)
    assert "timeline: kept for ever" in whodid(home, "retention", "show")


def test_a_hold_stops_it_and_says_which(home):
    made = json.loads(
        whodid(home, "holds", "add", "case-9", "--reason", "lawsuit", "--until", "2024-01-01", "--format", "json")
    )
    assert (made[0]["name"], made[0]["since"], made[0]["until"]) == ("case-9", "", "2024-01-01T00:00:00Z")
    assert "case-9" in whodid(home, "retention", "show")
    with pytest.raises(AssertionError, match="hold case-9"):
        whodid(home, "retention", "apply", "--before", "2024-01-01", "--reason", "x")
    whodid(home, "holds", "release", "case-9", "--reason", "settled")
    assert json.loads(whodid(home, "holds", "list", "--format", "json")) == []
    whodid(home, "retention", "apply", "--before", "2024-01-01", "--only", "timeline", "--reason", "x")
    assert "2023-11  records" in " ".join(whodid(home, "retention", "show").split(" ")).replace("   ", "  ")


def test_a_person_is_erased_by_a_command_and_a_reason_is_needed(home):
    assert (
        whodid(home, "erase", "ana@example.com", "--dry-run")
        == "2 events of ana@example.com would lose their content\n"
    )
    with pytest.raises(AssertionError, match="reason"):
        whodid(home, "erase", "ana@example.com")
    told = json.loads(whodid(home, "erase", "ana@example.com", "--reason", "request 17", "--format", "json"))
    assert told["entries"] == 2
    assert "send it" not in whodid(home, "timeline", "--human", "ana@example.com", "--format", "json")
    assert "erasure of 2 rows" in whodid(home, "verify")
    assert "expected a PERSON, or --again alone" in whodid(home, "erase", code=2)
