import json
import re
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.run import evidence_api, source_pages
from pipeline.store import casework, connect
from pipeline.store.aliases import alias
from tests import demo
from tests.cli.tree import COMMANDS
from tests.console.browser import Served


class Filled(NamedTuple):
    """A running desk with a day of an organisation in its store, and names of what is there."""

    settings: Settings
    port: int
    names: dict[str, Any]

    def run(self, *words, code=0, width=None, view=None):
        """What a command prints, of this desk where it asks one."""
        command = COMMANDS[command_of(words)]
        options = {option for param in command.params for option in param.opts}
        more = ["--data-dir", str(self.settings.data_dir), "--port", str(self.port)] if "--port" in options else []
        more += ["--format", view] if view else []
        env = {"WHODID_HASH_KEY": self.settings.hash_key, "COLUMNS": width and str(width)}
        found = CliRunner().invoke(app, [*words, *more], env=env)
        assert found.exit_code == code, (words, found.output[-500:], found.exception)
        return found.stdout

    def named(self, line):
        """The words of a line of docs/cli.md, with names instead of its capital letters."""
        return [self.names.get(word, word) for word in line.split()[1:]]


def command_of(words):
    """The command that these are words of, by its name."""
    found = [name for name in COMMANDS if list(words[: len(name.split())]) == name.split()]
    return max(found, key=len)


@pytest.fixture(scope="package")
def filled(tmp_path_factory):
    home = tmp_path_factory.mktemp("whodid")
    settings = Settings(data_dir=home, clickhouse=f"chdb://{home}/clickhouse", hash_key="0123456789abcdef")
    with connect(settings) as store:
        truth = demo.fill(store, settings)
        alias(store, "octo", "ana@example.com", "HR", "bob")
        case = casework.opened(store, "Odd key", "ana", truth.clue)
        casework.noted(store, "case", case.case_id, "ana", "look here")
        casework.kept(store, "denied", "outcome:denied", "ana")
        desk = create(store, settings, dict)
        desk.include_router(evidence_api.router(settings, store))
        with Served(desk) as port:
            yield named(Filled(settings, port, {}), truth)


def named(made, truth):
    """The same, with names of what is there."""

    def first(*words, field):
        return json.loads(made.run(*words, view="json"))[0][field]

    made.names.update(FORMAT="okta.system-log", FILES=str(source_pages.EXAMPLES / "okta.system-log.json"))
    made.names.update(SESSION=truth.session, CREDENTIAL=truth.clue, RESPONSE="r1", DETECTION="llmjacking")
    made.names["CASE"] = first("cases", "list", field="case_id")
    made.names["IDENTITY"] = first("findings", field="actor")
    made.names["FINDING"] = first("findings", field="finding_id")
    made.names["ALERT"] = first("respond", "list", field="alert_id")
    made.names["EVENT"] = first("timeline", "--session", truth.session, field="event_id")
    made.names["LETTER"] = first("dead-letters", "list", field="rejected_id")
    assert all(re.fullmatch(r"\S+", name) for name in made.names.values())
    return made
