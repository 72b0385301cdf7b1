"""Does a process model trained on easy problems choose solutions of hard ones better than an
outcome model does (Easy-to-Hard generalisation, arXiv:2403.09472)?"""

import dataclasses
import functools

import numpy as np

from prm_jax.formats import apply_after_error
from prm_jax.models import HeadConfig
from prm_jax.reproduce import chains, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

PAPERS = HeadConfig("easy_to_hard")
ARMS = {  # name: objective, options, head, how a solution is scored
    "prm": ("bce", "", population.SCALAR, "min"),
    "prm on tokens": ("bce_every_token", '{"last_tokens": 3}', PAPERS, "min"),
    "orm": ("orm_last", "", population.SCALAR, "last"),
    "orm on tokens": ("orm_every_token", "", PAPERS, "last"),
}


def run(config, seeds, progress):
    """Trains each arm on easy solutions and tests it on easy and on hard problems."""
    lengths = {"easy": config.data.easy, "hard": config.data.hard}
    training = []
    candidates: dict[str, list] = {level: [] for level in lengths}
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        options = {
            level: chains.ChainOptions(**config.chains, min_steps=least, max_steps=most)
            for level, (least, most) in lengths.items()
        }
        solutions = chains.draw(config.data.solutions, options["easy"], rng)
        labelled = chains.trajectories(solutions, "step")
        training.append([apply_after_error(trajectory, "mask") for trajectory in labelled])
        for level, of_level in options.items():
            drawn = chains.draw(config.data.problems, of_level, rng, config.data.candidates)
            candidates[level].append(chains.trajectories(drawn, "step"))
    figures = {}
    for level, tested in candidates.items():
        figures[f"pass rate of a candidate, {level}"] = each_seed(measures.pass_rate, tested)
        figures[f"majority, {level}"] = each_seed(measures.majority, tested)
    n = config.data.candidates
    short = config.copy_and_resolve_references()
    short.training.update(config.easy_rows)
    train = functools.partial(population.train, short, seeds, training, progress=progress)
    for arm, (objective, hyperparameters, head, aggregation) in ARMS.items():
        models = train(objective=objective, options=hyperparameters, head=head, name=arm)
        models = dataclasses.replace(models, training=config.training)  # rows for hard ones too
        best_of_n = functools.partial(measures.best_of, n, aggregation=aggregation)
        outcome_auroc = functools.partial(measures.outcome_auroc, aggregation=aggregation)
        for level, tested in candidates.items():
            logits = population.score(models, tested)
            figures[f"step AUROC, {arm}, {level}"] = each_seed(measures.step_auroc, tested, logits)
            figures[f"outcome AUROC, {arm}, {level}"] = each_seed(outcome_auroc, tested, logits)
            figures[f"best of {n}, {arm}, {level}"] = each_seed(best_of_n, tested, logits)
    for level in lengths:
        chosen = {arm: figures[f"best of {n}, {arm}, {level}"] for arm in ARMS}
        baselines = {
            "orm": chosen["orm"],
            "pass rate": figures[f"pass rate of a candidate, {level}"],
            "majority": figures[f"majority, {level}"],
        }
        for other, values in baselines.items():
            figures[f"prm minus {other}, {level}"] = chosen["prm"] - values
        figures[f"prm minus orm, on tokens, {level}"] = (
            chosen["prm on tokens"] - chosen["orm on tokens"]
        )
    return figures


STUDY = Study(
    title="Easy-to-hard generalisation of process models",
    paper="Easy-to-Hard Generalization (Sun et al.), arXiv:2403.09472",
    claims=(
        Claim(
            "On problems harder than those it was trained on, a process model chooses better "
            "solutions than an outcome model.",
            effect="prm minus orm, hard",
        ),
        Claim(
            "The same with the paper's head and losses on tokens.",
            effect="prm minus orm, on tokens, hard",
        ),
        Claim(
            "On the hard problems the process model chooses better than chance.",
            effect="prm minus pass rate, hard",
        ),
        Claim(
            "There it chooses better than the majority of the answers does.",
            effect="prm minus majority, hard",
        ),
    ),
    setting="Chains of additions modulo 5, a quarter of whose steps is wrong; easy ones have 2 or "
    "3 steps, hard ones 6 to 9. All arms are trained on the same easy solutions: process models on "
    "the labels up to the first wrong step (as in PRM800K), outcome models on whether the last "
    "number is right. prm, orm: one logit, trained at the ends of steps and at the last of them. "
    "On tokens: the paper's head, two rows that start at zero and are averaged; the process model "
    "is trained on the last three tokens of each step, the outcome model on every token. Process "
    "models score a solution by the minimum over its steps, outcome models by the last. Best-of-N "
    "accuracy over all candidates. The outcome AUROC says how well an arm tells right solutions "
    "from wrong ones, and so whether the outcome models have learnt on the easy problems; these "
    "are few enough to have been seen in training, and no hard one was.",
    differs="A two-layer model from scratch in place of a pretrained one of 7B or 34B parameters: "
    "it has seen no long problem in any form, so that an outcome model has nothing to generalise "
    "by. Hard means longer and nothing else, in place of the level of a MATH problem. A step's "
    "score is read at its last token and not as the least of three around it; no weighted votes, "
    "and no reinforcement learning.",
    run=run,
)
