"""The decoder: one module for every supported family.

The parameter tree is a plain nested dict, laid out in docs/architecture.md; layers are stacked on
axis 0 and scanned. `segments` splits the stack, so that the lower layers can be frozen and the
backward pass ends where they end. A sampling engine that needs a key-value cache adds it in
`Attention`, between the rotation of the keys and the call of `attend`: nothing else sees keys."""

import functools
import math
from collections.abc import Callable

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
from prm_jax.models.constraints import SEQUENCE, constrain_tokens, look_up, mesh_axes
from prm_jax.models.heads import HeadConfig
from prm_jax.models.layers import Projection, RMSNorm
from prm_jax.models.linear_attention import LinearAttention
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

        def heads(name, count, width=H):
            bias = (count, width) if config.qkv_bias else None
            shape = (D, count, width)
            return Projection("BTD,DNH->BTNH", shape, D, bias, self.dtype, name=name)(x_BTD)

        query = heads("q", N, 2 * H if config.gated_attention else H)
        key, value = heads("k", K), heads("v", K)
        query, gate_BTNH = query[..., :H], query[..., H:]
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
        if config.gated_attention:
            mixed_BTNH = mixed_BTNH * nn.sigmoid(gate_BTNH)
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
    linear: bool = False

    @nn.compact
    def __call__(self, x_BTD, kind, shared):
        config = self.config
        norm = functools.partial(RMSNorm, config, self.dtype)
        inner_BTD = norm(name="attn_norm")(x_BTD) if config.pre_norms else x_BTD
        if self.linear:
            attention = LinearAttention(config, self.dtype, name="linear")
            mixed_BTD = attention(inner_BTD, shared.segment_ids_BT)
        else:
            of_kind = Attention(config, self.dtype, self.implementation, self.windows, name="attn")
            mixed_BTD = of_kind(inner_BTD, kind, shared)
        if config.post_norms:
            mixed_BTD = norm(name="post_attn_norm")(mixed_BTD)
        x_BTD = x_BTD + mixed_BTD
        inner_BTD = norm(name="mlp_norm")(x_BTD) if config.pre_norms else x_BTD
        mlp = SparseMlp if config.n_experts else Mlp
        mixed_BTD = mlp(config, self.dtype, name="mlp")(inner_BTD)
        if config.post_norms:
            mixed_BTD = norm(name="post_mlp_norm")(mixed_BTD)
        return constrain_tokens(x_BTD + mixed_BTD), None


class Period(nn.Module):
    """The layers of one period, which have different parameters, as the body of a scan.

    Fields:
        block: `Block`, perhaps rematerialised; the others are its own.
    """

    block: Callable[..., nn.Module]
    config: DecoderConfig
    dtype: str
    implementation: str
    windows: tuple[int | None, ...]

    @nn.compact
    def __call__(self, x_BTD, kind_P, shared):
        options = (self.config, self.dtype, self.implementation, self.windows)
        for place, layer_type in enumerate(self.config.layer_types[: self.config.period]):
            layer = self.block(*options, layer_type == "linear", name=f"block_{place}")
            x_BTD, _ = layer(x_BTD, kind_P[place], shared)
        return x_BTD, None


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
        segments: numbers of layers scanned together, bottom first; () is all in one. Of a model
            with linear layers numbers of periods (`DecoderConfig.period`).
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
        if config.has_linear:
            require_recurrent(trees)

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
        segments = self.segments or (config.n_blocks,)
        if sum(segments) != config.n_blocks or min(segments) < 1:
            what = "layers" if config.period == 1 else f"periods of {config.period} layers"
            raise InputError(
                f"segments {segments} do not add up to {config.n_blocks} {what}", field="segments"
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
        if config.has_linear:
            kind_L = kind_L.reshape(config.n_blocks, config.period)
        body, options = (Period, (block,)) if config.has_linear else (block, ())
        options = (*options, config, self.dtype, implementation, windows)
        lower_BTD, first = x_BTD, 0
        for count in segments:
            if first or not skip_first:
                stack = nn.scan(
                    body,
                    variable_axes={"params": 0, INTERMEDIATES: 0},
                    split_rngs={"params": True},
                    in_axes=(0, nn.broadcast),
                    length=count,
                    # A second trace of all layers; it draws keys, so initial parameters need it.
                    check_constancy_invariants=self.is_initializing(),
                )(*options, name=f"layers_{first}")
                x_BTD, _ = stack(x_BTD, jnp.asarray(kind_L[first : first + count]), shared)
            lower_BTD = lower_BTD if first else x_BTD
            first += count
        return x_BTD, lower_BTD


def require_recurrent(trees):
    """Raises `InputError` where linear layers would not read each segment from its beginning."""
    if trees is not None:
        raise InputError(
            "linear attention layers keep one state, which branches of a tree cannot share",
            field="share_prefixes",
            remedy="leave it out: solutions are then read one by one",
        )
    if mesh_axes().get(SEQUENCE, 1) > 1:
        raise InputError(
            "linear attention layers read a row from its beginning, and cannot split its tokens",
            field="mesh.sequence",
            remedy="set it to 1, and use fsdp or tensor",
        )


def default_positions(tokens_BT, segment_ids_BT=None):
    """Positions i32[B,T] that count from 0 in each row, or in each segment."""
    index_BT = jnp.broadcast_to(jnp.arange(tokens_BT.shape[1], dtype=jnp.int32), tokens_BT.shape)
    if segment_ids_BT is None:
        return index_BT
    starts = jnp.pad(segment_ids_BT[:, 1:] != segment_ids_BT[:, :-1], ((0, 0), (1, 0)))
    return index_BT - jax.lax.cummax(jnp.where(starts, index_BT, 0), axis=1)
