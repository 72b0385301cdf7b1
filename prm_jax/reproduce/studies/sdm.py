"""Does an SDM estimator keep what it promises, in the world it was fitted in and in others
(SDM activations, arXiv:2509.12760)?"""

import dataclasses
import math
from typing import Any

import numpy as np

from prm_jax.data.reversed_steps import reverse_steps
from prm_jax.data.sources import split_by_problem
from prm_jax.reproduce import chains, judges, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

SAME = "same world"
SHIFTS: dict[str, dict[str, Any]] = {  # name: what is not as in the world that judges are fitted in
    "longer": dict(min_steps=6, max_steps=8),
    "other errors": dict(slip=0.0, operand=1.0),
    "subtractions": dict(operations="-"),
    "more errors": dict(error_rate=0.5),
}
TOLERANCE = 0.01


def run(config, seeds, progress):
    """Trains a process model, fits the judges on its states of new problems, and tests them."""
    learn, fit = [], []
    share = config.data.new_problems * config.data.tested  # of all problems, in every world
    tests: dict[str, list] = {SAME: []}
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        drawn = _chains(config, config.data.solutions, rng)
        known, new = split_by_problem(drawn, config.data.new_problems)
        to_fit, to_test = split_by_problem(new, share)
        learn.append(known)
        fit.append(to_fit)
        tests[SAME].append(to_test)
        for name, changes in SHIFTS.items():
            drawn = _chains(config, round(2 * config.data.shifted / share), rng, **changes)
            _, unseen = split_by_problem(drawn, share)
            tests.setdefault(name, []).append(unseen[: config.data.shifted])
        few = to_test[: config.data.shifted]
        tests.setdefault("reversed", []).append([reverse_steps(t) for t in few])
        tests.setdefault("shuffled", []).append([shuffled(t, rng) for t in few])
    short = config.copy_and_resolve_references()
    short.training.update(config.short_rows)
    models = population.train(short, seeds, learn, objective="bce", progress=progress)
    models = dataclasses.replace(models, training=config.training)  # rows for longer chains too
    logits = population.score(models, tests[SAME])
    fit_steps = _steps(models, fit)
    test_steps = {name: _steps(models, of_seeds) for name, of_seeds in tests.items()}
    alphas, per_seed = tuple(config.data.alphas), []
    progress.begin("judges", len(seeds))
    for place, seed in enumerate(seeds):
        fitted = judges.fit(fit_steps[place], alphas, seed, config.sdm)
        of_seed = {name: steps[place] for name, steps in test_steps.items()}
        per_seed.append(judges.compare(fitted, of_seed, alphas))
        progress.update(place + 1)
    auroc = {"step AUROC of the process model": each_seed(measures.step_auroc, tests[SAME], logits)}
    return auroc | judges.of_every_seed(per_seed)


def _chains(config, n, rng, **changes):
    options = chains.ChainOptions(**{**config.chains, **changes})
    return chains.trajectories(chains.draw(n, options, rng))


def shuffled(trajectory, rng):
    """The steps of a trajectory in a random order, each with its label."""
    order = rng.permutation(len(trajectory.steps))
    labels = trajectory.step_labels()
    return dataclasses.replace(
        trajectory,
        steps=tuple(trajectory.steps[i] for i in order),
        labels=tuple(labels[i] for i in order),
        first_error=None,
    )


def _steps(models, trajectories):
    """The steps of each seed's trajectories, with the states of its model."""
    features = population.features(models, trajectories)
    return [judges.labelled_steps(*of) for of in zip(trajectories, features, strict=True)]


def claims(first, shifts, alphas):
    """What is claimed of an SDM in its own world and in others."""
    found = []
    for alpha in alphas:
        found.append(
            Claim(
                f"In distribution no cell of what is admitted at {alpha:g} is right less often, "
                f"by {TOLERANCE} or more.",
                effect=f"{first}: shortfall at {alpha:g}, {judges.SDM}",
                above=-math.inf,
                below=TOLERANCE,
            )
        )
        found.append(
            Claim(
                f"In distribution at least 30 % is admitted at {alpha:g}.",
                effect=f"{first}: admitted at {alpha:g}, {judges.SDM}",
                above=0.3,
            )
        )
    found.append(
        Claim(
            f"In distribution, at {alphas[0]:g}, its worst cell is better than that of as many "
            "steps chosen by softmax.",
            effect=f"{first}: worst cell at {alphas[0]:g}, SDM minus softmax that admits as many",
        )
    )
    found += [
        Claim(
            f"Under shift ({name}) it falls short by no more than the best baseline, at "
            f"{alphas[0]:g}, up to {TOLERANCE}.",
            effect=f"{name}: shortfall at {alphas[0]:g}, best baseline minus {judges.SDM}",
            above=-TOLERANCE,
        )
        for name in shifts
    ]
    return tuple(found)


STUDY = Study(
    title="SDM estimators on a small process model",
    paper="Similarity-Distance-Magnitude activations, arXiv:2509.12760",
    claims=claims(SAME, [*SHIFTS, "reversed", "shuffled"], (0.95, 0.9)),
    setting="A process model learns chains of 3 to 5 additions modulo 5, a fifth of whose steps is "
    "wrong, labelled right up to the first error. On other problems an SDM estimator is fitted on "
    "its states (at the step's end, and their mean so far), half of the problems for the adaptor, "
    "half for the regions; and, on the same halves, a logistic regression with each baseline: no "
    "rejection, softmax threshold, temperature, Platt, isotonic, APS, RAPS, label-conditional "
    "conformal sets, Learn-then-Test. Steps of the third part of the new problems are judged, and "
    "those of other worlds: 6 to 8 steps; errors by wrong operands; subtractions, never "
    "seen; half of the steps wrong; the steps of a solution reversed, or shuffled with their "
    "labels. No problem of these is in another part. Cells are all admitted steps, those of each "
    "class and those of each prediction; the "
    "shortfall is how far the worst one is below the accuracy asked for, 0 if nothing is admitted.",
    differs="States of a small model in place of a language model's; one split and initialisation "
    "of the estimator in place of ten; at least 100 calibration steps of each class in a region; "
    "balanced halves split by problem; a larger learning rate. Seeds draw problems, model and "
    "estimator.",
    run=run,
)
