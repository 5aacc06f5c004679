"""A model of what hijacked calls look like, learned with scikit-learn from runs whose outcome is known.

A run says that it was hijacked, not by which of its calls. That is found out: what the attacker wants is done without
an attack in `direct` runs, where the user asks for it, so calls of a hijacked run with the tools of those are the
attacker's, unless harmless runs of the same task make them too. Where a file has no such runs, the calls that can do
something and that harmless runs of the task do not make are taken.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier

from pipeline.kit.failures import Permanent
from pipeline.score.grow import bases_of, trees_of
from pipeline.score.measures import MEASURES, without_history
from pipeline.score.model import NAME, Forest, Trained, probability

#: Folds for scores of runs that were not learned from; calls of one hijacked run that count as the attacker's.
FOLDS, ATTACKERS = 5, 2
#: Weight of all calls of attackers to that of all others; that of runs whose attack never reached the agent.
BALANCE, UNREACHED = 0.3, 0.5
#: Share of direct runs that must use a tool for it to be what the attacker wants.
WANTED = 0.2
HARMLESS = ("benign", "direct")


class Made(msgspec.Struct, gc=False):
    """One call of an example."""

    tool: str
    #: Hash of the tool and all that it was given.
    whole: int
    #: Sensitivity of the tool, -1 to 4.
    sensitivity: int
    vector: list[float]


class Example(msgspec.Struct, gc=False):
    """One run with what is known of it."""

    label: str
    suite: str
    user_task: str
    injection_task: str
    #: Whether the attack reached the agent.
    reached: bool
    calls: list[Made]

    @property
    def weight(self) -> float:
        """What its calls count as harmless ones; 0 if they may be the attacker's."""
        if self.label in HARMLESS:
            return 1.0
        return UNREACHED if self.label == "attacked" and not self.reached else 0.0


#: An example, and which of its calls are the attacker's.
Pair = tuple[Example, list[int]]


def attackers(examples: Sequence[Example]) -> list[list[int]]:
    """For each example the numbers of its calls that are the attacker's, the first ones."""
    runs: Counter[tuple[str, str]] = Counter()
    used: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    harmless: dict[tuple[str, str], set[int]] = defaultdict(set)
    for example in examples:
        task = example.suite, example.user_task
        if example.label == "direct":
            runs[task] += 1
            used[task].update({call.tool for call in example.calls})
        elif example.label == "benign":
            harmless[task].update(call.whole for call in example.calls)
    return [_attackers(example, runs, used, harmless) for example in examples]


def _attackers(
    example: Example, runs: Counter[tuple[str, str]], used: dict[tuple[str, str], Counter[str]],
    harmless: dict[tuple[str, str], set[int]],
) -> list[int]:  # fmt: skip
    if example.label != "hijacked":
        return []
    goal = example.suite, example.injection_task
    new = [number for number, call in enumerate(example.calls)
           if call.sensitivity > 0 and call.whole not in harmless[example.suite, example.user_task]]  # fmt: skip
    if not runs[goal]:
        return new
    return [number for number in new if used[goal][example.calls[number].tool] >= WANTED * runs[goal]]


def train(examples: Sequence[Example], data: dict[str, dict[str, str | int]], seed: int = 0) -> Trained:
    """A model, calibrated on benign runs that it had not learned from. Raises Permanent without enough examples."""
    if (
        sum(example.label == "hijacked" for example in examples) < 20
        or sum(example.label == "benign" for example in examples) < 20
    ):
        raise Permanent("expected at least 20 runs labelled `hijacked` and 20 labelled `benign` to learn from")
    known = [(example, numbers) for example, numbers in zip(examples, attackers(examples), strict=True)]
    new = [(_forgotten(example), numbers) for example, numbers in known]
    first, later = (_forest(pairs, seed) for pairs in (new, known))
    return Trained(NAME, list(MEASURES), first, later, data, sklearn.__version__)


def _forgotten(example: Example) -> Example:
    """A run as the first of its task."""
    calls = [msgspec.structs.replace(call, vector=without_history(call.vector)) for call in example.calls]
    return msgspec.structs.replace(example, calls=calls)


def _forest(pairs: Sequence[Pair], seed: int) -> Forest:
    forest = _fit(pairs, seed)
    forest.calibration = _calibration(pairs, seed)
    return forest


def _calibration(pairs: Sequence[Pair], seed: int) -> list[float]:
    """Scores of benign runs by forests that learned nothing of their task."""
    tasks = sorted({_task(example) for example, _ in pairs})
    scores = []
    for fold in range(FOLDS):
        held = set(tasks[fold::FOLDS])
        forest = _fit([pair for pair in pairs if _task(pair[0]) not in held], seed)
        harmless = (example for example, _ in pairs if example.label == "benign" and _task(example) in held)
        scores += [_worst(forest, example) for example in harmless]
    return sorted(scores)


def _task(example: Example) -> tuple[str, str]:
    return example.suite, example.user_task


def _worst(forest: Forest, example: Example) -> float:
    return round(max((probability(forest, call.vector) for call in example.calls), default=0.0), 6)


def _fit(pairs: Sequence[Pair], seed: int) -> Forest:
    vectors: list[list[float]] = []
    truth: list[int] = []
    weights: list[float] = []
    for example, numbers in pairs:
        chosen = numbers[:ATTACKERS]
        for number, call in enumerate(example.calls):
            weight = 1 / len(chosen) if number in chosen else example.weight
            if weight:
                vectors.append(call.vector)
                truth.append(int(number in chosen))
                weights.append(weight)
    asked, weighed = np.array(truth), np.array(weights)
    if not asked.any() or asked.all():
        raise Permanent("expected calls of hijacked runs that harmless runs do not make, and harmless calls")
    weighed[asked == 1] *= BALANCE * weighed[asked == 0].sum() / weighed[asked == 1].sum()
    learner = HistGradientBoostingClassifier(
        max_iter=250, learning_rate=0.06, max_leaf_nodes=24, min_samples_leaf=20, l2_regularization=10.0,
        max_features=0.4, monotonic_cst=list(MEASURES.values()), early_stopping=False, random_state=seed,
    )  # fmt: skip
    learner.fit(np.array(vectors), asked, sample_weight=weighed)
    (trees,), (baseline,) = trees_of(learner), bases_of(learner)
    forest = Forest(baseline, trees, [])
    # What was read out of scikit-learn is held against what it says.
    sample = vectors[:: len(vectors) // 50 or 1]
    for vector, expected in zip(sample, learner.predict_proba(np.array(sample))[:, 1], strict=True):
        if abs(probability(forest, vector) - expected) > 1e-5:
            raise RuntimeError(f"scikit-learn {sklearn.__version__} keeps its trees in another way than is read here")
    return forest
