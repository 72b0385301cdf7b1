"""Signals of solutions and their weighted sum."""

import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring import fitted, parse_scorer
from prm_jax.scoring.dimension_weights import fit_dimensions
from prm_jax.scoring.length_debiased import solution_logit
from prm_jax.text import encode


def test_relevance_is_the_cosine_of_mean_states(model_and_params, tokenizer, trajectories):
    model, params = model_and_params
    found = parse_scorer("relevance", None).score(model, params, tokenizer, trajectories)
    apply = jax.jit(lambda tokens_BT: model.apply({"params": params}, tokens_BT).hidden_BTD)
    for trajectory, scores in list(zip(trajectories, found, strict=True))[:3]:
        item = encode(trajectory, tokenizer, tokenizer.convention, 10**6)
        hidden_TD = np.asarray(apply(item.tokens[None])[0], np.float64)
        begin = len(tokenizer.encode(trajectory.problem))
        problem = hidden_TD[:begin].mean(axis=0)
        for p, end in zip(scores.step_scores, item.step_positions + 1, strict=True):
            step = hidden_TD[begin:end].mean(axis=0)
            cosine = problem @ step / np.linalg.norm(problem) / np.linalg.norm(step)
            assert p == pytest.approx((1 + cosine) / 2, abs=1e-6)
            begin = end


def test_a_step_without_a_problem_is_neither_near_nor_far(model_and_params, tokenizer):
    score = parse_scorer("relevance", None).score
    (found,) = score(*model_and_params, tokenizer, [Trajectory("", ("1 + 1 = 2.",))])
    assert found.step_scores == (0.5,)


def test_the_sum_is_that_of_standardised_log_odds_and_stands_at_the_last_step(
    model_and_params, tokenizer, trajectories
):
    line = (
        "dimensions(mean_log_prob, orm, weights=(2, 3), centres=(.5, -1), scales=(4, .5), "
        "aggregation=mean)"
    )
    found = parse_scorer(line, None).score(*model_and_params, tokenizer, trajectories)
    signals = [
        [
            solution_logit(scores.step_scores, "mean")
            for scores in parse_scorer(name, None).score(*model_and_params, tokenizer, trajectories)
        ]
        for name in ("mean_log_prob", "orm")
    ]
    for scores, confidence, coherence in zip(found, *signals, strict=True):
        *before, last = scores.step_logits
        assert last == pytest.approx(2 * (confidence - 0.5) / 4 + 3 * (coherence + 1) / 0.5)
        assert not any(before)


def test_the_grid_finds_the_weights_that_signals_were_summed_with():
    rng = np.random.default_rng(0)
    x_MN = rng.normal(size=(3, 400))
    z_N = 0.7 * x_MN[0] + 0.3 * x_MN[2]
    rows = (x_MN * [[5], [1], [2]] + [[3], [0], [-1]]).tolist()
    fit = fit_dimensions(rows, (z_N > 0).astype(float).tolist())
    assert fit.weights == (0.7, 0.0, 0.3) and fit.auroc > 0.999
    np.testing.assert_allclose(fit.scales, [5, 1, 2], rtol=0.1)
    rows[1][0] = None  # a solution without one of the signals is left out
    assert fit_dimensions(rows, [None, *(z_N[1:] > 0).astype(float)]).weights == fit.weights


def test_equally_good_weights_are_the_equal_ones():
    fit = fit_dimensions([[0.0, 1.0, 2.0, 3.0]] * 2, [0.0, 0.0, 1.0, 1.0])
    assert fit.weights == (0.5, 0.5) and fit.auroc == 1


@pytest.mark.parametrize(
    "rows, outcomes, words",
    [
        ([[1.0, 2.0]], [0.0, 1.0], "one signal"),
        ([[1.0, 2.0]] * 2, [1.0, 1.0], "right and wrong"),
        ([[1.0, 2.0]] * 2, [None, 1.0], "right and wrong"),
        ([[1.0, None]] * 2, [0.0, 1.0], "right and wrong"),
        ([[1.0, 2.0], [3.0, 3.0]], [0.0, 1.0], "same for all"),
    ],
)
def test_what_cannot_be_fitted_says_why(rows, outcomes, words):
    with pytest.raises(InputError, match=words):
        fit_dimensions(rows, outcomes)


def test_a_fitted_line_scores_right_solutions_above_wrong_ones_as_the_fit_says(
    model_and_params, tokenizer, trajectories
):
    names = ("mean_log_prob", "orm(discriminative)")
    tables = [
        [
            s.step_scores
            for s in parse_scorer(name, None).score(*model_and_params, tokenizer, trajectories)
        ]
        for name in names
    ]
    confidence_N = np.array([solution_logit(row, "mean") for row in tables[0]])
    right_N = confidence_N > np.median(confidence_N)
    solutions = [
        Trajectory(t.problem, t.steps, outcome=float(right))
        for t, right in zip(trajectories, right_N)
    ]
    line = fitted.dimensions_line(names, tables, solutions)
    found = parse_scorer(line, None).score(*model_and_params, tokenizer, trajectories)
    z_N = np.array([scores.step_logits[-1] for scores in found])
    assert z_N[right_N].min() > z_N[~right_N].max()
