"""Trees of scikit-learn's gradient boosting as plain lists. Only training needs this, and scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from pipeline.score.trees import Tree


def trees_of(learner: HistGradientBoostingClassifier) -> list[list[Tree]]:
    """The trees of a fitted classifier, a list per class (one list if there are two classes).

    Where scikit-learn keeps them is not public, so whoever takes them holds them against what it says.
    """
    return [[_tree(grown.nodes) for grown in grown] for grown in zip(*learner._predictors, strict=True)]


def bases_of(learner: HistGradientBoostingClassifier) -> list[float]:
    """What is added to each class's sum."""
    return [float(one) for one in learner._baseline_prediction.ravel()]


def _tree(nodes: np.ndarray) -> Tree:
    leaf = [bool(one) for one in nodes["is_leaf"]]
    return Tree(
        [-1 if end else int(asked) for end, asked in zip(leaf, nodes["feature_idx"], strict=True)],
        [0.0 if end else float(at) for end, at in zip(leaf, nodes["num_threshold"], strict=True)],
        [int(one) for one in nodes["left"]],
        [int(one) for one in nodes["right"]],
        [round(float(value), 9) if end else 0.0 for end, value in zip(leaf, nodes["value"], strict=True)],
    )
