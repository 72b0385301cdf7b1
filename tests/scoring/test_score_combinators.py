"""What single combinators compute, against numbers worked out by hand."""

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring import StepScores, score
from prm_jax.scoring.ensemble import ensemble, other_model
from prm_jax.scoring.merging import merge_scores, share_progress
from prm_jax.scoring.orm import orm
from prm_jax.scoring.temperature import fit_temperature, temperature

ODDS_9, ODDS_1 = np.log(9), np.log(1 / 9)


def fixed(*rows):
    """A scorer that says the same log-odds for whatever it is given."""
    return lambda *arguments, **options: [StepScores.from_logits(row, None in row) for row in rows]


def test_orm_is_the_score_of_the_last_step_and_of_no_other():
    whole, cut = orm(fixed((ODDS_9, ODDS_1, ODDS_9), (ODDS_9, None)))()
    assert whole.step_logits == (None, None, ODDS_9)
    assert whole.step_scores[:2] == (None, None)
    assert whole.step_scores[2] == pytest.approx(0.9)
    assert cut.step_scores == (None, None) and cut.truncated


def test_temperature_divides_the_log_odds():
    (result,) = temperature(fixed((ODDS_9, None, 0.0)), value=2)()
    assert result.step_scores == (pytest.approx(0.75), None, 0.5)


def test_a_fit_finds_the_temperature_that_scores_were_sharpened_with():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=4000)
    p = 1 / (1 + np.exp(-logits))
    assert fit_temperature(3 * logits, p) == pytest.approx(3, rel=1e-6)  # soft labels: exact
    drawn = fit_temperature(3 * logits, rng.random(4000) < p)
    assert drawn == pytest.approx(3, rel=0.1)
    assert fit_temperature(logits, logits > 0) == pytest.approx(0.01)
    assert fit_temperature(logits, logits < 0) == pytest.approx(100)


def test_a_fit_has_less_cross_entropy_than_temperatures_beside_it():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=300) * 4
    labels = (rng.random(300) < 1 / (1 + np.exp(-logits / 2))).astype(float)

    def cross_entropy(value):
        return np.mean(np.logaddexp(0, logits / value) - labels * logits / value)

    best = fit_temperature(logits, labels)
    assert cross_entropy(best) < min(cross_entropy(best * 1.05), cross_entropy(best / 1.05))


@pytest.mark.parametrize("labels", [[], [1.0, 0.0]])
def test_a_fit_needs_a_label_a_step(labels):
    with pytest.raises(InputError, match="labels"):
        fit_temperature([], labels)


def test_the_two_means_differ_as_worked_out():
    members = [StepScores.from_logits((s, s), False) for s in (ODDS_9, 0.0)]
    logit, probability = (merge_scores(members, merge) for merge in ("logit", "probability"))
    assert logit.step_scores == (pytest.approx(0.75),) * 2
    assert probability.step_scores == (pytest.approx(0.7),) * 2
    assert probability.step_logits == (pytest.approx(np.log(7 / 3)),) * 2


def test_means_of_extreme_log_odds_stay_finite():
    members = [StepScores.from_logits((s,), False) for s in (800.0, 700.0)]
    assert merge_scores(members, "logit").step_logits == (750.0,)
    assert merge_scores(members, "probability").step_logits[0] == pytest.approx(700 + np.log(2))


def test_a_step_that_a_member_could_not_score_has_no_mean():
    (result,) = ensemble(fixed((ODDS_9, 1.0)), fixed((ODDS_1, None)))(0, 0, 0, [0])
    assert result.step_logits == (pytest.approx(0, abs=1e-12), None)
    assert result.truncated


def test_members_of_different_lengths_are_an_error():
    with pytest.raises(ValueError):
        ensemble(fixed((1.0,)), fixed((1.0, 2.0)))(0, 0, 0, [0])


def test_equal_steps_are_matched_by_place():
    same = Trajectory("p", ("again", "again", "again"))
    assert same.steps[0] == same.steps[2]
    (result,) = ensemble(fixed((0.0, 2.0, 0.0)), fixed((4.0, 0.0, 0.0)))(0, 0, 0, [same])
    assert result.step_logits == (2.0, 1.0, 0.0)


def test_another_model_is_read_with_its_own_convention(model_and_params, tokenizer):
    seen = {}

    def scorer(model, params, tokenizer, trajectories, *, convention, **options):
        seen.update(model=model, convention=convention)
        return []

    loaded = ("other", "params", tokenizer)
    other_model(scorer, path="x", load=lambda path: loaded)(
        *model_and_params, tokenizer, [], convention="of the first model"
    )
    assert seen == {"model": "other", "convention": tokenizer.convention}
    with pytest.raises(InputError, match="unknown convention"):
        other_model(score, path="x", load=lambda path: loaded, convention="mine")


def test_shared_progress_ends_at_the_number_of_trajectories():
    done = []
    report = share_progress(done.append, 12, 4)
    for n in (1, 1, 1, 7):
        report(n)
    assert sum(done) == 3 and all(done)
    report(2)
    assert sum(done) == 4
    assert share_progress(None, 3, 1) is None
