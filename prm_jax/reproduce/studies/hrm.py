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

LABELLED, ON_TREES = ("PRM", "HRM"), ("HRM on trees", "HRM on trees with HNC")
AGGREGATIONS = ("min", "last")


def run(config, seeds, progress):
    """Trains PRM and HRM on labelled steps, and HRM further on trees; scores all of them."""
    options = chains.ChainOptions(**config.chains)
    n = config.data.candidates
    training: dict[str, list] = {arm: [] for arm in LABELLED + ON_TREES}
    candidates = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        for arm, examples in _examples(config.data, options, rng).items():
            training[arm].append(examples)
        tested = chains.draw(config.data.problems, options, rng, n)
        candidates.append(chains.trajectories(tested, "state"))
    further = config.copy_and_resolve_references()
    further.training.updates = config.trees.updates
    further.optimizer.learning_rate = config.trees.learning_rate

    def train(arm, config, initial=None):
        common = dict(objective="bce", progress=progress, name=arm)
        return population.train(config, seeds, training[arm], initial=initial, **common)

    models = {arm: train(arm, config) for arm in LABELLED}
    models |= {arm: train(arm, further, models["HRM"]) for arm in ON_TREES}
    logits = {arm: population.score(of, candidates) for arm, of in models.items()}
    windows = [
        [merge_last_steps(t, end) for t in of for end in range(len(t.steps))] for of in candidates
    ]
    coarse = population.score(models["HRM"], windows)
    logits["HRM fused"] = [_fuse(*of) for of in zip(logits["HRM"], coarse, strict=True)]
    wanted = {
        "step AUROC": measures.step_auroc,
        "step AUROC after an error": _auroc_after_an_error,
    }
    for method in AGGREGATIONS:
        best_of_n = functools.partial(measures.best_of, n, aggregation=method)
        wanted[f"best of {n} by {method}"] = best_of_n
    figures = {"pass rate of a candidate": each_seed(measures.pass_rate, candidates)}
    for name, measure in wanted.items():
        for arm, of in logits.items():
            figures[f"{name}, {arm}"] = each_seed(measure, candidates, of)
    pairs = (("HRM", "PRM"), ("HRM fused", "PRM"), (ON_TREES[1], ON_TREES[0]))
    for more, less in pairs:
        for name in wanted:
            general = name.replace(f"best of {n}", "best of n")
            figures[f"{more} minus {less}, {general}"] = (
                figures[f"{name}, {more}"] - figures[f"{name}, {less}"]
            )
    return figures


def _examples(data, options, rng):
    """What each arm of one seed learns from."""
    solutions = chains.trajectories(chains.draw(data.solutions, options, rng), "state")
    n = data.solutions_of_problem
    sampled = chains.trajectories(chains.draw(data.trees, options, rng, n), "state")
    nodes = []
    for first in range(0, len(sampled), n):
        of_problem = sampled[first : first + n]
        nodes += tree_examples(step_tree(of_problem), of_problem[0].problem)
    compressed = compressed_examples(sampled, rng, min_children=data.min_children)
    arms = {
        "PRM": solutions,
        "HRM": solutions + _merged(solutions),
        "HRM on trees": nodes + _merged(nodes),
    }
    arms["HRM on trees with HNC"] = arms["HRM on trees"] + compressed + _merged(compressed)
    return arms


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
            effect="HRM on trees with HNC minus HRM on trees, best of n by min",
        ),
    ),
    setting="Chains of 3 or 4 additions modulo 4; three in ten steps are wrong, and a wrong "
    "number is often repaired by the next step. PRM learns from steps labelled by whether the "
    "number they show is the true one; HRM also from every two consecutive steps merged, with the "
    "label of the last. HRM on trees learns on from trees of sampled solutions, in which a step "
    "has the share of right solutions below it as its label, from single and merged steps; with "
    "HNC also from those of the compressed trees. Arms that are compared have equally many "
    "updates of about as many tokens, with binary cross-entropy. Scores are those of single "
    "steps, as released; fused: the mean with the score of the window of two steps that ends "
    "there. AUROC after an error is over steps with a wrong number before them. Best-of-N is by "
    "the minimum or the last step; the claims are of the minimum.",
    differs="A three-layer model from scratch in place of 1.5B and 7B language models; whole "
    "solutions are chosen, where the paper's search chooses each next step; cross-entropy, as the "
    "paper writes, where the release takes squared errors on trees; labels are not balanced; "
    "merged steps and compressed trees take the place of passes over the single steps, so that "
    "HRM sees fewer labelled steps in an update. Scoring windows is ours.",
    run=run,
)
