"""An SDM estimator and the baselines of `calibration`, compared on the steps of one seed.

A judge says of each step whether it is right, how probable that is, and whether to trust it. It
falls short where the worst of its cells (all admitted steps, those of each class, those of each
prediction) is right less often than was asked for; one that admits nothing does not.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from prm_jax.calibration import metrics, sdm
from prm_jax.calibration.baselines import BASELINES, fit_baselines
from prm_jax.records import Trajectory

SDM, LOWER = "SDM", "SDM lower"


@dataclasses.dataclass(frozen=True)
class Steps:
    """Labelled steps of solutions as rows.

    Fields:
        features_ND: f32[N,D].
        label_N: i32[N], 1 is right.
        group_N: str[N], the problem.
        place_N: i32[N,2], number of the solution and of the step in it.
    """

    features_ND: np.ndarray
    label_N: np.ndarray
    group_N: np.ndarray
    place_N: np.ndarray

    def take(self, rows) -> "Steps":
        """Some rows, by number or flag."""
        values = (getattr(self, field.name)[rows] for field in dataclasses.fields(self))
        return Steps(*values)


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a judge says of N steps: i32[N], f[N,C], bool[N], and f[N] that ranks them."""

    prediction: np.ndarray
    probability: np.ndarray
    admitted: np.ndarray
    score: np.ndarray


@dataclasses.dataclass(frozen=True)
class Judges:
    """An SDM, and for each accuracy that is asked for its baselines by name."""

    sdm: sdm.SDM
    baselines: Mapping[float, Mapping]

    def judge(self, steps: Steps, alpha: float) -> dict[str, Judgement]:
        """What each says of steps when an accuracy of alpha is asked for."""
        found = sdm.predict(self.sdm, steps.features_ND, alpha=alpha)
        sure_N = found.probability.max(-1)
        judgements = {
            SDM: Judgement(found.prediction, found.probability, found.admitted, sure_N),
            LOWER: Judgement(found.prediction, found.probability, found.admitted_lower, sure_N),
        }
        for name, baseline in self.baselines.get(alpha, {}).items():
            of = baseline.predict(steps.features_ND)
            judgements[name] = Judgement(of.prediction, of.probability, of.admitted, of.score)
        return judgements


def labelled_steps(trajectories: Sequence[Trajectory], features: Sequence[np.ndarray]) -> Steps:
    """The steps that have a label and features.

    Args:
        trajectories: solutions.
        features: of the steps of each that fitted, f32[S,D].
    """
    rows = [
        (row, int(label >= 0.5), trajectory.problem, (number, step))
        for number, (trajectory, of_steps) in enumerate(zip(trajectories, features, strict=True))
        for step, (row, label) in enumerate(zip(of_steps, trajectory.step_labels()))
        if label is not None
    ]
    features_ND, label_N, group_N, place_N = zip(*rows)
    return Steps(
        np.stack(features_ND), np.array(label_N, np.int32), np.array(group_N), np.array(place_N)
    )


def fit(
    steps: Steps,
    alphas: Sequence[float],
    seed: int,
    hyper: Mapping,
    baselines: Sequence[str] = tuple(BASELINES),
) -> Judges:
    """Fits all judges on the same halves of the same steps.

    Args:
        steps: to fit on.
        alphas: accuracies that are asked for.
        seed: of the halves and the adaptor.
        hyper: hyperparameters of `sdm.fit`.
        baselines: names in `calibration.baselines.BASELINES`.
    """
    rows = (steps.features_ND, steps.label_N, steps.group_N)
    fitted = sdm.fit(*rows, alpha=max(alphas), seed=seed, **hyper)
    of_round = dict(round=int(fitted.round), balance=hyper.get("balance", True))
    others = {}
    if baselines:
        for alpha in alphas:
            others[alpha] = fit_baselines(baselines, *rows, alpha=alpha, seed=seed, **of_round)
    return Judges(fitted, others)


def compare(
    judges: Judges, tests: Mapping[str, Steps], alphas: Sequence[float]
) -> dict[str, float | None]:
    """Figures of one seed.

    Args:
        judges: from `fit`, with baselines.
        tests: steps by name of the set, the first of the same kind as those fitted on.
        alphas: accuracies that are asked for.

    Returns:
        By name: of every set, accuracy and judge the share admitted and the shortfall; of the SDM
        the accuracy of each cell, None where nothing is admitted, and its worst cell less that of
        as many steps ranked by softmax; how probabilities and rankings fit, at the first accuracy;
        how well q tells the first set from each other.
    """
    figures: dict[str, float | None] = {}
    q: dict[str, np.ndarray] = {}
    for name, steps in tests.items():
        q[name] = sdm.predict(judges.sdm, steps.features_ND).q
        for alpha in alphas:
            judgements = judges.judge(steps, alpha)
            tables = {
                arm: metrics.admitted_table(of.prediction, steps.label_N, of.admitted, alpha)
                for arm, of in judgements.items()
            }
            falls = {arm: table.shortfall for arm, table in tables.items()}
            for arm in judgements:
                figures[f"{name}: admitted at {alpha:g}, {arm}"] = tables[arm].share
                figures[f"{name}: shortfall at {alpha:g}, {arm}"] = falls[arm]
            least = min(fall for arm, fall in falls.items() if arm not in (SDM, LOWER))
            named = f"{name}: shortfall at {alpha:g}, best baseline minus"
            figures[f"{named} {SDM}"] = least - falls[SDM]
            figures[f"{named} {LOWER}"] = least - falls[LOWER]
            figures |= _cells(name, judgements, tables[SDM], steps.label_N, alpha)
            if alpha == alphas[0]:
                figures |= _fits(name, judgements, steps)
    first, *shifted = tests
    for name in shifted:
        figures[f"{name}: AUROC of q against {first}"] = metrics.ood_auroc(q[first], q[name])
    return figures


def _cells(name, judgements, table, label_N, alpha):
    """Accuracy of the SDM's cells, and its worst one against as many rows ranked by softmax."""
    of, softmax = judgements[SDM], judgements["softmax"]
    figures = {
        f"{name}: accuracy of {cell.name} at {alpha:g}, {SDM}": cell.accuracy for cell in table.rows
    }
    as_many_N = metrics.top_share(softmax.score, int(of.admitted.sum()))
    other = metrics.admitted_table(softmax.prediction, label_N, as_many_N, alpha)
    gap = 0.0 if table.worst is None or other.worst is None else table.worst - other.worst
    figures[f"{name}: worst cell at {alpha:g}, {SDM} minus softmax that admits as many"] = gap
    return figures


def _fits(name, judgements, steps):
    """How well probabilities fit, and how well rankings order errors."""
    figures = {}
    for arm in (SDM, "softmax", "temperature", "platt", "isotonic"):
        of = judgements[arm]
        right_N = of.prediction == steps.label_N
        figures[f"{name}: accuracy of all, {arm}"] = float(right_N.mean())
        figures[f"{name}: ECE, {arm}"] = metrics.expected_calibration_error(
            of.probability.max(-1), right_N
        )
        figures[f"{name}: Brier score, {arm}"] = metrics.brier(of.probability, steps.label_N)
        figures[f"{name}: negative log-likelihood, {arm}"] = metrics.negative_log_likelihood(
            of.probability, steps.label_N
        )
        figures[f"{name}: AURC, {arm}"] = metrics.aurc(of.score, right_N)
    return figures


def of_every_seed(per_seed: Sequence[Mapping[str, float | None]]) -> dict[str, np.ndarray]:
    """The figures of all seeds by name; those that a seed does not have are left out."""
    return {
        name: np.array([figures[name] for figures in per_seed], np.float64)
        for name in per_seed[0]
        if all(figures.get(name) is not None for figures in per_seed)
    }
