import io
import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import aliases, inventory, names_views, outputs
from pipeline.cli.main import app
from pipeline.cli.remote import StoreReader, open_store
from pipeline.console import links
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import connect
from pipeline.store.aliases import alias, changes, split
from tests.console.browser import Served
from tests.console.test_views import COMMANDS, HOSTILE
from tests.store.entries import entry

USER, PATH = "arn:aws:iam::123456789012:user/ana", "arn:aws:iam::123456789012:user/finance/ana"
SESSION = "arn:aws:sts::123456789012:assumed-role/deploy/ana"
ROWS = [
    entry("a", 1, actor=USER), entry("b", 2, actor="octo-ana"), entry("c", 3, actor=PATH), entry("d", 4, actor=SESSION),
    entry("e", 5, actor="bot", human="octo-ana"), entry("f", 6, actor="bot", human=USER),
]  # fmt: skip


@pytest.fixture
def filled(store):
    store.write_entries(ROWS)
    alias(store, "octo-ana", USER, "HR record 7", "bob")
    return store


def ids(page) -> list[str]:
    return [row["event_id"] for row in page["entries"]]


# The API


def test_an_actor_is_found_under_all_names_page_by_page(browser, filled):
    first = browser.get("/v1/timeline", actor=PATH, limit=2).json()
    assert ids(first) == ["a", "b"]
    assert [(one["name"], one["because"], one["by"]) for one in first["names"]] == [
        (USER, "iam-path", ""), ("octo-ana", "alias", "bob"),
    ]  # fmt: skip
    assert ids(browser.get("/v1/timeline", actor=PATH, limit=2, after=first["next"]).json()) == ["c"]
    exact = browser.get("/v1/timeline", actor=PATH, exact="true").json()
    assert (ids(exact), exact["names"]) == (["c"], [])
    assert ids(browser.get("/v1/timeline", human=PATH).json()) == ["e", "f"]
    assert browser.get("/v1/timeline", session="s", exact="maybe").json()["error"]["parameter"] == "exact"


def test_a_merge_and_a_split_show_at_once(browser, filled):
    split(filled, "octo-ana", "taken over", "ana")
    assert ids(browser.get("/v1/timeline", actor=USER).json()) == ["a", "c"]
    assert ids(browser.get("/v1/timeline", actor="octo-ana").json()) == ["b"]
    alias(filled, "octo-ana", SESSION, "seen in its source identity", "ana")
    assert ids(browser.get("/v1/timeline", actor=SESSION).json()) == ["b", "d"]
    history = browser.get("/v1/aliases", of="octo-ana", history="true").json()
    assert [(one["identity"], one["by"], one["removed"]) for one in history["aliases"]] == [
        (USER, "bob", False), (USER, "ana", True), (SESSION, "ana", False),
    ]  # fmt: skip


def test_aliases_are_listed_with_rules_and_names(browser, filled):
    everything = browser.get("/v1/aliases").json()
    assert [(one["name"], one["identity"], one["reason"]) for one in everything["aliases"]] == [
        ("octo-ana", USER, "HR record 7")
    ]
    assert (everything["of"], everything["names"]) == (None, None)
    assert {"name", "holds", "source", "example"} == set(everything["rules"][0])
    of = browser.get("/v1/aliases", of="bot").json()
    assert (of["names"], of["aliases"]) == ([], [])
    for wrong, named in (({"off": "x"}, "off"), ({"history": "x"}, "history"), ({"of": "x" * 5000}, "of")):
        assert browser.get("/v1/aliases", **wrong).json()["error"]["parameter"] == named


def test_identities_say_under_which_names_and_whose_session(browser, filled):
    listed = {one["name"]: one for one in browser.get("/v1/identities").json()["identities"]}
    assert [one["name"] for one in listed["octo-ana"]["names"]] == [USER, PATH]
    assert (listed["bot"]["names"], listed["bot"]["role"]) == ([], "")
    assert listed[SESSION]["role"] == "arn:aws:iam::123456789012:role/deploy"
    single = browser.get("/v1/identities/octo-ana").json()
    assert [(one["because"], one["reason"]) for one in single["names"]] == [("alias", "HR record 7"), ("iam-path", "")]


def test_the_pages_say_under_which_names(browser, filled):
    page = browser.get(links.identity(PATH)).text
    assert "Also known as" in page
    assert "alias by bob: HR record 7" in page
    assert "octo-ana" in browser.get("/inventory").text


# Readers and commands


def test_both_readers_give_the_same_names(reader):
    assert [row["event_id"] for row in reader.timeline("actor", USER, limit=9)] == ["a", "b", "c"]
    assert [row["event_id"] for row in reader.timeline("actor", USER, limit=9, exact=True)] == ["a"]
    assert [one["name"] for one in reader.aliases(of="octo-ana")["names"]] == [USER, PATH]
    assert len(reader.aliases(history=True)["aliases"]) == 1
    assert [one["name"] for one in reader.inventoried("identities", USER)["names"]] == ["octo-ana", PATH]


def test_a_store_that_a_desk_owns_is_not_written_to(filled, settings, process):
    with Served(create(filled, settings, process)) as port, pytest.raises(Transient, match="whose API only reads"):
        open_store(settings.model_copy(update={"port": port}))
    with pytest.raises(Transient, match="there is none at /nope"):
        open_store(Settings(clickhouse="chdb:///nope", port=1))


@pytest.fixture
def run(tmp_path, monkeypatch):
    with connect(Settings(clickhouse=f"chdb://{tmp_path}/store")) as opened:
        opened.write_entries(ROWS)
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("WHODID_PORT", "1")
    assert aliases
    assert inventory
    assert outputs
    return lambda *given: CliRunner().invoke(app, [*given, "--store", str(tmp_path / "store")])


def test_commands_add_list_and_remove(run):
    assert run("aliases", "list").exit_code == 4
    (made,) = json.loads(
        run("aliases", "add", "octo-ana", USER, "--reason", "HR", "--by", "bob", "--format", "json").output
    )
    assert (made["name"], made["identity"], made["by"], made["removed"]) == ("octo-ana", USER, "bob", False)
    shown = run("timeline", "--actor", "octo-ana")
    assert f"also under the name {USER} (same as octo-ana: alias by bob: HR)" in shown.stderr
    assert f"also under the name {PATH} (same as {USER}: rule iam-path)" in shown.stderr
    assert run("timeline", "--actor", "octo-ana", "--exact", "--format", "csv").stdout.count("\n") == 2
    assert "alias by bob: HR" in run("identities", "--limit", "9").output
    assert "Also known as" in run("identities", "octo-ana").output
    refused = run("aliases", "add", USER, "octo-ana", "--reason", "HR")
    assert isinstance(refused.exception, Invalid)
    (gone,) = json.loads(run("aliases", "remove", "octo-ana", "--by", "ana", "--format", "json").output)
    assert (gone["by"], gone["removed"]) == ("ana", True)
    assert isinstance(run("aliases", "remove", "octo-ana").exception, Invalid)
    assert run("timeline", "--actor", "octo-ana", "--format", "jsonl").stdout.count("\n") == 1
    assert [one["removed"] for one in json.loads(run("aliases", "list", "--history", "--format", "json").stdout)] == [
        False, True,
    ]  # fmt: skip
    assert "iam-path" in run("aliases", "rules").output


@pytest.mark.parametrize("command", ["list", "add", "remove", "rules"])
def test_help_has_examples(command):
    told = CliRunner().invoke(app, ["aliases", command, "--help"]).output
    assert "Examples:" in told
    assert f"whodid aliases {command}" in told


def test_who_says_so_is_asked_for_where_the_user_has_no_name(run, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid")))
    refused = run("aliases", "add", "octo-ana", USER, "--reason", "HR")
    assert isinstance(refused.exception, Invalid)
    assert refused.exception.field == "by"


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
def test_hostile_text_commands_no_terminal(store, browser, format):
    alias(store, HOSTILE, HOSTILE + "2", HOSTILE, HOSTILE)
    found, out = StoreReader(store).aliases(of=HOSTILE), io.StringIO()
    assert names_views.aliases(found["aliases"], format, out) == 1
    out.write("".join(names_views.told(found["names"])))
    assert not set(out.getvalue()) & set(COMMANDS)
    store.write_entries([entry("a", actor=HOSTILE), entry("b")])
    alias(store, "bot", HOSTILE, HOSTILE, HOSTILE)
    page = browser.get("/", pivot="actor", value="bot").text + browser.get("/inventory").text
    assert not set(page) & (set(COMMANDS) - {"\r"})
    assert len(changes(store)) == 2
