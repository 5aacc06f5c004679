"""Trees that are asked all at once say what a walk through each of them says."""

from __future__ import annotations

import random

import pytest

from pipeline.score import baseline, model
from pipeline.score.trees import LEAVES, Grove, Tree, sound

MEASURES = 5
#: Few values, so that vectors meet thresholds exactly.
VALUES = (-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 3.0)


def walked(trees: list[Tree], vector: list[float]) -> float:
    """The plain way."""
    found = 0.0
    for tree in trees:
        node = 0
        while (asked := tree.measure[node]) >= 0:
            node = tree.left[node] if vector[asked] <= tree.threshold[node] else tree.right[node]
        found += tree.value[node]
    return found


def grown(chance: random.Random, leaves: int) -> Tree:
    tree = Tree([-1], [0.0], [0], [0], [0.0])
    while sum(asked < 0 for asked in tree.measure) < leaves:
        node = chance.choice([node for node, asked in enumerate(tree.measure) if asked < 0])
        tree.measure[node], tree.threshold[node] = chance.randrange(MEASURES), chance.choice(VALUES)
        tree.left[node], tree.right[node] = len(tree.measure), len(tree.measure) + 1
        for one, value in ((tree.measure, -1), (tree.left, 0), (tree.right, 0)):
            one += [value, value]
        tree.threshold += [0.0, 0.0]
        tree.value += [chance.uniform(-1, 1), chance.uniform(-1, 1)]
    return tree


@pytest.mark.parametrize("most", [1, 2, 24, 32, 33, LEAVES])
def test_a_grove_says_what_walks_say(most: int) -> None:
    chance = random.Random(most)
    trees = [grown(chance, chance.randint(1, most)) for _ in range(20)] + [grown(chance, most)]
    assert all(sound(tree, MEASURES) for tree in trees)
    grove = Grove(trees)
    for _ in range(200):
        vector = [chance.choice(VALUES) if chance.random() < 0.7 else chance.uniform(-2, 4) for _ in range(MEASURES)]
        assert grove.total(vector) == walked(trees, vector)


def test_so_do_the_models_that_come_with_the_program() -> None:
    chance = random.Random(7)
    trained, shapes = model.load().trained, baseline.load().shapes
    for trees in (trained.first.trees, trained.later.trees, *shapes.trees):
        thresholds = [at for tree in trees for at in tree.threshold]
        for _ in range(50):
            vector = [chance.choice(thresholds) for _ in range(64)]
            assert Grove(trees).total(vector) == walked(trees, vector)


def test_no_trees_add_up_to_nothing() -> None:
    assert Grove([]).total([]) == 0.0


@pytest.mark.parametrize(
    "tree",
    [
        Tree([], [], [], [], []),
        Tree([0, -1, -1], [0.0, 0.0], [1, 0, 0], [2, 0, 0], [0.0, 1.0, 2.0]),
        Tree([0, -1, -1], [0.0] * 3, [0, 0, 0], [2, 0, 0], [0.0, 1.0, 2.0]),
        Tree([0, -1, -1], [0.0] * 3, [1, 0, 0], [1, 0, 0], [0.0, 1.0, 2.0]),
        Tree([9, -1, -1], [0.0] * 3, [1, 0, 0], [2, 0, 0], [0.0, 1.0, 2.0]),
        Tree([-2, -1, -1], [0.0] * 3, [1, 0, 0], [2, 0, 0], [0.0, 1.0, 2.0]),
        grown(random.Random(1), LEAVES + 1),
    ],
    ids=["empty", "lists of other lengths", "a circle", "one child twice", "no such measure", "no leaf", "too many"],
)
def test_what_is_no_tree_is_not_sound(tree: Tree) -> None:
    assert not sound(tree, MEASURES)
