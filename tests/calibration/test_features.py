"""Features of steps and solutions: against numpy on states of one trajectory alone."""

import numpy as np

from prm_jax.calibration.features import solution_features, step_features
from prm_jax.records import Trajectory
from prm_jax.text import encode


def test_features_are_the_state_at_the_end_and_the_mean_of_the_solution_so_far(model):
    decoder, params, tokenizer = model
    rows = [Trajectory("2+2", ("so 4", "then 5")), Trajectory("x", ("one", "two", "three"))]
    found = step_features(decoder, params, tokenizer, rows)
    for trajectory, (features, truncated) in zip(rows, found, strict=True):
        item = encode(trajectory, tokenizer, tokenizer.convention, 1000)
        states = np.asarray(decoder.apply({"params": params}, item.tokens[None]).hidden_BTD[0])
        for step, end in enumerate(item.step_positions):
            mean = states[item.step_starts[0] : end + 1].mean(0)
            expected = np.concatenate([states[end], mean])
            np.testing.assert_allclose(features[step], expected, atol=1e-5)
        assert features.shape == (len(trajectory.steps), 64) and not truncated


def test_lower_layers_give_other_features_and_a_cut_solution_fewer(model):
    row = Trajectory("2+2", ("so 4", "then 5"))
    ((all_layers, _),) = step_features(*model, [row])
    ((one_layer, _),) = step_features(*model, [row], layers=1)
    assert np.abs(all_layers - one_layer).max() > 1e-3
    ((cut, truncated),) = step_features(*model, [row], max_length=9)
    assert truncated and cut.shape == (1, 64)
    np.testing.assert_allclose(cut[0], all_layers[0], atol=1e-5)


def test_a_solution_has_the_state_at_its_last_step_and_the_mean_of_all_of_it(model):
    decoder, params, tokenizer = model
    row = Trajectory("2+2", ("so 4", "then 5", "thus 6"))
    ((features, cut),) = solution_features(step_features(decoder, params, tokenizer, [row]))
    item = encode(row, tokenizer, tokenizer.convention, 1000)
    states = np.asarray(decoder.apply({"params": params}, item.tokens[None]).hidden_BTD[0])
    first, last = item.step_starts[0], item.step_positions[-1]
    expected = np.concatenate([states[last], states[first : last + 1].mean(0)])
    np.testing.assert_allclose(features, expected[None], atol=1e-5)
    assert not cut


def test_a_solution_with_a_step_that_does_not_fit_has_no_features(model):
    rows = [Trajectory("2+2", ("so 4", "then 5")), Trajectory("2", ("a",))]
    cut, whole = solution_features(step_features(*model, rows, max_length=9))
    assert cut[0].shape == (0, 64) and cut[1] and whole[0].shape == (1, 64) and not whole[1]
