import csv
import io
import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import (
    inventory,  # noqa: F401  (registers its commands)
    inventory_views,
)
from pipeline.cli.main import app
from pipeline.cli.remote import StoreReader
from pipeline.console.inventory import item
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.store import connect
from pipeline.store.inventory import OF, named
from tests.console.test_views import COMMANDS, HOSTILE
from tests.store.entries import START, entry, issuance

MINUTE = 60_000_000
ROWS = [
    issuance("aws:ASIA1", "aws:AKIA1", 1, actor="pod", issued_kind="session", issued_expires=START + MINUTE),
    entry("a", 2, human="ana", session="s/1 ü?", credential="aws:ASIA1", tool="mail", resources=["r1", "r2"]),
    entry("b", 90, human="ana", session="s/1 ü?", credential="aws:ASIA1", address="192.0.2.7"),
]


@pytest.fixture
def filled(store):
    store.write_entries(ROWS)
    return store


# The API


def test_identities_are_listed_latest_first_with_a_next_page(browser, filled):
    first = browser.get("/v1/identities", limit=2).json()
    assert [one["name"] for one in first["identities"]] == ["ana", "bot"]
    second = browser.get("/v1/identities", limit=2, after=first["next"]).json()
    assert [(one["name"], one["kind"]) for one in second["identities"]] == [("mail", "tool"), ("pod", "")]
    assert second["next"] is None
    found = first["identities"][0]
    assert (found["kind"], found["kind_from"], found["served"]) == ("human", "others act for it", 2)
    assert (found["first"], found["last"]) == ("2023-11-14T22:13:22Z", "2023-11-14T22:14:50Z")
    assert (found["users"], found["declared"], found["disagree"], found["current"]) == (["bot"], [], False, True)


def test_credentials_say_how_they_came_to_be_and_what_became_of_them(browser, filled):
    found = {one["name"]: one for one in browser.get("/v1/credentials").json()["credentials"]}
    used = found["aws:ASIA1"]
    assert (used["issued"], used["issuer"], used["parents"]) == ("2023-11-14T22:13:21Z", "pod", ["aws:AKIA1"])
    assert (used["state"], used["used_after"], used["events"]) == ("expired", "expiry", 2)
    assert (used["expires"], used["revoked"], used["owner"]) == ("2023-11-14T22:14:20Z", None, "ana")
    standing = found["aws:AKIA1"]
    assert (standing["issued"], standing["kind"], standing["state"]) == (None, "standing", "standing")
    assert [one["name"] for one in browser.get("/v1/credentials", kind="standing").json()["credentials"]] == [
        "aws:AKIA1"
    ]


def test_a_session_is_listed_and_shown(browser, filled):
    (found,) = browser.get("/v1/sessions", since="2023-11-14T22:14:50Z").json()["sessions"]
    assert (found["name"], found["tools"], found["resource_count"]) == ("s/1 ü?", ["mail"], 2)
    shown = browser.get("/v1/sessions/s%2F1%20%C3%BC%3F").json()
    assert (shown["events"], shown["complete"]) == (2, True)
    assert shown["related"]["credentials"] == {
        "total": 1,
        "values": [{"name": "aws:ASIA1", "events": 2, "first": "2023-11-14T22:13:22Z", "last": "2023-11-14T22:14:50Z"}],
    }
    assert browser.get("/v1/sessions", since="2023-11-14T22:14:51Z").json() == {"sessions": [], "next": None}


def test_a_credential_is_shown_with_its_chain(browser, filled):
    shown = browser.get("/v1/credentials/aws%3AASIA1").json()
    assert [one["parent"] for one in shown["ancestors"]] == ["aws:AKIA1"]
    assert shown["ancestors"][0]["time"] == "2023-11-14T22:13:21Z"
    assert shown["descendants"] == []
    assert [one["name"] for one in shown["related"]["actions"]["values"]] == ["s3:GetObject"]


def test_an_identity_that_revisions_have_emptied_is_known_as_such(browser, filled):
    filled.write_entries([entry("c", 3, actor="role")])
    filled.write_entries([entry("c", 3, revision=1, actor="bot")])
    listed = browser.get("/v1/identities").json()["identities"]
    assert "role" not in {one["name"] for one in listed}
    everyone = browser.get("/v1/identities", superseded="true").json()["identities"]
    assert [one["current"] for one in everyone if one["name"] == "role"] == [False]
    shown = browser.get("/v1/identities/role").json()
    assert (shown["current"], shown["events"]) == (False, 0)
    assert [one["name"] for one in shown["superseded_by"]] == ["bot"]


def test_a_tool_is_shown_with_its_users(browser, filled):
    shown = browser.get("/v1/identities/mail", kind="tool").json()
    assert (shown["events"], shown["users"], shown["complete"]) == (1, ["bot"], False)
    assert browser.get("/v1/identities/mail", kind="agent").status_code == 404


@pytest.mark.parametrize("of", OF)
def test_what_the_inventory_has_not_is_404(browser, of):
    answer = browser.get(f"/v1/{of}/nope")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, f"name: {of} has none of the name 'nope'")


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"kind": "bot"}, "kind"), ({"since": "soon"}, "since"), ({"limit": "0"}, "limit"), ({"after": "x"}, "after"),
        ({"superseded": "maybe"}, "superseded"), ({"until": "2026-01-01"}, "until"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("of", OF)
def test_a_wrong_parameter_is_named(browser, of, parameters, named):
    answer = browser.get(f"/v1/{of}", **parameters)
    assert (answer.status_code, answer.json()["error"]["parameter"]) == (400, named)


def test_while_the_store_is_away_the_inventory_says_so(browser, store):
    store.close()
    assert browser.get("/v1/identities").json()["error"]["message"] == "store: closed"
    assert browser.get("/v1/sessions/x").status_code == 503


def test_the_state_of_a_credential_depends_on_the_clock(filled):
    filled.write_entries([entry("r", 50, attributes={"revoked": "aws:AKIA1"})])
    (session,), (key,) = named(filled, "credentials", "aws:ASIA1"), named(filled, "credentials", "aws:AKIA1")
    assert [item(session, START + MINUTE + at)["state"] for at in (-1, 0)] == ["live", "expired"]
    assert (item(key)["state"], item(key)["used_after"]) == ("revoked", "")


def test_a_session_is_closed_by_its_end_by_its_credentials_or_by_silence(filled):
    filled.write_entries([
        entry("e1", 1, session="login"), entry("e2", 9, session="login", attributes={"session": "ended"}),
        entry("e3", 1, session="on"), entry("e4", 2, session="on", attributes={"session": "ended"}),
        entry("e5", 3, session="on"),
        issuance("aws:ASIA9", "root", 1, issued_expires=START + MINUTE),
        entry("e6", 2, session="short", credential="aws:ASIA9"),
        entry("e7", 2, session="mixed", credential="aws:ASIA9"),
        entry("e8", 2, session="mixed", credential="aws:AKIA9"),
    ])  # fmt: skip
    found = {one.name: one for name in ("login", "on", "short", "mixed") for one in named(filled, "sessions", name)}

    def states(after):
        return [item(one, START + after)["state"] for one in found.values()]

    assert states(MINUTE // 6) == ["ended", "open", "open", "open"]
    assert states(MINUTE + 1) == ["ended", "open", "expired", "open"]
    assert states(60 * MINUTE) == ["ended", "idle", "expired", "idle"]


# Readers and commands


def test_both_readers_give_the_same_inventory(reader, filled):
    filled.write_entries([entry(f"x{n}", n, actor=f"agent-{n:04}") for n in range(1500)])
    rows = list(reader.inventory("identities", {}, 10_000))
    assert len({row["name"] for row in rows}) == len(rows) == 1504
    assert len(list(reader.inventory("identities", {}, 1001))) == 1001
    assert [row["name"] for row in reader.inventory("credentials", {"kind": "standing"}, 9)] == ["aws:AKIA1"]
    assert reader.inventoried("sessions", "s/1 ü?")["events"] == 2
    assert reader.inventoried("identities", "mail", "tool")["kind"] == "tool"
    assert reader.inventoried("identities", "nope") is None
    with pytest.raises(Invalid, match="kind: expected one of"):
        list(reader.inventory("sessions", {"kind": "x"}, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("whodid") / "store"
    with connect(Settings(clickhouse=f"chdb://{path}")) as opened:
        opened.write_entries(ROWS)
    return path


def test_commands_print_tables(run):
    people = run("identities", "--kind", "human").output
    assert "ana" in people
    assert "others act for it" in people
    keys = run("credentials").output
    assert "never seen issued" in keys
    assert "used after expiry" in keys
    assert "mail" in run("sessions").output


def test_a_name_prints_everything_that_is_known_of_it(run):
    session = run("sessions", "s/1 ü?").output
    for text in ("aws:ASIA1", "mail", "r2", "ana", "192.0.2.7", "2023-11-14 22:13:22"):
        assert text in session
    credential = run("credentials", "aws:ASIA1").output
    for text in ("ancestors", "aws:AKIA1", "s3:GetObject", "expired"):
        assert text in credential
    assert "Not every row was read" in run("identities", "mail").output


@pytest.mark.parametrize("of", OF)
def test_commands_print_json_and_csv(run, of):
    rows = json.loads(run(of, "--format", "json").output)
    assert [json.loads(line) for line in run(of, "--format", "jsonl").output.splitlines()] == rows
    found = list(csv.DictReader(io.StringIO(run(of, "--format", "csv").output)))
    assert [row["name"] for row in found] == [row["name"] for row in rows]
    assert tuple(found[0]) == inventory_views.CSV_COLUMNS[of]
    assert set(found[0]) <= set(rows[0])
    single = json.loads(run(of, rows[0]["name"], "--format", "jsonl").output)
    assert single["name"] == rows[0]["name"]
    related = list(csv.DictReader(io.StringIO(run(of, rows[0]["name"], "--format", "csv").output)))
    assert all(tuple(row) == inventory_views.RELATED_COLUMNS for row in related)


def test_nothing_found_and_wrong_usage_have_their_own_status(run):
    assert run("identities", "nope").exit_code == 4
    assert run("sessions", "--since", "2030-01-01").exit_code == 4
    assert isinstance(run("sessions", "--kind", "x").exception, Invalid)


@pytest.mark.parametrize("of", OF)
def test_help_has_examples_and_kinds(of):
    told = CliRunner().invoke(app, [of, "--help"]).output
    assert "Examples:" in told
    assert f"whodid {of}" in told


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
def test_hostile_text_commands_no_terminal(store, format):
    row = entry("a", actor=HOSTILE, session=HOSTILE, credential=HOSTILE, human=HOSTILE + "2", resources=[HOSTILE])
    store.write_entries([row])
    reader, out = StoreReader(store), io.StringIO()
    for of in OF:
        inventory_views.listing(of, reader.inventory(of, {}, 5), format, out)
        inventory_views.single(reader.inventoried(of, HOSTILE), format, out)
    assert not set(out.getvalue()) & set(COMMANDS)
    assert "[bold]" in out.getvalue()


# The page


@pytest.mark.parametrize("of", OF)
def test_the_page_shows_each_inventory_with_links(browser, filled, of):
    page = browser.get("/inventory", of=of).text
    for row in browser.get(f"/v1/{of}").json()[of]:
        assert row["name"] in page
    assert '<a href="/timeline"' in page
    assert f"/inventory?of={OF[0]}" in browser.get("/").text


def test_the_page_leads_to_the_timeline_and_to_the_next_page(browser, filled):
    page = browser.get("/inventory", of="identities", limit=2).text
    assert 'href="/identities/ana?kind=human"' in page
    assert "1 identity" in browser.get("/inventory", kind="human").text
    assert "next page" in page
    assert "used after expiry" in browser.get("/inventory", of="credentials").text


@pytest.mark.parametrize(
    ("given", "named"), [({"of": "x"}, "of"), ({"kind": "x"}, "kind"), ({"untill": "x"}, "untill")]
)
def test_the_page_names_a_wrong_parameter(browser, given, named):
    answer = browser.get("/inventory", **given)
    assert answer.status_code == 400
    assert f"{named}: " in answer.text


def test_the_page_shows_hostile_text_as_text(browser, store):
    store.write_entries([entry("a", actor="<script>alert(1)</script>" + HOSTILE, session='"><img src=x>')])
    page = browser.get("/inventory").text + browser.get("/inventory", of="sessions").text
    assert "<script>" not in page
    assert "<img" not in page
    assert not set(page) & (set(COMMANDS) - {"\r"})
