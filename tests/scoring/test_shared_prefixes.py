"""Scores with shared prefixes against scores without, and what sharing saves."""

import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.formats import math_aps
from prm_jax.models import PRESETS, Decoder, HeadConfig, init_params, make_mesh, param_shardings
from prm_jax.records import Trajectory, Where
from prm_jax.scoring import score
from prm_jax.scoring.discriminative import head_logits
from prm_jax.scoring.shared_prefixes import TokenCounts, tree_step_values
from prm_jax.text import encode

TOLERANCE = 1e-5


def search(seed, n=12, problems=2):
    """Solutions of which many go on from a step of another; duplicates and bare beginnings too."""
    rng = np.random.default_rng(seed)

    def text():
        return "".join(rng.choice(list("ab 1+"), size=rng.integers(1, 25))) + "."

    found = []
    for number in range(problems):
        problem, known = f"problem {number} {text()}", [(text(),)]
        while len(known) < n:
            base = known[rng.integers(len(known))]
            kept = base[: rng.integers(0, len(base) + 1)]
            more = tuple(text() for _ in range(rng.integers(0, 3)))
            known.append(kept + more or base)
        known += [known[0], known[-1][:1]]
        found += [Trajectory(problem, steps) for steps in known]
    return [found[number] for number in rng.permutation(len(found))]


def flat(results):
    return np.array([s for result in results for s in result.step_logits], np.float64)


def both(model, params, tokenizer, trajectories, **options):
    plain = score(model, params, tokenizer, trajectories, **options)
    shared = score(model, params, tokenizer, trajectories, share_prefixes=True, **options)
    assert [len(s.step_scores) for s in shared] == [len(t.steps) for t in trajectories]
    return flat(shared), flat(plain)


def encode_all(trajectories, tokenizer):
    return [encode(t, tokenizer, tokenizer.convention, 10**6) for t in trajectories]


def distinct(trajectories, tokenizer):
    """Numbers of different prefixes, and of tokens."""
    ids = [item.tokens.tolist() for item in encode_all(trajectories, tokenizer)]
    return len({tuple(i[: n + 1]) for i in ids for n in range(len(i))}), sum(map(len, ids))


def run_without_a_model(trajectories, tokenizer, **options):
    """Counts of tokens, and the shapes that a model would be compiled for."""
    counts, shapes = TokenCounts(), []

    def forward(batch):
        shapes.append(tuple(array.shape for array in jax.tree.leaves(batch)))
        return np.zeros(batch["step_positions"].shape)

    tree_step_values(encode_all(trajectories, tokenizer), forward, counts=counts, **options)
    return counts, shapes


@pytest.mark.parametrize("batch_tokens", [8192, 300])
@pytest.mark.parametrize("seed", [0, 1])
def test_scores_are_those_without_sharing(seed, batch_tokens, model_and_params, tokenizer):
    trajectories = search(seed)
    found, expected = both(*model_and_params, tokenizer, trajectories, batch_tokens=batch_tokens)
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_windows_reach_as_far_as_without_sharing(tokenizer):
    config = PRESETS["tiny-mistral"]
    assert config.sliding_window == 8  # the steps are longer
    params = init_params(jax.random.key(0), config, head := HeadConfig("linear", 2))
    params["head"]["kernel"] *= 30
    found, expected = both(Decoder(config, head=head), params, tokenizer, search(2))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_64_candidates_cost_their_own_tokens_and_one_prompt(model_and_params, tokenizer):
    problem = "x" * 150
    candidates = [Trajectory(problem, (f"{n:02} is it.", "so it is.")) for n in range(64)]
    found, expected = both(*model_and_params, tokenizer, candidates)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    counts, _ = run_without_a_model(candidates, tokenizer)
    assert (counts.computed, counts.given) == distinct(candidates, tokenizer)
    assert counts.computed < 0.2 * counts.given


def test_one_trajectory_and_none_score_as_without_sharing(model_and_params, tokenizer):
    found, expected = both(*model_and_params, tokenizer, [Trajectory("p", ("one.", "two."))])
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    assert score(*model_and_params, tokenizer, [], share_prefixes=True) == []


def test_every_distinct_token_is_computed_once_whatever_the_order(tokenizer):
    trajectories = search(0)
    for rows in (trajectories, trajectories[::-1]):
        counts, _ = run_without_a_model(rows, tokenizer)
        assert (counts.computed, counts.given) == distinct(trajectories, tokenizer)


def test_what_a_split_tree_computes_again_is_counted(tokenizer):
    counts, shapes = run_without_a_model(search(0), tokenizer, batch_tokens=300)
    once, given = distinct(search(0), tokenizer)
    assert len(shapes) > 1 and once < counts.computed < given == counts.given


def test_searches_of_many_sizes_need_few_programs(tokenizer):
    found = [run_without_a_model(search(n, n), tokenizer)[1] for n in range(2, 80, 2)]
    assert len({shape for shapes in found for shape in shapes}) <= 20 < len(found)


def test_the_paths_of_a_search_agree_on_the_steps_they_share(model_and_params, tokenizer):
    def node(text, *children):
        return {"text": text, "mc_value": 0.5, "children": list(children)}

    tree = node(
        "", node("We add.", node("It is 3."), node("It is 4.", node("No."))), node("We guess.")
    )
    row = {"question": "1 + 2?", "final_answer": "3", "reasoning_steps": tree}
    paths = math_aps.read(row, Where("search.jsonl", 1))
    found, expected = both(*model_and_params, tokenizer, paths)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    results = score(*model_and_params, tokenizer, paths, share_prefixes=True)
    first = [r.step_logits[0] for t, r in zip(paths, results) if t.steps[0] == "We add."]
    assert len(first) == 2 and first[0] == first[1]


def test_steps_that_do_not_fit_are_null_with_sharing_too(model_and_params, tokenizer):
    trajectories, done = search(0), []
    for limit in (60, 22):
        plain = score(*model_and_params, tokenizer, trajectories, max_length=limit)
        shared = score(
            *model_and_params,
            tokenizer,
            trajectories,
            max_length=limit,
            share_prefixes=True,
            progress=done.append,
        )
        assert any(s.truncated for s in plain) and sum(done) == len(trajectories)
        done.clear()
        assert [s.truncated for s in shared] == [s.truncated for s in plain]
        np.testing.assert_allclose(flat(shared), flat(plain), rtol=0, atol=TOLERANCE)


def test_all_logits_of_a_step_are_those_without_sharing(model_and_params, tokenizer):
    plain = head_logits(*model_and_params, tokenizer, search(0))
    shared = head_logits(*model_and_params, tokenizer, search(0), share_prefixes=True)
    for (one, _), (other, _) in zip(shared, plain, strict=True):
        np.testing.assert_allclose(np.array(one), np.array(other), rtol=0, atol=TOLERANCE)


def test_rows_of_trees_spread_over_a_mesh_score_the_same(model_and_params, tokenizer):
    model, params = model_and_params
    mesh = make_mesh(data=2, fsdp=2, tensor=2)
    split = jax.device_put(params, param_shardings(params, mesh))
    options = dict(share_prefixes=True, batch_tokens=1200)
    found = score(model, split, tokenizer, search(0), mesh=mesh, **options)
    expected = score(model, params, tokenizer, search(0))
    np.testing.assert_allclose(flat(found), flat(expected), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    "head, words",
    [
        (HeadConfig("easy_to_hard"), "tokens beside"),
        (HeadConfig("linear", 1, gate=True), "both directions"),
    ],
)
def test_a_head_that_reads_more_than_step_ends_is_refused(head, words, model_and_params, tokenizer):
    model, params = model_and_params
    with pytest.raises(InputError, match=words):
        score(model.clone(head=head), params, tokenizer, search(0), share_prefixes=True)
