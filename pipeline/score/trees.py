"""Regression trees as plain numbers: what scikit-learn grows, without scikit-learn, and without executing a file."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Tree(msgspec.Struct):
    """One regression tree: per node the measure it asks for (-1 = a leaf), its threshold, children, and value."""

    measure: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    value: list[float]


def total(trees: Sequence[Tree], vector: Sequence[float]) -> float:
    """The sum of the values of the leaves that a vector comes to."""
    found = 0.0
    for tree in trees:
        measure, threshold, left, right = tree.measure, tree.threshold, tree.left, tree.right
        node = 0
        while (asked := measure[node]) >= 0:
            node = left[node] if vector[asked] <= threshold[node] else right[node]
        found += tree.value[node]
    return found


def sound(tree: Tree, measures: int) -> bool:
    """Whether every walk through a tree ends: children come after their parents, and lists are of one length."""
    nodes = len(tree.measure)
    if not nodes or any(len(one) != nodes for one in (tree.threshold, tree.left, tree.right, tree.value)):
        return False
    branches = zip(range(nodes), tree.measure, tree.left, tree.right, strict=True)
    return all(
        asked == -1 or (0 <= asked < measures and node < min(left, right) and max(left, right) < nodes)
        for node, asked, left, right in branches
    )
