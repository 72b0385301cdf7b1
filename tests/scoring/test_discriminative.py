import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.models import HeadConfig, make_mesh, param_shardings
from prm_jax.records import Trajectory
from prm_jax.scoring import score
from prm_jax.scoring.discriminative import reduced_logits
from prm_jax.text import CONVENTIONS, encode

TOLERANCE = 1e-5


def flat(results):
    return np.array([p for result in results for p in result.step_scores])


def test_scores_are_the_softmax_of_the_head_at_step_ends(
    expected, model_and_params, tokenizer, trajectories
):
    found = flat(score(*model_and_params, tokenizer, trajectories))
    assert found.std() > 0.05
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("batch_tokens", [1, 700, 10**6])
def test_scores_do_not_depend_on_the_batch_size(
    batch_tokens, expected, model_and_params, tokenizer, trajectories
):
    found = score(*model_and_params, tokenizer, trajectories, batch_tokens=batch_tokens)
    np.testing.assert_allclose(flat(found), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_scores_do_not_depend_on_order_and_company(
    seed, expected, model_and_params, tokenizer, trajectories
):
    order = np.random.default_rng(seed).permutation(len(trajectories))
    longer = Trajectory("a long neighbour", ("x" * 700,))
    found = score(*model_and_params, tokenizer, [longer] + [trajectories[i] for i in order])
    found = [found[1 + place] for place in np.argsort(order)]
    np.testing.assert_allclose(flat(found), expected, atol=TOLERANCE, rtol=0)


def test_one_trajectory_alone_scores_as_in_company(
    expected, model_and_params, tokenizer, trajectories
):
    found = [score(*model_and_params, tokenizer, [trajectory])[0] for trajectory in trajectories]
    np.testing.assert_allclose(flat(found), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("split", ["tensor", "sequence"])
def test_scores_do_not_depend_on_the_mesh(
    split, expected, model_and_params, tokenizer, trajectories
):
    model, params = model_and_params
    mesh = make_mesh(data=2, fsdp=2, **{split: 2})
    params = jax.device_put(params, param_shardings(params, mesh))
    found = score(model, params, tokenizer, trajectories, mesh=mesh)
    np.testing.assert_allclose(flat(found), expected, atol=TOLERANCE, rtol=0)


def test_scores_are_the_sigmoids_of_the_logits(model_and_params, tokenizer, trajectories):
    for result in score(*model_and_params, tokenizer, trajectories[:4]):
        logits = np.array(result.step_logits)
        np.testing.assert_allclose(result.step_scores, 1 / (1 + np.exp(-logits)), rtol=1e-12)


def test_many_lengths_compile_few_programs(model_and_params, tokenizer):
    model, params = model_and_params
    model = dataclasses.replace(model, config=dataclasses.replace(model.config, norm_eps=2e-5))
    solutions = [Trajectory("p", ("s" * n,) * (1 + n % 5)) for n in range(1, 100, 3)]
    before = reduced_logits._cache_size()
    score(model, params, tokenizer, solutions, batch_tokens=512)
    assert reduced_logits._cache_size() - before <= 2


def test_steps_that_do_not_fit_are_null_and_the_others_unchanged(model_and_params, tokenizer):
    trajectory = Trajectory("problem", ("one.", "two..", "three..."))
    (whole,) = score(*model_and_params, tokenizer, [trajectory])
    fits_two = len("problem" + "one." + "two..") + 2
    (cut,) = score(*model_and_params, tokenizer, [trajectory], max_length=fits_two)
    np.testing.assert_allclose(cut.step_scores[:2], whole.step_scores[:2], atol=TOLERANCE, rtol=0)
    assert cut.step_scores[2] is None and cut.step_logits[2] is None
    assert cut.truncated and not whole.truncated


def test_a_trajectory_of_which_nothing_fits_is_all_null(model_and_params, tokenizer, trajectories):
    done = []
    small, large = Trajectory("p", ("s",)), Trajectory("p" * 50, ("s", "t"))
    found = score(*model_and_params, tokenizer, [large, small], max_length=10, progress=done.append)
    assert found[0].step_scores == (None, None) and found[0].truncated
    assert found[1].step_scores[0] is not None
    assert sum(done) == 2
    assert score(*model_and_params, tokenizer, []) == []


def test_a_model_without_head_or_convention_says_what_to_do(
    model_and_params, tokenizer, trajectories
):
    model, params = model_and_params
    with pytest.raises(InputError, match="without a head"):
        score(model.clone(head=None), params, tokenizer, trajectories)
    tokenizer.convention = None
    with pytest.raises(InputError, match="convention"):
        score(model, params, tokenizer, trajectories)


def test_a_language_model_is_read_at_two_vocabulary_entries(
    model_and_params, tokenizer, trajectories
):
    model, params = model_and_params
    model, convention = model.clone(head=None), CONVENTIONS["math_shepherd"]
    (result,) = score(model, params, tokenizer, trajectories[:1], convention=convention)
    encoded = encode(trajectories[0], tokenizer, convention, 10**6)
    tokens_BT = jnp.asarray(encoded.tokens)[None]
    logits_BTV = model.apply({"params": params}, tokens_BT, logits=True).logits_BTV
    at_SV = np.asarray(logits_BTV[0], np.float64)[encoded.step_positions]
    plus, minus = tokenizer.token_id("+"), tokenizer.token_id("-")
    np.testing.assert_allclose(result.step_logits, at_SV[:, plus] - at_SV[:, minus], atol=1e-5)


def test_a_head_of_many_classes_is_refused(model_and_params, tokenizer, trajectories):
    model, params = model_and_params
    model = model.clone(head=HeadConfig("linear", 3))
    head = {"kernel": jnp.zeros((model.config.d_model, 3)), "bias": jnp.zeros(3)}
    with pytest.raises(InputError, match="3 classes"):
        score(model, {**params, "head": head}, tokenizer, trajectories)
