"""Regular expressions of a model's files: found as peft does, ended where they take long."""

import pytest

from prm_jax.weights import patterns
from prm_jax.weights.patterns import PatternError, first_fitting

MODULE = "model.layers.11.self_attn.q_proj"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (("q_proj",), 0),
        (("proj", "k_proj"), None),  # a part of a name is none
        (("k_proj", "self_attn.q_proj", "q_proj"), 1),
        ((r"^model\.layers\.\d+\.self_attn\.(q|k)_proj",), 0),
        ((r"layers\.1\.self_attn\.(q|k)_proj", r"layers\.1.\.self_attn\.(q|k)_proj"), 1),
        ((r"layers\.1\.self_attn\..*",), None),
        ((), None),
    ],
)
def test_the_first_pattern_that_ends_the_name_counts(given, found):
    assert first_fitting(given, MODULE) == (None if found is None else given[found])


def test_a_pattern_is_named_that_is_none_or_takes_long(monkeypatch):
    with pytest.raises(PatternError, match="is no regular expression: missing") as raised:
        first_fitting(("q_proj ", "("), MODULE)
    assert raised.value.pattern == "("
    monkeypatch.setattr(patterns, "TIMEOUT_S", 0.0)
    with pytest.raises(PatternError, match="takes too long"):
        first_fitting((r"q_.*",), MODULE)
    assert first_fitting(("q_proj",), MODULE) == "q_proj"  # needs no process
    monkeypatch.undo()
    assert first_fitting((r"q_.*",), MODULE) == r"q_.*"
