"""Fresh parameters, and their shapes without computing them."""

import functools

import jax
import jax.numpy as jnp

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
    return _init(key, config, head, tuple(segments))


def abstract_params(config, head=None, segments=()):
    """Shapes and dtypes of `init_params` without computing: nested dict of ShapeDtypeStruct."""
    return jax.eval_shape(
        lambda: init_params(jax.random.key(0), config, head=head, segments=segments)
    )


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _init(key, config, head, segments):
    # Compiled as one, the forward pass that tells Linen the shapes is never run.
    body_key, head_key = jax.random.split(key)
    decoder = Decoder(config, segments=segments, attention="xla")
    params = decoder.init(body_key, jnp.zeros((1, 2), jnp.int32))["params"]
    if head is not None and (head_params := init_head(head_key, head, config.d_model)):
        params = {**params, "head": head_params}
    return params
