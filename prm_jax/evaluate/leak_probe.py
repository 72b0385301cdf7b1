"""What can be told about a step's label without understanding the step.

A logistic regression sees only where a step stands, how long it is, or which words it has. On
steps labelled well it does little better than chance, an AUROC of one half.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from prm_jax.data.synthetic import check, make_trajectories
from prm_jax.evaluate import bootstrap
from prm_jax.evaluate.baselines import fit_logistic
from prm_jax.evaluate.step_metrics import auroc
from prm_jax.provenance import code_version, versions
from prm_jax.records import Trajectory

FEATURES = ("position", "length", "words")
"""What a probe sees: the position, the length, or both with the number of times each word occurs.
"""
RIDGE = 10.0
WORD = re.compile(r"[A-Za-z]+|[^\sA-Za-z0-9]")
N_POSITIONS = 9


class Steps(NamedTuple):
    """Labelled steps: text, position, label and number of the solution of each of N."""

    texts: Sequence[str]
    position_N: np.ndarray
    label_N: np.ndarray
    solution_N: np.ndarray


def labelled_steps(items: Sequence[Trajectory]) -> Steps:
    """The steps that have a label."""
    rows = [
        (text, position, label, number)
        for number, item in enumerate(items)
        for position, (text, label) in enumerate(zip(item.steps, item.step_labels(), strict=True))
        if label is not None
    ]
    texts, *columns = zip(*rows, strict=True)
    return Steps(texts, *map(np.array, columns))


def probe(train: Steps, test: Steps, features: str) -> np.ndarray:
    """Fits a probe on one set and scores another: f64[N], larger for steps that look right.

    Args:
        train: steps to fit.
        test: steps to score.
        features: one of `FEATURES`.
    """
    words = sorted({word for text in train.texts for word in WORD.findall(text)})
    x_NF, z_MF = (_matrix(steps, features, words) for steps in (train, test))
    mean_F, std_F = x_NF.mean(axis=0), x_NF.std(axis=0) + 1e-9
    weights_F = fit_logistic((x_NF - mean_F) / std_F, train.label_N, RIDGE / len(train.texts))
    return (z_MF - mean_F) / std_F @ weights_F[:-1]


def probe_auroc(train: Steps, test: Steps, features: str) -> float:
    """AUROC of `probe`: the probability that a right step scores above a wrong one."""
    return float(auroc(probe(train, test, features), test.label_N)[0])


def _matrix(steps, features, words):
    position_NP = (steps.position_N[:, None] == np.arange(N_POSITIONS)).astype(np.float64)
    size_N1 = np.array([[len(text) / 50] for text in steps.texts])
    length_N3 = np.concatenate([size_N1, size_N1**2, size_N1**3], axis=1)
    if features != "words":
        return {"position": position_NP, "length": length_N3}[features]
    column = {word: place for place, word in enumerate(words)}
    count_NW = np.zeros((len(steps.texts), len(words)))
    for row, text in zip(count_NW, steps.texts, strict=True):
        for word, count in Counter(WORD.findall(text)).items():
            if word in column:
                row[column[word]] = count
    return np.concatenate([count_NW, length_N3, position_NP], axis=1)


def study_family(family: str, n: int, seed: int, difficulty: int, n_boot: int) -> dict[str, Any]:
    """How well labels and checker agree in one family, and what its probes find.

    Args:
        family: its name.
        n: solutions to check and to score; probes are fitted on as many others.
        seed: of the solutions to score; those to fit have the next one.
        difficulty: level from 1 to 4.
        n_boot: resamples of the solutions for the 95 % intervals.

    Returns:
        `checked`, `agree` (solutions on all steps of which checker and label agree), `steps` and
        `wrong` (labelled ones among them), `in_both` (solutions of a problem that the fit has seen)
        and `auroc`, the `estimate` of each of `FEATURES`.
    """
    judged = make_trajectories(family, n, seed, difficulty=difficulty, after_error="local")
    items = make_trajectories(family, n, seed, difficulty=difficulty)
    fitted = make_trajectories(family, n, seed + 1, difficulty=difficulty, split="train")
    train, test = labelled_steps(fitted), labelled_steps(items)
    scores = {features: probe(train, test, features) for features in FEATURES}

    def figures(weight_BP):
        weight_BN = weight_BP[:, test.solution_N]
        columns = [auroc(score_N, test.label_N, weight_BN) for score_N in scores.values()]
        return np.stack(columns, axis=1)

    value_M = figures(np.ones((1, n)))[0]
    sample_BM = bootstrap.bootstrap(figures, n, n_boot, seed)
    seen = {item.meta["key"] for item in fitted}
    return {
        "checked": n,
        "agree": sum(check(item) == list(item.labels or ()) for item in judged),
        "steps": len(test.texts),
        "wrong": int((test.label_N == 0).sum()),
        "in_both": sum(item.meta["key"] in seen for item in items),
        "auroc": {
            features: bootstrap.estimate(value_M[place], sample_BM[:, place])
            for place, features in enumerate(FEATURES)
        },
    }


def study(
    families: Sequence[str], n: int, seed: int, difficulty: int, n_boot: int, progress
) -> dict[str, Any]:
    """`study_family` of each family, with what the figures depend on.

    Args:
        families: their names.
        n: see `study_family`; so are `seed`, `difficulty` and `n_boot`.
        seed: 0 or more.
        difficulty: level from 1 to 4.
        n_boot: number of resamples.
        progress: a `prm_jax.progress.Progress` to show which family is worked on.

    Returns:
        A record for JSON.
    """
    found = {}
    progress.begin("families", len(families))
    for done, family in enumerate(families):
        progress.update(done, numbers=family)
        found[family] = study_family(family, n, seed, difficulty, n_boot)
    progress.update(len(families))
    return {
        "config": {"n": n, "seed": seed, "difficulty": difficulty, "ridge": RIDGE},
        "families": found,
        "intervals": bootstrap.description(n_boot, seed),
        "code": code_version(),
        "versions": versions(),
    }
