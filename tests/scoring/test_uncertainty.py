"""Scores of an uncertainty head are what the head says of the steps, and of no other model."""

import json

import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.models.attention_features import token_features
from prm_jax.models.uncertainty_head import wrong_logits
from prm_jax.scoring.uncertainty import uncertainty
from prm_jax.text import CONVENTIONS, encode
from prm_jax.weights.uncertainty import RECORD, load_uncertainty_head


def test_a_score_is_the_negative_of_the_heads_logit_with_the_problems_probabilities_left_out(
    model_and_params, tokenizer, trajectories, uncertainty_head
):
    model, params = model_and_params
    config, head, _ = load_uncertainty_head(uncertainty_head)
    found = uncertainty(head=str(uncertainty_head))(model, params, tokenizer, trajectories)
    features = jax.jit(lambda batch: token_features(model, params, batch))
    for trajectory, scores in list(zip(trajectories, found, strict=True))[:3]:
        item = encode(trajectory, tokenizer, tokenizer.convention, 10**6)
        tokens = item.tokens[None]
        ones = np.ones_like(tokens)
        batch = {"tokens": tokens, "positions": np.arange(len(item.tokens))[None] * ones}
        x = np.array(features(batch | {"segment_ids": ones}))
        x[0, : len(tokenizer.encode(trajectory.problem)), -config.top_k :] = 0
        steps = {
            "row": np.zeros(len(trajectory.steps), np.int32),
            "start": item.step_starts,
            "end": item.step_positions,
        }
        expected = -np.asarray(wrong_logits(config, head, x, ones, steps))
        np.testing.assert_allclose(scores.step_logits, expected, atol=1e-5)


def test_another_model_or_marking_than_the_heads_is_refused(
    model_and_params, tokenizer, trajectories, uncertainty_head
):
    model, params = model_and_params
    scorer = uncertainty(head=str(uncertainty_head))
    other = {**params, "final_norm": {"scale": params["final_norm"]["scale"] + 0.01}}
    with pytest.raises(InputError, match="another model.*score with tiny in float32"):
        scorer(model, other, tokenizer, trajectories)
    with pytest.raises(InputError, match="marked otherwise, by 'trl'"):
        scorer(model, params, tokenizer, trajectories, convention=CONVENTIONS["math_shepherd"])
    with pytest.raises(InputError, match="turn a step"):
        scorer(model, params, tokenizer, trajectories, convention=CONVENTIONS["rlhflow"])


def test_a_damaged_head_is_named(tmp_path, uncertainty_head):
    for damage, words in (({"head": {"depth": 3}}, "depth"), ({}, "head")):
        (tmp_path / RECORD).write_text(json.dumps(damage))
        with pytest.raises(InputError, match=words):
            uncertainty(head=str(tmp_path))
    (tmp_path / RECORD).write_bytes((uncertainty_head / RECORD).read_bytes())
    with pytest.raises(InputError, match="no weights"):
        uncertainty(head=str(tmp_path))
