import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring import StepScores, aggregate
from prm_jax.scoring.length_debiased import (
    fit_length,
    length_debiased,
    solution_length,
    solution_logit,
)

TRAJECTORIES = [Trajectory("p", ("x" * n, "end")) for n in (3, 7, 20, 41, 80)]


def scorer(model, params, tokenizer, trajectories, **options):
    """Longer first steps score higher, with something besides length in it."""
    rows = [(len(t.steps[0]) / 20, 9.0 - len(t.steps[0]) % 3) for t in trajectories]
    return [StepScores.from_logits(row, False) for row in rows]


def test_the_line_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 500, size=50)
    logits = 3 - 0.02 * lengths + rng.normal(size=50)
    fit = fit_length([*logits, None], [*lengths, 10**9])
    slope, _ = np.polyfit(lengths, logits, 1)
    assert fit.slope == pytest.approx(slope, rel=1e-9)
    assert fit.centre == pytest.approx(lengths.mean())
    assert fit.correlation == pytest.approx(np.corrcoef(lengths, logits)[0, 1], rel=1e-9)
    assert fit.n == 50


@pytest.mark.parametrize("measure", ["characters", "steps", "tokens"])
def test_debiased_scores_keep_their_mean_and_lose_the_correlation_with_length(measure, tokenizer):
    trajectories = [
        Trajectory("p", ("x" * n,) + ("y",) * (n % 4 + 1)) for n in (3, 7, 20, 41, 80, 90)
    ]
    lengths = [solution_length(t, measure, tokenizer) for t in trajectories]
    before = [solution_logit(row.step_scores) for row in scorer(0, 0, tokenizer, trajectories)]
    fit = fit_length(before, lengths)

    def both(model, params, tokenizer, trajectories, **options):
        rows = scorer(model, params, tokenizer, trajectories)
        return [
            StepScores.from_logits(row.step_logits + (9.0,) * (len(t.steps) - 2), False)
            for row, t in zip(rows, trajectories)
        ]

    debiased = length_debiased(both, slope=fit.slope, centre=fit.centre, measure=measure)
    after = [row.step_logits[-1] for row in debiased(0, 0, tokenizer, trajectories)]
    assert abs(fit.correlation) > 0.1
    assert fit_length(after, lengths).correlation == pytest.approx(0, abs=1e-6)
    assert np.mean(after) == pytest.approx(np.mean(before), abs=1e-6)


def test_the_worked_example():
    debiased = length_debiased(scorer, slope=0.05, centre=10)
    rows = debiased(0, 0, None, TRAJECTORIES[:2])  # lengths 6 and 10, least log-odds 0.15 and 0.35
    assert [row.step_logits[0] for row in rows] == [None, None]
    assert rows[0].step_logits[1] == pytest.approx(0.15 + 0.05 * 4)
    assert rows[1].step_logits[1] == pytest.approx(0.35)


def test_a_slope_of_0_leaves_the_solution_score():
    rows = length_debiased(scorer, slope=0, centre=0, aggregation="product")(0, 0, 0, TRAJECTORIES)
    for row, plain in zip(rows, scorer(0, 0, 0, TRAJECTORIES), strict=True):
        assert aggregate(row.step_scores, "min") == pytest.approx(
            aggregate(plain.step_scores, "product"), abs=1e-9
        )


def test_a_solution_without_any_score_stays_without():
    def nothing(model, params, tokenizer, trajectories, **options):
        return [StepScores.from_logits((None, None), True) for _ in trajectories]

    (row,) = length_debiased(nothing, slope=1, centre=1)(0, 0, 0, TRAJECTORIES[:1])
    assert row.step_scores == (None, None) and row.truncated


@pytest.mark.parametrize("logits", [[], [None, 1.0], [1.0, 2.0]])
def test_a_line_through_one_length_is_refused(logits):
    with pytest.raises(InputError, match="two different lengths"):
        fit_length(logits, [5] * len(logits))
