import types

import numpy as np
import pytest

from prm_jax.data.reversed_steps import reverse_steps
from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring import StepScores, score
from prm_jax.scoring.bidirectional import bidirectional
from prm_jax.text import CONVENTIONS, encode

NO_MODEL = types.SimpleNamespace(head=None)
DUPLICATES = Trajectory("p", ("again", "other", "again", "again"), id="d")


def streams(forward, raw_backward):
    """A scorer that says `forward` of the first trajectories and the other of the reversed."""

    def scorer(model, params, tokenizer, trajectories, **options):
        rows = [forward] * (len(trajectories) // 2) + [raw_backward] * (len(trajectories) // 2)
        return [StepScores.from_logits(row, None in row) for row in rows]

    return scorer


def test_the_reversed_stream_is_turned_back_before_the_mean(tokenizer):
    # The golden example of the two streams; an exact 0 is a score like any other.
    trajectory = Trajectory("p", ("a", "b", "c"))
    scorer = streams((1.0, -0.5, 2.0), (0.4, 1.5, -1.0))
    (result,) = bidirectional(scorer)(NO_MODEL, 0, tokenizer, [trajectory])
    np.testing.assert_allclose(result.step_logits, [0.0, 0.5, 1.2], atol=1e-12)
    scorer = streams((1.0, 0.0, 2.0), (0.0, 1.5, -1.0))
    (result,) = bidirectional(scorer)(NO_MODEL, 0, tokenizer, [trajectory])
    np.testing.assert_allclose(result.step_logits, [0.0, 0.75, 1.0], atol=1e-12)


def test_probabilities_may_be_averaged_instead(tokenizer):
    scorer = streams((np.log(9), 0.0), (0.0, np.log(1 / 9)))
    (result,) = bidirectional(scorer, merge="probability")(NO_MODEL, 0, tokenizer, [DUPLICATES])
    np.testing.assert_allclose(result.step_scores, [0.5, 0.5], atol=1e-12)


def test_both_streams_are_one_call_and_each_is_what_the_scorer_says_alone(
    model_and_params, tokenizer, trajectories
):
    calls = []

    def counted(*arguments, **options):
        calls.append(len(arguments[3]))
        return score(*arguments, **options)

    chosen = [DUPLICATES, *trajectories]
    found = bidirectional(counted)(*model_and_params, tokenizer, chosen)
    assert calls == [2 * len(chosen)]
    for result, trajectory in zip(found, chosen, strict=True):
        (forward,) = score(*model_and_params, tokenizer, [trajectory])
        (backward,) = score(*model_and_params, tokenizer, [reverse_steps(trajectory)])
        mean = (np.array(forward.step_logits) + np.array(backward.step_logits[::-1])) / 2
        np.testing.assert_allclose(result.step_logits, mean, atol=1e-5)


def test_equal_steps_keep_their_own_places(model_and_params, tokenizer):
    (result,) = bidirectional(score)(*model_and_params, tokenizer, [DUPLICATES])
    first, _, third, fourth = result.step_logits
    assert min(abs(first - third), abs(third - fourth), abs(first - fourth)) > 1e-4


def test_a_number_that_the_convention_writes_goes_with_its_step(tokenizer):
    seen = []

    def scorer(model, params, tokenizer, trajectories, *, convention, **options):
        for trajectory in trajectories:
            item = encode(trajectory, tokenizer, convention, 10**6)
            seen.append(tokenizer.decode(item.tokens))
        return [StepScores.from_logits((0.0,) * len(t.steps), False) for t in trajectories]

    trajectory, convention = Trajectory("p", ("a {number}", "b")), CONVENTIONS["math_shepherd"]
    bidirectional(scorer)(NO_MODEL, 0, tokenizer, [trajectory], convention=convention)
    plain = tokenizer.decode(encode(trajectory, tokenizer, convention, 10**6).tokens)
    assert seen[0] == plain
    assert seen[1].index("Step 2: b") < seen[1].index("Step 1: a {number}")


def test_what_one_stream_could_not_read_has_no_score(tokenizer):
    scorer = streams((1.0, 1.0, 1.0, None), (1.0, 1.0, None, None))
    (result,) = bidirectional(scorer)(NO_MODEL, 0, tokenizer, [DUPLICATES])
    assert result.step_logits == (None, None, 1.0, None)
    assert result.truncated


def test_a_missing_convention_says_what_to_do(model_and_params, tokenizer, trajectories):
    tokenizer.convention = None
    with pytest.raises(InputError, match="convention"):
        bidirectional(score)(*model_and_params, tokenizer, trajectories)
