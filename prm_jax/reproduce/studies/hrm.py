"""Do merged steps as further examples, and compressed trees of solutions, make a model that judges
self-correcting solutions better (HRM)?"""

import functools

import numpy as np

from prm_jax.data.merged_steps import merge_last_steps, merged_examples
from prm_jax.data.node_compression import compressed_examples, step_tree, tree_examples
from prm_jax.evaluate.step_metrics import auroc
from prm_jax.reproduce import chains, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

ARMS = ("PRM", "HRM", "HRM with HNC")
AGGREGATIONS = ("min", "last")


def run(config, seeds, progress):
    """Trains each arm on trees of the same solutions; scores steps alone and with windows."""
    options = chains.ChainOptions(**config.chains)
    n = config.data.candidates
    training: dict[str, list] = {arm: [] for arm in ARMS}
    candidates = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        for arm, examples in _examples(config.data, options, rng).items():
            training[arm].append(examples)
        tested = chains.draw(config.data.problems, options, rng, n)
        candidates.append(chains.trajectories(tested, "state"))
    windows = [
        [merge_last_steps(t, end) for t in of for end in range(len(t.steps))] for of in candidates
    ]
    figures = {"pass rate of a candidate": each_seed(measures.pass_rate, candidates)}
    for arm in ARMS:
        models = population.train(
            config, seeds, training[arm], objective="bce", progress=progress, name=arm
        )
        single = population.score(models, candidates)
        coarse = population.score(models, windows)
        fused = [_fuse(*of) for of in zip(single, coarse, strict=True)]
        for name, logits in ((arm, single), (f"{arm} fused", fused)):
            figures[f"step AUROC, {name}"] = each_seed(measures.step_auroc, candidates, logits)
            figures[f"step AUROC after an error, {name}"] = each_seed(
                _auroc_after_an_error, candidates, logits
            )
            for method in AGGREGATIONS:
                best_of_n = functools.partial(measures.best_of, n, aggregation=method)
                figures[f"best of {n} by {method}, {name}"] = each_seed(
                    best_of_n, candidates, logits
                )
    compared = {
        "step AUROC after an error": "step AUROC after an error",
        **{f"best of n by {method}": f"best of {n} by {method}" for method in AGGREGATIONS},
    }
    for more, less in (("HRM", "PRM"), ("HRM fused", "PRM"), ("HRM with HNC", "HRM")):
        for name, figure in compared.items():
            figures[f"{more} minus {less}, {name}"] = (
                figures[f"{figure}, {more}"] - figures[f"{figure}, {less}"]
            )
    return figures


def _examples(data, options, rng):
    """What each arm learns from: the nodes of the trees of one seed's solutions."""
    n = data.solutions_of_problem
    solutions = chains.trajectories(chains.draw(data.solutions // n, options, rng, n), "state")
    single = []
    for first in range(0, len(solutions), n):
        of_problem = solutions[first : first + n]
        single += tree_examples(step_tree(of_problem), of_problem[0].problem)
    compressed = compressed_examples(solutions, rng)
    merged = single + _merged(single)
    return {
        "PRM": single,
        "HRM": merged,
        "HRM with HNC": merged + compressed + _merged(compressed),
    }


def _merged(trajectories):
    return [example for trajectory in trajectories for example in merged_examples(trajectory)]


def _fuse(single, coarse):
    """The mean of each step's logit alone and as the end of a window of two steps."""
    ends = iter(coarse)
    return [(steps + np.array([next(ends)[-1] for _ in steps])) / 2 for steps in single]


def _auroc_after_an_error(trajectories, logits):
    """Probability that a step which repairs an error, or follows one that does, scores above a step
    which leaves it; of steps with a wrong number before them."""
    labels = [np.array(trajectory.step_labels()) for trajectory in trajectories]
    after = np.concatenate([np.cumsum(of == 0) > (of == 0) for of in labels])
    return float(auroc(np.concatenate(logits)[after], np.concatenate(labels)[after])[0])


STUDY = Study(
    title="Merged steps and compressed trees on self-correcting solutions",
    paper="Hierarchical reward model (HRM) with hierarchical node compression (HNC), "
    "arXiv:2503.13551",
    claims=(
        Claim(
            "Best-of-N accuracy on self-correcting solutions is higher for a model that also "
            "learns from merged steps (HRM) than for one of single steps (PRM), both scored at "
            "single steps.",
            effect="HRM minus PRM, best of n by min",
        ),
        Claim(
            "The same where HRM also scores windows of two steps.",
            effect="HRM fused minus PRM, best of n by min",
        ),
        Claim(
            "HRM tells repaired steps from unrepaired ones better than PRM.",
            effect="HRM minus PRM, step AUROC after an error",
        ),
        Claim(
            "Examples of compressed trees (HNC) raise the best-of-N accuracy of HRM.",
            effect="HRM with HNC minus HRM, best of n by min",
        ),
    ),
    setting="Chains of 3 or 4 additions; a fifth of the steps is wrong, and a "
    "wrong number is often repaired by the next step. The sampled solutions of a problem make a "
    "tree, and a step has the share of right solutions below it as its label. PRM learns from the "
    "steps of the trees, HRM also from every two consecutive ones merged, HRM with HNC also from "
    "both kinds of examples of the compressed trees. All have equally many updates of equally "
    "many tokens, with binary cross-entropy. Scores are those of single steps, as released; "
    "fused: the mean with the score of the window of two steps that ends there. Best-of-N by the "
    "minimum or the last step; the outcome is whether the last number is true.",
    differs="A two-layer model from scratch in place of 1.5B and 7B language models; whole "
    "solutions are chosen, where the paper's search chooses each next step; cross-entropy, as the "
    "paper writes, where the release takes squared errors; labels are not balanced; further "
    "examples take the place of passes over the single steps. Scoring windows is ours.",
    run=run,
)
