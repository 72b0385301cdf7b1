"""How well probabilities are calibrated, how well a score ranks what can be trusted, and whether
admitted rows are as right as was asked for.

Everywhere rows are independent of their order: equal probabilities stay in one bin, and equal
scores are admitted together.
"""

import dataclasses

import chex
import numpy as np
from scipy.special import betaincinv

from prm_jax.errors import InputError
from prm_jax.evaluate.step_metrics import auroc, ece

N_BINS = 15
CONFIDENCE = 0.95
SMALLEST = np.finfo(np.float32).tiny
"""What a probability of 0 counts as in a logarithm."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """The admitted rows of one kind.

    Fields:
        name: 'all', 'label=c' (of that true class) or 'prediction=c'.
        rows, right: how many there are, and how many of them are predicted right.
        accuracy: right / rows, None without rows.
        low, high: its Clopper-Pearson interval.
        verdict: 'holds' (accuracy is at least alpha), 'within' (it is below, the interval reaches
            alpha), 'below' (the interval ends below alpha) or 'rejected' (no row).
    """

    name: str
    rows: int
    right: int
    accuracy: float | None
    low: float
    high: float
    verdict: str


@dataclasses.dataclass(frozen=True)
class AdmittedTable:
    """Accuracy of admitted rows: of all, by true class and by predicted class.

    Fields:
        rows: the cells.
        alpha: accuracy that was asked for.
        share: admitted rows of all rows.
        worst: lowest accuracy of a cell, None if every row was rejected.
    """

    rows: tuple[Cell, ...]
    alpha: float
    share: float
    worst: float | None

    @property
    def shortfall(self) -> float:
        """How far the worst cell is below alpha; 0 if it is not, or if every row was rejected."""
        return 0.0 if self.worst is None else max(0.0, self.alpha - self.worst)

    def to_dict(self) -> dict:
        """The same as plain values, as JSON gives them back."""
        return dataclasses.asdict(self) | {"rows": [dataclasses.asdict(cell) for cell in self.rows]}


def expected_calibration_error(probability_N, correct_N, n_bins: int = N_BINS) -> float:
    """Mean distance of accuracy and probability over bins of equal mass, weighted by their rows.

    Args:
        probability_N: float[N] in [0, 1], of the predicted class.
        correct_N: bool[N], whether the prediction is right.
        n_bins: how many bins; fewer hold rows where probabilities are equal.

    Returns:
        A number in [0, 1].

    Raises:
        InputError: no row, or no bin.
    """
    probability_N, correct_N = _columns(probability_N, correct_N)
    return ece(probability_N, correct_N, _bins(probability_N, n_bins))


def adaptive_calibration_error(prob_NC, label_N, n_bins: int = N_BINS) -> float:
    """Mean over classes of the calibration error of each class's probability (Nixon et al. 2019).

    Bins have equal mass in each class; they are weighted by their rows, which is the published mean
    over bins where no two probabilities are equal and the bins divide the rows.

    Args:
        prob_NC: float[N,C].
        label_N: int[N] true classes.
        n_bins: how many bins a class has.

    Returns:
        A number in [0, 1].

    Raises:
        InputError: no row or bin, or a label that is not a class.
    """
    prob_NC, onehot_NC = _classes(prob_NC, label_N)
    return float(
        np.mean([ece(p_N, is_N, _bins(p_N, n_bins)) for p_N, is_N in zip(prob_NC.T, onehot_NC.T)])
    )


def brier(prob_NC, label_N) -> float:
    """Mean over rows of the squared distance to the true class, summed over classes: in [0, 2].

    Args:
        prob_NC: float[N,C].
        label_N: int[N] true classes.

    Returns:
        The score; with two classes it is twice the score of one class's probability.

    Raises:
        InputError: no row, or a label that is not a class.
    """
    prob_NC, onehot_NC = _classes(prob_NC, label_N)
    return float(np.square(prob_NC - onehot_NC).sum(axis=1).mean())


def negative_log_likelihood(prob_NC, label_N) -> float:
    """Mean over rows of -ln of the true class's probability.

    Args:
        prob_NC: float[N,C]; 0 counts as the smallest normal float32.
        label_N: int[N] true classes.

    Returns:
        The score in nats.

    Raises:
        InputError: no row, or a label that is not a class.
    """
    prob_NC, onehot_NC = _classes(prob_NC, label_N)
    return float(-np.log(np.maximum(prob_NC[onehot_NC], SMALLEST)).mean())


def reliability(probability_N, correct_N, n_bins: int = N_BINS) -> dict[str, np.ndarray]:
    """Accuracy against mean probability in bins of equal mass.

    Args:
        probability_N, correct_N, n_bins: as in `expected_calibration_error`.

    Returns:
        dict of arrays with one number for each bin that holds rows, probabilities rising:
        `probability` (mean), `accuracy`, `low` and `high` (Clopper-Pearson), `rows`.

    Raises:
        InputError: no row, or no bin.
    """
    probability_N, correct_N = _columns(probability_N, correct_N)
    bins_N = np.unique(_bins(probability_N, n_bins), return_inverse=True)[1]
    rows_K = np.bincount(bins_N)
    right_K = np.bincount(bins_N, correct_N)
    low_K, high_K = binomial_interval(right_K, rows_K)
    return {
        "probability": np.bincount(bins_N, probability_N) / rows_K,
        "accuracy": right_K / rows_K,
        "low": low_K,
        "high": high_K,
        "rows": rows_K,
    }


def risk_coverage(score_N, correct_N) -> tuple[np.ndarray, np.ndarray]:
    """Share of wrong rows among the rows of highest score, for every share that can be admitted.

    Args:
        score_N: float[N], higher for what is admitted first.
        correct_N: bool[N].

    Returns:
        `(coverage_K, risk_K)`: one point for each distinct score, coverage rising to 1.

    Raises:
        InputError: no row.
    """
    score_N, correct_N = _columns(score_N, correct_N)
    _, of_N, rows_K = np.unique(-score_N, return_inverse=True, return_counts=True)
    wrong_K = np.cumsum(np.bincount(of_N, 1 - correct_N))
    admitted_K = np.cumsum(rows_K)
    return admitted_K / len(score_N), wrong_K / admitted_K


def aurc(score_N, correct_N) -> float:
    """Area under the risk-coverage curve: its mean risk over rows (Geifman and El-Yaniv 2017).

    Args:
        score_N, correct_N: as in `risk_coverage`; rows of equal score have the risk at their end.

    Returns:
        A number in [0, 1]; the share of wrong rows for a score that tells nothing.

    Raises:
        InputError: no row.
    """
    coverage_K, risk_K = risk_coverage(score_N, correct_N)
    return float((np.diff(coverage_K, prepend=0) * risk_K).sum())


def ood_auroc(score_in_N, score_out_N) -> float:
    """Probability that a row of the known distribution scores above one of another, ties a half.

    Args:
        score_in_N: float[N].
        score_out_N: float[M].

    Returns:
        A number in [0, 1]; 0.5 is chance.

    Raises:
        InputError: one side has no row.
    """
    score_in_N, score_out_N = np.asarray(score_in_N), np.asarray(score_out_N)
    if not len(score_in_N) or not len(score_out_N):
        raise InputError("one side has no row", field="score")
    known = np.repeat([1.0, 0.0], [len(score_in_N), len(score_out_N)])
    return float(auroc(np.concatenate([score_in_N, score_out_N]), known)[0])


def binomial_interval(k, n, confidence: float = CONFIDENCE):
    """Exact interval of a share (Clopper and Pearson 1934).

    Args:
        k: successes, a number or an array.
        n: trials; without any the interval is (0, 1).
        confidence: that the share is in the interval, at least.

    Returns:
        `(low, high)`, floats or arrays as `k` and `n` are.

    Raises:
        InputError: k outside [0, n], or confidence outside (0, 1).
    """
    k, n = np.asarray(k, np.float64), np.asarray(n, np.float64)
    if not 0 < confidence < 1:
        raise InputError(f"{confidence} is not in (0, 1)", field="confidence")
    if ((k < 0) | (k > n)).any():
        raise InputError("successes are not between 0 and the trials", field="k")
    tail = (1 - confidence) / 2
    # The bound is replaced where a parameter of the beta distribution would be 0.
    low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return (low, high) if low.ndim else (float(low), float(high))


def admitted_table(
    prediction_N, label_N, admitted_N, alpha: float, n_classes: int = 2
) -> AdmittedTable:
    """Whether admitted rows are right with the share that was asked for, in every cell.

    Args:
        prediction_N, label_N: int[N], classes.
        admitted_N: bool[N].
        alpha: accuracy that was asked for.
        n_classes: C.

    Returns:
        `AdmittedTable` with the cells 'all', 'label=0' ..., 'prediction=0' ...

    Raises:
        InputError: no row, or a class outside [0, C).
    """
    chex.assert_equal_shape([np.asarray(x) for x in (prediction_N, label_N, admitted_N)])
    prediction_N = _checked(prediction_N, n_classes, "prediction_N")
    label_N = _checked(label_N, n_classes, "label_N")
    admitted_N = np.asarray(admitted_N, bool)
    right_N = prediction_N == label_N
    members = {"all": admitted_N}
    for name, class_N in (("label", label_N), ("prediction", prediction_N)):
        members |= {f"{name}={c}": admitted_N & (class_N == c) for c in range(n_classes)}
    cells = tuple(
        _cell(name, int(of_N.sum()), int((of_N & right_N).sum()), alpha)
        for name, of_N in members.items()
    )
    known = [cell.accuracy for cell in cells if cell.accuracy is not None]
    return AdmittedTable(cells, alpha, float(admitted_N.mean()), min(known, default=None))


def top_share(score_N, n: int) -> np.ndarray:
    """The n rows of highest score, to compare rankings where they admit equally many.

    Args:
        score_N: float[N].
        n: how many; at most N.

    Returns:
        bool[N]; of equal scores the lower row numbers.

    Raises:
        InputError: n is not between 0 and N.
    """
    score_N = np.asarray(score_N, np.float64)
    if not 0 <= n <= len(score_N):
        raise InputError(f"{n} of {len(score_N)} rows", field="n")
    chosen_N = np.zeros(len(score_N), bool)
    chosen_N[np.argsort(-score_N, kind="stable")[:n]] = True
    return chosen_N


def _cell(name, rows, right, alpha) -> Cell:
    low, high = binomial_interval(right, rows)
    if not rows:
        return Cell(name, rows, right, None, low, high, "rejected")
    verdict = "holds" if right / rows >= alpha else "within" if high >= alpha else "below"
    return Cell(name, rows, right, right / rows, low, high, verdict)


def _bins(p_N, n_bins):
    """Bins with equal numbers of rows, but for equal values, which stay in that of the first."""
    if n_bins < 1:
        raise InputError(f"{n_bins} bins", field="n_bins")
    _, of_N, rows_U = np.unique(p_N, return_inverse=True, return_counts=True)
    first_U = np.cumsum(rows_U) - rows_U
    return (first_U * n_bins // len(p_N))[of_N]


def _columns(value_N, correct_N):
    """Two columns as f64[N]."""
    value_N, correct_N = np.asarray(value_N, np.float64), np.asarray(correct_N, np.float64)
    chex.assert_rank(value_N, 1)
    chex.assert_equal_shape([value_N, correct_N])
    if not len(value_N):
        raise InputError("there is no row", field="correct_N")
    return value_N, correct_N


def _classes(prob_NC, label_N):
    """Probabilities as f64[N,C] and bool[N,C], true at each row's class."""
    prob_NC = np.asarray(prob_NC, np.float64)
    chex.assert_rank(prob_NC, 2)
    label_N = _checked(label_N, prob_NC.shape[1], "label_N")
    chex.assert_equal_shape_prefix([prob_NC, label_N], 1)
    return prob_NC, np.arange(prob_NC.shape[1]) == label_N[:, None]


def _checked(class_N, n_classes, field):
    class_N = np.asarray(class_N)
    chex.assert_rank(class_N, 1)
    if not len(class_N):
        raise InputError("there is no row", field=field)
    if not np.isin(class_N, np.arange(n_classes)).all():
        raise InputError(f"a number is not a class below {n_classes}", field=field)
    return class_N
