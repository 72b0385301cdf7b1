"""Does the best way from step scores to a solution's score depend on where the labels come from
("The Lessons of Developing Process Reward Models", arXiv:2501.07301)?"""

import functools

import numpy as np

from prm_jax.formats import apply_after_error
from prm_jax.reproduce import chains, label_sources, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

AGGREGATIONS = ("min", "product", "mean", "last")


def run(config, seeds, progress):
    """Trains on judged and on Monte Carlo labels of the same solutions; aggregates each way."""
    options = chains.ChainOptions(**config.chains)
    completer = label_sources.Completer(**config.completer)
    n = config.data.candidates
    judged, estimated, candidates = [], [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        solutions = chains.draw(config.data.solutions, options, rng)
        true = chains.trajectories(solutions, "prefix")
        judged.append([apply_after_error(trajectory, "mask") for trajectory in true])
        shares_NS = label_sources.monte_carlo_labels(
            solutions, completer, config.data.completions, rng
        )
        estimated.append(chains.trajectories(solutions, shares_NS))
        tested = chains.draw(config.data.problems, options, rng, n)
        candidates.append(chains.trajectories(tested, "state"))
    figures = {"pass rate of a candidate": each_seed(measures.pass_rate, candidates)}
    for arm, training in (("judged", judged), ("monte carlo", estimated)):
        models = population.train(
            config, seeds, training, objective="bce", progress=progress, name=arm
        )
        logits = population.score(models, candidates)
        figures[f"step AUROC, {arm}"] = each_seed(measures.step_auroc, candidates, logits)
        for method in AGGREGATIONS:
            best_of_n = functools.partial(measures.best_of, n, aggregation=method)
            figures[f"best of {n} by {method}, {arm}"] = each_seed(best_of_n, candidates, logits)
        for method in ("min", "product"):
            figures[f"last minus {method}, {arm}"] = (
                figures[f"best of {n} by last, {arm}"] - figures[f"best of {n} by {method}, {arm}"]
            )
    for method in ("min", "product"):
        gain = f"last minus {method}"
        figures[f"{gain}, monte carlo minus judged"] = (
            figures[f"{gain}, monte carlo"] - figures[f"{gain}, judged"]
        )
    return figures


STUDY = Study(
    title="Aggregation and the source of the labels",
    paper="The Lessons of Developing Process Reward Models, arXiv:2501.07301",
    claims=(
        Claim(
            "The last score gains on the minimum when labels are Monte Carlo estimates and not "
            "judgements of the steps.",
            effect="last minus min, monte carlo minus judged",
        ),
        Claim(
            "The same against the product.",
            effect="last minus product, monte carlo minus judged",
        ),
        Claim(
            "With judged labels the last score chooses worse than the minimum.",
            effect="last minus min, judged",
            above=-np.inf,
            below=0.0,
        ),
        Claim(
            "With Monte Carlo labels it chooses better.",
            effect="last minus min, monte carlo",
        ),
    ),
    setting="Chains of 3 to 5 additions modulo 5; a quarter of the steps is wrong "
    "and a wrong number is sometimes repaired later. judged: each step up to the first error is "
    "labelled right or wrong, those after it are not labelled (as in PRM800K). monte carlo: each "
    "step has the share of 8 completions that end right. Both are trained with binary "
    "cross-entropy; best-of-N accuracy over all candidates.",
    differs="A two-layer model from scratch in place of Qwen2.5-Math-7B; the judge makes no "
    "mistake; one world in place of seven benchmarks. The paper compares models trained on other "
    "data and removes steps after the first Monte Carlo 0 in its final recipe.",
    run=run,
)
