"""Learning who is at work, a person, an agent or a script, with scikit-learn, from sequences of which that is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier

from pipeline.score.baseline import WORKERS, Shapes
from pipeline.score.grow import bases_of, trees_of

#: Digits of measures and of trees' values that are kept.
DIGITS = 6


def learn(examples: Sequence[tuple[str, list[list[float]]]], seed: int = 0) -> Shapes:
    """Trees over the sequences' measures, each sequence with the same weight. Takes (who is at work, vectors)."""
    rows = np.array([vector for _, of in examples for vector in of])
    truth = np.array([WORKERS.index(worker) for worker, of in examples for _ in of])
    weights = np.array([1 / len(of) for _, of in examples for _ in of])
    for number in range(len(WORKERS)):
        weights[truth == number] *= len(examples) / weights[truth == number].sum()
    learner = HistGradientBoostingClassifier(
        max_iter=50, learning_rate=0.15, max_leaf_nodes=12, min_samples_leaf=40, l2_regularization=5.0,
        max_features=0.4, early_stopping=False, random_state=seed,
    )  # fmt: skip
    learner.fit(rows, truth, sample_weight=weights)
    shapes = Shapes(bases_of(learner), trees_of(learner))
    sample = rows[:: len(rows) // 50 or 1]
    for row, expected in zip(sample, learner.predict_proba(sample), strict=True):
        if abs(np.array(shapes.probabilities(row.tolist())) - expected).max() > 1e-4:
            raise RuntimeError(f"scikit-learn {sklearn.__version__} keeps its trees in another way than is read here")
    return shapes
