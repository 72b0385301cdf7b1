"""The quick compilation of these tests gives what the compilation that users get gives."""

import functools
import os
import subprocess
import sys

import jax
import numpy as np
import tiny_prm

from prm_jax.models import PRESETS, HeadConfig, abstract_params
from prm_jax.objectives import OBJECTIVES
from prm_jax.train.step import accumulated_gradient

PRESET, HEAD, SEGMENTS = "tiny-gemma2", HeadConfig("scalar"), (1, 1)
SETTINGS = ("XLA_FLAGS", "JAX_DISABLE_MOST_OPTIMIZATIONS")


def loss_and_gradient(leaves):
    """Of a packed batch: what a training step is made of, as a list of arrays."""
    shapes = abstract_params(PRESETS[PRESET], HEAD, SEGMENTS)
    params = jax.tree.unflatten(jax.tree.structure(shapes), leaves)
    model = tiny_prm.Decoder(PRESETS[PRESET], head=HEAD, segments=SEGMENTS)
    step = functools.partial(
        accumulated_gradient, model=model, objective=OBJECTIVES["bce"], microbatches=1
    )
    metrics, gradient = jax.jit(step)(params, {}, tiny_prm.batch())
    return [np.asarray(x) for x in (metrics["loss"], *jax.tree.leaves(gradient))]


def test_loss_and_gradient_are_those_of_the_compilation_that_users_get(tmp_path):
    leaves = jax.tree.leaves(tiny_prm.model_and_params(PRESET, HEAD, SEGMENTS)[1])
    np.savez(tmp_path / "params.npz", *leaves)
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    command = [sys.executable, __file__, tmp_path / "params.npz", tmp_path / "found.npz"]
    subprocess.run(command, env=environment, check=True)
    found = dict(np.load(tmp_path / "found.npz"))
    assert str(found.pop("settings")) == "None 1 device"
    for other, here in zip(found.values(), loss_and_gradient(leaves), strict=True):
        scale = np.abs(here).max()
        assert scale > 0
        np.testing.assert_allclose(other, here, rtol=1e-4, atol=1e-6 * scale)


if __name__ == "__main__":
    source, target = sys.argv[1:]
    given = np.load(source)
    settings = f"{os.environ.get('XLA_FLAGS')} {jax.device_count()} device"
    np.savez(target, *loss_and_gradient([given[name] for name in given]), settings=settings)
