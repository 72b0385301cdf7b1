"""Making, splitting and re-grouping the parameter tree."""

import re

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from prm_jax.models.decoder import Decoder
from prm_jax.models.heads import init_head


def init_params(key, config, head=None, segments=()):
    """Fresh parameters for a decoder and its head.

    Args:
        key: PRNG key.
        config: DecoderConfig.
        head: HeadConfig or None.
        segments: as in `Decoder`.

    Returns:
        Nested dict of float32 arrays, laid out as docs/architecture.md says.
    """
    body_key, head_key = jax.random.split(key)
    params = Decoder(config, segments=segments).init(body_key, jnp.zeros((1, 2), jnp.int32))[
        "params"
    ]
    if head is not None and (head_params := init_head(head_key, head, config.d_model)):
        params = {**params, "head": head_params}
    return params


def abstract_params(config, head=None, segments=()):
    """Shapes and dtypes of `init_params` without computing: nested dict of ShapeDtypeStruct."""
    return jax.eval_shape(
        lambda: init_params(jax.random.key(0), config, head=head, segments=segments)
    )


def paths(params):
    """{'layers_0/attn/q/kernel': leaf, ...} of a parameter tree."""
    return flatten_dict(params, sep="/")


def from_paths(leaves):
    """The inverse of `paths`."""
    return unflatten_dict(leaves, sep="/")


def segments_of(params):
    """Numbers of layers in each `layers_N` group, bottom first: tuple of int."""
    groups = sorted(int(name.split("_")[1]) for name in params if re.fullmatch(r"layers_\d+", name))
    return tuple(jax.tree.leaves(params[f"layers_{first}"])[0].shape[0] for first in groups)


def resegment(params, segments):
    """Regroups stacked layers.

    Args:
        params: parameter tree in any grouping.
        segments: numbers of layers of the new groups, bottom first; () is all in one.

    Returns:
        The same numbers under `layers_0`, `layers_<segments[0]>`, ...

    Raises:
        ValueError: if the segments do not add up to the layers there are.
    """
    old = segments_of(params)
    segments = tuple(segments) or (sum(old),)
    if sum(segments) != sum(old):
        raise ValueError(f"segments {segments} do not add up to {sum(old)} layers")
    if segments == old:
        return params
    groups = [params[f"layers_{first}"] for first in _starts(old)]
    whole = groups[0] if len(groups) == 1 else jax.tree.map(lambda *x: jnp.concatenate(x), *groups)
    kept = {name: leaf for name, leaf in params.items() if not name.startswith("layers_")}
    for first, count in zip(_starts(segments), segments):
        kept[f"layers_{first}"] = jax.tree.map(lambda x, a=first, n=count: x[a : a + n], whole)
    return kept


def keep_lower_layers(params, n_layers):
    """Drops the layers above the first `n_layers`; the tree comes back in one group."""
    params = resegment(params, ())
    layers = jax.tree.map(lambda x: x[:n_layers], params["layers_0"])
    return {**params, "layers_0": layers}


def _starts(segments):
    starts, first = [], 0
    for count in segments:
        starts.append(first)
        first += count
    return starts
