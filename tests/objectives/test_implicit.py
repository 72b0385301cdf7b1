"""Implicit process rewards: values of each form by numpy, step rewards and their sums."""

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.objectives import check, implicit
from prm_jax.objectives.implicit import cumulative_q, implicit_of_steps, kto_baseline, step_rewards

RNG = np.random.default_rng(0)
POLICY, REFERENCE = -RNG.random((4, 6)) * 3, -RNG.random((4, 6)) * 3
MASK = np.arange(6) < np.array([[6], [4], [5], [2]])
OUTCOME = np.array([1.0, 0.0, 0.0, 1.0])
BETA = 0.7
D = np.where(MASK, POLICY - REFERENCE, 0).sum(-1)


def log_sigmoid(x):
    return -np.log1p(np.exp(-x))


def loss(form, **options):
    arrays = (jnp.float32(POLICY), jnp.float32(REFERENCE), MASK, jnp.float32(OUTCOME))
    return implicit(*arrays, BETA, form, **options)


def test_cross_entropy_is_of_the_sum_of_log_ratios_and_not_of_their_mean():
    r = BETA * D
    expected = -np.where(OUTCOME == 1, log_sigmoid(r), log_sigmoid(-r)).mean()
    found, metrics = loss("ce")
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(metrics["accuracy"], ((r > 0) == (OUTCOME == 1)).mean())
    np.testing.assert_allclose(metrics["reward"], r.mean(), rtol=1e-5)


def test_soft_outcomes_are_not_rounded():
    r, y = BETA * D, np.array([0.9, 0.2, 0.5, 0.0])
    found, _ = implicit(
        jnp.float32(POLICY), jnp.float32(REFERENCE), MASK, jnp.float32(y), beta=BETA
    )
    expected = -(y * log_sigmoid(r) + (1 - y) * log_sigmoid(-r)).mean()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_dpo_and_nca_are_means_over_right_and_wrong_solutions_of_one_problem():
    r, group = BETA * D, np.array([5, 5, 9, 9])
    pairs = [(0, 1), (3, 2)]
    for form, of_pair in (
        ("dpo", lambda w, l_: -log_sigmoid(r[w] - r[l_])),
        (
            "nca",
            lambda w, l_: (
                -(log_sigmoid(r[w]) + 0.5 * log_sigmoid(-r[w]) + 0.5 * log_sigmoid(-r[l_]))
            ),
        ),
    ):
        found, metrics = loss(form, group_B=group)
        np.testing.assert_allclose(found, np.mean([of_pair(*p) for p in pairs]), rtol=1e-5)
        assert metrics["weight"] == 2
        every = [(w, l_) for w in (0, 3) for l_ in (1, 2)]
        found, metrics = loss(form)
        np.testing.assert_allclose(found, np.mean([of_pair(*p) for p in every]), rtol=1e-5)


def test_kto_compares_with_the_baseline_and_weighs_both_sides():
    z0 = 0.3
    above = BETA * (D - z0)
    sigmoid = 1 / (1 + np.exp(-above))
    expected = np.where(OUTCOME == 1, 2.0 * (1 - sigmoid), 0.5 * sigmoid).mean()
    found, _ = loss("kto", baseline=z0, desirable=2.0, undesirable=0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_baseline_is_a_mean_over_mismatched_ones_never_below_zero():
    mask = np.array([True, False, True])
    assert kto_baseline(jnp.array([0.5, 9.0, 1.5]), mask) == 1.0
    assert kto_baseline(jnp.array([-0.5, 9.0, -1.5]), mask) == 0.0


def test_unknown_outcomes_do_not_count():
    known = np.array([True, True, False, True])
    found, metrics = loss("ce", outcome_mask_B=known)
    r = BETA * D
    terms = -np.where(OUTCOME == 1, log_sigmoid(r), log_sigmoid(-r))
    np.testing.assert_allclose(found, terms[known].mean(), rtol=1e-5)
    assert metrics["weight"] == 3


def test_packed_steps_give_what_tokens_give():
    steps, trajectory = np.array([[2, 2, 2], [1, 3, 0], [2, 3, 0], [2, 0, 0]]), np.zeros((4, 3))
    policy, reference = np.zeros((4, 3)), np.zeros((4, 3))
    for row, lengths in enumerate(steps):
        start = 0
        for step, length in enumerate(lengths):
            policy[row, step] = POLICY[row, start : start + length].sum()
            reference[row, step] = REFERENCE[row, start : start + length].sum()
            trajectory[row, step] = length > 0
            start += length
    last = np.array([2, 1, 1, 0])
    mask, outcomes = np.zeros((4, 3), bool), np.zeros((4, 3))
    mask[range(4), last], outcomes[range(4), last] = True, OUTCOME
    found, metrics = implicit_of_steps(
        jnp.float32(policy),
        jnp.float32(outcomes),
        mask,
        reference_BS=jnp.float32(reference),
        trajectory_BS=jnp.int32(trajectory),
        unit_BS=jnp.int32(trajectory),
        part_BS=jnp.zeros((4, 3), jnp.int32),
        form="ce",
        beta=BETA,
    )
    expected, expected_metrics = loss("ce")
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(metrics["accuracy"], expected_metrics["accuracy"])


def test_q_is_the_running_sum_of_step_rewards_within_each_trajectory():
    policy, reference = np.float32([[-1, -2, -3, -4]]), np.float32([[-2, -2, -1, -8]])
    trajectory = np.array([[1, 1, 2, 0]])
    rewards = step_rewards(policy, reference, trajectory > 0, beta=0.5)
    np.testing.assert_allclose(rewards, [[0.5, 0, -1, 0]])
    np.testing.assert_allclose(
        cumulative_q(policy, reference, trajectory, beta=0.5), [[0.5, 0.5, -1, 0]]
    )


def test_options_reach_loss_and_step_logits_alike_and_unknown_forms_are_refused():
    objective = check("implicit_ce", None, '{"beta": 2}')
    assert objective.loss.keywords["beta"] == objective.step_logits.keywords["beta"] == 2
    with pytest.raises(InputError, match="ce, dpo, kto, nca"):
        loss("ppo")
    with pytest.raises(InputError, match="no hyperparameter 'form'"):
        check("implicit_ce", None, '{"form": "dpo"}')


def test_step_labels_judge_the_cumulative_reward():
    policy, reference = np.float32([[-1, -2, -3]]), np.float32([[-2, -2, -1]])
    labels, trajectory = np.float32([[1, 0, 0.25]]), np.ones((1, 3), int)
    found, _ = check("implicit_step_labels", None, '{"beta": 0.5}').loss(
        policy, labels, labels >= 0, reference_BS=reference, trajectory_BS=trajectory
    )
    q = np.array([0.5, 0.5, -0.5])
    y = labels[0]
    np.testing.assert_allclose(
        found, -(y * log_sigmoid(q) + (1 - y) * log_sigmoid(-q)).mean(), rtol=1e-5
    )


def test_likelihood_is_a_mean_over_the_tokens_of_right_solutions_or_of_all():
    log_prob = np.float32([[-1, -2, -9, -4]])
    outcomes, mask = np.float32([[0, 1, 0, 0]]), np.array([[False, True, False, True]])
    options = dict(trajectory_BS=np.array([[1, 1, 2, 2]]), step_tokens_BS=np.array([[2, 4, 5, 1]]))
    loss_of_right, metrics = check("likelihood", None).loss(log_prob, outcomes, mask, **options)
    np.testing.assert_allclose(loss_of_right, 3 / 6)
    assert metrics["weight"] == 6
    of_all = check("likelihood", None, '{"right_only": false}').loss
    np.testing.assert_allclose(of_all(log_prob, outcomes, mask, **options)[0], 16 / 12)
