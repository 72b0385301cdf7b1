"""Does an outcome model gain on a process model as step labels grow noisier and solutions longer
("Rethinking Reward Models for Multi-Domain Test-Time Scaling", arXiv:2510.00492)?"""

import functools

import numpy as np

from prm_jax.formats import apply_after_error
from prm_jax.reproduce import chains, label_sources, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

SLOPE = "slope over noise of dORM minus dPRM"


def run(config, seeds, progress):
    """Trains a dORM for each length, and a dPRM for each length and rate of noise."""
    figures: dict[str, np.ndarray] = {}
    n, rates = config.data.candidates, config.data.noise
    best_of_n = functools.partial(measures.best_of, n)
    for name, lengths in (("short", config.data.short), ("long", config.data.long)):
        training, candidates = _data(config, seeds, *lengths)
        figures[f"pass rate of a candidate, {name}"] = each_seed(measures.pass_rate, candidates)
        of_length = config.copy_and_resolve_references()
        of_length.training.update(config.rows_of[name])
        train = functools.partial(population.train, of_length, seeds, progress=progress)
        models = train(training, objective="orm_bce", name=f"dORM, {name}")
        by_last = functools.partial(best_of_n, aggregation="last")
        outcome = each_seed(by_last, candidates, population.score(models, candidates))
        figures[f"best of {n}, dORM, {name}"] = outcome
        gaps = []
        for rate in rates:
            arm = f"{name}, noise {rate:g}"
            noisy = [_noisy(rows, rate, seed) for rows, seed in zip(training, seeds)]
            models = train(noisy, objective="bce", name=f"dPRM, {arm}")
            logits = population.score(models, candidates)
            process = each_seed(best_of_n, candidates, logits)
            gaps.append(outcome - process)
            figures[f"step AUROC, dPRM, {arm}"] = each_seed(measures.step_auroc, candidates, logits)
            figures[f"best of {n}, dPRM, {arm}"] = process
            figures[f"dORM minus dPRM, {arm}"] = outcome - process
        figures[f"{SLOPE}, {name}"] = np.polyfit(rates, gaps, 1)[0]
    long, short = (
        figures[f"dORM minus dPRM, {name}, noise {rates[-1]:g}"] for name in ("long", "short")
    )
    figures["growth with length of dORM minus dPRM, most noise"] = long - short
    return figures


def _data(config, seeds, min_steps, max_steps):
    options = chains.ChainOptions(**config.chains, min_steps=min_steps, max_steps=max_steps)
    training, candidates = [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        training.append(chains.trajectories(chains.draw(config.data.solutions, options, rng)))
        tested = chains.draw(config.data.problems, options, rng, config.data.candidates)
        candidates.append(chains.trajectories(tested))
    return training, candidates


def _noisy(trajectories, rate, seed):
    """Flipped labels, of which those after the first 0 are not learnt from, as in the paper."""
    noisy = label_sources.flip_labels(trajectories, rate, np.random.default_rng([seed, 2]))
    return [apply_after_error(trajectory, "mask") for trajectory in noisy]


STUDY = Study(
    title="Outcome or process model under label noise",
    paper="Rethinking Reward Models for Multi-Domain Test-Time Scaling, arXiv:2510.00492",
    claims=(
        Claim(
            "The outcome model gains on the process model as step labels grow noisier, on long "
            "solutions.",
            effect=f"{SLOPE}, long",
        ),
        Claim(
            "Under the most noise it is further ahead on long solutions than on short ones.",
            effect="growth with length of dORM minus dPRM, most noise",
        ),
    ),
    setting="Chains of additions modulo 3 of two lengths, 2 or 3 steps and 4. dORM: one "
    "label, the outcome, at the last step, where its score is read. dPRM: a label at every step up "
    "to the first 0, scored by the minimum. Noise flips step labels, not outcomes, for an answer "
    "can be checked and a step is judged by a model. Best-of-N accuracy over all candidates. All "
    "arms of a length make the same number of updates.",
    differs="A two-layer model from scratch in place of 8B and 14B models with adapters; noise of "
    "known rate in place of that of an automatic judge; one domain; no generative arms.",
    run=run,
)
