"""Every number and every regular expression of a configuration is checked before any work."""

import math

import pytest

from prm_jax.errors import InputError
from prm_jax.train import config as config_lib
from prm_jax.train import loop
from prm_jax.train.ranges import RANGES, check_values

DEFAULTS = config_lib.flatten(config_lib.default_config())
NUMBERS = [
    key
    for key, value in DEFAULTS.items()
    if isinstance(value, int | float) and not isinstance(value, bool)
]
ODD = (math.nan, math.inf, -math.inf, 1e308, -1e308, -1.5, 10**18, -(10**18))


def test_every_number_has_a_range_that_holds_its_default():
    assert set(NUMBERS) == set(RANGES)
    check_values(DEFAULTS)


@pytest.mark.parametrize("key", NUMBERS)
def test_odd_numbers_are_refused_in_one_line_that_says_what_is_allowed(key):
    for value in ODD:
        with pytest.raises(InputError) as refused:
            check_values(DEFAULTS | {key: value})
        said = str(refused.value)
        assert f"field '{key}'" in said and "; give a number " in said and "\n" not in said


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("optimizer.clip_norm", -1.0, "below 0"),  # it would reverse the gradient
        ("optimizer.learning_rate", -1e-5, "below 0"),
        ("optimizer.weight_decay", -0.1, "below 0"),
        ("optimizer.eps", 0.0, "not above 0"),
        ("optimizer.b1", 1.0, "not below 1"),
        ("optimizer.b2", 2.0, "not below 1"),
        ("optimizer.warmup_steps", -1.0, "below 0"),
        ("optimizer.groups", (("head", -1.0),), "below 0"),
        ("optimizer.groups", (("head(", 1.0),), "no regular expression"),
        ("optimizer.groups", (("head", "x"),), "no number"),
        ("optimizer.groups", ("head",), "no pair"),
        ("model.freeze", ("layers_[",), "no regular expression"),
        ("model.lora.targets", ("*",), "no regular expression"),
        ("data.validation_fraction", 1.0, "not below 1"),
        ("data.row_length", 10**15, "above"),
    ],
)
def test_a_run_with_such_a_value_is_refused_before_its_data_are_read(tmp_path, key, value, words):
    config = config_lib.default_config()
    config.update_from_flattened_dict({key: value, "data.train": "nowhere.jsonl"})
    with pytest.raises(InputError, match=words) as refused:
        loop.train(config, tmp_path / "run", progress=False)
    assert f"field '{key}'" in str(refused.value) and not (tmp_path / "run").exists()
