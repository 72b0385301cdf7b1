"""The decoder: one module for every supported family.

The parameter tree is a plain nested dict, laid out in docs/architecture.md; layers are stacked on
axis 0 and scanned. `segments` splits the stack, so that the lower layers can be frozen and the
backward pass ends where they end. A sampling engine that needs a key-value cache adds it in
`Attention`, between the rotation of the keys and the call of `attend`: nothing else sees keys."""

import functools
import math

import chex
import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from prm_jax.errors import InputError
from prm_jax.models.attention import attend, choose
from prm_jax.models.attention_trees import Trees
from prm_jax.models.config import DecoderConfig
from prm_jax.models.constraints import constrain_tokens, look_up, sequence_shards
from prm_jax.models.heads import HeadConfig
from prm_jax.models.rope import rotate, rotations, sequence_lengths
from prm_jax.models.sparse_mlp import ACTIVATIONS, SparseMlp

DTYPES = ("float32", "bfloat16")
INTERMEDIATES = "intermediates"
"""Collection with each layer's rotated queries and keys, kept only where it is `mutable`."""
MIXED = "mixed values"
"""Name, for `REMAT_POLICIES`, of what attention gives before its output projection."""
REMAT_POLICIES = {
    "none": None,
    "full": None,
    "dots": jax.checkpoint_policies.save_from_both_policies(
        jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
        jax.checkpoint_policies.save_only_these_names(MIXED),
    ),
}


@flax.struct.dataclass
class DecoderOutput:
    """What a forward pass gives.

    Fields:
        hidden_BTD: states after the final norm, in the compute dtype.
        lower_BTD: states after the first group of layers, in the compute dtype. Where nothing else
            is used of a jitted call, the layers above are not run.
        logits_BTV: vocabulary logits in float32, or None unless asked for.
    """

    hidden_BTD: jax.Array
    lower_BTD: jax.Array
    logits_BTV: jax.Array | None = None


class Projection(nn.Module):
    """An einsum with a kernel, and a bias over the output axes where the family has one."""

    equation: str
    shape: tuple[int, ...]
    inputs: int
    bias_shape: tuple[int, ...] | None
    dtype: str

    @nn.compact
    def __call__(self, x):
        scale = 1 / math.sqrt(self.inputs)
        kernel = self.param("kernel", nn.initializers.normal(scale), self.shape, jnp.float32)
        kernel = kernel.astype(self.dtype)
        if sequence_shards(x.shape[1]) > 1:
            out = jnp.einsum(self.equation, x, kernel)  # one axis could not be split like two
        else:
            # With rows and tokens in one axis XLA finds faster matmuls for the backward pass on a
            # CPU.
            flat = x.reshape(-1, *x.shape[2:])
            out = jnp.einsum(self.equation.replace("BT", "B"), flat, kernel)
            out = out.reshape(*x.shape[:2], *out.shape[1:])
        if self.bias_shape is not None:
            bias = self.param("bias", nn.initializers.zeros, self.bias_shape, jnp.float32)
            out = out + bias.astype(self.dtype)
        return out


class RMSNorm(nn.Module):
    """Root mean square norm over the last `n_axes` axes, computed in float32."""

    config: DecoderConfig
    dtype: str
    n_axes: int = 1

    @nn.compact
    def __call__(self, x):
        offset, axes = self.config.norm_offset, tuple(range(-self.n_axes, 0))
        initial = nn.initializers.zeros if offset else nn.initializers.ones
        scale = self.param("scale", initial, x.shape[-self.n_axes :], jnp.float32)
        wide = x.astype(jnp.float32)
        mean_square = jnp.mean(wide * wide, axis=axes, keepdims=True)
        normed = wide * jax.lax.rsqrt(mean_square + self.config.norm_eps)
        if offset or self.config.late_rounding:
            scale = scale.astype(jnp.float32)
            return (normed * (1 + scale if offset else scale)).astype(self.dtype)
        return normed.astype(self.dtype) * scale.astype(self.dtype)


@flax.struct.dataclass
class LayerInputs:
    """What all layers share; a layer picks its own by its kind.

    Fields:
        cos, sin: f32[kinds,B,T,1,R/2] rotations of queries and keys.
        segment_ids_BT: i32[B,T] or None.
        trees: `Trees` or None.
    """

    cos: jax.Array
    sin: jax.Array
    segment_ids_BT: jax.Array | None
    trees: Trees | None


class Attention(nn.Module):
    """Grouped-query attention with rotary positions."""

    config: DecoderConfig
    dtype: str
    implementation: str
    windows: tuple[int | None, ...]

    @nn.compact
    def __call__(self, x_BTD, kind, shared):
        config = self.config
        D, N, K, H = config.d_model, config.n_heads, config.n_kv_heads, config.head_dim

        def heads(name, count):
            bias = (count, H) if config.qkv_bias else None
            shape = (D, count, H)
            return Projection("BTD,DNH->BTNH", shape, D, bias, self.dtype, name=name)(x_BTD)

        query, key, value = heads("q", N), heads("k", K), heads("v", K)
        if config.qk_norm or config.qk_norm_whole:
            norm = functools.partial(RMSNorm, config, self.dtype, 2 if config.qk_norm_whole else 1)
            query, key = norm(name="q_norm")(query), norm(name="k_norm")(key)
        cos, sin = shared.cos[kind], shared.sin[kind]
        query, key = (rotate(x, cos, sin, config.late_rounding) for x in (query, key))
        self.sow(INTERMEDIATES, "query", query)
        self.sow(INTERMEDIATES, "key", key)
        mixed_BTNH = attend(
            query,
            key,
            value,
            segment_ids_BT=shared.segment_ids_BT,
            trees=shared.trees,
            windows=self.windows,
            kind=kind,
            scale=config.query_scale or 1 / math.sqrt(H),
            softcap=config.attention_softcap,
            implementation=self.implementation,
        )
        mixed_BTNH = checkpoint_name(mixed_BTNH, MIXED)
        bias = (D,) if config.o_bias else None
        return Projection("BTNH,NHD->BTD", (N, H, D), N * H, bias, self.dtype, name="o")(mixed_BTNH)


class Mlp(nn.Module):
    """Gated mlp."""

    config: DecoderConfig
    dtype: str

    @nn.compact
    def __call__(self, x_BTD):
        D, F = self.config.d_model, self.config.d_ff

        def project(name, equation, inputs, outputs):
            bias = (outputs,) if self.config.mlp_bias else None
            return Projection(equation, (inputs, outputs), inputs, bias, self.dtype, name=name)

        gate = project("gate", "BTD,DF->BTF", D, F)(x_BTD)
        gate = ACTIVATIONS[self.config.activation](gate)
        up = project("up", "BTD,DF->BTF", D, F)(x_BTD)
        return project("down", "BTF,FD->BTD", F, D)(gate * up)


class Block(nn.Module):
    """One layer, as the body of a scan over layers."""

    config: DecoderConfig
    dtype: str
    implementation: str
    windows: tuple[int | None, ...]

    @nn.compact
    def __call__(self, x_BTD, kind, shared):
        config = self.config
        norm = functools.partial(RMSNorm, config, self.dtype)
        attention = Attention(config, self.dtype, self.implementation, self.windows, name="attn")
        inner_BTD = norm(name="attn_norm")(x_BTD) if config.pre_norms else x_BTD
        mixed_BTD = attention(inner_BTD, kind, shared)
        if config.post_norms:
            mixed_BTD = norm(name="post_attn_norm")(mixed_BTD)
        x_BTD = x_BTD + mixed_BTD
        inner_BTD = norm(name="mlp_norm")(x_BTD) if config.pre_norms else x_BTD
        mlp = SparseMlp if config.n_experts else Mlp
        mixed_BTD = mlp(config, self.dtype, name="mlp")(inner_BTD)
        if config.post_norms:
            mixed_BTD = norm(name="post_mlp_norm")(mixed_BTD)
        return constrain_tokens(x_BTD + mixed_BTD), None


class Embed(nn.Module):
    """Token embeddings; also the unembedding where the two are tied."""

    vocab_size: int
    d_model: int

    def setup(self):
        shape = (self.vocab_size, self.d_model)
        self.embedding = self.param("embedding", nn.initializers.normal(0.02), shape, jnp.float32)


class Unembed(nn.Module):
    """The matrix from hidden states to vocabulary logits, where it is not the embedding."""

    d_model: int
    vocab_size: int

    @nn.compact
    def __call__(self):
        initial = nn.initializers.normal(1 / math.sqrt(self.d_model))
        return self.param("kernel", initial, (self.d_model, self.vocab_size), jnp.float32)


class Decoder(nn.Module):
    """A decoder-only language model that gives hidden states, and vocabulary logits when asked.

    Fields:
        config: the architecture.
        head: what reads the hidden states at step ends (`models.heads`); its parameters are
            `params['head']` and no business of `apply`.
        segments: numbers of layers scanned together, bottom first; () is all in one.
        dtype: compute dtype, 'float32' or 'bfloat16'. Norms, softmax and logits are float32. TPUs
            and recent GPUs multiply float32 matrices at less than full precision unless
            `jax_default_matmul_precision` says otherwise.
        remat: 'none', 'full' (keep only layer inputs for the backward pass) or 'dots' (keep matmul
            outputs and what attention gives).
        attention: 'auto', 'xla', 'cudnn', 'splash' or 'blockwise' (`models.attention`).
    """

    config: DecoderConfig
    head: HeadConfig | None = None
    segments: tuple[int, ...] = ()
    dtype: str = "float32"
    remat: str = "none"
    attention: str = "auto"

    @nn.compact
    def __call__(
        self,
        tokens_BT,
        positions=None,
        segment_ids=None,
        logits=False,
        lower_BTD=None,
        trees=None,
    ):
        """Runs the decoder.

        Args:
            tokens_BT: i32[B,T] token ids.
            positions: i32[B,T] positions for the rotary embedding; None counts from 0 in each
                segment, or takes the depths of `trees`.
            segment_ids: i32[B,T]; tokens see only their own segment, 0 is padding. None is one
                segment a row.
            logits: whether to compute vocabulary logits.
            lower_BTD: f[B,T,D] states after the first group of layers, as an earlier call gave
                them; embedding and first group are then not run.
            trees: `Trees`: tokens see only their ancestors, and segments do not count. Where the
                rotary embedding depends on the length of a sequence (`Rope.by_length`), no path
                may be longer than the original context: a shared prefix has one rotation.

        Returns:
            `DecoderOutput`; NaN at tokens whose id is not in the vocabulary.

        Raises:
            InputError: if the module's fields do not fit together or the device.
        """
        config = self.config
        chex.assert_rank(tokens_BT, 2)
        chex.assert_type(tokens_BT, int)
        if segment_ids is not None:
            chex.assert_equal_shape([tokens_BT, segment_ids])
        if positions is None and trees is not None:
            positions = trees.depth_BT
        elif positions is None:
            positions = default_positions(tokens_BT, segment_ids)
        chex.assert_equal_shape([tokens_BT, positions])

        embed = Embed(config.vocab_size, config.d_model, name="embed")
        if lower_BTD is None:
            # NaN where an id is too large: the default, which reads it as the last one, would hide
            # a wrong tokenizer.
            x_BTD = look_up(embed.embedding, tokens_BT, self.dtype)
            if config.scale_embeddings:
                x_BTD = x_BTD * jnp.asarray(math.sqrt(config.d_model), self.dtype)
        else:
            chex.assert_shape(lower_BTD, (*tokens_BT.shape, config.d_model))
            x_BTD = constrain_tokens(lower_BTD).astype(self.dtype)
        skip_first = lower_BTD is not None
        x_BTD, lower_BTD = self._layers(x_BTD, positions, segment_ids, trees, skip_first)
        x_BTD = RMSNorm(config, self.dtype, name="final_norm")(x_BTD)
        if not (logits or self.is_initializing()):
            return DecoderOutput(x_BTD, lower_BTD)

        if config.tied:
            unembed_DV = embed.embedding.T
        else:
            unembed_DV = Unembed(config.d_model, config.vocab_size, name="unembed")()
        logits_BTV = jnp.einsum(
            "BTD,DV->BTV",
            x_BTD,
            unembed_DV.astype(self.dtype),
            preferred_element_type=jnp.float32,
        )
        if config.final_softcap is not None:
            logits_BTV = config.final_softcap * jnp.tanh(logits_BTV / config.final_softcap)
        return DecoderOutput(x_BTD, lower_BTD, logits_BTV if logits else None)

    def _layers(self, x_BTD, positions_BT, segment_ids_BT, trees, skip_first):
        """States after all groups and after the first, which with `skip_first` is given as x."""
        config = self.config
        segments = self.segments or (config.n_layers,)
        if sum(segments) != config.n_layers or min(segments) < 1:
            raise InputError(
                f"segments {segments} do not add up to {config.n_layers} layers", field="segments"
            )
        for field, value, known in (
            ("remat", self.remat, REMAT_POLICIES),
            ("dtype", self.dtype, DTYPES),
        ):
            if value not in known:
                remedy = f"known are {', '.join(known)}"
                raise InputError(f"unknown {field} {value!r}", field=field, remedy=remedy)
        block = Block
        if self.remat != "none":
            block = nn.remat(Block, prevent_cse=False, policy=REMAT_POLICIES[self.remat])
        implementation = choose(
            self.attention,
            self.dtype,
            config.head_dim,
            x_BTD.shape[1],
            config.attention_softcap,
            trees is not None,
        )
        sliding = sorted(set(config.sliding_layers))  # False before True; often only one of them
        windows = tuple(config.sliding_window if kind else None for kind in sliding)
        ropes = [(kind and config.rope_sliding) or config.rope for kind in sliding]
        lengths_BT = None
        if trees is None and any(rope.by_length for rope in ropes):
            lengths_BT = sequence_lengths(positions_BT, segment_ids_BT)
        tables = [rotations(rope, config.head_dim, positions_BT, lengths_BT) for rope in ropes]
        cos, sin = (jnp.stack(table) for table in zip(*tables))
        shared = LayerInputs(cos, sin, segment_ids_BT, trees)
        kind_L = np.asarray([sliding.index(kind) for kind in config.sliding_layers], np.int32)
        lower_BTD, first = x_BTD, 0
        for count in segments:
            if first or not skip_first:
                stack = nn.scan(
                    block,
                    variable_axes={"params": 0, INTERMEDIATES: 0},
                    split_rngs={"params": True},
                    in_axes=(0, nn.broadcast),
                    length=count,
                )(config, self.dtype, implementation, windows, name=f"layers_{first}")
                x_BTD, _ = stack(x_BTD, jnp.asarray(kind_L[first : first + count]), shared)
            lower_BTD = lower_BTD if first else x_BTD
            first += count
        return x_BTD, lower_BTD


def default_positions(tokens_BT, segment_ids_BT=None):
    """Positions i32[B,T] that count from 0 in each row, or in each segment."""
    index_BT = jnp.broadcast_to(jnp.arange(tokens_BT.shape[1], dtype=jnp.int32), tokens_BT.shape)
    if segment_ids_BT is None:
        return index_BT
    starts = jnp.pad(segment_ids_BT[:, 1:] != segment_ids_BT[:, :-1], ((0, 0), (1, 0)))
    return index_BT - jax.lax.cummax(jnp.where(starts, index_BT, 0), axis=1)
