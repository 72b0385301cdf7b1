"""Architectures by name: the embedded default backbone, shapes of large ones to plan with, and one
tiny model a family for tests and smoke runs."""

from typing import Any

from prm_jax.models.config import DecoderConfig, Rope

_TINY: dict[str, Any] = dict(
    vocab_size=256, d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, head_dim=8, d_ff=64
)

PRESETS = {
    "smollm2-135m": DecoderConfig(
        family="llama",
        vocab_size=49152,
        d_model=576,
        n_layers=30,
        n_heads=9,
        n_kv_heads=3,
        head_dim=64,
        d_ff=1536,
        norm_eps=1e-5,
        tied=True,
        rope=Rope(theta=100_000.0),
        max_position=8192,
    ),
    "qwen2.5-1.5b": DecoderConfig(
        family="qwen2",
        vocab_size=151936,
        d_model=1536,
        n_layers=28,
        n_heads=12,
        n_kv_heads=2,
        head_dim=128,
        d_ff=8960,
        norm_eps=1e-6,
        tied=True,
        qkv_bias=True,
        rope=Rope(theta=1_000_000.0),
        max_position=131072,
    ),
    "qwen2.5-7b": DecoderConfig(
        family="qwen2",
        vocab_size=152064,
        d_model=3584,
        n_layers=28,
        n_heads=28,
        n_kv_heads=4,
        head_dim=128,
        d_ff=18944,
        norm_eps=1e-6,
        qkv_bias=True,
        rope=Rope(theta=1_000_000.0),
        max_position=131072,
    ),
    "qwen2.5-72b": DecoderConfig(
        family="qwen2",
        vocab_size=152064,
        d_model=8192,
        n_layers=80,
        n_heads=64,
        n_kv_heads=8,
        head_dim=128,
        d_ff=29568,
        norm_eps=1e-6,
        qkv_bias=True,
        rope=Rope(theta=1_000_000.0),
        max_position=131072,
    ),
    "tiny-llama": DecoderConfig(family="llama", **_TINY),
    "tiny-mistral": DecoderConfig(
        family="mistral", **_TINY, sliding_window=8, layer_types=("sliding",) * 2
    ),
    "tiny-qwen2": DecoderConfig(family="qwen2", **_TINY, tied=True, qkv_bias=True, norm_eps=1e-6),
    "tiny-qwen3": DecoderConfig(family="qwen3", **_TINY, tied=True, qk_norm=True, norm_eps=1e-6),
    "tiny-gemma2": DecoderConfig(
        family="gemma2",
        **_TINY,
        tied=True,
        activation="gelu_tanh",
        norm_offset=True,
        sandwich_norms=True,
        scale_embeddings=True,
        query_scale=8**-0.5,
        attention_softcap=50.0,
        final_softcap=30.0,
        sliding_window=8,
        layer_types=("sliding", "full"),
        norm_eps=1e-6,
    ),
    "tiny-gemma3": DecoderConfig(
        family="gemma3",
        **_TINY,
        tied=True,
        activation="gelu_tanh",
        norm_offset=True,
        sandwich_norms=True,
        scale_embeddings=True,
        qk_norm=True,
        query_scale=8**-0.5,
        sliding_window=8,
        layer_types=("sliding", "full"),
        rope=Rope(theta=1_000_000.0, kind="linear", factor=8.0),
        rope_sliding=Rope(theta=10_000.0),
        norm_eps=1e-6,
    ),
}
