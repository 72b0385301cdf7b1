"""Does a head that reads how certain a frozen language model is judge its steps as well as a
process model of that many parameters (UHead, arXiv:2511.06209)?"""

import functools

import jax
import numpy as np

from prm_jax.reproduce import chains, measures, policy, population, uncertainty_heads
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

HEAD, ADAPTERS, WHOLE, LIKELIHOOD = "head", "adapters", "whole model", "log-probability"


def run(config, seeds, progress):
    """Trains language models, has them work at problems, and trains each arm on that work."""
    options = chains.ChainOptions(**config.chains)
    rngs = [np.random.default_rng([seed, 1]) for seed in seeds]

    def problems(n, candidates=1):
        return [chains.draw(n, options, rng, candidates) for rng in rngs]

    texts = [chains.trajectories(drawn) for drawn in problems(config.data.texts)]
    train = functools.partial(population.train, seeds=seeds, progress=progress)
    writing = config.copy_and_resolve_references()
    writing.training.updates = config.data.text_updates
    writers = train(writing, data=texts, objective="likelihood", head=None, name="language model")
    n = config.data.candidates
    solutions = policy.write_results(writers, problems(config.data.solutions), rngs)
    candidates = policy.write_results(writers, problems(config.data.problems, n), rngs)

    heads = uncertainty_heads.train(config, seeds, writers, solutions, progress)
    judge = functools.partial(train, config, data=solutions, objective="bce", initial=writers)
    models = {ADAPTERS: judge(rank=config.rank, name=ADAPTERS), WHOLE: judge(name=WHOLE)}
    logits: dict[str, list] = {
        HEAD: uncertainty_heads.score(config, writers, heads, candidates),
        LIKELIHOOD: population.score(writers, candidates),
        **{arm: population.score(of_arm, candidates) for arm, of_arm in models.items()},
    }
    figures = {"pass rate of a candidate": each_seed(measures.pass_rate, candidates)}
    figures[f"trained parameters, {HEAD}"] = np.array([_size(params) for params in heads])
    for arm, of_arm in models.items():
        each = _size(of_arm.params) / len(seeds)
        figures[f"trained parameters, {arm}"] = np.full(len(seeds), each)
    best_of_n = functools.partial(measures.best_of, n)
    for arm, scores in logits.items():
        figures[f"step AUROC, {arm}"] = each_seed(measures.step_auroc, candidates, scores)
        figures[f"best of {n}, {arm}"] = each_seed(best_of_n, candidates, scores)
    for other in (ADAPTERS, WHOLE, LIKELIHOOD):
        figures[f"{HEAD} minus {other}, step AUROC"] = (
            figures[f"step AUROC, {HEAD}"] - figures[f"step AUROC, {other}"]
        )
    return figures


def _size(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


STUDY = Study(
    title="Uncertainty heads against process models",
    paper="UHead (Reasoning with Confidence), arXiv:2511.06209",
    claims=(
        Claim(
            "The head judges steps as well as a process model with as many trained parameters, or "
            "better: its step AUROC is not lower by 0.02 or more.",
            effect=f"{HEAD} minus {ADAPTERS}, step AUROC",
            above=-0.02,
        ),
        Claim(
            "The same against a process model all of whose parameters are trained.",
            effect=f"{HEAD} minus {WHOLE}, step AUROC",
            above=-0.02,
        ),
        Claim(
            "It judges better than the probability of the step's text.",
            effect=f"{HEAD} minus {LIKELIHOOD}, step AUROC",
        ),
    ),
    setting="A language model learns a few chains of additions and subtractions modulo 10 by "
    "heart, so that it errs at what they did not show; it then draws the results of further "
    "chains, and each step is labelled by the truth. head: an uncertainty head on its attention "
    "weights and largest next-token probabilities; the language model stays as it is. adapters: a "
    "process model of the same language model, of which only low-rank adapters and the score head "
    "are trained, about as many parameters. whole model: the same with all parameters trained. "
    "log-probability: that of the step's text; nothing is trained. All arms see the same labelled "
    "solutions in the same order and number of updates, with the same optimizer, which was tuned "
    "for none of them.",
    differs="A two-layer language model from scratch that draws only the results, in place of one "
    "of billions of parameters that writes everything; one encoder layer of width 16 without "
    "dropout; labels are the truth in place of a judge's; probabilities of the problem's tokens "
    "are kept. The process models are of the head's size and of the language model's, where the "
    "paper's have hundreds of times as many parameters as its head and are trained on other data; "
    "here all are trained on the language model's own mistakes.",
    run=run,
)
