"""Units of random trajectories, laid out in packed rows in any way, for every kind of objective."""

import dataclasses

import jax.numpy as jnp
import numpy as np

TOKENS_PER_STEP = 3


@dataclasses.dataclass(frozen=True)
class Part:
    """One trajectory: what a model says of it, and its labels, a row a step."""

    score: np.ndarray
    logits: np.ndarray
    tokens: np.ndarray
    log_prob: np.ndarray
    reference: np.ndarray
    labels: np.ndarray
    prover: np.ndarray
    outcome: float


def random_units(n, unit, seed=0, n_classes=2):
    """`n` units of 1 to 3 steps a part; of a pair the first is right and the second wrong."""
    rng = np.random.default_rng(seed)

    def part(outcome):
        steps = int(rng.integers(1, 4))
        return Part(
            score=rng.normal(size=steps),
            logits=rng.normal(size=(steps, n_classes)),
            tokens=rng.normal(size=(steps, TOKENS_PER_STEP)),
            log_prob=-rng.random(steps) * 5,
            reference=-rng.random(steps) * 5,
            labels=np.round(rng.random(steps), 1),
            prover=rng.random(steps),
            outcome=outcome,
        )

    if unit in ("pair", "mismatched"):
        return [(part(1.0), part(0.0)) for _ in range(n)]
    return [(part(float(rng.integers(0, 2))),) for _ in range(n)]


def lay_out(objective, units, rows, steps=16, rubbish=0.0):
    """What the loss takes for `units`, whose numbers stand in `rows`.

    Args:
        objective: `Objective`.
        units: of `random_units`.
        rows: list of lists of numbers of units.
        steps: S.
        rubbish: what scores and labels are outside the steps.

    Returns:
        `(read, labels, mask, needs)`.
    """
    B, T = len(rows), steps * TOKENS_PER_STEP
    n_classes = units[0][0].logits.shape[1]
    arrays = {
        "score": np.full((B, steps), rubbish),
        "logits": np.full((B, steps, n_classes), rubbish),
        "tokens": np.full((B, T), rubbish),
        "log_prob": np.full((B, steps), rubbish),
    }
    labels, mask = np.full((B, steps), rubbish), np.zeros((B, steps), bool)
    real = {
        "trajectory_BS": np.zeros((B, steps), np.int32),
        "unit_BS": np.zeros((B, steps), np.int32),
        "part_BS": np.zeros((B, steps), np.int32),
        "span_BST": np.zeros((B, steps, T), bool),
        "outcomes_BS": np.full((B, steps), rubbish),
        "outcome_mask_BS": np.zeros((B, steps), bool),
        "prover_labels_BS": np.full((B, steps), rubbish),
        "prover_mask_BS": np.zeros((B, steps), bool),
        "reference_BS": np.full((B, steps), rubbish),
        "step_tokens_BS": np.zeros((B, steps), np.int32),
    }
    for b, row in enumerate(rows):
        s = trajectory = 0
        for place, number in enumerate(row, 1):
            for of_unit, part in enumerate(units[number]):
                n = len(part.score)
                trajectory += 1
                at, last = np.s_[b, s : s + n], (b, s + n - 1)
                for name in ("score", "logits", "log_prob"):
                    arrays[name][at] = getattr(part, name)
                arrays["tokens"][b, s * TOKENS_PER_STEP : (s + n) * TOKENS_PER_STEP] = (
                    part.tokens.reshape(-1)
                )
                for i in range(s, s + n):
                    real["span_BST"][b, i, i * TOKENS_PER_STEP : (i + 1) * TOKENS_PER_STEP] = True
                labelled = objective.unit != "mismatched" or of_unit == 0
                if objective.supervise == "outcome":
                    mask[last], labels[last] = labelled, part.outcome
                else:
                    mask[at], labels[at] = labelled, part.labels
                real["trajectory_BS"][at] = trajectory
                real["unit_BS"][at], real["part_BS"][at] = place, of_unit
                real["outcomes_BS"][last], real["outcome_mask_BS"][last] = part.outcome, True
                real["prover_labels_BS"][at], real["prover_mask_BS"][at] = part.prover, True
                real["reference_BS"][at] = part.reference
                real["step_tokens_BS"][at] = TOKENS_PER_STEP
                s += n
    float32 = {name: jnp.asarray(x, jnp.float32) for name, x in arrays.items()}
    needs = {
        name: jnp.asarray(real[name], jnp.float32 if real[name].dtype == float else None)
        for name in objective.needs
    }
    return float32[objective.reads], jnp.float32(labels), jnp.asarray(mask), needs
