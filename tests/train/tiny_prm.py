"""A tiny model and batches for tests of the step."""

import jax
import numpy as np

from prm_jax.data.packing import pack
from prm_jax.models import PRESETS, Decoder, HeadConfig, init_params
from prm_jax.text.encode import Encoded

ROW_LENGTH, MAX_STEPS = 48, 8


def model_and_params(preset="tiny-llama", head=HeadConfig("scalar"), segments=(1, 1), **fields):
    """A tiny decoder with a head, and fresh parameters."""
    architecture = PRESETS[preset]
    params = init_params(jax.random.key(0), architecture, head=head, segments=segments)
    return Decoder(architecture, head=head, segments=segments, **fields), params


def trajectories(n, seed=0, labelled=0.8):
    """Random encoded trajectories of 8 to 20 tokens and 1 to 3 steps."""
    rng = np.random.default_rng(seed)

    def one():
        n_tokens, n_steps = int(rng.integers(8, 21)), int(rng.integers(1, 4))
        positions = np.sort(rng.choice(n_tokens, n_steps, replace=False))
        return Encoded(
            tokens=rng.integers(0, 256, n_tokens).astype(np.int32),
            step_positions=positions.astype(np.int32),
            labels=(rng.random(n_steps) < 0.5).astype(np.float32),
            label_mask=rng.random(n_steps) < labelled,
            step_starts=np.append(0, positions[:-1] + 1).astype(np.int32),
            n_steps=n_steps,
        )

    return [one() for _ in range(n)]


def batch(n=12, rows=8, seed=0, **options):
    """Random trajectories packed into one batch."""
    return pack(trajectories(n, seed, **options), rows, ROW_LENGTH, MAX_STEPS)
