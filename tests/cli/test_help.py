"""Help is a manual: what a command does, what each option means, examples that the program would take."""

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer._click.exceptions import BadParameter
from typer.testing import CliRunner

from pipeline.cli import main
from pipeline.cli.main import EXIT_CODES, app
from pipeline.kit.failures import Invalid, Permanent, Transient
from tests.cli.tree import COMMANDS, ROOT, examples, parsed

DOCS = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


@contextmanager
def suppressed(words):
    """Take a usage error that says this for none."""
    try:
        yield
    except BadParameter as error:
        if words not in str(error):
            raise


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_what_each_option_means(name):
    command = COMMANDS[name]
    summary = command.help.partition("\n")[0]
    assert summary.endswith(".")
    assert len(summary) > 15
    assert [param.name for param in command.params if not (param.help or "").strip()] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_examples_that_the_program_takes(name):
    found = examples(COMMANDS[name])
    assert found, "no example in its help"
    for words in found:
        # A file of an example need not be here.
        with suppressed("does not exist"):
            assert parsed(words) in COMMANDS
    assert any(" ".join(words).startswith(name) for words in found)


def test_help_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name in COMMANDS:
        shown = CliRunner().invoke(app, [*name.split(), "--help"])
        assert shown.exit_code == 0
        assert max(map(len, shown.output.splitlines())) <= 80, name


# Exit codes


def test_exit_codes_are_in_the_help_and_in_the_documentation():
    shown = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in shown
    told = re.findall(r"^\| (\d+) \| (.+) \|$", DOCS, re.MULTILINE)
    assert {int(code): meaning for code, meaning in told} == EXIT_CODES


@pytest.mark.parametrize(
    ("failure", "code"),
    [(Invalid("severity", "one of low", "dire"), 2), (Permanent("broken"), 1), (Transient("store: away"), 3),
     (KeyboardInterrupt(), 130)],
)  # fmt: skip
def test_a_failure_is_one_line_and_its_exit_code(failure, code, monkeypatch, capsys):
    def fails():
        raise failure

    monkeypatch.setattr(main, "app", fails)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert (ended.value.code, code in EXIT_CODES) == (code, True)
    assert capsys.readouterr().err == ("" if code == 130 else f"whodid: {failure}\n")


def test_no_command_ends_with_another_code():
    """Codes are named where they are raised: `typer.Exit(4)`, `fail(…, 2)`, `sys.exit(130)`."""
    named = set()
    for path in (Path(main.__file__).parent).glob("*.py"):
        named |= {int(code) for code in re.findall(r"(?:[^_.]|typer\.|sys\.)[Ee]xit\((\d+)\)", path.read_text())}
        named |= {int(code) for code in re.findall(r"\bfail\(.*, (\d+)\)", path.read_text())}
    assert {2, 4, 130} <= named <= set(EXIT_CODES)


def test_wrong_usage_is_2():
    for words in (["nonsense"], ["timeline"], ["timeline", "--actor"], ["findings", "--limit", "0"]):
        assert CliRunner().invoke(app, words).exit_code == 2, words


def test_the_tree_is_whole():
    assert {"timeline", "alerts list", "coverage", "replay", "replay list", "dead-letters show"} <= {*COMMANDS}
    assert {name.partition(" ")[0] for name in COMMANDS} == {*ROOT.commands}
