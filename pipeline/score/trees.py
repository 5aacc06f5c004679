"""Regression trees as plain numbers: what scikit-learn grows, without scikit-learn, and without executing a file."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from struct import Struct

import msgspec

#: Leaves that a tree may have.
LEAVES = 64


class Tree(msgspec.Struct):
    """One regression tree: per node the measure it asks for (-1 = a leaf), its threshold, children, and value."""

    measure: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    value: list[float]


class Grove:
    """Trees that are asked all at once, measure by measure instead of tree by tree.

    After Lucchese et al., QuickScorer (SIGIR 2015). A tree is a lane of bits, one a leaf from left to right. A node
    whose answer is no rules out the leaves on its left; of those that no node rules out, the leftmost is where a walk
    would end. What the nodes of a measure leave is prepared for every place among their thresholds.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        """`trees` are `sound`."""
        leaves = [_leaves(tree) for tree in trees]
        wide = any(len(one) > 32 for one in leaves)
        lane = 64 if wide else 32
        self._lanes = Struct(f"<{len(trees)}{'Q' if wide else 'I'}")
        self._values = [
            {1 << place: tree.value[leaf] for place, leaf in enumerate(one)}
            for tree, one in zip(trees, leaves, strict=True)
        ]
        self._all = sum(((1 << len(one)) - 1) << lane * number for number, one in enumerate(leaves))
        self._ones = sum(1 << lane * number for number in range(len(trees)))
        asked: dict[int, list[tuple[float, int]]] = {}
        for number, (tree, one) in enumerate(zip(trees, leaves, strict=True)):
            for measure, threshold, ruled_out in _questions(tree, one):
                asked.setdefault(measure, []).append((threshold, self._all & ~(ruled_out << lane * number)))
        self._measures = [(measure, *_prepared(asked[measure], self._all)) for measure in sorted(asked)]

    def total(self, vector: Sequence[float]) -> float:
        """The sum of the values of the leaves that a vector of numbers comes to, tree after tree."""
        left = self._all
        for measure, thresholds, leaves in self._measures:
            left &= leaves[bisect_left(thresholds, vector[measure])]
        # No lane is empty, so taking one away from each borrows nothing from the next.
        leftmost = self._lanes.unpack((left & ~(left - self._ones)).to_bytes(self._lanes.size, "little"))
        found = 0.0
        for values, leaf in zip(self._values, leftmost, strict=True):
            found += values[leaf]
        return found


def _leaves(tree: Tree) -> list[int]:
    """Its leaves, from left to right."""
    found, waiting = [], [0]
    while waiting:
        node = waiting.pop()
        if tree.measure[node] < 0:
            found.append(node)
        else:
            waiting += (tree.right[node], tree.left[node])
    return found


def _questions(tree: Tree, leaves: list[int]) -> Iterator[tuple[int, float, int]]:
    """Of each node that asks: measure, threshold, and the leaves that a vector above it does not come to."""
    below = {leaf: 1 << place for place, leaf in enumerate(leaves)}
    # Children come after their parents.
    for node in reversed(range(len(tree.measure))):
        if tree.measure[node] >= 0:
            ruled_out = below[tree.left[node]]
            below[node] = ruled_out | below[tree.right[node]]
            yield tree.measure[node], tree.threshold[node], ruled_out


def _prepared(asked: list[tuple[float, int]], everything: int) -> tuple[list[float], list[int]]:
    """Thresholds in order, and the leaves that are left when none, one, two … of them are exceeded."""
    asked.sort()
    return [at for at, _ in asked], list(accumulate((leaves for _, leaves in asked), int.__and__, initial=everything))


def sound(tree: Tree, measures: int) -> bool:
    """Whether every walk through a tree ends: children come after their parents, each has one, lists fit."""
    nodes = len(tree.measure)
    if not nodes or any(len(one) != nodes for one in (tree.threshold, tree.left, tree.right, tree.value)):
        return False
    branches = [node for node, asked in enumerate(tree.measure) if asked != -1]
    children = sorted(child for node in branches for child in (tree.left[node], tree.right[node]))
    return (
        len(branches) < LEAVES
        and children == list(range(1, nodes))
        and all(
            0 <= tree.measure[node] < measures and node < min(tree.left[node], tree.right[node]) for node in branches
        )
    )
