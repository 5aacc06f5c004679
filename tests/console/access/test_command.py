"""`whodid keys` and `whodid reads`: against the store itself, and through a desk that owns it."""

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import keys as command
from pipeline.cli import outputs
from pipeline.cli.desk import DeskReader
from pipeline.cli.main import app
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.kit.failures import Transient
from pipeline.store import access, connect
from tests.console.access.desk import SECRET, filled
from tests.console.browser import Served


@pytest.fixture
def settings(tmp_path):
    return Settings(clickhouse=f"chdb://{tmp_path}/store", data_dir=tmp_path)


@pytest.fixture
def store(settings):
    with connect(settings) as opened:
        filled(opened, SECRET)
        yield opened


@pytest.fixture(params=["store", "desk"])
def run(request, store, settings, tmp_path, monkeypatch):
    assert command
    assert outputs
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("WHODID_DATA_DIR", str(tmp_path))

    def ran(*given, **more):
        return CliRunner().invoke(app, [*given, "--store", f"{tmp_path}/store"], **more)

    if request.param == "store":
        store.close()
        monkeypatch.setenv("WHODID_PORT", "1")
        yield ran
        return
    with Served(create(store, settings, dict)) as port:
        monkeypatch.setenv("WHODID_PORT", str(port))
        yield ran


def test_a_key_is_made_and_shown_once_listed_and_revoked(run, monkeypatch):
    made = run("keys", "create", "ana", "--role", "admin", "--scope", "read", "--scope", "write", "--content")
    assert made.exit_code == 0, made.output
    text = made.stdout.splitlines()[0]
    assert text.startswith("whodid_")
    assert "shown this once" in made.stdout
    # A desk has to know who asks from now on; the store itself does not.
    monkeypatch.setenv("WHODID_API_KEY", text)
    second = run("keys", "create", "siem", "--role", "viewer", "--expires", "1d", "--format", "json")
    assert second.stderr == ""
    second = json.loads(second.stdout)
    listed = run("keys", "list", "--format", "json")
    assert text not in listed.stdout
    assert [(one["name"], one["role"], one["state"]) for one in json.loads(listed.stdout)] == [
        ("ana", "admin", "live"), ("siem", "viewer", "live"),
    ]  # fmt: skip
    assert "admin" in run("keys", "list").stdout
    assert run("keys", "revoke", second["key_id"]).exit_code == 0
    assert [one["name"] for one in json.loads(run("keys", "list", "--format", "json").stdout)] == ["ana"]
    every = json.loads(run("keys", "list", "--all", "--format", "json").stdout)
    assert [one["state"] for one in every] == ["live", "revoked"]
    assert run("keys", "revoke", "nope").exit_code == 4


def test_whoever_makes_keys_that_lock_everybody_out_is_told(run):
    made = run("keys", "create", "siem", "--role", "viewer")
    assert made.exit_code == 0
    assert made.stdout.startswith("whodid_")
    assert "--role admin --scope read --scope write" in made.stderr
    wrong = run("keys", "create", "x", "--role", "viewer", "--expires", "soon")
    assert wrong.exit_code != 0
    assert "expires" in str(wrong.exception) or "WHODID_API_KEY" in str(wrong.exception)


def taken(*_, **__):
    raise Transient("store: it belongs to another process")


def test_commands_ask_a_desk_with_a_key(store, settings, tmp_path, monkeypatch):
    monkeypatch.setenv("WHODID_DATA_DIR", str(tmp_path))
    with Served(create(store, settings, dict)) as port:
        monkeypatch.setenv("WHODID_PORT", str(port))

        def ran(*given):
            return CliRunner().invoke(app, [*given, "--store", f"{tmp_path}/store"])

        text = ran("keys", "create", "ana", "--role", "admin", "--content").stdout.splitlines()[0]
        with pytest.raises(Transient, match=r"this desk has to know who asks.*WHODID_API_KEY"):
            list(DeskReader(f"http://127.0.0.1:{port}").timeline("actor", "bot", limit=1))
        with monkeypatch.context() as patched:
            # As it is for another process than this one, which has the store open.
            patched.setattr("pipeline.cli.remote.connect", taken)
            refused = ran("timeline", "--actor", "bot")
        assert isinstance(refused.exception, Transient)
        assert "WHODID_API_KEY" in str(refused.exception)
        assert SECRET in ran("timeline", "--actor", "bot", "--format", "json", "--key", text).stdout
        (read,) = json.loads(
            ran("reads", "--by", "ana", "--of", "ana@example.com", "--format", "json", "--key", text).stdout
        )
        assert (read["name"], read["amount"], read["events"]) == ("ana", 1, ["e1"])
        monkeypatch.setenv("WHODID_API_KEY", text)
        assert "whodid" not in ran("timeline", "--actor", "bot").stderr
        assert "bot" in ran("reads", "--event", "e1").stdout
        assert ran("reads", "--by", "nobody").exit_code == 4
        assert [one.name for one in access.reads(store, {})] == ["ana"] * 2
