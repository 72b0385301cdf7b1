import dataclasses

import numpy as np
import pytest

from prm_jax.evaluate import best_of_n, processbench, steps
from prm_jax.evaluate import bootstrap as boot


def test_every_resample_draws_as_many_problems_as_there_are():
    weights = np.concatenate(list(boot.resampled_weights(7, 500, seed=0)))
    assert weights.shape == (500, 7)
    assert (weights.sum(axis=1) == 7).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.15)
    assert weights.std() == pytest.approx(np.sqrt(6 / 7), abs=0.05)


def test_parts_are_as_many_as_asked_for_however_they_are_cut(monkeypatch):
    monkeypatch.setattr(boot, "CHUNK_NUMBERS", 30)
    parts = list(boot.resampled_weights(7, 10, seed=0))
    assert len(parts) == 3 and sum(map(len, parts)) == 10
    assert all((part.sum(axis=1) == 7).all() for part in parts)


def test_the_interval_of_a_mean_has_the_width_of_the_normal_one():
    values = np.random.default_rng(0).normal(size=400)
    samples = boot.bootstrap(lambda w: w @ values / 400, 400, 4000, seed=1)
    found = boot.estimate(values.mean(), samples)
    half = 1.96 * values.std() / np.sqrt(400)
    assert found["low"] == pytest.approx(values.mean() - half, abs=0.008)
    assert found["high"] == pytest.approx(values.mean() + half, abs=0.008)


def test_the_same_seed_draws_the_same_problems():
    draws = [next(boot.resampled_weights(50, 20, seed)) for seed in (0, 0, 1)]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()


def test_undefined_values_have_no_interval_and_undefined_resamples_are_left_out():
    assert boot.estimate(np.nan, np.array([1.0])) == {"value": None, "low": None, "high": None}
    found = boot.estimate(1.0, np.array([np.nan, 2.0, 2.0]))
    assert found == {"value": 1.0, "low": 2.0, "high": 2.0}


@pytest.mark.parametrize("evaluate", [steps, processbench, best_of_n])
def test_one_problem_gives_no_interval_and_says_so(evaluate, solution):
    rows = [
        solution(2, first, id=f"p/{i}", problem="p", outcome=first < 0, answer=str(i))
        for i, first in enumerate((-1, 1, 0))
    ]
    scores = [[0.9, 0.8], [0.7, 0.2], [0.1, 0.3]]
    result = evaluate(rows, scores, n_boot=50)
    assert "one problem, which gives no interval" in result["remarks"][-1]
    figures = [of for of in result["metrics"].values() if of is not None]
    assert len(figures) >= 3
    assert all(of["value"] is not None for of in figures)
    assert {(of["low"], of["high"]) for of in figures} == {(None, None)}
    other = [dataclasses.replace(row, id=f"q{row.id}", problem="q") for row in rows]
    result = evaluate(rows + other, [*scores, *([0.4, 0.6],) * 3], n_boot=50)
    assert not any("no interval" in remark for remark in result["remarks"])
    assert all(of["low"] <= of["high"] for of in result["metrics"].values() if of is not None)


def test_solutions_of_one_problem_are_drawn_together(solution):
    rows = [
        solution(1, id=name, problem=text) for name, text in [("a", "p"), ("b", "q"), ("c", "p ")]
    ]
    assert boot.problem_numbers(rows).tolist() == [0, 1, 0]
