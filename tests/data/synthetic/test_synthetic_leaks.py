"""What can be read off a step without understanding it says little or nothing about its label."""

import re

import numpy as np
import pytest

from prm_jax.data.synthetic import FAMILIES, make_trajectories
from prm_jax.data.synthetic.positions import first_error_probabilities

N_TRAIN, N_TEST = 3000, 2000


@pytest.fixture(scope="module")
def splits():
    """Labelled steps, {family: (train, test)}, each step (text, position, label)."""
    return {
        family: (
            _steps(make_trajectories(family, N_TRAIN, 1, split="train")),
            _steps(make_trajectories(family, N_TEST, 2)),
        )
        for family in FAMILIES
    }


def _steps(items):
    return [
        (step, position, label)
        for item in items
        for position, (step, label) in enumerate(zip(item.steps, item.labels))
        if label is not None
    ]


def _auroc(score, label):
    """Probability that a right step scores above a wrong one, ties counted half."""
    _, rank, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[rank]
    right = label == 1
    n, m = right.sum(), (~right).sum()
    return (rank[right].sum() - n * (n + 1) / 2) / (n * m)


def _probe(train, test, featurise):
    """AUROC on `test` of a logistic regression (Newton, ridge 10) fitted on `train`."""
    x, z = np.array([featurise(*row[:2]) for row in train]), [featurise(*row[:2]) for row in test]
    mean, scale = x.mean(0), x.std(0) + 1e-9
    x, z = (x - mean) / scale, (np.array(z) - mean) / scale
    x, z = np.c_[x, np.ones(len(x))], np.c_[z, np.ones(len(z))]
    y = np.array([row[2] for row in train])
    weight = np.zeros(x.shape[1])
    for _ in range(8):
        p = 1 / (1 + np.exp(-x @ weight))
        hessian = (x.T * (p * (1 - p))) @ x + 10 * np.eye(len(weight))
        weight -= np.linalg.solve(hessian, x.T @ (p - y) + 10 * weight)
    return _auroc(z @ weight, np.array([row[2] for row in test]))


def _position(text, position):
    return [float(position == i) for i in range(8)]


def _length(text, position):
    size = len(text) / 50
    return [size, size**2, size**3]


def _words(train):
    words = sorted({word for text, _, _ in train for word in _split(text)})
    index = {word: i for i, word in enumerate(words)}

    def featurise(text, position):
        counts = np.zeros(len(words))
        for word in _split(text):
            if word in index:
                counts[index[word]] += 1
        return [*counts, *_length(text, position), *_position(text, position)]

    return featurise


def _split(text):
    return re.findall(r"[A-Za-z]+|[^\sA-Za-z0-9]", text)


@pytest.mark.parametrize("featurise", [_position, _length])
def test_position_and_length_alone_give_nothing(splits, featurise):
    pooled = [sum((split[part] for split in splits.values()), []) for part in (0, 1)]
    for train, test in (*splits.values(), pooled):
        assert abs(_probe(train, test, featurise) - 0.5) <= 0.05


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_words_length_and_position_together_give_little(splits, family):
    train, test = splits[family]
    assert _probe(train, test, _words(train)) <= 0.6


def test_the_probe_finds_a_leak_that_is_there(splits):
    def leaky(rows):
        return [(text + (" Hm." if label == 0 else ""), at, label) for text, at, label in rows]

    train, test = (leaky(rows) for rows in splits["arithmetic"])
    assert _probe(train, test, _words(train)) > 0.99
    assert _probe(train, test, _length) > 0.6


def test_number_of_steps_and_length_say_nothing_about_having_an_error():
    items = make_trajectories(list(FAMILIES), 4000, 4)
    right = np.array([float(item.first_error == -1) for item in items])
    for size in (
        [len(item.steps) for item in items],
        [sum(map(len, item.steps)) for item in items],
    ):
        assert abs(_auroc(np.array(size), right) - 0.5) <= 0.03


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
