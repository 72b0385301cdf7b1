"""Preferences between two distributions over ratings, by hand."""

import numpy as np

from prm_jax.reproduce.studies.oprm import comparisons


def test_a_rating_is_above_equal_or_below_by_the_joint_probabilities():
    first = [(0.0, 0.2, 0.8), (0.5, 0.5, 0.0)]
    second = [(0.5, 0.25, 0.25), (0.0, 0.5, 0.5)]
    with np.errstate(divide="ignore"):
        logits = [np.maximum(np.log(np.array(of, np.float32)), -100) for of in (first, second)]
    above_B, tie_B, below_B = comparisons(*logits)
    np.testing.assert_allclose(above_B, [0.2 * 0.5 + 0.8 * 0.75, 0.0], atol=1e-6)
    np.testing.assert_allclose(tie_B, [0.2 * 0.25 + 0.8 * 0.25, 0.25], atol=1e-6)
    np.testing.assert_allclose(below_B, [0.2 * 0.25, 0.75], atol=1e-6)
