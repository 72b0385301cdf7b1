"""Do rewards of a language model trained on outcomes alone find wrong steps, and do step labels add
to them ("Free Process Rewards without Process Labels", arXiv:2412.01981)?"""

import functools
import json

import numpy as np

from prm_jax.reproduce import chains, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

ARMS = {  # name: objective, meaning of the step labels it may see
    "ce": ("implicit_ce", "prefix"),
    "dpo": ("implicit_dpo", "prefix"),
    "step labels": ("implicit_step_labels", "prefix"),
    "prm": ("bce", "step"),
}
MEANINGS = ("step", "prefix")


def run(config, seeds, progress):
    """Trains a policy, then each arm; rewards of all but the PRM are relative to that policy."""
    options = chains.ChainOptions(**config.chains)
    data, n = config.data, config.data.candidates
    solutions, tested = [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        attempted = data.solutions // data.attempts
        solutions.append(chains.draw(attempted, options, rng, data.attempts))
        tested.append(chains.draw(data.problems, options, rng, n))
    labelled = {
        meaning: [chains.trajectories(drawn, meaning) for drawn in solutions]
        for meaning in MEANINGS
    }
    truth = {
        meaning: [chains.trajectories(drawn, meaning) for drawn in tested] for meaning in MEANINGS
    }
    candidates = truth["step"]
    figures = {"pass rate of a candidate": each_seed(measures.pass_rate, candidates)}

    def aurocs(arm, scores):
        for meaning in scores:
            figures[f"step AUROC, {arm}, {meaning} labels"] = each_seed(
                measures.step_auroc, truth[meaning], scores[meaning]
            )

    language_model = functools.partial(population.train, seeds=seeds, head=None, progress=progress)
    policy = language_model(
        config,
        data=labelled["prefix"],
        objective="likelihood",
        options=json.dumps({"right_only": False}),
        name="policy",
    )
    aurocs("log-probability by the policy", {"step": population.score(policy, candidates)})
    tuning = config.copy_and_resolve_references()
    tuning.training.updates = config.tuning.updates
    tuning.optimizer.learning_rate = config.tuning.learning_rate
    best_of_n = functools.partial(measures.best_of, n)
    for arm, (objective, meaning) in ARMS.items():
        if objective == "bce":
            models = population.train(
                config, seeds, labelled[meaning], objective=objective, progress=progress, name=arm
            )
            rewards = population.score(models, candidates)
            aurocs(arm, {"step": rewards})
        else:
            models = language_model(
                tuning,
                data=labelled[meaning],
                objective=objective,
                options=json.dumps({"beta": config.beta}),
                initial=policy,
                name=arm,
            )
            cumulative = population.score(models, candidates)
            rewards = [[np.diff(q_S, prepend=0.0) for q_S in of_seed] for of_seed in cumulative]
            aurocs(arm, {"step": rewards, "prefix": cumulative})
            # The last cumulative reward is the sum of all step rewards.
            by_sum = functools.partial(best_of_n, aggregation="last")
            figures[f"best of {n} by sum, {arm}"] = each_seed(by_sum, candidates, cumulative)
        figures[f"best of {n} by min, {arm}"] = each_seed(best_of_n, candidates, rewards)
    by_min = f"best of {n} by min"
    figures["ce minus pass rate, by min"] = (
        figures[f"{by_min}, ce"] - figures["pass rate of a candidate"]
    )
    for way in ("min", "sum"):
        figures[f"step labels minus ce, by {way}"] = (
            figures[f"best of {n} by {way}, step labels"] - figures[f"best of {n} by {way}, ce"]
        )
    return figures


STUDY = Study(
    title="Process rewards from outcomes alone",
    paper="Free Process Rewards without Process Labels, arXiv:2412.01981",
    claims=(
        Claim(
            "Step rewards of a model trained on outcomes by cross-entropy order right above wrong "
            "steps more often than chance.",
            effect="step AUROC, ce, step labels",
            above=0.5,
        ),
        Claim(
            "So do those of one trained on pairs (DPO).",
            effect="step AUROC, dpo, step labels",
            above=0.5,
        ),
        Claim(
            "The least step reward chooses right solutions more often than chance does.",
            effect="ce minus pass rate, by min",
        ),
        Claim(
            "Step labels in place of outcomes change best-of-N accuracy little.",
            effect="step labels minus ce, by min",
            above=-0.03,
            below=0.03,
        ),
    ),
    setting="Chains of 3 to 5 additions modulo 5; a fifth of the steps is wrong. The policy is a "
    "language model trained on such chains, right and wrong; ce and dpo go on from it with the "
    "outcomes of solutions, step labels with the label of every step in place of the outcome "
    "(cross-entropy of the cumulative reward, which is about the prefix). A step's reward is beta "
    "times the log-ratio to the policy over its tokens, the cumulative reward the sum so far. prm "
    "has step labels and binary cross-entropy, from scratch. Steps are judged alone (step labels) "
    "or with all before them (prefix labels, by the cumulative reward); solutions by the least "
    "step reward, as in the paper, or by their sum.",
    differs="Two-layer models in place of Llama-3.1-8B; the reference has learnt from solutions "
    "of the same policy that is tested. beta is 5, the paper's 0.05: the reward of a right "
    "solution is at most beta times the log of one over its probability, which is a few nats here "
    "and hundreds there. The paper adds step labels of Math-Shepherd, which are noisy; those here "
    "are true, and take the place of the outcomes. The policy's own log-probability already tells "
    "right from wrong steps here, for wrong ones are rarer.",
    run=run,
)
