"""From the decoder's states to the logits of every step: the one way for training and scoring."""

import jax
import jax.numpy as jnp

from prm_jax.models.heads import apply_head, gather_steps

STEP_ARRAYS = (
    "tokens",
    "positions",
    "segment_ids",
    "step_positions",
    "step_mask",
    "step_unit",
    "step_part",
    "step_index",
)
"""What of a batch the model and its head read."""


def read_steps(model, params, hidden_BTD, batch):
    """Logits of a model's head at the ends of the steps of a packed batch.

    An 'easy_to_hard' head takes the least logit of the step's last token and its two neighbours
    (Sun et al., arXiv:2403.09472, released code): the token after it is the next step's first, and
    is left out after the last step. A gated head mixes the log-odds of both directions:
    z = g f + (1 - g) b with g = sigmoid(MLP([h_f; h_b])), where the states do not learn from the
    gate (BiPRM, released code). A step that one direction lost keeps the other's.

    Args:
        model: `Decoder` with a head.
        params: its parameter tree.
        hidden_BTD: its states.
        batch: `segment_ids` i32[B,T] and, i32[B,S], `step_positions`, and for a gate `step_unit`,
            `step_part`, `step_index` and `step_mask`, as `data.packing.pack` gives them for units
            of both directions.

    Returns:
        f32[B,S,C]; slots without a step hold numbers without meaning.
    """

    def read(positions_BS):
        h_BSD = gather_steps(hidden_BTD, positions_BS)
        return h_BSD, apply_head(
            model.head, params, h_BSD, final_softcap=model.config.final_softcap
        )

    positions_BS = batch["step_positions"]
    h_BSD, logits_BSC = read(positions_BS)
    if model.head.kind == "easy_to_hard":
        for shift in (-1, 1):
            near_BS = _neighbour(positions_BS, shift, batch["segment_ids"])
            logits_BSC = jnp.minimum(logits_BSC, read(near_BS)[1])
    if model.head.gate:
        logits_BSC = _gated(params["head"]["gate"], h_BSD, logits_BSC, batch)
    return logits_BSC


def _neighbour(positions_BS, shift, segment_ids_BT):
    """The token beside each step's end, or the end itself where that is of another segment."""
    near_BS = jnp.clip(positions_BS + shift, 0, segment_ids_BT.shape[1] - 1)
    segment_BS, own_BS = (
        jnp.take_along_axis(segment_ids_BT, at_BS, axis=1) for at_BS in (near_BS, positions_BS)
    )
    return jnp.where(segment_BS == own_BS, near_BS, positions_BS)


def _gated(gate, h_BSD, logits_BSC, batch):
    """Logits of both directions of a step, mixed by the gate; equal at both of its places."""
    unit_BS, part_BS, index_BS = (batch[f"step_{name}"] for name in ("unit", "part", "index"))

    def alike(x_BS):
        return x_BS[:, :, None] == x_BS[:, None, :]

    # Alignment by the step's number, never by a value.
    other_BSS = alike(unit_BS) & alike(index_BS) & ~alike(part_BS)
    other_BSS &= batch["step_mask"][:, :, None] & batch["step_mask"][:, None, :]
    pick_BSS = other_BSS.astype(jnp.float32)
    exact = jax.lax.Precision.HIGHEST

    def of_other(x_BSE):
        return jnp.einsum("BSU,BUE->BSE", pick_BSS, x_BSE, precision=exact)

    h_BSD = jax.lax.stop_gradient(h_BSD.astype(jnp.float32))
    forward_BS1 = (part_BS == 0)[..., None]

    def ordered(x_BSE):
        other_BSE = of_other(x_BSE)
        return (
            jnp.where(forward_BS1, x_BSE, other_BSE),
            jnp.where(forward_BS1, other_BSE, x_BSE),
        )

    x = jnp.concatenate(ordered(h_BSD), axis=-1)
    x = jnp.einsum("BSE,ED->BSD", x, gate["dense"]["kernel"], precision=exact)
    x = jax.nn.relu(x + gate["dense"]["bias"])
    g_BS1 = jax.nn.sigmoid(
        jnp.einsum("BSD,DC->BSC", x, gate["out"]["kernel"], precision=exact) + gate["out"]["bias"]
    )
    forward_BSC, backward_BSC = ordered(logits_BSC)
    mixed_BSC = g_BS1 * forward_BSC + (1 - g_BS1) * backward_BSC
    return jnp.where(other_BSS.any(-1)[..., None], mixed_BSC, logits_BSC)
