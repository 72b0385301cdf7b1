"""Step scores from a mixture of experts on a frozen model (DMoERM, arXiv:2403.01197).

    mixture(path="runs/dmoerm")

The model chooses a category for each problem; the experts of that category, which are the model
with adapters, read the steps, and one score is made of their states. The model that is scored with
is the one that the mixture was trained on; nothing of it changes.
"""

import functools
from collections.abc import Callable, Sequence

import jax

from prm_jax.data.places import problem_ends
from prm_jax.models.mixture_of_experts import (
    expert_states,
    problem_states,
    router_logits,
    synthesise,
)
from prm_jax.records import Trajectory
from prm_jax.scoring.batched import BATCH_TOKENS, on_mesh, step_values
from prm_jax.scoring.discriminative import StepScores, require_step_convention
from prm_jax.scoring.log_prob import require_spans
from prm_jax.scoring.merging import share_progress
from prm_jax.scoring.trained_on import check_trained_on
from prm_jax.text import StepConvention, encode
from prm_jax.weights.mixture import Mixture, load_mixture

INPUTS = ("tokens", "positions", "segment_ids", "step_positions", "problem_ends")


def mixture(*, path: str):
    """A scorer that reads the states of a category's experts.

    Args:
        path: directory of the mixture, a workdir of experiments.train_mixture.

    Returns:
        A scorer. Each trajectory is read once by the model, and once by each expert of the category
        that is chosen for its problem.

    Raises:
        InputError: there is no such mixture. The scorer: the model, its dtype or the way its steps
            are marked are not those of the mixture's training.
    """
    loaded = load_mixture(path)

    def score(
        model,
        params,
        tokenizer,
        trajectories: Sequence[Trajectory],
        *,
        convention: StepConvention | None = None,
        max_length: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        progress: Callable[[int], None] | None = None,
        mesh=None,
    ) -> list[StepScores]:
        marking = _checked(loaded, path, params, convention or tokenizer.convention)
        longest = max_length or model.config.max_position
        encoded = [encode(t, tokenizer, marking, longest) for t in trajectories]
        shared = share_progress(progress, 2 * len(encoded), len(encoded))
        options = dict(batch_tokens=batch_tokens, mesh=mesh, progress=shared)
        chosen = choose(loaded, model, params, encoded, **options)
        logits: list[list] = [[] for _ in encoded]
        for category in sorted(set(chosen)):
            parts = {"base": params}
            for name in ("experts", "synthesis"):
                parts[name] = loaded.params[name][str(category)]
            members = [number for number, own in enumerate(chosen) if own == category]
            part = [encoded[number] for number in members]
            values = values_at_steps(_scores, model, parts, part, **options)
            for number, row in zip(members, values, strict=True):
                logits[number] = row
        return [
            StepScores.from_logits(row, bool(item.truncated))
            for row, item in zip(logits, encoded, strict=True)
        ]

    return score


def route(
    path: str,
    model,
    params,
    tokenizer,
    trajectories: Sequence[Trajectory],
    *,
    convention: StepConvention | None = None,
    max_length: int | None = None,
    mesh=None,
) -> list[str | None]:
    """The category that a mixture chooses for the problem of each trajectory.

    Args:
        path: directory of the mixture.
        model, params, tokenizer, trajectories, convention, max_length, mesh: as `scoring.score`
            takes them.

    Returns:
        A category a trajectory; None if none of its steps fits.

    Raises:
        InputError: as `mixture` and its scorer.
    """
    loaded = load_mixture(path)
    marking = _checked(loaded, path, params, convention or tokenizer.convention)
    longest = max_length or model.config.max_position
    encoded = [encode(t, tokenizer, marking, longest) for t in trajectories]
    chosen = choose(loaded, model, params, encoded, mesh=mesh)
    return [
        loaded.categories[category] if len(item.step_positions) else None
        for category, item in zip(chosen, encoded, strict=True)
    ]


def choose(loaded: Mixture, model, params, encoded, **options) -> list[int]:
    """The number of the category of each encoded trajectory; 0 if none of its steps fits.

    Args:
        loaded: the mixture.
        model, params: the model it was trained on.
        encoded: `text.encode.Encoded` of each trajectory.
        options: as `scoring.batched.step_values` takes them.
    """
    parts = {"base": params, "router": loaded.params["router"]}
    rows = values_at_steps(_categories, model, parts, encoded, **options)
    return [next((int(category) for category in row if category is not None), 0) for row in rows]


def values_at_steps(function, model, parts, encoded, *, mesh=None, **options) -> list[list]:
    """What a function of packed batches gives at each step, as `scoring.batched.step_values`.

    Args:
        function: `(model, parts, inputs)`, inputs being the `INPUTS` of a batch, to f[B,S] or
            f[B,S,E].
        model, parts: passed on.
        encoded: `text.encode.Encoded` of each trajectory.
        mesh, options: as `step_values` takes them.
    """

    def forward(batch):
        batch = {**batch, "problem_ends": problem_ends(batch, encoded)}
        return on_mesh(function, model, parts, {name: batch[name] for name in INPUTS}, mesh)

    return step_values(encoded, forward, mesh=mesh, **options)


def _checked(loaded, path, params, convention):
    """The convention, if the mixture was trained with it and on this model."""
    convention = require_step_convention(convention)
    require_spans(convention)
    check_trained_on(path, loaded.record, params, convention)
    return convention


@functools.partial(jax.jit, static_argnums=0)
def _categories(model, parts, inputs):
    h_BSD = problem_states(model, parts["base"], inputs)
    return router_logits(parts["router"], h_BSD).argmax(-1)


@functools.partial(jax.jit, static_argnums=0)
def _scores(model, parts, inputs):
    h_BSE = expert_states(model, parts["base"], parts["experts"], inputs)
    return synthesise(parts["synthesis"], h_BSE)
