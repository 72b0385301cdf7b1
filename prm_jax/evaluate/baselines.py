"""Predictors that read no mathematics: what a process reward model has to beat.

random      a uniform number per step
majority    1 for every step: no step is ever wrong
length      logistic regression on the length of the step
position    logistic regression on where the step stands in its solution

They give step scores, so they are evaluated by the same code as a model.
"""

from collections.abc import Callable, Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.records import Trajectory

Predictor = Callable[[Sequence[Trajectory]], list[list[float]]]
"""Trajectories to step scores in [0, 1], one list a trajectory."""

L2 = 1e-3
NEWTON_STEPS = 50
TOLERANCE = 1e-10


def fit_baseline(name: str, train: Sequence[Trajectory] = (), seed: int = 0) -> Predictor:
    """Fits a baseline.

    Args:
        name: a name in BASELINES.
        train: labelled trajectories, for those that learn.
        seed: of the random one.

    Returns:
        The predictor.

    Raises:
        InputError: an unknown name, or no labelled step to learn from.
    """
    if name not in BASELINES:
        raise InputError(
            f"unknown baseline {name!r}", field="baseline", remedy=f"one of {', '.join(BASELINES)}"
        )
    return BASELINES[name](train, seed)


def length_features(trajectory: Trajectory) -> np.ndarray:
    """Characters, words and digits of each step, as logarithms with squares: f64[S,6]."""
    counts_S3 = np.array(
        [[len(s), len(s.split()), sum(c.isdigit() for c in s)] for s in trajectory.steps]
    )
    logs_S3 = np.log1p(counts_S3)
    return np.concatenate([logs_S3, logs_S3**2], axis=1)


def position_features(trajectory: Trajectory) -> np.ndarray:
    """Index from either end, relative place, first, last, number of steps: f64[S,6]."""
    n = len(trajectory.steps)
    index_S = np.arange(n)
    return np.stack(
        [
            index_S,
            n - 1 - index_S,
            (index_S + 1) / n,
            index_S == 0,
            index_S == n - 1,
            np.full(n, n),
        ],
        axis=1,
    ).astype(np.float64)


def fit_logistic(x_NF, y_N, l2: float = L2) -> np.ndarray:
    """Ridge-penalised logistic regression by Newton's method.

    Args:
        x_NF: f[N,F] features; a constant is added.
        y_N: f[N] labels in [0, 1].
        l2: penalty on the squared weights (not the constant's), per example.

    Returns:
        f64[F+1] weights, the constant's last.
    """
    x_NF = np.concatenate([x_NF, np.ones((len(x_NF), 1))], axis=1)
    penalty_F = np.append(np.full(x_NF.shape[1] - 1, l2), 1e-9)
    w_F = np.zeros(x_NF.shape[1])
    for _ in range(NEWTON_STEPS):
        p_N = _sigmoid(x_NF @ w_F)
        gradient_F = x_NF.T @ (p_N - y_N) / len(y_N) + penalty_F * w_F
        hessian_FF = (x_NF.T * (p_N * (1 - p_N))) @ x_NF / len(y_N) + np.diag(penalty_F)
        change_F = np.linalg.solve(hessian_FF, gradient_F)
        w_F = w_F - change_F
        if np.abs(change_F).max() < TOLERANCE:
            break
    return w_F


def _random(train, seed):
    def predict(trajectories):
        rng = np.random.default_rng(seed)
        return [rng.random(len(t.steps)).tolist() for t in trajectories]

    return predict


def _majority(train, seed):
    return lambda trajectories: [[1.0] * len(t.steps) for t in trajectories]


def _regression(features):
    def fit(train, seed):
        pairs = [
            (x_F, y)
            for t in train
            for x_F, y in zip(features(t), t.step_labels(), strict=True)
            if y is not None
        ]
        if not pairs:
            raise InputError("no labelled step to learn from", field="labels")
        x_NF, y_N = (np.array(column) for column in zip(*pairs, strict=True))
        mean_F, std_F = x_NF.mean(axis=0), x_NF.std(axis=0)
        std_F = np.where(std_F > 0, std_F, 1)
        w_F = fit_logistic((x_NF - mean_F) / std_F, y_N)

        def predict(trajectories):
            return [
                _sigmoid((features(t) - mean_F) / std_F @ w_F[:-1] + w_F[-1]).tolist()
                for t in trajectories
            ]

        return predict

    return fit


def _sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


BASELINES: dict[str, Callable[[Sequence[Trajectory], int], Predictor]] = {
    "random": _random,
    "majority": _majority,
    "length": _regression(length_features),
    "position": _regression(position_features),
}
