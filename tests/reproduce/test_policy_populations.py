"""Language models side by side: a policy, and rewards that are relative to it."""

import operator

import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.models.vocabulary import next_token_log_probs, step_log_probs
from prm_jax.progress import Progress
from prm_jax.reproduce import chains, population
from prm_jax.text import CONVENTIONS, encode
from prm_jax.train.backbone import byte_tokenizer
from prm_jax.train.state import REFERENCE

SEEDS = (3, 7)
BETA = 0.5


def config(updates=4, learning_rate=1e-2):
    config = population.default_config()
    with config.unlocked():
        config.model.d_model, config.model.d_ff = 16, 16
        config.training.updates, config.training.rows = updates, 4
        config.training.row_length = 96
        config.optimizer.learning_rate = learning_rate
    return config


def solutions(seed):
    """Six problems with a right and a wrong solution each, the wrong one first."""
    options = chains.ChainOptions(3, 3, modulus=5, error_rate=0.4, copied=0.0)
    drawn = chains.trajectories(chains.draw(60, options, np.random.default_rng(seed), 8))
    found = {}
    for trajectory in drawn:
        found.setdefault(trajectory.problem, {})[trajectory.outcome] = trajectory
    pairs = [of for of in found.values() if len(of) == 2][:6]
    return [of[outcome] for of in pairs for outcome in (0.0, 1.0)]


def trained(objective, settings, initial=None, **options):
    return population.train(
        settings,
        SEEDS,
        [solutions(seed) for seed in SEEDS],
        objective=objective,
        head=None,
        initial=initial,
        progress=Progress("", show=False),
        **options,
    )


@pytest.fixture(scope="module")
def policy():
    return trained("likelihood", config(), options='{"right_only": false}')


@pytest.fixture(scope="module")
def rewards(policy):
    return trained("implicit_dpo", config(updates=40), policy, options=f'{{"beta": {BETA}}}')


def equal(left, right):
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, left, right)))


def q_of(trajectory, models, member):
    """Cumulative rewards of one trajectory in a row of its own."""
    item = encode(trajectory, byte_tokenizer(), CONVENTIONS[models.training.convention], 96)
    tokens_BT, segments_BT = item.tokens[None], np.ones((1, len(item.tokens)), np.int32)
    of_model = []
    for tree in (models.params, models.frozen[REFERENCE]):
        params = jax.tree.map(operator.itemgetter(member), tree)
        hidden_BTD = models.model.apply({"params": params}, tokens_BT).hidden_BTD
        log_probs_BT = next_token_log_probs(
            models.model.config, params, hidden_BTD, tokens_BT, segments_BT
        )
        steps = (item.step_starts[None], item.step_positions[None])
        of_model.append(np.asarray(step_log_probs(log_probs_BT, *steps))[0])
    return BETA * np.cumsum(of_model[0] - of_model[1])


def test_before_training_all_rewards_are_zero_and_the_model_is_the_policy(policy):
    models = trained("implicit_ce", config(learning_rate=0.0), policy)
    assert equal(models.params, policy.params)
    for q in sum(population.score(models, [solutions(seed + 1) for seed in SEEDS]), []):
        np.testing.assert_array_equal(q, 0.0)
    np.testing.assert_allclose(models.metrics["loss"], np.log(2), rtol=1e-6)


def test_without_a_policy_rewards_are_relative_to_fresh_parameters(policy):
    models = trained("implicit_ce", config(learning_rate=0.0))
    assert equal(models.params, models.frozen[REFERENCE])
    assert not equal(models.params, policy.params)


def test_the_policy_stays_the_reference_while_the_model_moves(policy, rewards):
    assert equal(rewards.frozen[REFERENCE], policy.params)
    assert not equal(rewards.params, policy.params)


def test_scores_are_the_cumulative_log_ratios_of_each_trajectory_alone(rewards):
    # Trained on pairs: the trajectories must come back in the order given all the same.
    data = [solutions(seed) for seed in SEEDS]
    found = population.score(rewards, data)
    assert len(found[1]) == len(data[1])
    for number in (0, 7):
        expected = q_of(data[1][number], rewards, member=1)
        np.testing.assert_allclose(found[1][number], expected, atol=1e-4)


def test_pairs_raise_the_right_solution_above_the_wrong_one(rewards):
    for of_seed in population.score(rewards, [solutions(seed) for seed in SEEDS]):
        last = np.array([q_S[-1] for q_S in of_seed])
        assert (last[1::2] > last[::2]).all()
    np.testing.assert_array_equal(rewards.metrics["accuracy"], 1.0)


def test_scores_of_a_policy_are_log_probabilities_that_training_raises(policy):
    before = trained("likelihood", config(learning_rate=0.0), options='{"right_only": false}')
    data = [solutions(seed) for seed in SEEDS]
    first, last = (np.concatenate(sum(population.score(of, data), [])) for of in (before, policy))
    assert (first < 0).all() and first.mean() < last.mean() < 0


def test_a_head_does_not_go_with_a_language_models_objective(policy):
    with pytest.raises(InputError, match="head"):
        population.train(
            config(),
            SEEDS,
            [solutions(seed) for seed in SEEDS],
            objective="implicit_ce",
            progress=Progress("", show=False),
        )
