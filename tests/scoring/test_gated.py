"""A gated head reads both directions in one forward pass, alone or among others alike."""

import dataclasses

import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.models import PRESETS, Decoder, HeadConfig, init_params
from prm_jax.records import Trajectory
from prm_jax.scoring import parse_scorer, score
from prm_jax.text.convention import CONVENTIONS
from prm_jax.train.backbone import byte_tokenizer


@pytest.fixture(scope="module")
def gated():
    head = HeadConfig("scalar", gate=True)
    params = init_params(jax.random.key(0), PRESETS["tiny-llama"], head=head)
    out = params["head"]["gate"]["out"]
    out["kernel"] = jax.random.normal(jax.random.key(1), out["kernel"].shape)
    tokenizer = byte_tokenizer()
    tokenizer.convention = dataclasses.replace(CONVENTIONS["trl"], step="{number}. {step}")
    return Decoder(PRESETS["tiny-llama"], head=head), params, tokenizer


def rows(n):
    rng = np.random.default_rng(0)
    return [
        Trajectory(
            "q" * int(rng.integers(1, 5)), tuple("ab" * int(k) for k in rng.integers(1, 6, 4))
        )
        for _ in range(n)
    ]


def test_scores_are_the_same_alone_and_among_64_in_any_order(gated):
    many = rows(64)
    together = score(*gated, many)
    backwards = score(*gated, many[::-1])[::-1]
    for i in (0, 17, 63):
        (alone,) = score(*gated, [many[i]])
        for other in (together[i], backwards[i]):
            np.testing.assert_allclose(other.step_logits, alone.step_logits, atol=1e-5)
        assert len(alone.step_scores) == 4


def test_a_later_step_changes_the_score_of_an_earlier_one(gated):
    (one,), (other,) = (
        score(*gated, [Trajectory("q", ("a", "b", last))]) for last in ("c", "something else")
    )
    assert abs(one.step_logits[0] - other.step_logits[0]) > 1e-6


def test_reading_both_directions_again_is_refused(gated):
    scorer = parse_scorer("bidirectional(discriminative)", load=None)
    with pytest.raises(InputError, match="mixes both directions already"):
        scorer.score(*gated, rows(2))
