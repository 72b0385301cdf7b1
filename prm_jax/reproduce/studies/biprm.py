"""Does reading the steps in reverse order too, and mixing both scores, judge solutions better than
reading them from left to right (BiPRM, arXiv:2508.01682)?"""

import functools
from collections.abc import Callable

import numpy as np

from prm_jax.data.reversed_steps import reverse_steps
from prm_jax.models import HeadConfig
from prm_jax.reproduce import chains, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

ARMS = ("L2R", "v1", "v2")
GATED = HeadConfig("scalar", gate=True)


def run(config, seeds, progress):
    """Trains each arm with each objective on the same solutions."""
    options = chains.ChainOptions(**config.chains)
    n = config.data.candidates
    training, candidates = [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        solutions = chains.draw(config.data.solutions, options, rng)
        training.append(chains.trajectories(solutions, "state"))
        tested = chains.draw(config.data.problems, options, rng, n)
        candidates.append(chains.trajectories(tested, "state"))
    wanted: dict[str, Callable[..., float]] = {
        "step AUROC": measures.step_auroc,
        "first-error accuracy": measures.first_error_accuracy,
        f"best of {n}": functools.partial(measures.best_of, n),
    }
    figures = {"pass rate of a candidate": each_seed(measures.pass_rate, candidates)}
    for objective in config.objectives:
        for arm in ARMS:
            common = dict(objective=objective, progress=progress, name=f"{objective}, {arm}")
            logits = _step_logits(arm, config, seeds, training, candidates, **common)
            for name, measure in wanted.items():
                figures[f"{name}, {objective}, {arm}"] = each_seed(measure, candidates, logits)
    for arm in ARMS[1:]:
        for name in wanted:
            gains = [
                figures[f"{name}, {objective}, {arm}"] - figures[f"{name}, {objective}, L2R"]
                for objective in config.objectives
            ]
            name = "best of n" if name.startswith("best") else name
            for objective, gain in zip(config.objectives, gains):
                figures[f"{arm} minus L2R, {name}, {objective}"] = gain
            figures[f"{arm} minus L2R, {name}"] = np.mean(gains, axis=0)
    return figures


def _step_logits(arm, config, seeds, training, candidates, **common):
    """Step logits of the candidates by an arm's models."""
    if arm == "L2R":
        models = population.train(config, seeds, training, **common)
        return population.score(models, candidates)
    of_both = config.copy_and_resolve_references()
    of_both.training.update(config.rows_of[arm])
    if arm == "v2":
        models = population.train(of_both, seeds, training, head=GATED, **common)
        return population.score(models, candidates)
    models = population.train(of_both, seeds, [_both(of) for of in training], **common)
    streams = population.score(models, [_both(of) for of in candidates])
    return [_mean_of_directions(of) for of in streams]


def _both(trajectories):
    return [*trajectories, *map(reverse_steps, trajectories)]


def _mean_of_directions(logits):
    n = len(logits) // 2
    return [(f + b[::-1]) / 2 for f, b in zip(logits[:n], logits[n:], strict=True)]


STUDY = Study(
    title="Both reading directions against left to right",
    paper="BiPRM, arXiv:2508.01682",
    claims=(
        Claim(
            "A learned gate over both reading directions (second version) raises best-of-N "
            "accuracy, mean over three objectives.",
            effect="v2 minus L2R, best of n",
        ),
        Claim(
            "It also names the first error more often.",
            effect="v2 minus L2R, first-error accuracy",
        ),
        Claim(
            "The mean of both directions (first version) raises best-of-N accuracy, mean over "
            "three objectives.",
            effect="v1 minus L2R, best of n",
        ),
        Claim(
            "It also names the first error more often.",
            effect="v1 minus L2R, first-error accuracy",
        ),
    ),
    setting="Chains of 3 or 4 additions modulo 4; three in ten steps are wrong, and a wrong "
    "number is often repaired by the next step, so that later steps tell of earlier ones. A step "
    "is labelled by whether the number it shows is the true one. L2R reads each solution once. "
    "v1: one model learns from the solutions and from their reversed copies; the score of a step "
    "is the mean of its two log-odds. v2: a gate learned with the model mixes them and the loss "
    "is of the mixture. Every update of all three sees about as many solutions. The objectives are "
    "bce, mse and the ranking loss with margin 4; a solution's score is the minimum over its "
    "steps, and a first error is found where the score first falls below 0.5.",
    differs="A three-layer model from scratch in place of 1.5B to 7B language models; true labels "
    "in place of Monte Carlo ones; one policy and one world. Each stream of v1 has a loss of its "
    "own, in its own reading order, which only the ranking loss depends on. Without the faults of "
    "the released code (probabilities as logits in bce, alignment by non-zero scores).",
    run=run,
)
