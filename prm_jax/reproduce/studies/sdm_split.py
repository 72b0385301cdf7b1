"""What does it do to an SDM estimator to split its rows and not their problems (SDM activations,
arXiv:2509.12760)?"""

import numpy as np

from prm_jax.calibration import metrics, sdm
from prm_jax.calibration.sdm.split import training_and_calibration
from prm_jax.records import Trajectory
from prm_jax.reproduce import chains, judges, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

ROWS, PROBLEMS = "by row", "by problem"
GAP = "share admitted of the calibration half minus that of new problems"


def run(config, seeds, progress):
    """Trains a process model; fits an estimator for either split on solutions of few problems."""
    options = chains.ChainOptions(**config.chains)
    learn: list[list[Trajectory]] = []
    fit: list[list[Trajectory]] = []
    test: list[list[Trajectory]] = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        learn.append(chains.trajectories(chains.draw(config.data.solutions, options, rng)))
        for drawn in (fit, test):
            few = chains.draw(config.data.problems, options, rng, config.data.candidates)
            drawn.append(chains.trajectories(few))
    models = population.train(config, seeds, learn, objective="bce", progress=progress)
    auroc = each_seed(measures.step_auroc, test, population.score(models, test))
    figures: dict[str, list] = {}
    progress.begin("estimators", len(seeds))
    states = [population.features(models, of) for of in (fit, test)]
    for place, seed in enumerate(seeds):
        known, new = (
            judges.labelled_steps(drawn[place], features[place])
            for drawn, features in zip((fit, test), states, strict=True)
        )
        seen = set(known.group_N.tolist())
        new = new.take([problem not in seen for problem in new.group_N.tolist()])
        for name, value in _of_seed(config, seed, known, new).items():
            figures.setdefault(name, []).append(value)
        progress.update(place + 1)
    for what in (GAP, "shortfall on new problems"):
        pair = (np.array(figures[f"{what}, {arm}"]) for arm in (ROWS, PROBLEMS))
        by_row, by_problem = pair
        figures[f"{what}, {ROWS} minus {PROBLEMS}"] = by_row - by_problem
    return {"step AUROC of the process model": auroc, **figures}


def _of_seed(config, seed, known, new):
    """Figures of both splits."""
    alpha, figures = config.data.alpha, {}
    for arm in (ROWS, PROBLEMS):
        groups = known.group_N if arm == PROBLEMS else np.arange(len(known.label_N))
        hyper = dict(config.sdm, alpha=alpha, seed=seed, exclude_groups=arm == PROBLEMS)
        fitted = sdm.fit(known.features_ND, known.label_N, groups, **hyper)
        _, held = training_and_calibration(
            known.label_N, groups, seed=seed, round=int(fitted.round), balance=True
        )
        shares = {}
        for where, steps in (("the calibration half", known.take(held)), ("new problems", new)):
            found = sdm.predict(fitted, steps.features_ND)
            table = metrics.admitted_table(found.prediction, steps.label_N, found.admitted, alpha)
            shares[where] = table.share
            figures[f"share admitted of {where}, {arm}"] = table.share
            figures[f"shortfall on {where}, {arm}"] = table.shortfall
            right_N = found.prediction == steps.label_N
            figures[f"accuracy on {where}, {arm}"] = float(right_N.mean())
            figures[f"median q on {where}, {arm}"] = float(np.median(found.q))
        figures[f"{GAP}, {arm}"] = shares["the calibration half"] - shares["new problems"]
    return figures


STUDY = Study(
    title="SDM: split by row or by problem",
    paper="Similarity-Distance-Magnitude activations, arXiv:2509.12760, which splits rows",
    claims=(
        Claim(
            "Split by row, more is admitted in the calibration half than on new problems, by a "
            "larger margin than split by problem.",
            effect=f"{GAP}, {ROWS} minus {PROBLEMS}",
        ),
        Claim(
            "Split by row, the worst cell on new problems falls shorter of what was asked for.",
            effect=f"shortfall on new problems, {ROWS} minus {PROBLEMS}",
        ),
    ),
    setting="A process model learns chains of 3 to 5 additions modulo 5. An SDM estimator is "
    "fitted on the steps of many solutions of each of a few other problems, either with the steps "
    "split at random and each step only itself left out of its neighbours, as published, or with "
    "problems kept whole and all steps of its own problem left out. Both are tested on problems "
    "that neither estimator saw.",
    differs="States of a small model; balanced halves; at least 100 calibration steps of each "
    "class in a region. The paper's texts have no groups, so it claims nothing here: the claims "
    "are what the leak would do.",
    run=run,
)
