"""First-error F1 (ProcessBench, arXiv:2412.06559).

A solution is predicted to go wrong at its first step scored strictly below the threshold, or not at
all. Accuracy on erroneous solutions asks for that very step; F1 is its harmonic mean with the
accuracy on correct solutions. The overall figure is the unweighted mean over subsets, not the F1 of
the pool.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from prm_jax.errors import InputError
from prm_jax.evaluate import bootstrap as boot
from prm_jax.records import Trajectory

THRESHOLD = 0.5
NO_ERROR = -1
NO_SUBSET = "all"
RULES = {
    "prediction": "first step with score < threshold, strictly; -1 if there is none",
    "accuracy_error": "share of erroneous solutions whose first wrong step is predicted exactly",
    "accuracy_correct": "share of correct solutions for which no step is predicted",
    "f1": "harmonic mean of the two; 0 if both are 0; null if a subset lacks one kind of solution",
    "overall": "unweighted mean over the subsets that have an F1",
    "null_score": "not below the threshold",
}
TUNING_RULE = (
    "the step score of the tuning subset that maximises its F1 when taken as the threshold; of "
    "equal ones the lowest"
)


def processbench(
    trajectories: Sequence[Trajectory],
    scores: Sequence[Sequence[float | None]],
    *,
    threshold: float | str = THRESHOLD,
    n_boot: int = boot.N_BOOT,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Measures how well step scores find the first error.

    Args:
        trajectories: with `first_error`, or 0/1 labels that imply it; `meta['split']` or else
            `source` names the subset.
        scores: per trajectory its step probabilities, None for a step that was not scored.
        threshold: a number, or the name of the subset on which to tune it, such as 'gsm8k'.
        n_boot, seed: of the intervals, bootstrapped over problems within each subset; a tuned
            threshold is kept.
        progress: called with (resamples done, all).

    Returns:
        dict with `metrics`, `subsets`, `threshold`, `undefined` (why a figure is null), `remarks`,
        `rules`, `counts`, `bootstrap`; figures are fractions.

    Raises:
        InputError: a trajectory without a known first error, or no subset of that name.
    """
    truth = np.array([known_first_error(t) for t in trajectories])
    subset_names = [subset_of(t) for t in trajectories]
    rows_of = {
        name: np.array([i for i, n in enumerate(subset_names) if n == name])
        for name in dict.fromkeys(subset_names)
    }
    source = "given"
    if isinstance(threshold, str):
        if threshold not in rows_of:
            raise InputError(
                f"no subset {threshold!r} to tune on",
                field="threshold",
                remedy=f"give a number, or one of {', '.join(rows_of)}",
            )
        rows, source = rows_of[threshold], f"tuned on {threshold}"
        threshold = tune_threshold(truth[rows], [scores[i] for i in rows])
    hit = np.array([first_below(s, threshold) for s in scores]) == truth

    metrics: dict[str, dict] = {}
    subsets: dict[str, dict] = {}
    samples: list[tuple[np.ndarray, np.ndarray]] = []
    remarks: list[str] = []
    for index, (name, rows) in enumerate(rows_of.items()):
        problems = boot.number([trajectories[i].problem.strip() for i in rows])
        sums_P4 = _sums(truth[rows], hit[rows], problems)
        values = _figures(sums_P4.sum(axis=0))
        drawn = boot.bootstrap(
            functools.partial(_resampled, sums_P4),
            len(sums_P4),
            n_boot,
            seed + index,
            progress and functools.partial(_of_subset, progress, index, len(rows_of)),
        )
        samples.append((values, drawn))
        remarks += boot.without_interval(len(sums_P4), f"subset {name}")
        subsets[name] = {
            figure: boot.estimate(values[column], drawn[:, column])
            for column, figure in enumerate(("accuracy_error", "accuracy_correct", "f1"))
        } | {
            "n": len(rows),
            "n_error": int((truth[rows] != NO_ERROR).sum()),
            "n_correct": int((truth[rows] == NO_ERROR).sum()),
        }
    complete = [(values, drawn) for values, drawn in samples if not np.isnan(values[2])]
    for column, figure in enumerate(("accuracy_error", "accuracy_correct", "f1")):
        if complete:
            value = np.mean([values[column] for values, _ in complete])
            drawn = np.mean([drawn[:, column] for _, drawn in complete], axis=0)
            metrics[figure] = boot.estimate(value, drawn)
        else:
            metrics[figure] = boot.estimate(np.nan, np.array([]))
    undefined = {
        f"subsets.{name}.{figure}": f"no solution of it is {missing}"
        for name, of in subsets.items()
        for figure, missing in (("accuracy_error", "wrong"), ("accuracy_correct", "right"))
        if of[figure]["value"] is None
    }
    if not complete:
        why = "no subset has solutions both with and without an error"
        undefined |= {name: f"{why}: {_kinds(subsets)}" for name in metrics}
    nowhere = [t.id for t, name in zip(trajectories, subset_names) if name == NO_SUBSET]
    if nowhere:
        remarks = [_without_subset(nowhere, len(trajectories)), *remarks]
    return {
        "metrics": metrics,
        "subsets": subsets,
        "undefined": undefined,
        "remarks": remarks,
        "threshold": {
            "value": float(threshold),
            "source": source,
            "rule": TUNING_RULE if source != "given" else None,
        },
        "rules": RULES,
        "counts": {
            "solutions": len(trajectories),
            "steps": sum(len(t.steps) for t in trajectories),
            "null_scores": sum(p is None for s in scores for p in s),
            "without_subset": len(nowhere),
            "subsets_without_f1": [n for n, s in subsets.items() if s["f1"]["value"] is None],
        },
        "bootstrap": boot.description(n_boot, seed),
    }


def _of_subset(progress, index, n_subsets, done, n_boot):
    progress(index * n_boot + done, n_subsets * n_boot)


def first_below(step_scores: Sequence[float | None], threshold: float) -> int:
    """Index of the first score strictly below the threshold, -1 if there is none."""
    below = (i for i, p in enumerate(step_scores) if p is not None and p < threshold)
    return next(below, NO_ERROR)


def tune_threshold(first_errors, scores: Sequence[Sequence[float | None]]) -> float:
    """The threshold that maximises first-error F1, by TUNING_RULE.

    For each solution the thresholds that give the right prediction are an interval (low, high]:
    above the first error's score and up to the lowest score before it. So one pass over the sorted
    scores counts the hits at every threshold.

    Args:
        first_errors: i[B], per solution the index of its first error, -1 for none.
        scores: per solution its step scores.

    Returns:
        The threshold.

    Raises:
        InputError: no step has a score, or one kind of solution is missing.
    """
    first_errors = np.asarray(first_errors)
    wrong = np.asarray(first_errors != NO_ERROR)
    candidates = np.unique([p for s in scores for p in s if p is not None])
    if not len(candidates) or wrong.all() or not wrong.any():
        raise InputError(
            "tuning a threshold needs scored solutions with and without an error",
            field="threshold",
            remedy="give a number",
        )
    low, high = np.array([_interval(s, e) for s, e in zip(scores, first_errors)]).T
    rates = []
    for kind in (wrong, ~wrong):
        can_hit = kind & (low < high)
        hits = np.searchsorted(np.sort(low[can_hit]), candidates, side="left")
        hits = hits - np.searchsorted(np.sort(high[can_hit]), candidates, side="left")
        rates.append(hits / kind.sum())
    return float(candidates[np.argmax(_harmonic_mean(*rates))])


def known_first_error(trajectory: Trajectory) -> int:
    """`first_error`, or what hard labels say of it.

    Raises:
        InputError: neither says where the first error is, or that there is none.
    """
    if trajectory.first_error is not None:
        return trajectory.first_error
    labels = trajectory.step_labels()
    error = next((i for i, label in enumerate(labels) if label != 1), NO_ERROR)
    if error != NO_ERROR and labels[error] != 0:
        raise InputError(
            f"trajectory {trajectory.id!r}: where its first error is, is not known",
            field="first_error",
            remedy="give first_error, or a label 0 or 1 for every step up to the first error",
        )
    return error


def subset_of(trajectory: Trajectory) -> str:
    """The subset a trajectory counts in: its split, else its source, else 'all'."""
    return str(trajectory.meta.get("split") or trajectory.source or NO_SUBSET)


def _kinds(subsets):
    return "; ".join(
        f"{name} has {of['n_error']} with and {of['n_correct']} without"
        for name, of in subsets.items()
    )


def _without_subset(names, n):
    first = ", ".join(str(name) for name in names[:3]) + (" ..." if len(names) > 3 else "")
    return (
        f"{len(names)} of {n} solutions name no subset (split or source) and count as one, "
        f"'{NO_SUBSET}': {first}"
    )


def _interval(step_scores, first_error):
    p = np.array([np.inf if s is None else s for s in step_scores], np.float64)
    if first_error == NO_ERROR:
        return -np.inf, p.min()
    return p[first_error], p[:first_error].min(initial=np.inf)


def _sums(truth, hit, problems):
    """Per problem: erroneous solutions, those hit, correct solutions, those hit: f[P,4]."""
    sums_P4 = np.zeros((problems.max() + 1, 4))
    for column, chosen in enumerate((truth != NO_ERROR, truth == NO_ERROR)):
        np.add.at(sums_P4, (problems[chosen], 2 * column), 1)
        np.add.at(sums_P4, (problems[chosen], 2 * column + 1), hit[chosen])
    return sums_P4


def _resampled(sums_P4, weights_BP):
    return _figures(weights_BP @ sums_P4)


def _figures(sums):
    """f[...,4] sums -> f[...,3]: both accuracies and F1; NaN where a kind is missing."""
    with np.errstate(invalid="ignore"):
        error, correct = sums[..., 1] / sums[..., 0], sums[..., 3] / sums[..., 2]
    return np.stack([error, correct, _harmonic_mean(error, correct)], axis=-1)


def _harmonic_mean(a, b):
    return 2 * a * b / np.where(a + b == 0, 1, a + b)
