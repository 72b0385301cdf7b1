"""The training step: packing, order, labels, accumulation and freezing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny_prm as tiny

from prm_jax import objectives
from prm_jax.data.packing import fill, pack
from prm_jax.errors import InputError
from prm_jax.models import HeadConfig, init_lora, partition, paths
from prm_jax.train.state import create_state, model_params
from prm_jax.train.step import accumulated_gradient, batch_loss, eval_step, head_logits, train_step

BCE = objectives.OBJECTIVES["bce"]


@functools.cache
def model_and_params(preset="tiny-llama"):
    return tiny.model_and_params(preset)


@functools.cache
def compiled_gradient(microbatches):
    options = dict(model=model_and_params()[0], objective=BCE, microbatches=microbatches)
    return jax.jit(functools.partial(accumulated_gradient, **options))


def gradient_of(batch, microbatches=1, trained=None, frozen=None):
    trained = model_and_params()[1] if trained is None else trained
    return compiled_gradient(microbatches)(trained, frozen or {}, batch)


def loss_of(batch):
    return float(gradient_of(batch)[0]["loss"])


def assert_trees_close(one, other, rtol=1e-5, atol=1e-7):
    for path, leaf in paths(one).items():
        np.testing.assert_allclose(leaf, paths(other)[path], rtol=rtol, atol=atol, err_msg=path)


@pytest.mark.parametrize("preset", ["tiny-llama", "tiny-gemma3"])
def test_a_packed_batch_scores_as_its_trajectories_alone(preset):
    model, params = model_and_params(preset)
    encoded = tiny.trajectories(10)
    packed = pack(encoded, 4, tiny.ROW_LENGTH, tiny.MAX_STEPS)
    alone = fill([[i] for i in range(10)], encoded, 20, 3)
    assert packed["segment_ids"].max() > 1 and alone["segment_ids"].max() == 1

    def by_step(batch):
        scores = np.asarray(jax.jit(head_logits, static_argnums=0)(model, params, batch))[..., 0]
        keys = zip(
            batch["step_example"][batch["step_mask"]], batch["step_index"][batch["step_mask"]]
        )
        return dict(zip(keys, scores[batch["step_mask"]]))

    one, other = by_step(packed), by_step(alone)
    assert one.keys() == other.keys()
    np.testing.assert_allclose([one[k] for k in one], [other[k] for k in one], atol=1e-5)
    assert packed["label_mask"].sum() == alone["label_mask"].sum()


def test_a_packed_batch_has_the_loss_and_gradient_of_its_trajectories_in_separate_rows():
    encoded = tiny.trajectories(8)
    packed = pack(encoded, 8, tiny.ROW_LENGTH, tiny.MAX_STEPS)
    alone = fill([[i] for i in range(8)], encoded, tiny.ROW_LENGTH, tiny.MAX_STEPS)
    assert packed["segment_ids"].max() > 1 and alone["segment_ids"].max() == 1
    (metrics, gradient), (metrics_, gradient_) = gradient_of(packed), gradient_of(alone)
    np.testing.assert_allclose(metrics["loss"], metrics_["loss"], rtol=1e-5)
    assert_trees_close(gradient, gradient_, atol=1e-6)


def test_the_order_of_rows_changes_nothing():
    batch = tiny.batch()
    shuffled = {key: value[[3, 1, 7, 0, 2, 6, 5, 4]] for key, value in batch.items()}
    (metrics, gradient), (metrics_, gradient_) = gradient_of(batch), gradient_of(shuffled)
    np.testing.assert_allclose(metrics["loss"], metrics_["loss"], rtol=1e-6)
    assert_trees_close(gradient, gradient_, atol=1e-6)


def test_a_label_moved_by_one_position_changes_the_loss():
    batch = tiny.batch(labelled=1.1)
    moved = {**batch, "step_positions": batch["step_positions"] + batch["step_mask"]}
    assert abs(loss_of(batch) - loss_of(moved)) > 1e-3


def test_what_stands_in_padding_changes_nothing():
    batch = tiny.batch()
    rubbish = {
        **batch,
        "tokens": np.where(batch["segment_ids"] > 0, batch["tokens"], 77),
        "step_labels": np.where(batch["label_mask"], batch["step_labels"], np.nan),
        "step_positions": np.where(batch["step_mask"], batch["step_positions"], 5),
    }
    np.testing.assert_allclose(loss_of(batch), loss_of(rubbish), rtol=1e-6)


@pytest.mark.parametrize("microbatches", [2, 4, 8])
def test_accumulation_equals_the_whole_batch_though_label_counts_differ(microbatches):
    batch = tiny.batch(n=14)
    batch["label_mask"][::4] = False  # with 4 parts, one of them has no label at all
    counts = batch["label_mask"].reshape(-1, microbatches, tiny.MAX_STEPS).sum((0, 2))
    assert len(set(counts)) > 1
    whole, gradient = gradient_of(batch)
    parts, gradient_ = gradient_of(batch, microbatches=microbatches)
    for name in ("loss", "accuracy", "weight"):
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-5)
    assert_trees_close(gradient, gradient_, atol=1e-6)


def test_a_batch_without_labels_has_no_loss_and_no_gradient():
    batch = tiny.batch()
    batch["label_mask"][:] = False
    for microbatches in (1, 4):
        metrics, gradient = gradient_of(batch, microbatches=microbatches)
        assert metrics["loss"] == 0 and metrics["weight"] == 0
        assert all(not np.asarray(leaf).any() for leaf in jax.tree.leaves(gradient))


def test_rows_that_cannot_be_split_are_refused():
    with pytest.raises(InputError, match="8 rows cannot be split into 3"):
        gradient_of(tiny.batch(), microbatches=3)


def test_frozen_parameters_have_no_gradient_no_moments_and_stay_as_they_are():
    model, params = model_and_params()
    patterns = ("^embed/", "^unembed/", "^layers_0/")
    trained, frozen = partition(params, patterns)
    optimizer = optax.adamw(1e-2)
    state = create_state(trained, frozen, optimizer)
    step = jax.jit(functools.partial(train_step, model=model, objective=BCE, optimizer=optimizer))
    after, _ = step(state, tiny.batch())
    for path, leaf in paths(after.frozen).items():
        np.testing.assert_array_equal(leaf, paths(frozen)[path])
    assert set(paths(after.opt_state[0].mu)) == set(paths(trained))
    for path, leaf in paths(after.params).items():
        assert (np.asarray(leaf) != np.asarray(paths(trained)[path])).any(), path
    # What is trained gets the very gradient it has when everything is trained.
    _, whole = gradient_of(tiny.batch())
    _, part = gradient_of(tiny.batch(), trained=trained, frozen=frozen)
    assert_trees_close(part, {k: whole[k] for k in trained})


def test_the_backward_pass_of_frozen_lower_layers_is_not_computed():
    model, params = model_and_params()
    batch = tiny.batch()

    def flops(patterns):
        trained, frozen = partition(params, patterns)
        gradient = functools.partial(accumulated_gradient, model=model, objective=BCE)
        compiled = jax.jit(gradient).lower(trained, frozen, batch).compile()
        return compiled.cost_analysis()["flops"]

    everything = flops(())
    top = flops(("^embed/", "^unembed/", "^layers_0/"))
    # Two layers forward and back, 2 x (1 + 2), against two forward and one back, 2 x 1 + 1 x 2.
    assert top < 0.75 * everything


def test_the_scale_of_adapters_is_never_trained_and_only_adapters_and_head_are():
    model, params = model_and_params()
    adapters = init_lora(jax.random.key(1), params, rank=2, alpha=4.0)
    learned = {p: x for p, x in paths(adapters).items() if not p.endswith("scale")}
    assert len(learned) == 2 * 2 * 7  # a and b, in two layer groups, of seven kernels
    merged = model_params({"lora": adapters}, params)
    for path, leaf in paths(merged).items():
        np.testing.assert_array_equal(leaf, paths(params)[path])  # b begins at zero


def test_training_on_one_batch_learns_it():
    model, params = model_and_params()
    optimizer = optax.adamw(1e-2)
    step = jax.jit(
        functools.partial(
            train_step, model=model, objective=BCE, optimizer=optimizer, microbatches=2
        ),
        donate_argnums=0,
    )
    state = create_state(jax.tree.map(jnp.copy, params), {}, optimizer)
    for number in range(20):
        state, metrics = step(state, tiny.batch())
        assert int(state.step) == number + 1
    assert metrics["loss"] < 0.1 and metrics["accuracy"] == 1
    assert step._cache_size() == 1


def test_evaluation_gives_the_loss_of_training_and_the_log_odds_of_steps():
    head = HeadConfig("linear", 2)
    model, params = tiny.model_and_params(head=head)
    two_class = objectives.OBJECTIVES["two_class"]
    batch = tiny.batch()
    state = create_state(params, {}, optax.sgd(1.0))
    static = dict(model=model, objective=two_class)
    result = jax.jit(functools.partial(eval_step, **static))(state, batch)
    expected, _ = jax.jit(functools.partial(batch_loss, **static))(params, {}, batch)
    logits = jax.jit(head_logits, static_argnums=0)(model, params, batch)
    np.testing.assert_allclose(result["loss"], expected, rtol=1e-6)
    np.testing.assert_allclose(result["step_logits"], logits[..., 1] - logits[..., 0], atol=1e-6)


def test_computing_in_bfloat16_keeps_parameters_and_moments_in_float32():
    model, params = model_and_params()
    optimizer = optax.adamw(1e-3)
    half = model.clone(dtype="bfloat16")
    state = create_state(params, {}, optimizer)
    step = functools.partial(train_step, model=half, objective=BCE, optimizer=optimizer)
    after, metrics = jax.jit(step)(state, tiny.batch())
    for leaf in jax.tree.leaves((after.params, after.opt_state[0].mu)):
        assert leaf.dtype == jnp.float32
    np.testing.assert_allclose(metrics["loss"], loss_of(tiny.batch()), atol=0.02)
    assert metrics["loss"] != loss_of(tiny.batch())
