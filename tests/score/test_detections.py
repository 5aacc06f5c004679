"""What holds for every detection in the repository."""

import ast
from importlib import resources

import pytest

from pipeline.score import detections
from pipeline.score.definition import fields_of, load
from pipeline.score.frameworks import catalogue

FOLDER = resources.files("pipeline.score.detections")
FILES = {file.name: file for file in FOLDER.iterdir() if file.name.endswith((".py", ".yml"))}
CODE = sorted(name for name in FILES if name.endswith(".py") and name != "__init__.py")
DEFINITIONS = load(FOLDER)
#: Found by the drift stage, which has a model and code of its own.
ELSEWHERE = {"tool_chain_drift", "tool_outside_chain", "action_without_tool_call"}
GIVEN = {"actor", "action", "credential", "address"}


def test_code_and_definition_come_in_pairs():
    assert {name.removesuffix(".py") for name in CODE} == set(DEFINITIONS) - ELSEWHERE


@pytest.mark.parametrize("name", CODE)
def test_code_is_short_and_says_what_it_scores(name):
    text = FILES[name].read_text("utf-8")
    assert len(text.splitlines()) <= 40
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    (score,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert score.name == "score"
    assert ast.get_docstring(score)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_a_definition_tells_an_analyst_what_to_do(name):
    definition = DEFINITIONS[name]
    assert definition.blind_spots
    assert definition.runbook
    assert len(definition.why) > 60
    assert any(
        one.startswith(("ASI", "NHI")) or one.startswith("T1") or one.startswith("AML") for one in definition.frameworks
    )
    assert set(definition.frameworks) <= set(catalogue())
    if name not in ELSEWHERE:
        assert definition.examples.found
        assert definition.examples.silent


@pytest.mark.parametrize("name", CODE)
def test_values_of_a_sentence_are_given_and_parameters_used(name):
    text = FILES[name].read_text("utf-8")
    definition = DEFINITIONS[name.removesuffix(".py")]
    for field in set(fields_of(definition.sentence)) - GIVEN:
        assert f'"{field}"' in text
    for parameter in definition.parameters:
        assert f'parameters["{parameter}"]' in text


def test_every_detection_is_in_the_registry():
    assert len(detections.load()) == len(CODE)
    assert all(detection.on for detection in detections.load().values())
