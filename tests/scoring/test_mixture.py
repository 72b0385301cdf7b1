"""Scores of a mixture are what the experts of the problem's category make of the steps."""

import json

import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.models import make_mesh, merge_lora, param_shardings
from prm_jax.scoring.mixture import mixture, route
from prm_jax.text import CONVENTIONS, encode
from prm_jax.weights.mixture import RECORD, load_mixture


def alone(hidden, params, loaded, item):
    """Category and log-odds of one encoded trajectory, by itself through the decoder and numpy."""
    tokens = np.zeros((1, 512), np.int32)
    tokens[0, : len(item.tokens)] = item.tokens  # what comes after is not seen
    router = loaded["router"]
    state = np.asarray(hidden(params, tokens))[0, item.step_starts[0] - 1]
    category = int(np.argmax(state @ router["kernel"] + router["bias"]))
    stacked, synthesis = (loaded[name][str(category)] for name in ("experts", "synthesis"))
    states = []
    for number in range(2 - category):
        adapters = jax.tree.map(lambda x, number=number: x[number], stacked)
        states.append(np.asarray(hidden(merge_lora(params, adapters), tokens)))
        states[-1] = states[-1][0, item.step_positions]
    x = np.concatenate(states, -1) @ synthesis["dense"]["kernel"] + synthesis["dense"]["bias"]
    x = np.where(x > 0, x, synthesis["prelu"]["scale"] * x)
    return category, (x @ synthesis["out"]["kernel"] + synthesis["out"]["bias"])[:, 0]


def test_scores_and_routes_are_those_of_each_trajectory_alone(
    model_and_params, tokenizer, trajectories, mixture_directory
):
    given = (*model_and_params, tokenizer, trajectories)
    found = mixture(path=str(mixture_directory))(*given)
    routes = route(str(mixture_directory), *given)
    assert set(routes) == {"sums", "words"}
    model, params = model_and_params
    loaded = load_mixture(mixture_directory).params
    hidden = jax.jit(lambda p, tokens: model.apply({"params": p}, tokens).hidden_BTD)
    for trajectory, scores, name in zip(trajectories, found, routes, strict=True):
        item = encode(trajectory, tokenizer, tokenizer.convention, 10**6)
        category, expected = alone(hidden, params, loaded, item)
        assert ("sums", "words")[category] == name
        np.testing.assert_allclose(scores.step_logits, expected, atol=1e-5)


def test_scores_on_a_mesh_are_the_same(
    model_and_params, tokenizer, trajectories, mixture_directory
):
    model, params = model_and_params
    scorer, mesh = mixture(path=str(mixture_directory)), make_mesh(data=2, fsdp=2, tensor=2)
    spread = jax.device_put(params, param_shardings(params, mesh))
    found = scorer(model, spread, tokenizer, trajectories, mesh=mesh)
    for one, other in zip(found, scorer(model, params, tokenizer, trajectories), strict=True):
        np.testing.assert_allclose(one.step_logits, other.step_logits, atol=1e-5)


def test_the_steps_have_no_say_in_the_category(
    model_and_params, tokenizer, trajectories, mixture_directory
):
    given = (str(mixture_directory), *model_and_params, tokenizer, trajectories)
    whole = route(*given)
    items = [encode(t, tokenizer, tokenizer.convention, 10**6) for t in trajectories]
    needed = [item.step_positions[0] + 1 for item in items]
    longest = sorted(needed)[len(needed) // 2]
    assert route(*given, max_length=longest) == [
        name if n <= longest else None for name, n in zip(whole, needed, strict=True)
    ]


def test_another_model_or_marking_than_the_mixtures_is_refused(
    model_and_params, tokenizer, trajectories, mixture_directory
):
    model, params = model_and_params
    scorer = mixture(path=str(mixture_directory))
    other = {**params, "final_norm": {"scale": params["final_norm"]["scale"] + 0.01}}
    with pytest.raises(InputError, match="another model.*score with tiny in float32"):
        scorer(model, other, tokenizer, trajectories)
    with pytest.raises(InputError, match="marked otherwise, by 'trl'"):
        scorer(model, params, tokenizer, trajectories, convention=CONVENTIONS["math_shepherd"])
    with pytest.raises(InputError, match="turn a step"):
        route(
            str(mixture_directory),
            *(model, params, tokenizer, trajectories),
            convention=CONVENTIONS["rlhflow"],
        )


def test_a_damaged_mixture_is_named(tmp_path, mixture_directory):
    (tmp_path / RECORD).write_text(json.dumps({"categories": ["sums"]}))
    with pytest.raises(InputError, match="no weights"):
        mixture(path=str(tmp_path))
    name = "model.safetensors"
    (tmp_path / name).write_bytes((mixture_directory / name).read_bytes())
    with pytest.raises(InputError, match="not those of 1 categories"):
        mixture(path=str(tmp_path))
