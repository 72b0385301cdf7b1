"""Scores from log-ratios: golden values, both modes, and what does not fit together."""

import dataclasses

import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring import mean_log_prob, parse_scorer
from prm_jax.text import encode
from prm_jax.text.convention import CONVENTIONS
from prm_jax.train.backbone import byte_tokenizer

ROW = Trajectory("2+2", ("so 4", "then 55", "end"))


@pytest.fixture
def reference(model_and_params):
    """The same model with other embeddings."""
    model, params = model_and_params
    table = params["embed"]["embedding"]
    noise = jax.random.normal(jax.random.key(5), table.shape)
    return model, {**params, "embed": {"embedding": table + 0.1 * noise}}


def sums(model, params, tokenizer):
    """Log-probabilities of the steps from their means, by the baseline scorer."""
    (scores,) = mean_log_prob(model, params, tokenizer, [ROW])
    item = encode(ROW, tokenizer, tokenizer.convention, 1000)
    lengths = item.step_positions - item.step_starts + 1
    return np.log(scores.step_scores) * lengths


def test_step_and_cumulative_are_the_log_ratio_and_its_running_sum(
    model_and_params, reference, tokenizer
):
    ratio = sums(*model_and_params, tokenizer) - sums(*reference, tokenizer)
    assert np.abs(ratio).max() > 0.1

    def load(path):
        return (*reference, tokenizer)

    for mode, expected in (("step", ratio), ("cumulative", np.cumsum(ratio))):
        line = f'implicit(mode={mode}, reference="base", beta=0.5)'
        (found,) = parse_scorer(line, load).score(*model_and_params, tokenizer, [ROW])
        np.testing.assert_allclose(found.step_logits, 0.5 * expected, atol=1e-3)


def test_without_a_reference_the_policy_alone_counts(model_and_params, tokenizer):
    scorer = parse_scorer("implicit(beta=1)", load=None).score
    (found,) = scorer(*model_and_params, tokenizer, [ROW])
    np.testing.assert_allclose(
        found.step_logits, sums(*model_and_params, tokenizer), rtol=1e-4, atol=1e-3
    )


def test_a_reference_with_other_tokens_and_an_unknown_mode_are_refused(model_and_params, tokenizer):
    other = byte_tokenizer()
    other.add_special_token("<more>")
    scorer = parse_scorer('implicit(reference="base")', lambda path: (*model_and_params, other))
    with pytest.raises(InputError, match="base.*other tokens"):
        scorer.score(*model_and_params, tokenizer, [ROW])
    with pytest.raises(InputError, match="step or cumulative"):
        parse_scorer("implicit(mode=sum)", load=None)


def test_a_convention_with_a_turn_a_step_is_refused(model_and_params, tokenizer):
    scorer = parse_scorer("implicit", load=None).score
    with pytest.raises(InputError, match="turn a step"):
        scorer(*model_and_params, tokenizer, [ROW], convention=CONVENTIONS["rlhflow"])


def test_values_side_by_side_give_the_effective_reward_and_the_trajectory_reward(
    model_and_params, tokenizer
):
    model, params = model_and_params
    plain = model.clone(head=dataclasses.replace(model.head, reading="first"))

    def sigmoid(x):
        return 1 / (1 + np.exp(-np.array(x)))

    def logits_of(column):
        kernel, bias = (params["head"][name] for name in ("kernel", "bias"))
        one = {"kernel": kernel[:, column : column + 1], "bias": bias[column : column + 1]}
        single = model.clone(head=dataclasses.replace(model.head, kind="scalar", n_classes=1))
        scorer = parse_scorer("discriminative", load=None).score
        return scorer(single, {**params, "head": one}, tokenizer, [ROW])[0].step_logits

    q, v = sigmoid(logits_of(0)), sigmoid(logits_of(1))
    line = "effective_reward(alpha=2, start=0.25)"
    (found,) = parse_scorer(line, load=None).score(plain, params, tokenizer, [ROW])
    expected = q + 2 * np.diff(v, prepend=0.25)
    np.testing.assert_allclose(np.array(found.step_scores) * 5 - 2, expected, atol=1e-4)
    (found,) = parse_scorer("effective_reward", None).score(plain, params, tokenizer, [ROW])
    np.testing.assert_allclose(found.step_scores[0] * 2 - 0.5, q[0], atol=1e-4)
    line = "trajectory_reward(alpha=3)"
    (found,) = parse_scorer(line, load=None).score(plain, params, tokenizer, [ROW])
    assert found.step_scores[:2] == (None, None)
    np.testing.assert_allclose(found.step_scores[2], (q.mean() + 3 * v[2]) / 4, atol=1e-5)
    for line in ("effective_reward", "trajectory_reward"):
        with pytest.raises(InputError, match="side by side"):
            parse_scorer(line, load=None).score(model, params, tokenizer, [ROW])
