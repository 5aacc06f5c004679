"""Tables are as wide as the terminal, and lose nothing of what they show."""

import json
import sys
from collections import Counter

import pytest
from rich.cells import cell_len

from pipeline.cli import tables
from tests.cli.documented import LINES
from tests.console.test_views import COMMANDS, HOSTILE

WIDE = 2000


def letters(text):
    """What a table shows, wherever its lines break."""
    return Counter(letter for letter in text if not letter.isspace() and letter not in "─━│")


def copied(filled, words):
    if words[0] != "reconstruct":
        return set()
    (incident,) = json.loads(filled.run(*words, view="json"))
    return {command for one in incident["reach"]["credentials"] for command in one["commands"]}


@pytest.mark.parametrize("line", LINES)
def test_a_table_fits_and_nothing_is_cut(filled, line):
    words = filled.named(line)
    whole, alone = filled.run(*words, width=WIDE), copied(filled, words)
    for width in (80, 120, 200):
        shown = filled.run(*words, width=width)
        if shown.startswith("{"):
            # It is JSON, whatever the format.
            return
        wide = [one for one in shown.splitlines() if cell_len(one) > width]
        # Commands that are to be copied stand alone on their lines.
        assert [one for one in wide if one.strip() not in alone] == []
        assert letters(shown) == letters(whole), width


def test_text_that_commands_a_terminal_is_inert_in_a_narrow_table(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    columns = [tables.Column(name, lambda row: row["text"], weight=1) for name in ("One", "Two")]
    tables.grid([{"text": HOSTILE}, {"text": "wide 漢字 🦊 " * 20}], columns, sys.stdout)
    tables.pairs([(HOSTILE, HOSTILE * 20)], sys.stdout)
    shown = capsys.readouterr().out
    assert not set(shown) & set(COMMANDS)
    assert max(map(cell_len, shown.splitlines())) <= 80
