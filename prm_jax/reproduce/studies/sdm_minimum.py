"""How often does an SDM estimator find a region that is not there (arXiv:2509.12760)?"""

import numpy as np

from prm_jax.calibration import sdm
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.study import Study

ARMS = ("no minimum", "minimum")


def run(config, seeds, progress):
    """Draws calibration rows whose similarity says nothing; nothing is trained."""
    data = config.data
    figures: dict[str, list] = {}
    progress.begin("regions", len(seeds))
    for place, seed in enumerate(seeds):
        rng = np.random.default_rng([seed, 1])
        for rows in data.rows:
            found: dict[str, list] = {arm: [] for arm in ARMS}
            for _ in range(data.solutions):
                prob_NC, rescaled_N, label_N = _rows(rows, data, rng)
                for arm, least in zip(ARMS, (1, data.min_rows), strict=True):
                    region = sdm.find_region(prob_NC, rescaled_N, label_N, data.alpha, least)
                    if region is not None:
                        found[arm].append((region, _worst(region, data, rng)))
            for arm, of_arm in found.items():
                name = f"{rows} rows a class, {arm}"
                values = {"share of draws with a region": len(of_arm) / data.solutions}
                if arm == ARMS[0]:
                    sizes = [region.rows_C.min() for region, _ in of_arm]
                    values["rows of the rarer class in the region"] = np.median(sizes or [0])
                    worst = [accuracy for _, accuracy in of_arm] or [1 - data.error_rate]
                    values["accuracy of the worst class in it"] = np.mean(worst)
                for what, value in values.items():
                    figures.setdefault(f"{what}, {name}", []).append(float(value))
        progress.update(place + 1)
    return figures


def _rows(n, data, rng):
    """Probabilities, similarities and classes of n rows of each of two classes."""
    label_N = np.repeat([0, 1], n)
    right_N = rng.random(2 * n) >= data.error_rate
    sure_N = rng.uniform(data.sure, 1.0, 2 * n)
    of_label_N = np.where(right_N, sure_N, 1 - sure_N)
    prob_NC = np.where(label_N[:, None] == [0, 1], of_label_N[:, None], 1 - of_label_N[:, None])
    rescaled_N = rng.exponential(100.0, 2 * n)  # says nothing of right or wrong
    return prob_NC.astype(np.float32), rescaled_N.astype(np.float32), label_N


def _worst(region, data, rng):
    """Accuracy of the worse class among new rows that a region admits."""
    prob_NC, rescaled_N, label_N = _rows(data.tested, data, rng)
    rescaled_N = rescaled_N + region.q_min  # as likely above the threshold as it says nothing
    pred_N = prob_NC.argmax(-1)
    admitted_N = sdm.admits(region, prob_NC, rescaled_N, pred_N)
    right_N = pred_N == label_N
    return min(right_N[admitted_N & (label_N == c)].mean() for c in (0, 1))


FEWEST = "share of draws with a region, {} rows a class, {}"

STUDY = Study(
    title="SDM: regions that are not there",
    paper="Similarity-Distance-Magnitude activations, arXiv:2509.12760, Algorithm 1",
    claims=(
        Claim(
            "Where no region can exist the published algorithm finds one in half of the draws or "
            "more (1,000 calibration rows of each class).",
            effect=FEWEST.format(1000, ARMS[0]),
            above=0.5,
        ),
        Claim(
            "With at least 100 rows of each class it does so in less than one draw of a hundred.",
            effect=FEWEST.format(1000, ARMS[1]),
            above=-np.inf,
            below=0.01,
        ),
    ),
    setting="Calibration rows of two classes, predicted right with a chance of .85; every "
    "prediction, wrong ones too, has a probability above .96, and the similarity is drawn without "
    "regard to any of that. A region at .95 is looked for, and new rows that it admits are "
    "counted.",
    differs="The paper makes no such claim; that the algorithm may find a region of a few rows is "
    "our reading of it, and the minimum of rows is ours.",
    run=run,
)
