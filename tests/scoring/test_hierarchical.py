import numpy as np
import pytest

from prm_jax.records import Trajectory
from prm_jax.scoring import score
from prm_jax.scoring.hierarchical import hierarchical

STEPS = ("again", "other", "again", "again")
DUPLICATES = Trajectory("p", STEPS)


def alone(model_and_params, tokenizer, *steps):
    """Log-odds of the last of some steps."""
    (result,) = score(*model_and_params, tokenizer, [Trajectory("p", steps)])
    return result.step_logits[-1]


def test_a_window_is_the_merged_steps_after_single_ones(model_and_params, tokenizer):
    (found,) = hierarchical(score, mode="window")(*model_and_params, tokenizer, [DUPLICATES])
    expected = [
        alone(model_and_params, tokenizer, "again"),
        alone(model_and_params, tokenizer, "again\n\nother"),
        alone(model_and_params, tokenizer, "again", "other\n\nagain"),
        alone(model_and_params, tokenizer, "again", "other", "again\n\nagain"),
    ]
    np.testing.assert_allclose(found.step_logits, expected, atol=1e-5)
    assert len(set(np.round(expected, 4))) == 4


def test_longer_windows_begin_as_long_as_they_can(model_and_params, tokenizer):
    scorer = hierarchical(score, mode="window", window=3, joiner=" ")
    (found,) = scorer(*model_and_params, tokenizer, [DUPLICATES])
    expected = [
        alone(model_and_params, tokenizer, "again"),
        alone(model_and_params, tokenizer, "again other"),
        alone(model_and_params, tokenizer, "again other again"),
        alone(model_and_params, tokenizer, "again", "other again again"),
    ]
    np.testing.assert_allclose(found.step_logits, expected, atol=1e-5)


@pytest.mark.parametrize("merge", ["logit", "probability"])
def test_fusion_is_the_mean_of_single_and_window(merge, model_and_params, tokenizer, trajectories):
    chosen = [DUPLICATES, *trajectories[:4]]
    by_mode = {
        mode: hierarchical(score, mode=mode, merge=merge)(*model_and_params, tokenizer, chosen)
        for mode in ("single", "window", "fusion")
    }
    field = "step_logits" if merge == "logit" else "step_scores"
    for single, window, fusion in zip(*by_mode.values(), strict=True):
        mean = (np.array(getattr(single, field)) + np.array(getattr(window, field))) / 2
        np.testing.assert_allclose(getattr(fusion, field), mean, atol=1e-5)


def test_all_inputs_are_one_call(model_and_params, tokenizer):
    calls = []

    def counted(*arguments, **options):
        calls.append(len(arguments[3]))
        return score(*arguments, **options)

    hierarchical(counted)(*model_and_params, tokenizer, [DUPLICATES, Trajectory("p", ("a",))])
    assert calls == [2 + 4 + 1]


def test_single_is_the_scorer_itself():
    assert hierarchical(score, mode="single") is score


def test_a_window_that_does_not_fit_has_no_score_and_the_others_keep_theirs(
    model_and_params, tokenizer
):
    scorer = hierarchical(score)
    (whole,) = scorer(*model_and_params, tokenizer, [DUPLICATES])
    fits = len("p" + "again\n" + "other\n\nagain\n")
    (cut,) = scorer(*model_and_params, tokenizer, [DUPLICATES], max_length=fits)
    assert cut.step_scores[3] is None and cut.truncated and not whole.truncated
    np.testing.assert_allclose(cut.step_logits[:3], whole.step_logits[:3], atol=1e-5)
