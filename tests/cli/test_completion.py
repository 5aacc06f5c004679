"""Completion as shells ask for it: by environment variables, of commands, options and values."""

import shutil
import subprocess

import pytest
from typer.testing import CliRunner

from pipeline.cli import completing
from pipeline.cli.main import app
from tests.cli import tree  # noqa: F401  (registers the commands)

SHELLS = ("bash", "zsh", "fish")
HOSTILE = ("bot$(reboot)", "bot;id", "bot`id`", "bot x", "bot\x1b[31m", "bot'", "bot\nid", "bot*")


def completed(shell, line, **more):
    """Values that a shell is told for the end of a line."""
    words = line.split(" ")
    env = {
        "_WHODID_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args", "COLUMNS": "80", **more,
    }  # fmt: skip
    found = CliRunner().invoke(app, [], env=env, prog_name="whodid")
    assert found.stderr == ""
    return found.stdout.strip()


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_and_options_are_completed(shell):
    assert "identities" in completed(shell, "whodid ide")
    assert "credentials" not in completed(shell, "whodid ide")
    assert "--severity" in completed(shell, "whodid findings --sev")
    assert "deliveries" in completed(shell, "whodid alerts del")


@pytest.mark.parametrize("shell", SHELLS)
def test_detections_are_completed(shell):
    assert "llmjacking" in completed(shell, "whodid findings --detection llm")
    assert "llmjacking" in completed(shell, "whodid rules show llm")


@pytest.mark.parametrize(
    ("command", "of"),
    [("sessions", "SESSION"), ("timeline --session", "SESSION"), ("credentials", "CREDENTIAL"),
     ("timeline --credential", "CREDENTIAL"), ("identities", "IDENTITY"), ("findings --actor", "IDENTITY"),
     ("alerts list --actor", "IDENTITY")],
)  # fmt: skip
def test_names_of_the_inventory_are_completed_by_the_desk(filled, command, of):
    name = filled.names[of]
    env = {"WHODID_PORT": str(filled.port), "WHODID_DATA_DIR": str(filled.settings.data_dir)}
    found = completed("bash", f"whodid {command} {name[:-3]}", **env).splitlines()
    assert name in found
    assert all(one.startswith(name[:-3]) for one in found)
    assert completed("bash", f"whodid {command} no-such-name", **env) == ""


def test_a_store_that_the_line_names_is_opened_and_no_other(filled, monkeypatch):
    opened = []
    monkeypatch.setattr(completing, "open_reader", lambda settings: opened.append(settings) or _Nothing())
    home = str(filled.settings.data_dir)
    assert completed("bash", "whodid sessions conv", WHODID_PORT="1", WHODID_DATA_DIR=home) == ""
    assert opened == []
    completed("bash", f"whodid sessions --data-dir {home} conv", WHODID_PORT="1")
    assert [one.clickhouse for one in opened] == [filled.settings.clickhouse]


class _Nothing:
    def inventory(self, of, given, limit):
        return iter(())

    def close(self):
        pass


def test_what_cannot_be_had_is_not_completed_and_says_nothing(tmp_path):
    assert completed("bash", f"whodid sessions --store {tmp_path}/none c", WHODID_PORT="1") == ""
    assert completed("bash", "whodid sessions --port many c") == ""
    assert completed("bash", "whodid sessions c", WHODID_PORT="many") == ""
    assert completed("bash", f"whodid rules show --rules {tmp_path}/none llm") == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_a_shell_would_run_is_not_offered(name):
    assert completing._plain([name, "bot"], "b") == ["bot"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_is_printed(shell):
    found = CliRunner().invoke(app, [], env={"_WHODID_COMPLETE": f"source_{shell}"}, prog_name="whodid")
    assert "_WHODID_COMPLETE=complete_" + shell in found.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=found.stdout, text=True, check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_a_line(tmp_path):
    """In a real bash, with a `whodid` that answers as the program would."""
    script = CliRunner().invoke(app, [], env={"_WHODID_COMPLETE": "source_bash"}, prog_name="whodid").stdout
    answer = completed("bash", "whodid ide")
    program = tmp_path / "whodid"
    program.write_text(
        f'#!/bin/sh\ntest "$(echo $COMP_WORDS)" = "whodid ide" && test "$COMP_CWORD" = 1 && echo "{answer}"\n'
    )
    program.chmod(0o700)
    line = f'{script}\nCOMP_WORDS=(whodid ide); COMP_CWORD=1\n_whodid_completion "{program}"\necho "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "--norc", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["identities"]
