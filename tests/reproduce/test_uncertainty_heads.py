"""Uncertainty heads of several seeds: the scores are those of each trajectory alone."""

import operator

import jax
import numpy as np
import pytest

from prm_jax.models.attention_features import n_features, token_features
from prm_jax.models.uncertainty_head import (
    UncertaintyHeadConfig,
    init_uncertainty_head,
    wrong_logits,
)
from prm_jax.progress import Progress
from prm_jax.reproduce import chains, population, uncertainty_heads
from prm_jax.text import CONVENTIONS, encode
from prm_jax.train.backbone import byte_tokenizer

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def config():
    config = population.default_config()
    config.unlock()
    config.model.d_model, config.model.d_ff = 16, 16
    config.training.updates, config.training.rows = 4, 4
    config.head = dict(d_model=8, n_layers=1, n_heads=2, d_ff=8, dropout=0.0, zero_prompt=False)
    config.wrong_weight = 3.0
    return config


@pytest.fixture(scope="module")
def data():
    options = chains.ChainOptions(error_rate=0.3)
    return [
        chains.trajectories(chains.draw(9 + seed, options, np.random.default_rng(seed)), "step")
        for seed in SEEDS
    ]


@pytest.fixture(scope="module")
def models(config, data):
    options = dict(objective="likelihood", head=None, progress=Progress("", show=False))
    return population.train(config, SEEDS, data, **options)


def test_scores_are_those_of_each_trajectory_alone(config, data, models):
    head = UncertaintyHeadConfig(**config.head)
    width = n_features(models.model.config)
    heads = [init_uncertainty_head(jax.random.key(seed), head, width) for seed in SEEDS]
    scored = uncertainty_heads.score(config, models, heads, data)
    seed, number = 1, 4
    item = encode(data[seed][number], byte_tokenizer(), CONVENTIONS[models.training.convention], 64)
    n = len(item.tokens)
    alone = {
        "tokens": item.tokens[None],
        "positions": np.arange(n)[None],
        "segment_ids": np.ones((1, n), np.int32),
    }
    params = jax.tree.map(operator.itemgetter(seed), models.params)
    features_BTF = token_features(models.model, params, alone)
    steps = {"row": np.zeros(len(item.step_starts), np.int32)}
    steps |= {"start": item.step_starts, "end": item.step_positions}
    wrong_S = wrong_logits(head, heads[seed], features_BTF, alone["segment_ids"], steps)
    np.testing.assert_allclose(scored[seed][number], -wrong_S, rtol=1e-3, atol=1e-5)
    lengths = [len(of_trajectory) for of_trajectory in scored[seed]]
    assert lengths == [len(trajectory.steps) for trajectory in data[seed]]


def test_training_moves_the_heads_and_not_the_models(config, data, models):
    before = jax.tree.map(np.asarray, models.params)
    heads = uncertainty_heads.train(config, SEEDS, models, data, Progress("", show=False))
    jax.tree.map(np.testing.assert_array_equal, before, models.params)
    kernels = [of_seed["steps"]["out"]["kernel"] for of_seed in heads]
    assert not np.allclose(*kernels)
