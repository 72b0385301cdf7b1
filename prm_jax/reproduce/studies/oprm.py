"""Is the preference of a model that gives a distribution over ratings better calibrated than that
of one with a single score (OPRM)?"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.data.units import make_units
from prm_jax.evaluate.step_metrics import ece, width_bins
from prm_jax.models import HeadConfig
from prm_jax.objectives import ordinal
from prm_jax.reproduce import chains, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

RATINGS = HeadConfig("linear", 9, reading="ratings")
SCALAR, ORDINAL, SPLIT = "bradley_terry", "ordinal", "ordinal with ties split"


def run(config, seeds, progress):
    """Trains both arms from one language model on the same pairs; measures on other problems."""
    options = chains.ChainOptions(**config.chains)
    n = config.data.candidates
    training, held_out, pairs = [], [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 1])
        drawn = chains.draw(config.data.solutions // n, options, rng, n)
        solutions = chains.trajectories(drawn, "state")
        problems = sorted({solution.problem for solution in solutions})
        others = set(rng.permutation(problems)[: int(config.data.held_out * len(problems))])
        training.append([of for of in solutions if of.problem not in others])
        tested = [of for of in solutions if of.problem in others]
        held_out.append(tested)
        pairs.append(rng.permuted(make_units(tested, "pair"), axis=1))
    first_is_right = [
        np.array([tested[first].outcome for first, _ in of_seed])
        for tested, of_seed in zip(held_out, pairs, strict=True)
    ]
    train = functools.partial(population.train, seeds=seeds, data=training, progress=progress)
    writing = config.copy_and_resolve_references()
    writing.training.updates = config.data.text_updates
    writers = train(writing, objective="likelihood", head=None, name="language model")
    judge = functools.partial(train, config, initial=writers)
    scored = population.score(judge(objective="bradley_terry"), held_out)
    rated = population.score(judge(objective="ordinal", head=RATINGS), held_out, every_class=True)
    preferences: dict[str, list] = {SCALAR: [], ORDINAL: [], SPLIT: []}
    ties = []
    for scores, ratings, of_seed in zip(scored, rated, pairs, strict=True):
        score_N = np.array([of_steps[-1] for of_steps in scores])
        difference_B = score_N[of_seed[:, 0]] - score_N[of_seed[:, 1]]
        preferences[SCALAR].append(1 / (1 + np.exp(-difference_B)))
        logits_NK = np.stack([of_steps[-1] for of_steps in ratings])
        above_B, tie_B, below_B = comparisons(logits_NK[of_seed[:, 0]], logits_NK[of_seed[:, 1]])
        preferences[ORDINAL].append(above_B / (above_B + below_B))
        preferences[SPLIT].append(above_B + tie_B / 2)
        ties.append(tie_B.mean())
    figures = {"probability of a tie, ordinal": np.array(ties)}
    for arm, of_arm in preferences.items():
        for name, measure in MEASURES.items():
            figures[f"{name}, {arm}"] = each_seed(measure, of_arm, first_is_right)
    for arm in (ORDINAL, SPLIT):
        for name in MEASURES:
            gain = figures[f"{name}, {arm}"] - figures[f"{name}, {SCALAR}"]
            figures[f"{name}, {arm} minus {SCALAR}"] = gain
    return figures


def comparisons(first_BK, second_BK):
    """Probabilities that the first rating is above, equal to and below the second.

    Args:
        first_BK, second_BK: f32[B,K] logits of the ratings.

    Returns:
        Three f64[B], which sum to 1.
    """

    def of_pair(first_K, second_K):
        parts = ordinal(first_K[None], second_K[None], jnp.ones(1, bool))[1]
        return parts["right"], parts["tie"], parts["wrong"]

    found = jax.vmap(of_pair)(jnp.asarray(first_BK), jnp.asarray(second_BK))
    return tuple(np.asarray(of_B, np.float64) for of_B in found)


def _accuracy(p_B, right_B):
    return float(np.mean((p_B > 0.5) == (right_B > 0.5)))


def _brier(p_B, right_B):
    return float(np.mean(np.square(p_B - right_B)))


def _calibration_error(p_B, right_B):
    return ece(p_B, right_B, width_bins(p_B))


MEASURES = {"accuracy": _accuracy, "Brier score": _brier, "calibration error": _calibration_error}

STUDY = Study(
    title="Ordinal ratings against a score for preferences",
    paper="Ordinal probabilistic reward model (OPRM), ICLR 2026",
    claims=(
        Claim(
            "The expected calibration error of the preference is lower with a distribution over "
            "ratings than with the Bradley-Terry loss.",
            effect=f"calibration error, {ORDINAL} minus {SCALAR}",
            above=-np.inf,
            below=0.0,
        ),
        Claim(
            "Its accuracy is not lower by 0.02 or more.",
            effect=f"accuracy, {ORDINAL} minus {SCALAR}",
            above=-0.02,
        ),
    ),
    setting="Chains of 1 or 2 additions and subtractions modulo 10, three tenths of whose steps "
    "are wrong. Pairs of a solution that ends right and one that ends wrong of the same problem; "
    "the problems tested on are others. Both arms start from a language model trained on the "
    "right solutions among those of the pairs. bradley_terry: one score, and the preference is the "
    "sigmoid of a difference. ordinal: a distribution over nine ratings for each solution, from a "
    "linear head; the preference is the probability that the first rating is above the second, "
    "given that they are not equal, or with equal ratings counted half (ties split). Held-out "
    "pairs come in random order; calibration error is over 10 bins of equal width.",
    differs="A two-layer model from scratch and a new head in place of the tokens 1 to 9 of a "
    "language model; right and wrong answers in place of human preferences, so that a perfect "
    "model would be certain; no quality levels and no training by regions of the ratings. No code "
    "of the paper was released: the loss follows its formula.",
    run=run,
)
