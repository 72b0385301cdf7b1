"""DMoERM: a router over categories, and for each category a synthesis of what its experts see.

    category    argmax softmax(W h + b), h the model's state at the end of the problem
    expert p    the model with low-rank adapters of its own; h_p is its state at a step's end
    score       w PReLU(V [h_1; ...; h_P] + a) + c, with V, a, w, c and the slope of the category

(Double-Layer Mixture-of-Experts Reward Models, arXiv:2403.01197.) States are put side by side and
not averaged, so the order of the experts belongs to the weights.
"""

from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp

from prm_jax.models.heads import HeadConfig, apply_head, gather_steps, init_head
from prm_jax.models.lora import merge_lora

FIRST_SLOPE = 0.25


def init_mixture(key, d_model: int, n_experts: Sequence[int]):
    """Fresh parameters of the router and the syntheses.

    Args:
        key: PRNG key.
        d_model: D.
        n_experts: P of each category.

    Returns:
        Nested dict of float32 arrays: `router/{kernel,bias}`, and under `synthesis/<number of the
        category>` two dense layers, `dense` [P*D,D] and `out` [D,1], and `prelu/scale` [1], the
        slope below 0.
    """
    router_key, *keys = jax.random.split(key, 1 + len(n_experts))
    synthesis = {}
    for number, (count, own_key) in enumerate(zip(n_experts, keys, strict=True)):
        first, second = jax.random.split(own_key)
        synthesis[str(number)] = {
            "dense": init_head(first, HeadConfig("linear", d_model), count * d_model),
            "prelu": {"scale": jnp.full((1,), FIRST_SLOPE, jnp.float32)},
            "out": init_head(second, HeadConfig("scalar"), d_model),
        }
    router = init_head(router_key, HeadConfig("linear", len(n_experts)), d_model)
    return {"router": router, "synthesis": synthesis}


def router_logits(router, h_BSD):
    """Logits of the categories.

    Args:
        router: its parameters.
        h_BSD: float[B,S,D], the model's state at the end of each step's problem.

    Returns:
        f32[B,S,C].
    """
    return _dense(router, h_BSD)


def synthesise(synthesis, h_BSE):
    """The score of each step in one category.

    Args:
        synthesis: the parameters of one category.
        h_BSE: float[B,S,P*D], the experts' states side by side.

    Returns:
        f32[B,S] log-odds.
    """
    x_BSD = _dense(synthesis["dense"], h_BSE)
    x_BSD = jnp.where(x_BSD >= 0, x_BSD, synthesis["prelu"]["scale"] * x_BSD)
    return _dense(synthesis["out"], x_BSD)[..., 0]


def synthesise_each(syntheses, h_BSE, category_BS):
    """The score of each step in its own category.

    Args:
        syntheses: parameters by the category's number, as `init_mixture` gives them.
        h_BSE: float[B,S,E], E as large as the largest category needs; a smaller one reads the
            first entries.
        category_BS: i32[B,S].

    Returns:
        f32[B,S] log-odds.
    """
    chex.assert_equal_shape_prefix([h_BSE, category_BS], 2)
    scores_BS = jnp.zeros(category_BS.shape, jnp.float32)
    for number, synthesis in syntheses.items():
        width = synthesis["dense"]["kernel"].shape[0]
        own_BS = category_BS == int(number)
        # Masked before, so that states of other categories have no part in a gradient.
        h_own_BSE = jnp.where(own_BS[..., None], h_BSE[..., :width], 0.0)
        scores_BS += jnp.where(own_BS, synthesise(synthesis, h_own_BSE), 0.0)
    return scores_BS


def expert_states(model, params, adapters, batch):
    """States of all experts of a category at the ends of steps, one expert after the other.

    Args:
        model: `Decoder`.
        params: the parameter tree that the experts share.
        adapters: as `init_lora` gives them, with the experts stacked on a new first axis.
        batch: `tokens`, `positions`, `segment_ids` i32[B,T] and `step_positions` i32[B,S].

    Returns:
        f32[B,S,P*D], the states of the first expert first.
    """

    def of_one(adapters_of_one):
        arrays = (batch["tokens"], batch["positions"], batch["segment_ids"])
        tree = merge_lora(params, adapters_of_one)
        hidden_BTD = model.apply({"params": tree}, *arrays).hidden_BTD
        return gather_steps(hidden_BTD, batch["step_positions"]).astype(jnp.float32)

    h_PBSD = jax.lax.map(of_one, adapters)
    h_BSPD = jnp.moveaxis(h_PBSD, 0, 2)
    return h_BSPD.reshape(*h_BSPD.shape[:2], -1)


def problem_states(model, params, batch):
    """The model's own states at the ends of problems.

    Args:
        model: `Decoder`.
        params: its parameter tree.
        batch: `tokens`, `positions`, `segment_ids` i32[B,T], and `problem_ends` i32[B,S] as
            `data.places.problem_ends` gives them.

    Returns:
        f32[B,S,D].
    """
    arrays = (batch["tokens"], batch["positions"], batch["segment_ids"])
    hidden_BTD = model.apply({"params": params}, *arrays).hidden_BTD
    return gather_steps(hidden_BTD, batch["problem_ends"]).astype(jnp.float32)


def _dense(layer, x_BSE):
    return apply_head(HeadConfig("linear", layer["kernel"].shape[-1]), {"head": layer}, x_BSE)
