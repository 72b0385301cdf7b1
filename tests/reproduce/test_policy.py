"""Chains that a language model writes: its probabilities, and the truth of what it wrote."""

import numpy as np
import pytest

from prm_jax.reproduce import chains, policy

OPTIONS = chains.ChainOptions(min_steps=2, max_steps=3, modulus=5, error_rate=0.0)


@pytest.fixture
def scored(monkeypatch):
    """Language models that are sure of one number, or that like all alike."""

    def of(sure_of):
        def score(models, data):
            return [[np.log([_chance(t.steps[-1], sure_of)]) for t in of_seed] for of_seed in data]

        monkeypatch.setattr(policy.population, "score", score)

    return of


def _chance(step, sure_of):
    if sure_of is None:
        return 0.01
    return 1.0 if step.endswith(f"={sure_of}") else 1e-30


def _written(n, seed=0):
    drawn = chains.draw(n, OPTIONS, np.random.default_rng(seed))
    return drawn, policy.write_results(None, [drawn], [np.random.default_rng(seed + 1)])[0]


def test_results_are_those_the_model_expects_and_are_taken_over(scored):
    scored(3)
    _, solutions = _written(40)
    for solution in solutions:
        assert all(step.endswith("=3") for step in solution.steps)
        assert all(step.startswith("3") for step in solution.steps[1:])
        assert solution.steps[0].startswith(solution.problem[0])


def test_labels_and_outcomes_follow_what_was_written(scored):
    scored(None)
    _, solutions = _written(200)
    for solution in solutions:
        for step, label in zip(solution.steps, solution.labels, strict=True):
            asked, shown = step.split("=")
            assert label == (eval(asked) % 5 == int(shown))
        right = eval(solution.problem) % 5 == int(solution.steps[-1][-1])
        assert solution.outcome == right and solution.answer == solution.steps[-1][-1]


def test_results_are_drawn_as_often_as_the_model_says(scored):
    scored(None)
    drawn, solutions = _written(2000)
    shown = [int(step[-1]) for solution in solutions for step in solution.steps]
    np.testing.assert_allclose(np.bincount(shown) / len(shown), 0.2, atol=0.03)
    assert [len(solution.steps) for solution in solutions] == drawn.n_steps_N.tolist()
