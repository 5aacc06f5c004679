"""What commands print as JSON is what docs/cli.md says, field by field and type by type."""

import json

import pytest

from tests.cli.conftest import command_of
from tests.cli.documented import LINES, OTHERS, SHAPES, faults
from tests.cli.tree import PRINTING


def test_every_command_that_prints_is_documented():
    told = {command_of(line.split()[1:]) for line in LINES}
    assert told | OTHERS == PRINTING, "write it into docs/cli.md"
    assert not told & OTHERS


def test_every_shape_is_printed_by_some_command():
    used, waiting = set(), list(LINES.values())
    while waiting:
        of = waiting.pop()
        name = of.removeprefix("list of ").removesuffix(" or null").removesuffix(" by name")
        if name in SHAPES and name not in used:
            used.add(name)
            waiting += SHAPES[name].values()
    assert used == {*SHAPES}


@pytest.mark.parametrize("line", LINES)
def test_what_a_command_prints_is_what_is_documented(filled, line):
    found = json.loads(filled.run(*filled.named(line), view="json"))
    assert found, "nothing was printed"
    assert faults(found, LINES[line]) == []


@pytest.mark.parametrize(
    "line", [line for line, of in LINES.items() if of.startswith("list of ") and of != "list of Incident"]
)
def test_one_object_a_line_is_the_same(filled, line):
    words = filled.named(line)
    several = json.loads(filled.run(*words, view="json"))
    lines = [json.loads(one) for one in filled.run(*words, view="jsonl").splitlines()]
    assert lines in (several, [several])


def test_a_fault_would_be_found():
    whole = {"rule": "r", "example": "e", "expected": "x", "outcome": "o", "said": "s"}
    assert faults([whole], "list of Tried") == []
    assert faults([{**whole, "new": 1}], "list of Tried") == ["[].new: not documented"]
    assert faults([{name: whole[name] for name in list(whole)[1:]}], "list of Tried") == ["[].rule: not printed"]
    assert faults([{**whole, "said": None}], "list of Tried") == ["[].said: None is no text"]
    assert faults({"a": True}, "whole number by name") == [".*: True is no whole number"]
