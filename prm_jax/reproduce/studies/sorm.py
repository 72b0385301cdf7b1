"""Does a model trained on repaired rollout labels find the first error better than one trained on
the outcome at every step (GLoRe's SORM and ORM, arXiv:2402.10963)?"""

import dataclasses

import numpy as np

from prm_jax.data.step_labels import balance_steps, sorm_labels
from prm_jax.reproduce import chains, label_sources, measures, population
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.measures import each_seed
from prm_jax.reproduce.study import Study

ARMS = {"orm": "orm_every_step", "sorm": "bce", "sorm not repaired": "bce"}


def run(config, seeds, progress):
    """Trains the arms on the same solutions, labelled in three ways."""
    data = [_data(config, seed) for seed in seeds]
    tuning, tested = ([of[part] for of in data] for part in ("tuning", "tested"))
    figures = {"share without an error": each_seed(_share_without_error, tested)}
    for arm, objective in ARMS.items():
        models = population.train(
            config,
            seeds,
            [of[arm] for of in data],
            objective=objective,
            progress=progress,
            name=arm,
        )
        tuned, logits = population.score(models, tuning), population.score(models, tested)
        thresholds = each_seed(measures.best_threshold, tuning, tuned)
        figures[f"step AUROC, {arm}"] = each_seed(measures.step_auroc, tested, logits)
        for name, chosen in (("0.5", np.full(len(data), 0.5)), ("tuned", thresholds)):
            figures[f"first-error accuracy at {name}, {arm}"] = each_seed(
                measures.first_error_accuracy, tested, logits, chosen
            )
    for name in ("0.5", "tuned"):
        at = f"first-error accuracy at {name}"
        for other in ("orm", "sorm not repaired"):
            figures[f"sorm minus {other}, at {name}"] = (
                figures[f"{at}, sorm"] - figures[f"{at}, {other}"]
            )
    return figures


def _share_without_error(trajectories):
    return float(np.mean([trajectory.first_error == -1 for trajectory in trajectories]))


def _data(config, seed):
    rng = np.random.default_rng([seed, 1])
    options = chains.ChainOptions(**config.chains)
    completer = label_sources.Completer(**config.completer)
    solutions = chains.draw(config.data.solutions, options, rng)
    shares_NS = label_sources.monte_carlo_labels(solutions, completer, config.data.completions, rng)
    rolled_out = chains.trajectories(solutions, (shares_NS > 0).astype(float))
    repaired = [dataclasses.replace(t, labels=sorm_labels(t.step_labels())) for t in rolled_out]
    return {
        "orm": rolled_out,  # of which only the outcome is read
        "sorm": balance_steps(repaired, seed),
        "sorm not repaired": balance_steps(rolled_out, seed),
        "tuning": chains.trajectories(chains.draw(config.data.tuning, options, rng)),
        "tested": chains.trajectories(chains.draw(config.data.tested, options, rng)),
    }


STUDY = Study(
    title="Step labels against outcomes for finding the first error",
    paper="GLoRe, arXiv:2402.10963",
    claims=(
        Claim(
            "A stepwise outcome model (SORM) names the first error more often than an outcome "
            "model (ORM) read at every step, both with a threshold of 0.5.",
            effect="sorm minus orm, at 0.5",
        ),
        Claim(
            "The same where each has the threshold that is best on other problems.",
            effect="sorm minus orm, at tuned",
        ),
    ),
    setting="Chains of 3 to 5 additions modulo 5; a fifth of the steps is wrong. "
    "orm: every step has the outcome of its solution as its label. sorm: a step is right if any "
    "completion by the same policy ends right, labels repaired so that they never rise, right and "
    "wrong ones equally many at each step. A first error is found if the score first falls below "
    "the threshold there; where there is no error, no step may fall below it.",
    differs="A two-layer model from scratch in place of Llama 2; the policy of the completions is "
    "known, and no completion is asked to use its prefix. The arm without the repair is ours.",
    run=run,
)
