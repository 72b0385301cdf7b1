"""Operations and bytes, against counts by hand and by the letter of the mask."""

import numpy as np
import pytest

from prm_jax.benchmark import flops
from prm_jax.models import PRESETS
from prm_jax.models.visibility import visible

TINY = PRESETS["tiny-llama"]  # D 32, 2 layers, 4 heads of 8, 2 key heads, F 64


def test_a_forward_pass_counted_by_hand():
    # A layer: q 32x32, k and v 32x16 each, o 32x32, gate and up 32x64 each, down 64x32.
    assert (
        sum(m.inputs * m.outputs for m in flops.matrices(TINY))
        == 1024 + 512 + 512 + 1024 + 3 * 2048
    )
    # Segments of 3 and 2 tokens: 6 + 3 visible pairs, each 4 * 4 * 8 operations in each layer.
    found = flops.forward(TINY, [3, 2], n_steps=2, n_outputs=1)
    assert found.flops == 2 * 5 * 2 * 9216 + 2 * 9 * 128 + 2 * 32 * 2
    # Numbers moved in a layer: weights, inputs and outputs of each token, and q, k, v and o.
    of_token = 6 * 32 + 64 + (32 + 16 + 16 + 32 + 64 + 64 + 32)
    attention = 2 * (4 + 2) * 8
    assert found.bytes == 4 * (2 * (9216 + 5 * of_token + 5 * attention) + 2 * 33 + 32)


def test_smollm2_has_106_million_weights_in_its_projections():
    assert flops.projections(PRESETS["smollm2-135m"], 1).flops == 2 * 106_168_320


@pytest.mark.parametrize("window", [None, 1, 3, 9])
@pytest.mark.parametrize("length", [1, 3, 7])
def test_visible_pairs_are_those_of_the_mask(length, window):
    index = np.arange(length)
    mask = visible(index, index, None, None, window or length)
    assert flops.visible_pairs(length, window) == int(mask.sum())


def test_sliding_layers_count_their_window():
    config = PRESETS["tiny-gemma2"]  # one layer of 8 tokens, one full
    pairs = flops.visible_pairs(20, 8) + flops.visible_pairs(20)
    assert flops.attention(config, [20]).flops == 4 * 4 * 8 * pairs


def test_of_experts_those_count_that_a_token_goes_to():
    # A layer: attention as above, a router 32x8, and 3 of 8 experts of three matrices 32x16.
    config = PRESETS["tiny-qwen3_moe"]
    assert flops.projections(config, 1).flops == 2 * 2 * (3072 + 256 + 3 * 3 * 512)
    stored = sum(m.inputs * m.outputs * m.stored for m in flops.matrices(config))
    assert stored == 3072 + 256 + 8 * 3 * 512
    active = flops.projections(PRESETS["qwen3-30b-a3b"], 1).flops / 2
    assert 2.7e9 < active < 2.9e9  # with embedding and unembedding 3.3 billion, as published


def test_an_update_costs_three_passes_and_the_optimizer():
    assert flops.update(flops.Work(10, 4), n_params=2) == flops.Work(30, 12 + 2 * 7 * 4)


def test_peaks_are_of_the_device():
    assert flops.peak_flops("NVIDIA H200") == flops.peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert flops.peak_flops("NVIDIA H100 PCIe") == 756e12
    assert flops.peak_flops("TPU v5 lite") == 197e12 < flops.peak_flops("TPU v5p") == 459e12
    assert flops.peak_flops("cpu") is None
