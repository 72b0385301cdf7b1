"""Do weights of sources that are learnt on outcomes find the source with bad labels, and does the
model gain by them (DreamPRM, arXiv:2505.20241)?"""

import functools
import itertools
import math
from typing import Any

import numpy as np

from prm_jax.reproduce import chains, label_sources, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study
from prm_jax.train.bilevel import create_domains, outer_optimizer, step_on_paired


def run(config, seeds, progress):
    """Trains on all sources alike, with learnt weights, and on those with good labels alone."""
    options = chains.ChainOptions(**config.chains)
    sources, trusted, candidates = [], [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        sources.append([_source(config.data, options, rate, rng) for rate in config.data.flipped])
        solutions = chains.draw(config.data.trusted, options, rng)
        trusted.append(chains.trajectories(solutions))
        tested = chains.draw(config.data.problems, options, rng, config.data.candidates)
        candidates.append(chains.trajectories(tested))

    everything = [list(itertools.chain(*of)) for of in sources]
    worst = int(np.argmax(config.data.flipped))
    good = [list(itertools.chain(*of[:worst], *of[worst + 1 :])) for of in sources]
    names = [f"{rate:.0%} of the labels flipped" for rate in config.data.flipped]
    optimizer = outer_optimizer(config.bilevel)
    learnt: dict[str, Any] = dict(
        update_fn=functools.partial(
            step_on_paired,
            sizes=[len(source) for source in sources[0]],
            names=names,
            outer_optimizer=optimizer,
            method=config.bilevel.method,
            unroll=config.bilevel.unroll,
            inner_learning_rate=config.bilevel.inner_learning_rate,
        ),
        second=trusted,
        domains=create_domains(len(names), optimizer),
    )
    figures = {"pass rate of a candidate": each_seed(measures.pass_rate, candidates)}
    n = config.data.candidates
    best_of_n = functools.partial(measures.best_of, n, aggregation="mean_logit")
    arms: dict[str, tuple[list, dict]] = {
        "equal": (everything, {}),
        "learnt": (everything, learnt),
        "left out": (good, {}),
    }
    for arm, (data, more) in arms.items():
        models = population.train(
            config, seeds, data, objective="mse", progress=progress, name=arm, **more
        )
        if more:
            for name in names:
                figures[f"weight, {name}"] = models.metrics[f"weight/{name}"]
        logits = population.score(models, candidates)
        figures[f"step AUROC, {arm}"] = each_seed(measures.step_auroc, candidates, logits)
        figures[f"best of {n}, {arm}"] = each_seed(best_of_n, candidates, logits)
    weights = np.array([figures[f"weight, {name}"] for name in names])
    figures["weight, bad source"] = weights[worst]
    figures["weight, least of the others minus bad source"] = (
        np.delete(weights, worst, axis=0).min(0) - weights[worst]
    )
    for name, measure in (("step AUROC", "step AUROC"), ("best of most", f"best of {n}")):
        figures[f"learnt minus equal, {name}"] = (
            figures[f"{measure}, learnt"] - figures[f"{measure}, equal"]
        )
    return figures


def _source(data, options, rate, rng):
    """Solutions of one source, a share of whose labels is wrong."""
    found = chains.trajectories(chains.draw(data.solutions, options, rng))
    return label_sources.flip_labels(found, rate, rng)


STUDY = Study(
    title="Weights of sources learnt on outcomes",
    paper="DreamPRM, arXiv:2505.20241",
    claims=(
        Claim(
            "The source with bad labels ends with a weight below 1.",
            effect="weight, bad source",
            above=-math.inf,
            below=1.0,
        ),
        Claim(
            "It has the least weight of all.",
            effect="weight, least of the others minus bad source",
        ),
        Claim(
            "Best-of-N accuracy is higher with learnt weights than with equal ones.",
            effect="learnt minus equal, best of most",
        ),
        Claim(
            "So is the step AUROC.",
            effect="learnt minus equal, step AUROC",
        ),
    ),
    setting="Three sources of chains of additions modulo 3 that differ in the share of step "
    "labels that are flipped. Arms: all sources with equal weights, with weights learnt by finite "
    "differences on solutions with true outcomes, and without the bad source, as a bound. The loss "
    "is the squared error, as in the paper; a solution's score is the mean of its step logits, as "
    "in the paper's upper level.",
    differs="A two-layer model from scratch in place of a 2B vision-language model; sources of the "
    "same problems whose labels alone differ, in place of 15 data sets; the weights move in every "
    "update of the model and faster than the paper's.",
    run=run,
)
