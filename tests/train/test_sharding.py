"""Every mesh gives the numbers of one device, and XLA never gathers a whole array to reshard it."""

import functools

import jax
import numpy as np
import pytest
import tiny_prm as tiny
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from prm_jax import objectives
from prm_jax.errors import InputError
from prm_jax.models import (
    batch_sharding,
    init_lora,
    make_mesh,
    param_shardings,
    partition,
    paths,
)
from prm_jax.train import placement
from prm_jax.train.config import default_config
from prm_jax.train.optimizer import make_optimizer
from prm_jax.train.state import create_state
from prm_jax.train.step import accumulated_gradient, train_step
from prm_jax.weights.fingerprint import fingerprint

pytestmark = pytest.mark.slow

BCE = objectives.OBJECTIVES["bce"]
MESHES = [
    (data, fsdp, tensor)
    for data in (1, 2, 4, 8)
    for fsdp in (1, 2, 4, 8)
    for tensor in (1, 2, 4, 8)
    if data * fsdp * tensor in (2, 8)
] + [(2, 1, 2, 2)]  # the last with rows in two parts
REMATERIALIZED = "nvoluntary full rematerialization"


@functools.cache
def setting(everything=False):
    """Model, trained and frozen parameters (the lower layer, unless `everything`), and a batch."""
    model, params = tiny.model_and_params(head=tiny.HeadConfig("mlp", 1))
    patterns = () if everything else ("^embed/", "^unembed/", "^layers_0/")
    return model, *partition(params, patterns), tiny.batch(n=16)


def mesh_of(shape):
    return make_mesh(*shape, devices=jax.devices()[: int(np.prod(shape))])


def gradient_on(mesh, trained, frozen, model, batch, microbatches=1):
    """Metrics and gradient with everything laid out as a run on this mesh lays it out."""
    shardings = param_shardings(trained, mesh)
    frozen_shardings = param_shardings(frozen, mesh)
    rows = placement.rows_of_process(len(batch["tokens"]), mesh)
    function = functools.partial(
        accumulated_gradient, model=model, objective=BCE, microbatches=microbatches
    )
    with jax.set_mesh(mesh):
        jitted = jax.jit(function, out_shardings=(NamedSharding(mesh, P()), shardings))
        return jitted(
            jax.device_put(trained, shardings),
            jax.device_put(frozen, frozen_shardings),
            placement.put_batch({k: v[rows] for k, v in batch.items()}, len(batch["tokens"]), mesh),
        )


@functools.cache
def reference(everything):
    model, trained, frozen, batch = setting(everything)
    return gradient_on(mesh_of((1, 1, 1)), trained, frozen, model, batch)


@pytest.fixture
def compiling_afresh():
    """A program out of the cache is not compiled, and then XLA does not warn."""
    jax.config.update("jax_enable_compilation_cache", False)
    yield
    jax.config.update("jax_enable_compilation_cache", True)


@pytest.mark.parametrize("shape", MESHES, ids=str)
def test_a_mesh_gives_the_numbers_of_one_device_without_rematerialization(
    shape, compiling_afresh, capfd
):
    everything = np.prod(shape) == 8
    expected_metrics, expected = reference(everything)
    model, trained, frozen, batch = setting(everything)
    capfd.readouterr()
    metrics, gradient = gradient_on(mesh_of(shape), trained, frozen, model, batch)
    assert REMATERIALIZED not in capfd.readouterr().err
    for name in metrics:
        np.testing.assert_allclose(metrics[name], expected_metrics[name], rtol=1e-5)
    for path, leaf in paths(expected).items():
        size = np.abs(leaf).max()
        got = paths(gradient)[path]
        np.testing.assert_allclose(got, leaf, rtol=1e-5, atol=1e-5 * size, err_msg=path)


def test_a_training_gradient_of_experts_on_their_axis_is_that_of_one_device(
    compiling_afresh, capfd
):
    model, params = tiny.model_and_params("tiny-qwen3_moe")
    batch = tiny.batch(n=16)
    metrics, expected = gradient_on(mesh_of((1, 1, 1)), params, {}, model, batch)
    capfd.readouterr()
    mesh = make_mesh(expert=4, fsdp=2)
    got_metrics, gradient = gradient_on(mesh, params, {}, model, batch)
    assert REMATERIALIZED not in capfd.readouterr().err
    np.testing.assert_allclose(got_metrics["loss"], metrics["loss"], rtol=1e-5)
    for path, leaf in paths(expected).items():
        got, size = paths(gradient)[path], np.abs(leaf).max()
        np.testing.assert_allclose(got, leaf, rtol=1e-5, atol=1e-5 * size, err_msg=path)
        assert ("expert" in str(got.sharding.spec)) == ("/experts/" in path), path


def test_the_log_would_show_a_rematerialization(compiling_afresh, capfd):
    mesh = mesh_of((2, 2, 2))
    x = jax.device_put(np.ones((8, 8, 8), "f"), NamedSharding(mesh, P("data", "fsdp", "tensor")))
    with jax.set_mesh(mesh):
        one_axis = P(("data", "fsdp", "tensor"))
        jax.jit(lambda x: jax.lax.with_sharding_constraint(jax.numpy.sin(x), one_axis) * 2)(x)
    assert REMATERIALIZED in capfd.readouterr().err


def test_adapters_on_a_mesh_learn_what_they_learn_on_one_device(compiling_afresh, capfd):
    model, params, _, batch = setting(True)
    adapters = init_lora(jax.random.key(1), params, 2, 4.0)
    adapters = jax.tree.map(lambda x: x + 0.1, adapters)  # where b is zero, a learns nothing
    trained, frozen = partition({**params, "lora": adapters}, ["^(?!lora)", "scale$"])
    _, expected = gradient_on(mesh_of((1, 1, 1)), trained, frozen, model, batch)
    mesh = mesh_of((2, 2, 2))
    _, gradient = gradient_on(mesh, trained, frozen, model, batch)
    assert REMATERIALIZED not in capfd.readouterr().err
    for path, leaf in paths(expected).items():
        got, size = paths(gradient)[path], np.abs(leaf).max()
        np.testing.assert_allclose(got, leaf, rtol=1e-5, atol=1e-5 * size, err_msg=path)
        assert "fsdp" in str(got.sharding.spec), path


def test_accumulation_on_a_mesh_equals_one_device():
    model, trained, frozen, batch = setting()
    metrics, gradient = gradient_on(
        mesh_of((2, 2, 2)), trained, frozen, model, batch, microbatches=2
    )
    expected_metrics, expected = reference(False)
    np.testing.assert_allclose(metrics["loss"], expected_metrics["loss"], rtol=1e-5)
    for path, leaf in paths(expected).items():
        size = np.abs(leaf).max()
        np.testing.assert_allclose(paths(gradient)[path], leaf, rtol=1e-5, atol=1e-5 * size)


def test_a_step_donates_its_state_and_leaves_every_array_where_it_was(compiling_afresh, capfd):
    mesh = mesh_of((2, 2, 2))
    model, params, _, batch = setting(True)
    optimizer, _ = make_optimizer(default_config().optimizer, params, 10)
    shardings = placement.state_shardings(params, {}, optimizer, mesh)
    rows = placement.put_batch(batch, len(batch["tokens"]), mesh)
    with jax.set_mesh(mesh):
        create = functools.partial(create_state, frozen={}, optimizer=optimizer)
        state = jax.jit(create, out_shardings=shardings)(params)
        step = jax.jit(
            functools.partial(train_step, model=model, objective=BCE, optimizer=optimizer),
            in_shardings=(shardings, batch_sharding(mesh)),
            out_shardings=(shardings, NamedSharding(mesh, P())),
            donate_argnums=0,
        )
        after, _ = step(state, rows)
    assert REMATERIALIZED not in capfd.readouterr().err
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))
    for leaf, sharding in zip(jax.tree.leaves(after), jax.tree.leaves(shardings), strict=True):
        assert leaf.sharding.is_equivalent_to(sharding, leaf.ndim)
    moments = after.opt_state[1].mu["layers_0"]["mlp"]["up"]["kernel"]
    assert moments.sharding.spec == P(None, "fsdp", "tensor")


def test_a_fingerprint_depends_on_every_bit_and_not_on_the_mesh():
    _, params = tiny.model_and_params()
    here = fingerprint(params)
    for shape in ((1, 8, 1), (2, 2, 2)):
        mesh = mesh_of(shape)
        assert fingerprint(jax.device_put(params, param_shardings(params, mesh))) == here
    kernel = params["layers_0"]["mlp"]["up"]["kernel"]
    one_bit = kernel.at[0, 3, 5].set(np.nextafter(np.float32(kernel[0, 3, 5]), np.float32(9)))
    two_swapped = kernel.at[0, 0, 0].set(kernel[0, 0, 1]).at[0, 0, 1].set(kernel[0, 0, 0])
    for changed in (one_bit, two_swapped):
        layer = {
            **params["layers_0"],
            "mlp": {**params["layers_0"]["mlp"], "up": {"kernel": changed}},
        }
        assert fingerprint({**params, "layers_0": layer}) != here
    negated = {**params, "embed": jax.tree.map(lambda x: -x, params["embed"])}
    assert fingerprint(negated) != here  # an even number of sign bits at once


def test_rows_that_the_devices_cannot_share_are_refused():
    mesh = mesh_of((2, 2, 2))
    placement.check_rows(8, 2, mesh)
    with pytest.raises(
        InputError, match="6 rows cannot be split over data x expert x fsdp = 4 devices"
    ):
        placement.check_rows(6, 1, mesh)
    with pytest.raises(InputError, match="3 microbatches"):
        placement.check_rows(8, 3, mesh)


def test_one_process_holds_all_rows():
    assert placement.rows_of_process(16, mesh_of((2, 2, 2))) == slice(0, 16)
