"""A decoder in plain numpy and float64, token by token: slow, and written apart from the library.

RoPE without llama3; rows are single segments with positions 0, 1, 2, ...
"""

import math

import numpy as np


def logits(config, params, tokens, weights=None):
    """Vocabulary logits f64[T,V] of one row of token ids; a dict is given the attention weights by
    (layer, head, query, key)."""
    flat = {name: np.asarray(leaf, np.float64) for name, leaf in flatten(params)}
    x = flat["embed/embedding"][tokens]
    if config.scale_embeddings:
        x = x * np.sqrt(config.d_model)
    for layer in range(config.n_layers):
        stack = "layers_0/" + (f"block_{layer % config.period}/" if config.has_linear else "")
        own = {
            name.removeprefix(stack): leaf[layer // config.period]
            for name, leaf in flat.items()
            if name.startswith(stack)
        }
        x = one_layer(config, own, layer, x, weights)
    x = norm(config, x, flat["final_norm/scale"])
    out = x @ (flat["embed/embedding"].T if config.tied else flat["unembed/kernel"])
    return soft_cap(out, config.final_softcap)


def flatten(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value


def one_layer(config, own, layer, x, kept=None):
    inner = before(config, x, own, "attn_norm/scale")
    if "linear/o/kernel" in own:
        mixed = linear_attention(config, own, inner)
    else:
        mixed = attention(config, own, layer, inner, kept)
    if "post_attn_norm/scale" in own:
        mixed = norm(config, mixed, own["post_attn_norm/scale"])
    x = x + mixed
    inner = before(config, x, own, "mlp_norm/scale")
    mixed = experts(config, own, inner) if config.n_experts else mlp(config, own, inner)
    if "post_mlp_norm/scale" in own:
        mixed = norm(config, mixed, own["post_mlp_norm/scale"])
    return x + mixed


def linear_attention(config, own, inner):
    """One value head and one token at a time."""
    mixed = np.zeros_like(inner)
    query, key, value = (convolved(config, own, name, inner) for name in "qkv")
    steps = np.log1p(np.exp(inner @ own["linear/decay/kernel"] + own["linear/dt_bias"]))
    decays = np.exp(-np.exp(own["linear/a_log"]) * steps)
    rates = 1 / (1 + np.exp(-inner @ own["linear/rate/kernel"]))
    for head in range(config.linear_value_heads):
        shared = head * config.linear_key_heads // config.linear_value_heads
        state = np.zeros((config.linear_key_dim, config.linear_value_dim))
        for t in range(len(inner)):
            q, k = (x[t, shared] / np.sqrt((x[t, shared] ** 2).sum() + 1e-6) for x in (query, key))
            state = state * decays[t, head]
            state += np.outer(k, rates[t, head] * (value[t, head] - k @ state))
            read = q @ state / np.sqrt(config.linear_key_dim)
            read /= np.sqrt(np.mean(read**2) + config.norm_eps)
            gate = silu(inner[t] @ own["linear/z/kernel"][:, head])
            mixed[t] += (read * own["linear/norm/scale"] * gate) @ own["linear/o/kernel"][head]
    return mixed


def convolved(config, own, name, inner):
    """Queries, keys or values of all heads [T,N,H], each mixed with those of the tokens before."""
    x = np.einsum("td,dnh->tnh", inner, own[f"linear/{name}/kernel"])
    taps, out = own[f"linear/{name}_conv/taps"][:, 0], np.zeros_like(x)
    for t in range(len(x)):
        for back in range(min(t + 1, config.linear_conv_width)):
            out[t] += taps[-1 - back] * x[t - back]
    return silu(out)


def silu(x):
    return x / (1 + np.exp(-x))


def experts(config, own, inner):
    """One token and one expert at a time."""
    mixed = np.zeros_like(inner)
    for token, state in enumerate(inner):
        scores = state @ own["mlp/router/kernel"]
        shares = np.exp(scores - scores.max())
        shares = shares / shares.sum()
        chosen = np.argsort(-shares, kind="stable")[: config.experts_per_token]
        total = shares[chosen].sum() if config.normalise_routing else 1
        for expert in chosen:
            of_expert = {
                f"mlp/{name}/kernel": own[f"mlp/experts/{name}/kernel"][expert]
                for name in ("gate", "up", "down")
            }
            mixed[token] += shares[expert] / total * mlp(config, of_expert, state)
    return mixed


def mlp(config, own, inner):
    gate = inner @ own["mlp/gate/kernel"] + own.get("mlp/gate/bias", 0)
    up = inner @ own["mlp/up/kernel"] + own.get("mlp/up/bias", 0)
    if config.activation == "silu":
        gate = silu(gate)
    else:
        gate = gate / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
    return (gate * up) @ own["mlp/down/kernel"] + own.get("mlp/down/bias", 0)


def before(config, x, own, name):
    """The norm before a block, where the family has one."""
    return norm(config, x, own[name]) if name in own else x


def norm(config, x, scale):
    factor = 1 + scale if config.norm_offset else scale
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + config.norm_eps) * factor


def soft_cap(x, cap):
    return x if cap is None else cap * np.tanh(x / cap)


def attention(config, own, layer, x, kept=None):
    sliding = bool(config.layer_types) and config.layer_types[layer] == "sliding"
    rope = config.rope_sliding if sliding and config.rope_sliding else config.rope
    scale = config.query_scale or config.head_dim**-0.5
    out = np.zeros_like(x) + own.get("attn/o/bias", 0)
    queries, keys = (project(config, own, name, x) for name in "qk")
    for head in range(config.n_heads):
        shared = head * config.n_kv_heads // config.n_heads
        q, k = queries[:, head], keys[:, shared]
        v = x @ own["attn/v/kernel"][:, shared]
        v = v + (own["attn/v/bias"][shared] if "attn/v/bias" in own else 0)
        q, k = rotate(rope, q), rotate(rope, k)
        gates = np.ones((len(x), config.head_dim))
        if config.gated_attention:
            gates = 1 / (1 + np.exp(-x @ own["attn/q/kernel"][:, head, config.head_dim :]))
        for t in range(len(x)):
            first = max(0, t - config.sliding_window + 1) if sliding else 0
            scores = soft_cap(k[first : t + 1] @ q[t] * scale, config.attention_softcap)
            weights = np.exp(scores - scores.max())
            weights /= weights.sum()
            out[t] += gates[t] * (weights @ v[first : t + 1]) @ own["attn/o/kernel"][head]
            if kept is not None:
                kept |= {(layer, head, t, first + i): w for i, w in enumerate(weights)}
    return out


def project(config, own, name, x):
    """Queries or keys of all heads [T,N,H], normed."""
    out = np.einsum("td,dnh->tnh", x, own[f"attn/{name}/kernel"]) + own.get(f"attn/{name}/bias", 0)
    out = out[..., : config.head_dim]  # behind a query may stand its gate
    if f"attn/{name}_norm/scale" not in own:
        return out
    scale = own[f"attn/{name}_norm/scale"]
    if scale.ndim == 1:
        return norm(config, out, scale)
    return norm(config, out.reshape(len(x), -1), scale.reshape(-1)).reshape(out.shape)


def rotate(rope, x):
    """Each pair (i, i + R/2) as one complex number, turned by position times frequency."""
    half = int(x.shape[1] * rope.rotary_fraction) // 2
    turns, factor = frequencies(rope, half, len(x))
    pairs = x[:, :half] + 1j * x[:, half : 2 * half]
    pairs = factor * pairs * np.exp(1j * np.arange(len(x))[:, None] * turns)
    return np.concatenate([pairs.real, pairs.imag, x[:, 2 * half :]], axis=1)


def frequencies(rope, half, length):
    """Radians a token of each pair, and the factor on what is turned."""
    plain = rope.theta ** -(np.arange(half) / half)
    if rope.kind == "longrope":
        long = length > rope.original_max_position
        stretch = math.log(rope.factor) / math.log(rope.original_max_position)
        return plain / np.array(rope.long_factor if long else rope.short_factor), (
            1 + stretch
        ) ** 0.5
    if rope.kind == "yarn":
        turns = rope.original_max_position * plain / (2 * math.pi)  # over the original context
        at = half * np.log(turns[0] / np.array([rope.beta_fast, rope.beta_slow]))
        low, high = at / math.log(rope.theta)
        low, high = max(math.floor(low), 0), min(math.ceil(high), 2 * half - 1)
        ramp = np.clip((np.arange(half) - low) / (high - low), 0, 1)
        return plain * (1 - ramp + ramp / rope.factor), 0.1 * math.log(rope.factor) + 1
    return plain / rope.factor, 1.0
