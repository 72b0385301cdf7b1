"""Does beam search gain if it ranks prefixes by the progress that a prover sees in them, too
("Rewarding Progress", arXiv:2410.08146)?"""

from collections.abc import Sequence

import numpy as np

from prm_jax.objectives.prover_advantage import effective_reward, prover_advantage
from prm_jax.reproduce import trees
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.study import Study

Levels = Sequence[np.ndarray]  # a number of every node
PROVER, STRONG_PROVER = 4, 32  # completions of the provers that the paper compares
Q_ALONE, EQUAL_COST = "Q alone", "Q alone, rollouts at equal cost"
BEST_OF_N = "best of N by Q"
EFFECTIVE = {k: f"Q + advantage, K = {k}" for k in (1, PROVER, STRONG_PROVER)}
PAV = EFFECTIVE[PROVER]
COMPARED = (
    (PAV, Q_ALONE),
    (PAV, EQUAL_COST),
    (PAV, BEST_OF_N),
    (PAV, EFFECTIVE[STRONG_PROVER]),
    (EFFECTIVE[1], Q_ALONE),
)


def run(config, seeds, progress):
    """Searches the trees of every seed by every score, on estimated and on exact values."""
    progress.begin("searching", len(seeds))
    of_seeds = []
    for done, seed in enumerate(seeds, 1):
        of_seeds.append(_one_seed(config, np.random.default_rng([seed, 1])))
        progress.update(done)
    figures = {name: np.array([of_seed[name] for of_seed in of_seeds]) for name in of_seeds[0]}
    for arm, other in COMPARED:
        for values in ("estimated", "exact"):
            if f"{other}, {values}" in figures:
                figures[f"{arm} minus {other}, {values}"] = (
                    figures[f"{arm}, {values}"] - figures[f"{other}, {values}"]
                )
    return figures


def _one_seed(config, rng):
    data = config.data
    drawn = trees.draw(data.problems, trees.TreeOptions(**config.trees), rng)
    offered = trees.sampled_steps(drawn, data.sampled, rng)
    # About as many steps as beam search samples.
    solutions_NB = trees.sampled_solutions(drawn, data.beam * data.sampled, rng)
    figures = {
        "pass rate of a solution": drawn.values[0].mean(),
        "pass rate of the best leaf": drawn.values[-1].max(axis=1).mean(),
    }
    for name, n_rollouts in (("estimated", data.rollouts), ("exact", 0)):
        q = trees.estimated(drawn.values, n_rollouts, rng)
        arms: dict[str, tuple[Levels, Levels]] = {Q_ALONE: (q, q)}
        for k, effective in EFFECTIVE.items():
            # The policy as its own prover has one estimate of its values, not two.
            of_prover = trees.best_of_k_values(drawn.values, k)
            prover = q if k == 1 else trees.estimated(of_prover, n_rollouts, rng)
            gained = _advantages(prover)
            both = [effective_reward(*pair, alpha=data.alpha) for pair in zip(q, gained)]
            arms |= {f"advantage alone, K = {k}": (gained, q), effective: (both, q)}
        if n_rollouts:
            # A rollout of the prover costs as many of the policy as it has completions.
            more = trees.estimated(drawn.values, n_rollouts * (1 + PROVER), rng)
            arms[EQUAL_COST] = (more, more)
        for arm, (scores, chosen_by) in arms.items():
            found_NB = beam_search(offered, scores, data.beam)
            figures[f"{arm}, {name}"] = accuracy(drawn, found_NB, chosen_by)
        figures[f"{BEST_OF_N}, {name}"] = accuracy(drawn, solutions_NB, q)
    return figures


def _advantages(values):
    """What every node gains on its parent's value, f64[N,I] a level; 0 at the root."""
    levels = [np.zeros_like(values[0])]
    for before_NI, after_NI in zip(values, values[1:]):
        start_B = np.repeat(before_NI, after_NI.shape[1] // before_NI.shape[1], axis=1).ravel()
        gained_B1, _ = prover_advantage(
            after_NI.reshape(-1, 1), start_B, np.ones((after_NI.size, 1), bool)
        )
        levels.append(np.asarray(gained_B1, np.float64).reshape(after_NI.shape))
    return levels


def beam_search(offered, scores, beam):
    """The solutions that are left: at each step the best-scored of those that go on from the last.

    Args:
        offered: of levels 0 to H-1 i64[N,I,n], as `trees.sampled_steps` gives them.
        scores: of levels 0 to H f64[N,I].
        beam: prefixes kept at each step, B.

    Returns:
        i64[N,B], leaves; fewer if there are not as many.
    """
    kept_NB = np.zeros((len(offered[0]), 1), np.int64)
    for offered_NIn, scores_NI in zip(offered, scores[1:], strict=True):
        next_NBn = np.take_along_axis(offered_NIn, kept_NB[..., None], axis=1)
        next_NC = next_NBn.reshape(len(kept_NB), -1)
        best_NC = np.argsort(-np.take_along_axis(scores_NI, next_NC, axis=1), kind="stable")
        kept_NB = np.take_along_axis(next_NC, best_NC[:, :beam], axis=1)
    return kept_NB


def accuracy(drawn, leaves_NB, values):
    """The exact value of the leaf with the highest of other values, mean over the problems."""
    best_N1 = np.take_along_axis(values[-1], leaves_NB, axis=1).argmax(1)[:, None]
    chosen_N1 = np.take_along_axis(leaves_NB, best_N1, axis=1)
    return float(np.take_along_axis(drawn.values[-1], chosen_N1, axis=1).mean())


STUDY = Study(
    title="Progress or value in beam search",
    paper="Rewarding Progress (PAV), arXiv:2410.08146",
    claims=(
        Claim(
            "Beam search by Q of the policy and the advantage of a prover (the best of 4 of the "
            "policy's completions) is more accurate than by Q alone.",
            effect=f"{PAV} minus {Q_ALONE}, estimated",
        ),
        Claim(
            "It is more accurate than best-of-N with about as many sampled steps.",
            effect=f"{PAV} minus {BEST_OF_N}, estimated",
        ),
        Claim(
            "The prover of 4 completions is a better one than that of 32.",
            effect=f"{PAV} minus {EFFECTIVE[STRONG_PROVER]}, estimated",
        ),
        Claim(
            "The policy as its own prover (K = 1) adds nothing.",
            effect=f"{EFFECTIVE[1]} minus {Q_ALONE}, estimated",
            above=-0.02,
            below=0.02,
        ),
    ),
    setting="Trees of 5 steps with 6 possible ones each, whose values are exact by backward "
    "recursion; a step moves the log-odds of success at random, and the policy, which is right on "
    "about a sixth of the solutions, does not see by how much. Beam search keeps 4 prefixes and "
    "samples 4 different next steps of each; of the solutions found the one with the highest Q is "
    "chosen, whatever ranked the prefixes. A prover of K completions ends right if any of them "
    "does. Estimated values are shares of 16 rollouts from each prefix, those of the policy and of "
    "a prover drawn apart; the weight of the advantage is 0.5. Q alone, rollouts at equal cost: "
    "what rollouts of the prover of 4 cost is spent on Q. Accuracy is the exact value of the "
    "solution chosen.",
    differs="No model is trained: values are exact, or shares of rollouts, in place of verifiers "
    "of Gemma 2B to 27B learnt from such shares; the world is a random tree, in which Q alone "
    "finds most of what there is to find. Best-of-N chooses by the estimated value of a whole "
    "solution, the paper's by a trained outcome model. Provers of 4 and 32 completions are "
    "compared, not other policies as provers. That K = 1 adds nothing is the paper's argument for "
    "rewards in training, tested here in search.",
    run=run,
)
