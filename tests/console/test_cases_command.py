"""`whodid cases` and `whodid views`: the same of a store and of a desk."""

import io
import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import cases, cases_views, casework
from pipeline.cli.desk import DeskReader
from pipeline.cli.main import app
from pipeline.cli.remote import StoreReader
from pipeline.console.access import keys
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import access, connect
from pipeline.store import casework as kept
from tests.console.browser import Served
from tests.console.test_views import COMMANDS, HOSTILE

COMMAND_NAMES = [("cases", name) for name in ("list", "show", "open", "note", "pin", "change")]
COMMAND_NAMES += [("views", name) for name in ("list", "save", "drop")]


@pytest.fixture
def filled(store):
    return store


def test_both_do_the_same(reader):
    work = casework.of(reader)
    assert (work.cases(""), work.views(), work.case("nope")) == ([], [], None)
    case = work.opened("ana", "Odd/key ü?", "aws:AKIA1", "credential")
    assert work.cases("open") == [case]
    changed = work.changed(case["case_id"], case["revision"], "bob", {"state": "closed"})
    assert (changed["state"], changed["by"], changed["title"]) == ("closed", "bob", "Odd/key ü?")
    with pytest.raises(Invalid, match="bob has changed the case meanwhile"):
        work.changed(case["case_id"], case["revision"], "ana", {"state": "open"})
    note = work.noted(case["case_id"], "ana", "look", "")
    pin = work.noted(case["case_id"], "ana", "", "event/1 ü?")
    assert work.case(case["case_id"]) == {**changed, "notes": [note, pin]}
    assert work.noted("nope", "ana", "look", "") is None
    assert work.changed("no/pe", 1, "ana", {"state": "open"}) is None
    view = work.kept("a/b ü?", "outcome:denied", "ana")
    assert work.views() == [view]
    assert work.dropped("a/b ü?", "bob")["by"] == "bob"
    assert (work.views(), work.dropped("a/b ü?", "bob")) == ([], None)
    for wrong in (lambda: work.cases("opne"), lambda: work.opened("ana", "", "", ""), lambda: work.kept("x", "", "a")):
        with pytest.raises(Invalid):
            wrong()


def test_a_desk_that_knows_who_asks_says_who_said_it(store, process):
    text, one = keys.new("key of ana", "analyst", ["read", "write"], content=True, life="1h", by="test")
    access.write_key(store, one)
    with Served(create(store, Settings(clickhouse="chdb://memory"), process)) as port:
        work = casework.of(DeskReader(f"http://127.0.0.1:{port}", text))
        assert work.opened("somebody else", "x", "", "")["by"] == "key of ana"
        with pytest.raises(Transient, match="WHODID_API_KEY"):
            casework.of(DeskReader(f"http://127.0.0.1:{port}", "whodid_wrong")).cases("")


@pytest.fixture
def folder(tmp_path):
    with connect(Settings(clickhouse=f"chdb://{tmp_path}/store")):
        pass
    return tmp_path / "store"


def made(result) -> dict:
    assert result.exit_code == 0, result.output
    (one,) = json.loads(result.stdout)
    return one


def test_a_case_from_beginning_to_end(run):
    assert cases
    assert run("cases", "list").exit_code == 4
    clue = ("--clue", "aws:AKIA1", "--kind", "credential")
    case = made(run("cases", "open", "Odd key", *clue, "--by", "ana", "--format", "json"))
    name = case["case_id"]
    made(run("cases", "note", name, "look here", "--by", "bob", "--format", "json"))
    made(run("cases", "pin", name, "event-1", "--text", "the first", "--by", "bob", "--format", "json"))
    changed = made(
        run("cases", "change", name, "--state", "contained", "--owner", "bob", "--by", "ana", "--format", "json")
    )
    assert (changed["state"], changed["owner"], changed["title"]) == ("contained", "bob", "Odd key")
    shown = run("cases", "show", name).stdout
    for part in ("Odd key", "contained", "Pinned entries:", "event-1", "the first", "Notes:", "look here"):
        assert part in shown
    assert len(made(run("cases", "show", name, "--format", "json"))["notes"]) == 2
    assert "Odd key" in run("cases", "list", "--state", "contained").stdout
    assert run("cases", "list", "--state", "open").exit_code == 4
    assert run("cases", "list", "--format", "csv").stdout.splitlines()[0] == ",".join(cases_views.CASE_COLUMNS)
    outdated = run("cases", "change", name, "--state", "closed", "--revision", str(case["revision"]), "--by", "bob")
    assert isinstance(outdated.exception, kept.Conflict)


def test_what_is_not_there_ends_with_4_and_nothing_to_change_is_said(run):
    for given in (("show", "nope"), ("note", "nope", "x"), ("pin", "nope", "x"), ("change", "nope", "--state", "open"),
                  ("change", "nope", "--state", "open", "--revision", "1")):  # fmt: skip
        result = run("cases", *given)
        assert (result.exit_code, result.stderr) == (4, "whodid: no case 'nope'\n"), given
    assert run("views", "drop", "nope").exit_code == 4
    refused = run("cases", "change", "nope")
    assert "at least one of --state" in str(refused.exception)
    assert isinstance(run("cases", "list", "--state", "opne").exception, Invalid)


def test_views_are_listed_saved_and_dropped(run):
    assert run("views", "list").exit_code == 4
    assert made(run("views", "save", "denied", "outcome:denied", "--by", "ana", "--format", "json"))["by"] == "ana"
    made(run("views", "save", "denied", "outcome:denied since:2h", "--by", "bob", "--format", "json"))
    assert made(run("views", "list", "--format", "json"))["query"] == "outcome:denied since:2h"
    assert "outcome:denied since:2h" in run("views", "list").stdout
    assert made(run("views", "drop", "denied", "--format", "json"))["name"] == "denied"
    assert run("views", "list").exit_code == 4


def test_who_says_so_is_the_user_of_the_terminal(run, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "carl")
    assert made(run("cases", "open", "x", "--format", "json"))["by"] == "carl"
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid")))
    assert run("cases", "open", "x").exception.field == "by"


@pytest.mark.parametrize("command", COMMAND_NAMES)
def test_help_has_examples(command):
    told = CliRunner().invoke(app, [*command, "--help"]).output
    assert "Examples:" in told
    assert f"whodid {' '.join(command)}" in told


def test_hostile_text_commands_no_terminal(store):
    work = casework.of(StoreReader(store))
    case = work.opened(HOSTILE, HOSTILE, HOSTILE, HOSTILE)["case_id"]
    work.noted(case, HOSTILE, HOSTILE, "")
    work.noted(case, HOSTILE, HOSTILE, HOSTILE)
    work.kept(HOSTILE, HOSTILE, HOSTILE)
    for format in ("table", "json", "jsonl", "csv"):
        out = io.StringIO()
        cases_views.case(work.case(case), format, out)
        assert cases_views.notes(work.case(case)["notes"], format, out) == 2
        assert cases_views.queries(work.views(), format, out) == 1
        assert not set(out.getvalue()) & set(COMMANDS), format
