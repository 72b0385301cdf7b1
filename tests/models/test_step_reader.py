"""Reading steps: the gate over both directions by numpy, and the least of three tokens."""

import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.data.packing import pack
from prm_jax.data.units import encode_unit
from prm_jax.models import PRESETS, Decoder, HeadConfig, init_params
from prm_jax.models.step_reader import read_steps
from prm_jax.records import Trajectory
from prm_jax.text.convention import CONVENTIONS
from prm_jax.train.backbone import byte_tokenizer

TOKENIZER, TRL = byte_tokenizer(), CONVENTIONS["trl"]
ROWS = [
    Trajectory("2+2", ("so 4", "then 5", "then 6"), labels=(1.0, 0.0, 0.0)),
    Trajectory("1", ("one", "one"), labels=(1.0, 1.0)),
]
WIDTH = PRESETS["tiny-llama"].d_model


def model_with(head):
    params = init_params(jax.random.key(1), PRESETS["tiny-llama"], head=head)
    if head.gate:  # its second layer starts at zero
        out = params["head"]["gate"]["out"]
        out["kernel"] = jax.random.normal(jax.random.key(2), out["kernel"].shape)
        out["bias"] = jnp.array([0.3])
    return Decoder(PRESETS["tiny-llama"], head=head), params


def states_and_logits(model, params, batch):
    names = ("positions", "segment_ids")
    out = model.apply({"params": params}, batch["tokens"], *(batch[name] for name in names))
    return np.asarray(out.hidden_BTD), np.asarray(read_steps(model, params, out.hidden_BTD, batch))


def directions(rows, max_length=100):
    return [encode_unit(row, TOKENIZER, TRL, max_length, unit="directions") for row in rows]


def test_the_gate_mixes_the_log_odds_of_the_same_step_in_both_directions():
    head = HeadConfig("scalar", gate=True)
    model, params = model_with(head)
    batch = pack(directions(ROWS), 1, 96, 16)
    states, found = states_and_logits(model, params, batch)
    h = states[0, batch["step_positions"][0]].astype(np.float64)
    raw = (h @ np.asarray(params["head"]["kernel"]) + np.asarray(params["head"]["bias"]))[:, 0]
    gate = jax.tree.map(np.asarray, params["head"]["gate"])
    # Slots 0-2 and 3-5 are both directions of the first solution, 6-7 and 8-9 of the second.
    for forward, backward in ((0, 5), (1, 4), (2, 3), (6, 9), (7, 8)):
        x = np.concatenate([h[forward], h[backward]]) @ gate["dense"]["kernel"]
        x = np.maximum(x + gate["dense"]["bias"], 0) @ gate["out"]["kernel"] + gate["out"]["bias"]
        g = 1 / (1 + np.exp(-x[0]))
        expected = g * raw[forward] + (1 - g) * raw[backward]
        np.testing.assert_allclose(found[0, [forward, backward], 0], expected, rtol=1e-4, atol=1e-6)


def test_a_fresh_gate_takes_the_mean_and_gives_the_states_no_gradient():
    head = HeadConfig("scalar", gate=True)
    model, params = model_with(head)
    params["head"]["gate"]["out"] = jax.tree.map(jnp.zeros_like, params["head"]["gate"]["out"])
    batch = pack(directions(ROWS[1:]), 1, 32, 8)
    states, found = states_and_logits(model, params, batch)
    raw = states[0, batch["step_positions"][0]] @ np.asarray(params["head"]["kernel"])
    np.testing.assert_allclose(found[0, 0], (raw[0] + raw[3]) / 2, rtol=1e-4, atol=1e-6)

    def of_gate(hidden, scale):
        scaled = {**params["head"], "kernel": params["head"]["kernel"] * scale}
        return read_steps(model, {**params, "head": scaled}, hidden, batch)[0, 0, 0]

    # With a head of zeros only the gate could pass a gradient on.
    assert not np.asarray(jax.grad(of_gate)(jnp.asarray(states), 0.0)).any()
    assert np.asarray(jax.grad(of_gate)(jnp.asarray(states), 1.0)).any()


def test_a_step_that_one_direction_lost_keeps_the_score_of_the_other():
    model, params = model_with(HeadConfig("scalar", gate=True))
    plain = Decoder(PRESETS["tiny-llama"], head=HeadConfig("scalar"))
    batch = pack(directions(ROWS[:1], max_length=17), 1, 48, 8)
    np.testing.assert_array_equal(batch["step_index"][0, :4], [0, 1, 2, 1])
    _, found = states_and_logits(model, params, batch)
    _, alone = states_and_logits(plain, params, batch)
    np.testing.assert_allclose(found[0, [0, 2]], alone[0, [0, 2]], rtol=1e-6)
    assert found[0, 1] == found[0, 3] and found[0, 1] != alone[0, 1]


def test_easy_to_hard_takes_the_least_logit_around_the_boundary_within_the_trajectory():
    model, params = model_with(HeadConfig("easy_to_hard"))
    params["head"]["kernel"] = jax.random.normal(jax.random.key(3), (WIDTH, 2))
    encoded = [encode_unit(row, TOKENIZER, TRL, 100) for row in ROWS]
    batch = pack(encoded, 1, 64, 8)
    states, found = states_and_logits(model, params, batch)
    every = states[0] @ np.asarray(params["head"]["kernel"]).mean(1)
    ends = batch["step_positions"][0]
    for slot in range(5):
        last = slot in (2, 4)  # the token after it is not of this trajectory
        near = every[ends[slot] - 1 : ends[slot] + (1 if last else 2)]
        np.testing.assert_allclose(found[0, slot, 0], near.min(), rtol=1e-4, atol=1e-5)


def test_easy_to_hard_starts_at_even_odds():
    model, params = model_with(HeadConfig("easy_to_hard"))
    _, found = states_and_logits(model, params, pack(directions(ROWS), 1, 96, 16))
    assert not found.any()
