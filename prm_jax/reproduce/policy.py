"""Chains whose results a small language model writes: its own mistakes, whose truth is known."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from prm_jax.records import Trajectory
from prm_jax.reproduce import chains, population
from prm_jax.reproduce.chains import Chains
from prm_jax.reproduce.population import Population


def write_results(
    models: Population, drawn: Sequence[Chains], rngs: Sequence[np.random.Generator]
) -> list[list[Trajectory]]:
    """Works at the problems of chains, with each result drawn from a language model.

    The rest of a step is written by rule: it takes over the number before it and the problem's
    operand. A result is drawn from the probabilities that the model gives to each number there,
    which are those of the step's text with that number in it, up to a factor.

    Args:
        models: language models.
        drawn: for each seed the problems, as chains without errors.
        rngs: numpy Generator of each seed.

    Returns:
        For each seed the trajectories, labelled step by step.
    """
    written, options = list(drawn), drawn[0].options
    for s in range(options.max_steps):
        tried = [
            [_with_result(of, s, np.full(len(of.first_N), r)) for r in range(options.modulus)]
            for of in written
        ]
        texts = [[_up_to(t, s) for of in one for t in chains.trajectories(of)] for one in tried]
        scores = population.score(models, texts)
        for place, (of, of_texts, rng) in enumerate(zip(written, scores, rngs, strict=True)):
            log_p_RN = np.reshape([steps[-1] for steps in of_texts], (options.modulus, -1))
            drawn_N = np.argmax(log_p_RN + rng.gumbel(size=log_p_RN.shape), axis=0)
            written[place] = _with_result(of, s, drawn_N)
    return [chains.trajectories(of, "step") for of in written]


def _with_result(of: Chains, s, result_N) -> Chains:
    """Chains whose step s shows another number, which the next step takes over."""
    left_NS, shown_NS, kind_NS = of.left_NS.copy(), of.shown_NS.copy(), of.kind_NS.copy()
    operation_N, left_N, used_N = of.operation_NS[:, s], left_NS[:, s], of.used_NS[:, s]
    right_N = chains.apply(operation_N, left_N, used_N, of.options.modulus)
    shown_NS[:, s], left_NS[:, s + 1 : s + 2] = result_N, result_N[:, None]
    kind_NS[:, s] = np.where(result_N == right_N, chains.RIGHT, chains.SLIP)
    return dataclasses.replace(of, left_NS=left_NS, shown_NS=shown_NS, kind_NS=kind_NS)


def _up_to(trajectory: Trajectory, s) -> Trajectory:
    """Its steps up to s, without labels."""
    return dataclasses.replace(
        trajectory, steps=trajectory.steps[: s + 1], labels=None, first_error=None
    )
