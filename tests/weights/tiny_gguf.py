"""Writes tiny GGUF files in the conventions of llama.cpp's converter, from our parameters."""

import gguf
import numpy as np

NAMES = {  # ours -> GGUF's, written apart from the table under test
    "attn_norm/scale": "attn_norm.weight",
    "mlp_norm/scale": "ffn_norm.weight",
    "post_attn_norm/scale": "post_attention_norm.weight",
    "post_mlp_norm/scale": "post_ffw_norm.weight",
    "attn/q_norm/scale": "attn_q_norm.weight",
    "attn/k_norm/scale": "attn_k_norm.weight",
    "attn/q/kernel": "attn_q.weight",
    "attn/k/kernel": "attn_k.weight",
    "attn/v/kernel": "attn_v.weight",
    "attn/o/kernel": "attn_output.weight",
    "attn/q/bias": "attn_q.bias",
    "attn/k/bias": "attn_k.bias",
    "attn/v/bias": "attn_v.bias",
    "mlp/gate/kernel": "ffn_gate.weight",
    "mlp/up/kernel": "ffn_up.weight",
    "mlp/down/kernel": "ffn_down.weight",
}


def tensors(config, params):
    """dict: GGUF name -> float32 array as the converter would store it."""
    stored = {
        "token_embd.weight": np.asarray(params["embed"]["embedding"]),
        "output_norm.weight": np.asarray(params["final_norm"]["scale"]),
    }
    if "unembed" in params:
        stored["output.weight"] = np.asarray(params["unembed"]["kernel"]).T
    for path, name in NAMES.items():
        leaf = params["layers_0"]
        for part in path.split("/"):
            leaf = leaf.get(part) if leaf is not None else None
        if leaf is None:
            continue
        for layer, array in enumerate(np.asarray(leaf)):
            stored[f"blk.{layer}.{name}"] = as_stored(config, path, array)
    if config.norm_offset:
        stored = {n: a + 1 if n.endswith("norm.weight") else a for n, a in stored.items()}
    return {name: np.ascontiguousarray(array, np.float32) for name, array in stored.items()}


def as_stored(config, path, array):
    """One layer's array as [outputs, inputs]: heads fused, Llama's query and key rows in pairs."""
    kind = path.split("/")[1]
    if path.endswith("kernel"):
        if kind in "qkv":  # [D, N, H]
            array = array.reshape(array.shape[0], -1).T
        elif kind == "o":  # [N, H, D]
            array = array.reshape(-1, array.shape[-1]).T
        else:
            array = array.T
    elif path.endswith("bias"):
        array = array.reshape(-1)
    if config.family in ("llama", "mistral") and kind in ("q", "k"):
        heads = array.reshape(-1, 2, config.head_dim // 2, *array.shape[1:])
        array = heads.swapaxes(1, 2).reshape(array.shape)
    return array


def write(path, config, params, *, quantise=None, extra=None, more=None, only=None):
    """Writes a file.

    Args:
        path: where.
        config, params: the model.
        quantise: `gguf.GGMLQuantizationType` for the matrices, or None for float32.
        extra: writes further metadata, given the writer.
        more: dict of further tensors.
        only: names of the tensors to write; None is all.
    """
    architecture = "llama" if config.family == "mistral" else config.family
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.n_layers)
    writer.add_context_length(config.max_position)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(config.d_ff)
    writer.add_head_count(config.n_heads)
    writer.add_head_count_kv(config.n_kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_rope_freq_base(config.rope.theta)
    if config.family.startswith("gemma"):
        writer.add_sliding_window(config.sliding_window)
    if config.attention_softcap:
        writer.add_attn_logit_softcapping(config.attention_softcap)
        writer.add_final_logit_softcapping(config.final_softcap)
    if config.rope.kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope.factor)
    if extra is not None:
        extra(writer)
    for name, array in (tensors(config, params) | (more or {})).items():
        if only is not None and name not in only:
            continue
        if quantise is None or array.ndim == 1:
            writer.add_tensor(name, array)
        else:
            data = gguf.quants.quantize(array, quantise)
            writer.add_tensor(name, data, raw_dtype=quantise)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
