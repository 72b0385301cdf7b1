"""Attention in trees against every path alone, through the decoder and all implementations."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_decoders import CONFIGS, params_of

from prm_jax.errors import InputError
from prm_jax.models import Decoder
from prm_jax.models.attention import choose
from prm_jax.models.attention_trees import Trees

# Two trees: 0-1-(2-3, 4-5-(6, 7)) and 8-9, then padding. Blocks of 4 queries.
PATHS = ([0, 1, 2, 3], [0, 1, 4, 5, 6], [0, 1, 4, 5, 7], [8, 9])
END = np.array([[8, 8, 4, 4, 8, 8, 7, 8, 10, 10, 11, 12]], np.int32)
DEPTH = np.array([[0, 1, 2, 3, 2, 3, 4, 4, 0, 1, 0, 0]], np.int32)
ANCESTORS = np.full((1, 3, 8), 12, np.int32)
ANCESTORS[0, 1, :2] = [0, 1]


def hidden(name, tokens_BT, trees=None, **fields):
    config, params = CONFIGS[name], params_of(name)
    if config.sliding_window:  # so short that distances in the row and in the tree differ
        config = dataclasses.replace(config, sliding_window=3)
    model = Decoder(config, **fields)
    run = jax.jit(lambda tokens_BT: model.apply({"params": params}, tokens_BT, trees=trees))
    return np.asarray(run(jnp.asarray(tokens_BT)).hidden_BTD, np.float64)


@pytest.mark.parametrize("attention", ["blockwise", "xla"])
@pytest.mark.parametrize("name", ["tiny-llama", "tiny-gemma2"])
def test_every_path_of_a_tree_has_the_states_it_has_alone(name, attention):
    tokens_BT = np.random.default_rng(0).integers(0, 96, (1, 12)).astype(np.int32)
    trees = Trees(END, DEPTH, ANCESTORS)
    found_BTD = hidden(name, tokens_BT, trees, attention=attention)
    assert np.isfinite(found_BTD).all()
    for path in PATHS:
        alone_BTD = hidden(name, tokens_BT[:, path], attention="xla")
        np.testing.assert_allclose(found_BTD[0, path], alone_BTD[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("attention", ["blockwise", "xla"])
def test_rows_of_a_batch_of_trees_do_not_touch_each_other(attention):
    tokens_BT = np.random.default_rng(1).integers(0, 96, (2, 12)).astype(np.int32)
    trees = Trees(END, DEPTH, ANCESTORS)
    both = Trees(*(np.concatenate([a, a]) for a in (END, DEPTH, ANCESTORS)))
    found_BTD = hidden("tiny-llama", tokens_BT, both, attention=attention)
    for row in range(2):
        alone_BTD = hidden("tiny-llama", tokens_BT[row : row + 1], trees, attention=attention)
        np.testing.assert_allclose(found_BTD[row], alone_BTD[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("implementation", ["cudnn", "splash"])
def test_an_implementation_that_does_not_know_trees_is_refused(implementation):
    with pytest.raises(InputError, match=f"{implementation} attention does not know trees"):
        choose(implementation, "bfloat16", 128, 128, None, trees=True)
