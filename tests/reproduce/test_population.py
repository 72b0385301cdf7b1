"""Seeds trained side by side: each gets the model that it would get alone."""

import operator

import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.models import HeadConfig, apply_head, gather_steps, step_logit
from prm_jax.models.tree import paths
from prm_jax.progress import Progress
from prm_jax.reproduce import chains, population
from prm_jax.reproduce.rows import by_trajectory, draw_order, pack_rows
from prm_jax.text import CONVENTIONS, encode
from prm_jax.train.backbone import byte_tokenizer

pytestmark = pytest.mark.slow

SEEDS = (3, 7, 11)


def config():
    config = population.default_config()
    with config.unlocked():
        config.model.d_model, config.model.d_ff = 16, 16
        config.training.updates, config.training.rows = 8, 4
    return config


def solutions(seed, n=None):
    rng = np.random.default_rng(seed)
    # Another number for each seed, so that the seeds have unlike numbers of rows.
    drawn = chains.draw(n or 30 + seed, chains.ChainOptions(error_rate=0.3), rng)
    return chains.trajectories(drawn)


def trained(seeds, objective="bce", **options):
    return population.train(
        config(),
        seeds,
        [solutions(seed) for seed in seeds],
        objective=objective,
        progress=Progress("", show=False),
        **options,
    )


@pytest.fixture(scope="module")
def together():
    return trained(SEEDS)


@pytest.mark.parametrize("member", [0, 2])
def test_a_seed_gets_the_model_that_it_gets_alone(together, member):
    alone = trained(SEEDS[member : member + 1])
    jax.tree.map(
        lambda both, one: np.testing.assert_allclose(both[member], one[0], rtol=1e-4, atol=1e-6),
        together.params,
        alone.params,
    )


def test_seeds_get_unlike_models(together):
    kernel = np.asarray(together.params["head"]["kernel"])
    assert not np.allclose(kernel[0], kernel[1])


def test_training_lowers_the_loss():
    settings = config()
    with settings.unlocked():
        settings.training.updates, settings.optimizer.learning_rate = 60, 1e-2
    first, last = (
        population.train(
            settings,
            [0],
            [solutions(0, n=12)],
            objective="bce",
            progress=Progress("", show=False),
        ).metrics["loss"]
        for settings in (config(), settings)
    )
    assert last[0] < first[0]


def test_scores_are_those_of_each_trajectory_alone(together):
    data = [solutions(seed + 100) for seed in SEEDS]
    logits = population.score(together, data)
    tokenizer, convention = byte_tokenizer(), CONVENTIONS[together.training.convention]
    model = together.model
    for member in (0, 2):
        params = jax.tree.map(operator.itemgetter(member), together.params)
        for number in (0, 5, 17):
            item = encode(data[member][number], tokenizer, convention, 64)
            hidden_BTD = model.apply({"params": params}, item.tokens[None]).hidden_BTD
            h_BSD = gather_steps(hidden_BTD, item.step_positions[None])
            expected = step_logit(model.head, apply_head(model.head, params, h_BSD))[0]
            np.testing.assert_allclose(logits[member][number], expected, rtol=1e-4, atol=1e-5)


def test_a_row_comes_once_in_every_epoch():
    training = config().training
    with training.unlocked():
        training.updates, training.rows = 6, 4
    order_UB = draw_order(5, 8, training)
    assert order_UB.shape == (6, 4)
    for epoch in order_UB.reshape(3, 8):
        assert sorted(epoch) == list(range(8))
    assert (order_UB != draw_order(6, 8, training)).any()


def test_packed_rows_hold_every_step_in_order():
    data = solutions(1)
    batch = pack_rows(data, config().training)
    assert batch["step_mask"].any(axis=1).all()
    assert len(batch["tokens"]) < len(data)
    labels = by_trajectory(batch["step_labels"], batch, len(data))
    assert [tuple(of) for of in labels] == [trajectory.labels for trajectory in data]


def test_a_trajectory_that_does_not_fit_is_refused():
    training = config().training
    with training.unlocked():
        training.row_length = 20
    with pytest.raises(InputError, match="row_length"):
        pack_rows(solutions(0), training)


def test_an_objective_that_the_head_does_not_fit_is_refused():
    with pytest.raises(InputError, match="two_class"):
        trained(SEEDS[:1], objective="two_class")


def test_with_adapters_the_body_stays_as_it_is():
    language = trained(SEEDS[:2], objective="likelihood", head=None)
    adapted = trained(SEEDS[:2], initial=language, rank=2)
    assert set(adapted.params) == {"head", "lora"}
    frozen = {name: leaf for name, leaf in adapted.frozen.items() if name != "lora"}
    jax.tree.map(np.testing.assert_array_equal, frozen, dict(language.params))
    assert np.abs(paths(adapted.params)["lora/layers_0/attn/q/kernel/b"]).max() > 0


def test_all_logits_of_a_head_are_those_that_its_score_is_made_of():
    head, n = HeadConfig("linear", 9, reading="ratings"), len(SEEDS[:2])
    drawn = chains.draw(6, chains.ChainOptions(error_rate=0.3), np.random.default_rng(0), 4)
    data = [chains.trajectories(drawn)] * n
    options = dict(objective="ordinal", head=head, progress=Progress("", show=False))
    settings = config()
    settings.training.row_length = 128
    models = population.train(settings, SEEDS[:2], data, **options)
    one, every = population.score(models, data), population.score(models, data, every_class=True)
    for scores, logits in zip(sum(one, []), sum(every, []), strict=True):
        assert logits.shape == (len(scores), 9)
        np.testing.assert_allclose(step_logit(head, logits), scores, rtol=1e-4, atol=1e-5)
