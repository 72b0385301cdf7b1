"""Similarity-Distance-Magnitude (arXiv:2509.12760): a probability, and whether to trust it."""

from prm_jax.calibration.sdm.activation import activation, loss, rescaled_similarity
from prm_jax.calibration.sdm.estimator import SDM, Prediction, fit, predict
from prm_jax.calibration.sdm.options import DEFAULTS
from prm_jax.calibration.sdm.region import (
    Region,
    admits,
    effective_size,
    find_ladder,
    find_levels,
    find_region,
    first_region,
    why_no_region,
)
from prm_jax.calibration.sdm.similarity import distance_quantile, similarity_distance

__all__ = [
    "DEFAULTS",
    "SDM",
    "Prediction",
    "Region",
    "activation",
    "admits",
    "distance_quantile",
    "effective_size",
    "find_ladder",
    "find_levels",
    "find_region",
    "first_region",
    "fit",
    "loss",
    "predict",
    "rescaled_similarity",
    "similarity_distance",
    "why_no_region",
]
