"""What this machine can do with a model's own shapes: its matmuls alone, its attention, its memory.

The matmul limit of a piece of work is the time that jitted `jnp.dot` takes for as many operations,
on as many tokens and the model's own projection matrices.
"""

import math
import time

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.benchmark import flops
from prm_jax.benchmark.best_of_n import candidates
from prm_jax.data.packing import fill
from prm_jax.models import step_logit
from prm_jax.models.attention import attend, choose
from prm_jax.models.config import DecoderConfig
from prm_jax.models.step_reader import STEP_ARRAYS
from prm_jax.scoring.discriminative import reduced_logits

COPIED = 2**26
"""Numbers of float32 that the measurement of bandwidth reads and writes: 256 MiB, which no cache
holds."""
PROMPT_PART = 10  # a tenth of a row is its problem


def seconds_of(function, *arguments) -> float:
    """Seconds until the result of a jitted function is there."""
    begun = time.monotonic()
    jax.block_until_ready(function(*arguments))
    return time.monotonic() - begun


class Matmuls:
    """The projections of one layer, each as a `jnp.dot` of its own.

    Args:
        config: the architecture.
        n_tokens: rows of the left matrix.
        dtype: of both.
    """

    def __init__(self, config: DecoderConfig, n_tokens: int, dtype: str):
        self._dot = jax.jit(jnp.dot)
        self._pairs = [
            (_random((n_tokens, inputs), dtype), _random((inputs, outputs), dtype))
            for inputs, outputs, used, _ in flops.matrices(config)
            for _ in range(used)
        ]
        self._flops = flops.projections(config, n_tokens).flops / config.n_layers

    def once(self) -> float:
        """Seconds of all projections of a layer."""
        return sum(seconds_of(self._dot, x, w) for x, w in self._pairs)

    def limit(self, work: flops.Work, seconds: float) -> float:
        """Seconds of as many operations as `work`, where `once` took `seconds`."""
        return work.flops / self._flops * seconds


class Forward:
    """The program that scores a batch, on rows that one solution fills each.

    Args:
        model, params: what scores.
        rows, row_length: shape of the batch.
        step: tokens of a step.
    """

    def __init__(self, model, params, rows: int, row_length: int, step: int):
        self._model, self._params = model, params
        n_prompt = row_length // PROMPT_PART
        sizes = (rows, n_prompt, row_length - n_prompt, step)
        encoded = candidates(model.config.vocab_size, *sizes)
        n_steps = len(encoded[0].step_positions)
        batch = fill([[row] for row in range(rows)], encoded, row_length, n_steps)
        self._batch = {name: jnp.asarray(batch[name]) for name in STEP_ARRAYS}
        self.work = flops.forward(
            model.config,
            [row_length] * rows,
            n_steps=rows * n_steps,
            itemsize=jnp.dtype(model.dtype).itemsize,
        )

    def once(self) -> float:
        """Seconds of a forward pass."""
        return seconds_of(reduced_logits, step_logit, self._model, self._params, self._batch)


class Attention:
    """The attention of one full layer, on rows that one solution fills each.

    Args:
        config: the architecture.
        rows, row_length: shape of the batch.
        dtype: of queries, keys and values.
    """

    def __init__(self, config: DecoderConfig, rows: int, row_length: int, dtype: str):
        H = config.head_dim
        implementation = choose("auto", dtype, H, row_length, config.attention_softcap)
        self._arrays = [
            _random((rows, row_length, heads, H), dtype)
            for heads in (config.n_heads, config.n_kv_heads, config.n_kv_heads)
        ]
        self._segments = jax.device_put(np.ones((rows, row_length), np.int32))

        @jax.jit
        def attention(query, key, value, segment_ids):
            return attend(
                query,
                key,
                value,
                segment_ids_BT=segment_ids,
                scale=1 / math.sqrt(H),
                softcap=config.attention_softcap,
                implementation=implementation,
            )

        self._attention = attention

    def once(self) -> float:
        """Seconds of the attention of a layer."""
        return seconds_of(self._attention, *self._arrays, self._segments)


def bandwidth(n: int = COPIED, times: int = 5) -> float:
    """Bytes a second of reading an array of `n` float32 and writing another: the best of some."""
    x = jax.device_put(np.zeros(n, np.float32))
    add = jax.jit(lambda x: x + 1)
    seconds_of(add, x)
    return 2 * x.nbytes / min(seconds_of(add, x) for _ in range(times))


def _random(shape, dtype):
    """Normal numbers on the device, for which nothing is compiled."""
    drawn = np.random.default_rng(0).standard_normal(shape, np.float32)
    return jax.device_put(drawn.astype(jnp.dtype(dtype)))
