"""The likelihood baseline reads exactly the tokens of each step."""

import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.scoring import mean_log_prob
from prm_jax.text import CONVENTIONS, encode


@pytest.fixture
def likelihoods(model_and_params, tokenizer, trajectories):
    """Mean log-probability of each step, every trajectory alone, by a loop over tokens."""
    model, params = model_and_params
    apply = jax.jit(lambda tokens_BT: model.apply({"params": params}, tokens_BT, logits=True))
    rows = []
    for trajectory in trajectories:
        item = encode(trajectory, tokenizer, tokenizer.convention, 10**6)
        logits_TV = np.asarray(apply(item.tokens[None]).logits_BTV[0], np.float64)
        log_TV = logits_TV - np.log(np.exp(logits_TV).sum(-1, keepdims=True))
        begin = len(tokenizer.encode(trajectory.problem))
        row = []
        for end in item.step_positions + 1:
            row.append(np.mean([log_TV[t - 1, item.tokens[t]] for t in range(begin, end)]))
            begin = end
        rows.append(row)
    return rows


def test_it_is_the_mean_over_the_tokens_of_each_step(
    model_and_params, tokenizer, trajectories, likelihoods
):
    found = mean_log_prob(*model_and_params, tokenizer, trajectories)
    for item, row in zip(found, likelihoods, strict=True):
        np.testing.assert_allclose(np.log(item.step_scores), row, atol=1e-5)
        odds = np.exp(item.step_logits)
        np.testing.assert_allclose(odds / (1 + odds), item.step_scores, rtol=1e-5)


def test_neither_company_nor_order_nor_batch_size_changes_a_score(
    model_and_params, tokenizer, trajectories
):
    whole = mean_log_prob(*model_and_params, tokenizer, trajectories)
    turned = mean_log_prob(*model_and_params, tokenizer, trajectories[::-1], batch_tokens=512)
    alone = [mean_log_prob(*model_and_params, tokenizer, [t])[0] for t in trajectories[:3]]
    for one, other in (*zip(whole, turned[::-1], strict=True), *zip(whole, alone)):
        np.testing.assert_allclose(one.step_scores, other.step_scores, atol=1e-5)


def test_a_convention_with_a_turn_a_step_is_refused(model_and_params, tokenizer, trajectories):
    with pytest.raises(InputError, match="turn a step"):
        mean_log_prob(*model_and_params, tokenizer, trajectories, convention=CONVENTIONS["rlhflow"])
