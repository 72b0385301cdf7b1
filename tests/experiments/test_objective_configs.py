"""Every objective has a configuration that goes together with its head."""

import pytest

from configs.objectives import RECIPES, get_config
from prm_jax import objectives
from prm_jax.models import HeadConfig
from prm_jax.text import convention
from prm_jax.train import config as config_lib


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_valid_configuration(name):
    config = get_config(name)
    config.data.train = "some.jsonl"
    config_lib.check(config)
    head = config.model.head
    made = None
    if head.kind:
        ids = dict(positive_id=1, negative_id=2) if head.kind == "two_token" else {}
        fields = dict(reading=head.reading, gate=head.gate)
        made = HeadConfig(head.kind, head.n_classes, head.bias, **fields, **ids)
    chosen = objectives.check(config.objective, made, config.objective_options)
    assert (made is None) == (chosen.reads == "log_prob")
    if config.data.convention:
        convention(config.data.convention)


def test_no_objective_is_without_a_recipe():
    assert {recipe[1] for recipe in RECIPES.values()} == set(objectives.OBJECTIVES)
