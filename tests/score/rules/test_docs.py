"""docs/rules.md: what it shows is what works."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from pipeline.score.rules import trying
from pipeline.score.rules.exceptions import Exceptions
from pipeline.score.rules.matching import MOST_PARTS
from pipeline.score.rules.reading import MOST_BYTES, MOST_RULES
from tests.score.rules.making import book

TEXT = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")


def block(begins: str) -> str:
    """The indented text that begins so."""
    found = re.search(rf"(?m)^    {re.escape(begins)}.*(?:\n(?:    .*)?)*", TEXT)
    assert found, begins
    return textwrap.dedent(found[0])


def test_the_rule_that_is_shown_works(tmp_path):
    rules = book(tmp_path, shown=block("title:"))
    outcomes = list(trying.tried(rules.definitions, trying.runner(rules, lambda *_: None)))
    assert [one.outcome for one in outcomes] == ["passed", "passed"]


def test_the_exceptions_that_are_shown_can_be_read(tmp_path):
    file = tmp_path / "exceptions.yml"
    # The day is over one day, and then it does nothing; it must stay readable.
    file.write_text(block("environments:"))
    assert len(Exceptions.load(file).said.exceptions) == 1


def test_the_limits_that_are_stated_are_those():
    assert f"{MOST_RULES:,} rules and {MOST_BYTES // 1024 // 1024} MiB" in TEXT
    assert f"{MOST_PARTS:,} parts" in TEXT
