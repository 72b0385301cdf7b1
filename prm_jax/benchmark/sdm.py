"""Fitting an SDM estimator on half of many rows, calibrating it on the other half, and judging."""

import time

import numpy as np

from prm_jax.calibration import sdm
from prm_jax.progress import Progress

ROWS, WIDTH = 40_000, 576  # 20,000 to train on and 20,000 to calibrate on
ROWS_OF_A_GROUP = 10
SEED = 0


def run(smoke: bool, progress: Progress) -> dict:
    """Measures.

    Args:
        smoke: a hundredth of the rows.
        progress: shows the epochs.

    Returns:
        Sizes, hyperparameters, and the seconds of a fit and of judging as many rows as were fitted
        on, compilation included.
    """
    n = ROWS // 100 if smoke else ROWS
    rng = np.random.default_rng(SEED)
    group_N = np.arange(n) // ROWS_OF_A_GROUP
    label_N = rng.integers(0, 2, n)
    direction_D = rng.standard_normal(WIDTH) * 3 / np.sqrt(WIDTH)
    features_ND = rng.standard_normal((n, WIDTH), np.float32)
    features_ND += (2 * label_N[:, None] - 1) * direction_D.astype(np.float32)
    hyper = dict(epochs=2 if smoke else 20, balance=False, seed=SEED)
    begun = time.monotonic()
    fitted = sdm.fit(features_ND, label_N, group_N, progress=progress, **hyper)
    fit_seconds = time.monotonic() - begun
    begun = time.monotonic()
    found = sdm.predict(fitted, features_ND[: n // 2])
    return {
        "rows_to_train_on": len(fitted.support_KM),
        "rows_to_calibrate_on": n - len(fitted.support_KM),
        "features": WIDTH,
        "exemplar_width": int(fitted.support_KM.shape[1]),
        "epochs": hyper["epochs"],
        "fit_seconds": round(fit_seconds, 1),
        "predict_seconds": round(time.monotonic() - begun, 1),
        "rows_predicted": len(found.q),
        "levels_with_a_region": [region.alpha for region in fitted.regions],
    }
