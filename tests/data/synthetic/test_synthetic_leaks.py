"""What can be read off a step without understanding it says little or nothing about its label."""

import re

import numpy as np
import pytest

from prm_jax.data.synthetic import FAMILIES, make_trajectories
from prm_jax.data.synthetic.positions import first_error_probabilities
from prm_jax.evaluate.leak_probe import Steps, labelled_steps, probe_auroc
from prm_jax.evaluate.step_metrics import auroc

pytestmark = pytest.mark.slow

N_TRAIN, N_TEST = 1200, 1000


@pytest.fixture(scope="module")
def splits():
    """Labelled steps, {family: (train, test)}."""
    return {
        family: (
            labelled_steps(make_trajectories(family, N_TRAIN, 1, split="train")),
            labelled_steps(make_trajectories(family, N_TEST, 2)),
        )
        for family in FAMILIES
    }


def _pooled(parts):
    texts, *columns = zip(*parts)
    return Steps(sum(texts, ()), *map(np.concatenate, columns))


@pytest.mark.parametrize("features", ["position", "length"])
def test_position_and_length_alone_give_nothing(splits, features):
    pooled = [_pooled(parts) for parts in zip(*splits.values())]
    for train, test in (*splits.values(), pooled):
        assert abs(probe_auroc(train, test, features) - 0.5) <= 0.05


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_words_length_and_position_together_give_little(splits, family):
    assert probe_auroc(*splits[family], "words") <= 0.6


def test_the_probe_finds_a_leak_that_is_there(splits):
    def leaky(steps):
        pairs = zip(steps.texts, steps.label_N)
        return steps._replace(texts=tuple(t + (" Hm." if y == 0 else "") for t, y in pairs))

    train, test = (leaky(steps) for steps in splits["arithmetic"])
    assert probe_auroc(train, test, "words") > 0.99
    assert probe_auroc(train, test, "length") > 0.6


def test_number_of_steps_and_length_say_nothing_about_having_an_error():
    items = make_trajectories(list(FAMILIES), 4000, 4)
    right = np.array([float(item.first_error == -1) for item in items])
    for size in (
        [len(item.steps) for item in items],
        [sum(map(len, item.steps)) for item in items],
    ):
        assert abs(auroc(size, right)[0] - 0.5) <= 0.03


def test_a_step_that_claims_a_repair_is_not_mostly_wrong():
    items = make_trajectories(list(FAMILIES), 6000, 6, check_rate=0.8)
    claims = [
        label
        for item in items
        for step, label in zip(item.steps, item.labels)
        if label is not None and re.search("wrong|corrects|not what", step)
    ]
    assert len(claims) > 100 and 0.02 < 1 - np.mean(claims) < 0.35


LENGTHS = {4: 0.2, 5: 0.3, 6: 0.3, 7: 0.2}


@pytest.mark.parametrize("error_rate", [0.1, 0.5, 0.8])
def test_first_error_has_one_hazard_at_all_positions_and_one_rate_at_all_lengths(error_rate):
    table = first_error_probabilities(LENGTHS, error_rate)
    for n, wrong_t in table.items():
        assert wrong_t.shape == (n,) and (wrong_t > 0).all()
        np.testing.assert_allclose(wrong_t.sum(), error_rate, atol=1e-6)
    hazards = []
    for t in range(7):
        longer = [n for n in LENGTHS if n > t]
        wrong = sum(LENGTHS[n] * table[n][t] for n in longer)
        labelled = sum(LENGTHS[n] * (1 - table[n][:t].sum()) for n in longer)
        hazards.append(wrong / labelled)
    np.testing.assert_allclose(hazards, hazards[0], rtol=1e-6)


def test_one_length_gives_the_geometric_distribution():
    """With n steps and hazard h, 1 - (1 - h)^n is the error rate: for n = 2 and 0.75, h is 0.5."""
    np.testing.assert_allclose(first_error_probabilities({2: 1.0}, 0.75)[2], [0.5, 0.25], atol=1e-9)
