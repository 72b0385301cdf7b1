"""The training step with losses in which the steps of one trajectory meet."""

import functools
import json

import jax
import numpy as np
import pytest
import tiny_prm as tiny

from prm_jax import objectives
from prm_jax.data.packing import fill
from prm_jax.errors import InputError
from prm_jax.models import paths
from prm_jax.train import loop
from prm_jax.train.step import accumulated_gradient


def test_a_packed_and_a_split_batch_have_the_gradient_of_trajectories_in_separate_rows():
    encoded = tiny.trajectories(8)
    shape = tiny.ROW_LENGTH, tiny.MAX_STEPS
    alone = fill([[i] for i in (*range(8), *range(8))], encoded, *shape)
    # Every example twice, some in one row, as where two epochs meet.
    packed = fill([[i, i] for i in range(4)] + [[i, 11 - i] for i in range(4, 8)], encoded, *shape)
    assert packed["segment_ids"].max() > 1 and alone["segment_ids"].max() == 1
    model, params = tiny.model_and_params()

    def gradient(batch, microbatches):
        static = dict(model=model, objective=objectives.OBJECTIVES["q_ranking"])
        compute = functools.partial(accumulated_gradient, microbatches=microbatches, **static)
        return jax.jit(compute)(params, {}, batch)

    metrics, expected = gradient(alone, 1)
    assert metrics["weight"] == 2 * sum(item.label_mask.any() for item in encoded)
    for microbatches in (1, 4):
        metrics_, found = gradient(packed, microbatches)
        for name, value in metrics.items():
            np.testing.assert_allclose(metrics_[name], value, rtol=1e-5, err_msg=name)
        for path, leaf in paths(found).items():
            np.testing.assert_allclose(leaf, paths(expected)[path], rtol=1e-4, atol=1e-6)


def test_a_run_with_hyperparameters_trains_and_is_not_continued_with_others(config, tmp_path):
    config.steps, config.objective = 2, "q_ranking"
    config.objective_options = '{"margin": 2, "variant": "theoretical"}'
    loop.train(config, tmp_path / "run", progress=False)
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    losses = [row[key] for row in map(json.loads, lines) for key in row if key.endswith("loss")]
    assert len(losses) >= 3 and np.isfinite(losses).all()  # of both updates and of validation
    config.objective_options = '{"margin": 4}'
    with pytest.raises(InputError, match="objective_options"):
        loop.train(config, tmp_path / "run", progress=False)
