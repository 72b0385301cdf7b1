"""UHead: a small Transformer that reads features of a frozen model and says how likely a step is
wrong (arXiv:2511.06209; the released code is that of the claim-level paper).

    token features -> mlp, plus an embedding that says whether the token is in the step
                   -> Transformer encoder, not causal, without positions
                   -> mean over the step's tokens -> mlp -> logit that the step is wrong

The mlp runs once a token, the encoder once a step, for a few steps at a time.
"""

import dataclasses
import functools

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from prm_jax.errors import InputError

CELLS = 1 << 24
"""Most attention weights of a layer, over the steps of one block, that are held at once."""


@dataclasses.dataclass(frozen=True)
class UncertaintyHeadConfig:
    """What a head is made of.

    Fields:
        history, top_k: of the features, as `models.attention_features` takes them.
        d_model: D, width of the head. n_layers, n_heads: of its encoder.
        d_ff: width of the encoder's feed-forward layers.
        dropout: share of activations dropped in training.
        mask_later: whether tokens after the step are hidden; the step is then judged as if the
            solution ended with it.
        zero_prompt: whether the probabilities of the problem's tokens, which the model did not
            write, are 0, as in the release.
    """

    history: int = 3
    top_k: int = 4
    d_model: int = 256
    n_layers: int = 2
    n_heads: int = 8
    d_ff: int = 2048
    dropout: float = 0.1
    mask_later: bool = False
    zero_prompt: bool = True

    def __post_init__(self):
        for name in ("history", "top_k", "d_model", "n_layers", "n_heads", "d_ff"):
            if getattr(self, name) < 1:
                raise InputError(f"{getattr(self, name)} is below 1", field=f"head.{name}")
        if self.d_model % self.n_heads:
            raise InputError(
                f"{self.n_heads} heads do not divide a width of {self.d_model}",
                field="head.n_heads",
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"{self.dropout} is not in [0, 1)", field="head.dropout")


class EncoderLayer(nn.Module):
    """A Transformer encoder layer with its norms after the sums, over the tokens of a segment."""

    config: UncertaintyHeadConfig
    train: bool

    @nn.compact
    def __call__(self, x_TD, seen_T):
        config, deterministic = self.config, not self.train
        dropout = functools.partial(nn.Dropout, config.dropout, deterministic=deterministic)
        norm = functools.partial(nn.LayerNorm, epsilon=1e-5)
        mixed_TD = nn.MultiHeadDotProductAttention(
            config.n_heads,
            dropout_rate=config.dropout,
            broadcast_dropout=False,
            deterministic=deterministic,
            name="attn",
        )(x_TD, mask=seen_T[None, None, :])
        x_TD = norm(name="attn_norm")(x_TD + dropout()(mixed_TD))
        inner_TF = nn.gelu(nn.Dense(config.d_ff, name="up")(x_TD), approximate=False)
        mixed_TD = nn.Dense(config.d_model, name="down")(dropout()(inner_TF))
        return norm(name="mlp_norm")(x_TD + dropout()(mixed_TD))


class StepEncoder(nn.Module):
    """The part that runs once a step."""

    config: UncertaintyHeadConfig
    train: bool

    @nn.compact
    def __call__(self, x_TD, seen_T, inside_T):
        config = self.config
        in_step = nn.Embed(
            2, config.d_model, embedding_init=nn.initializers.normal(1.0), name="in_step"
        )
        x_TD = x_TD + in_step(inside_T.astype(jnp.int32))
        for layer in range(config.n_layers):
            x_TD = EncoderLayer(config, self.train, name=f"layer_{layer}")(x_TD, seen_T)
        total_D = jnp.sum(jnp.where(inside_T[:, None], x_TD, 0), axis=0)
        mean_D = total_D / jnp.maximum(jnp.sum(inside_T), 1)
        x_D = nn.Dense(config.d_model, name="dense")(mean_D)
        x_D = nn.gelu(nn.LayerNorm(epsilon=1e-5, name="norm")(x_D), approximate=False)
        x_D = nn.Dropout(config.dropout, deterministic=not self.train)(x_D)
        return nn.Dense(1, name="out")(x_D)[0]


class TokenEncoder(nn.Module):
    """The part that runs once a token."""

    config: UncertaintyHeadConfig
    train: bool

    @nn.compact
    def __call__(self, features_BTF):
        width, norm = self.config.d_model, functools.partial(nn.LayerNorm, epsilon=1e-5)
        x_BTD = nn.Dense(2 * width, name="dense")(features_BTF.astype(jnp.float32))
        x_BTD = nn.gelu(norm(name="dense_norm")(x_BTD), approximate=False)
        x_BTD = nn.Dropout(self.config.dropout, deterministic=not self.train)(x_BTD)
        x_BTD = nn.Dense(width, name="project")(x_BTD)
        return nn.gelu(norm(name="project_norm")(x_BTD), approximate=False)


def init_uncertainty_head(key, config: UncertaintyHeadConfig, n_features: int):
    """Fresh parameters: nested dict of f32 arrays.

    Args:
        key: PRNG key.
        config: the head.
        n_features: F.
    """
    tokens_key, steps_key = jax.random.split(key)
    x_TD, all_T = jnp.zeros((1, config.d_model)), jnp.ones(1, bool)
    tokens = TokenEncoder(config, False).init(tokens_key, jnp.zeros((1, 1, n_features)))
    steps = StepEncoder(config, False).init(steps_key, x_TD, all_T, all_T)
    return {"tokens": tokens["params"], "steps": steps["params"]}


def wrong_logits(
    config: UncertaintyHeadConfig, params, features_BTF, segment_ids_BT, steps, key=None
):
    """Judges steps of packed rows.

    Args:
        config: the head. params: its parameters.
        features_BTF: float[B,T,F], as `models.attention_features` gives them.
        segment_ids_BT: i32[B,T]; a step is judged by the tokens of its segment.
        steps: `row`, `start` and `end` i32[S]: the row of each step, and its first and last token
            there.
        key: PRNG key of the dropout; None, outside training, drops nothing.

    Returns:
        f32[S] logits that each step is wrong.
    """
    chex.assert_rank([features_BTF, segment_ids_BT, steps["row"]], [3, 2, 1])
    chex.assert_equal_shape([steps[name] for name in ("row", "start", "end")])
    train, segment_ids_BT = key is not None, jnp.asarray(segment_ids_BT)
    tokens_key, steps_key = jax.random.split(jax.random.key(0) if key is None else key)
    encode = TokenEncoder(config, train)
    x_BTD = encode.apply({"params": params["tokens"]}, features_BTF, rngs={"dropout": tokens_key})
    judge, length = StepEncoder(config, train), segment_ids_BT.shape[1]
    index_T = jnp.arange(length)

    @jax.checkpoint  # all steps' activations would not fit: the backward pass makes them again
    def of_step(step):
        row, start, end, dropout_key = step
        segments_T = segment_ids_BT[row]
        seen_T = segments_T == segments_T[end]
        if config.mask_later:
            seen_T &= index_T <= end
        inside_T = (index_T >= start) & (index_T <= end)
        arrays = (x_BTD[row], seen_T, inside_T)
        return judge.apply({"params": params["steps"]}, *arrays, rngs={"dropout": dropout_key})

    n_steps = len(steps["row"])
    keys = jax.random.split(steps_key, n_steps)
    inputs = (steps["row"], steps["start"], steps["end"], keys)
    block = max(1, min(n_steps, CELLS // (config.n_heads * length**2)))
    return jax.lax.map(of_step, inputs, batch_size=block)
