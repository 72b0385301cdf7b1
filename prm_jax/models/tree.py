"""The parameter tree as such: paths of its leaves, and how its layers are grouped."""

import re

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from prm_jax.errors import InputError

ADAPTERS = "lora"


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
    """Regroups stacked layers, and those of the adapters under 'lora' with them.

    Args:
        params: parameter tree in any grouping.
        segments: numbers of layers of the new groups, bottom first; () is all in one.

    Returns:
        The same numbers under `layers_0`, `layers_<segments[0]>`, ...

    Raises:
        InputError: if the segments do not add up to the layers there are, or if adapters are on
            some groups only, so that layers of one new group would differ in theirs.
    """
    old = segments_of(params)
    segments = tuple(segments) or (sum(old),)
    if sum(segments) != sum(old) or min(segments) < 1:
        raise InputError(
            f"segments {segments} do not add up to {sum(old)} layers", field="segments"
        )
    if segments == old:
        return params
    regrouped = {name: leaf for name, leaf in params.items() if not name.startswith("layers_")}
    if ADAPTERS in params:
        if segments_of(params[ADAPTERS]) != old:
            raise InputError(
                "adapters on some layer groups only cannot be regrouped",
                field="segments",
                remedy="merge them first",
            )
        regrouped[ADAPTERS] = resegment(params[ADAPTERS], segments)
    groups = [params[f"layers_{first}"] for first in _starts(old)]
    whole = groups[0] if len(groups) == 1 else jax.tree.map(lambda *x: jnp.concatenate(x), *groups)
    for first, count in zip(_starts(segments), segments):
        regrouped[f"layers_{first}"] = jax.tree.map(lambda x, a=first, n=count: x[a : a + n], whole)
    return regrouped


def keep_lower_layers(params, n_layers):
    """Drops the layers above the first `n_layers`; the tree comes back in one group."""
    params = resegment(params, ())
    layers = jax.tree.map(lambda x: x[:n_layers], params["layers_0"])
    return {**params, "layers_0": layers}


def _starts(segments):
    return [sum(segments[:group]) for group in range(len(segments))]
