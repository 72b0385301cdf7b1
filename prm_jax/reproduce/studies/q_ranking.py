"""Does a loss that ranks the steps of a solution choose better solutions than one that classifies
each step (PQM, arXiv:2410.11287)?"""

import functools

import numpy as np

from prm_jax.reproduce import chains, label_sources, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

ARMS = {  # name: objective, options
    "bce": ("bce", ""),
    "mse": ("mse", ""),
    "q_ranking margin 2": ("q_ranking", '{"margin": 2}'),
    "q_ranking margin 4": ("q_ranking", '{"margin": 4}'),
}


def run(config, seeds, progress):
    """Trains each arm on the same labels; the truth is used only to measure."""
    options = chains.ChainOptions(**config.chains)
    completer = label_sources.Completer(**config.completer)
    training, candidates = [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        solutions = chains.draw(config.data.solutions, options, rng)
        shares_NS = label_sources.monte_carlo_labels(
            solutions, completer, config.data.completions, rng
        )
        training.append(chains.trajectories(solutions, (shares_NS > 0).astype(float)))
        tested = chains.draw(config.data.problems, options, rng, config.data.candidates)
        candidates.append(chains.trajectories(tested, "state"))
    figures = {"pass rate of a candidate": each_seed(measures.pass_rate, candidates)}
    for arm, (objective, hyperparameters) in ARMS.items():
        models = population.train(
            config,
            seeds,
            training,
            objective=objective,
            options=hyperparameters,
            progress=progress,
            name=arm,
        )
        logits = population.score(models, candidates)
        figures[f"step AUROC, {arm}"] = each_seed(measures.step_auroc, candidates, logits)
        for n in config.data.chosen_of:
            best_of_n = functools.partial(measures.best_of, n)
            figures[f"best of {n}, {arm}"] = each_seed(best_of_n, candidates, logits)
    best_of_most = f"best of {max(config.data.chosen_of)}"
    for arm in list(ARMS)[1:]:
        figures[f"{arm} minus bce, best of most"] = (
            figures[f"{best_of_most}, {arm}"] - figures[f"{best_of_most}, bce"]
        )
    return figures


STUDY = Study(
    title="Q-value ranking against classification",
    paper="Process Q-value model (PQM), arXiv:2410.11287",
    claims=(
        Claim(
            "Best-of-N accuracy is higher with the ranking loss (margin 4) than with binary "
            "cross-entropy.",
            effect="q_ranking margin 4 minus bce, best of most",
        ),
        Claim(
            "The same with margin 2.",
            effect="q_ranking margin 2 minus bce, best of most",
        ),
    ),
    setting="Chains of 3 to 5 additions modulo 5; a fifth of the steps is "
    "wrong. Training labels are hard Monte Carlo labels (1 if any completion ends right), as in "
    "the paper's data. Arms are bce, mse, and the ranking loss with margins 2 and 4; the score of "
    "a solution is the minimum over its steps for every arm. Best of most is the largest number of "
    "candidates. Step AUROC is against the truth.",
    differs="A two-layer model from scratch in place of a 7B language model; arithmetic chains in "
    "place of MATH and GSM-Plus; candidates of one known policy.",
    run=run,
)
