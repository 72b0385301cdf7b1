"""Every study runs, at sizes that show nothing else, and gives what its claims are about."""

import importlib
import json
import math
import operator
import os

import chex
import jax
import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.reproduce import population
from prm_jax.reproduce import study as study_module
from prm_jax.reproduce.claim import Claim
from prm_jax.reproduce.studies import STUDIES, load
from prm_jax.reproduce.study import Study, run_study

TRAINED = "dreamprm"
"""A study whose smoke run makes all its updates: it has an update function of its own."""


def config_of(name, size="full"):
    return importlib.import_module(f"configs.reproduce.{name}").get_config(size)


def shapes_of_updates(one_update, states, batches, order_UPB, progress):
    """In place of `population.make_updates`: traces an update of one seed and makes none."""
    state, batch = jax.tree.map(operator.itemgetter(0), (states, batches))
    batch = jax.tree.map(lambda x: x[order_UPB[0, 0]], batch)
    after, metrics = jax.eval_shape(one_update, state, batch)
    chex.assert_trees_all_equal_shapes_and_dtypes(after, jax.eval_shape(lambda: state))
    assert metrics["loss"].shape == ()
    return states, {name: np.zeros(order_UPB.shape[1]) for name in metrics}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_and_every_figure_is_a_share_or_a_difference(name, monkeypatch):
    if name != TRAINED:  # updates of the others are those of tests/reproduce/test_population.py
        monkeypatch.setattr(population, "make_updates", shapes_of_updates)
    result = run_study(name, load(name), config_of(name, "smoke"), (0, 1), smoke=True)
    assert result["smoke"] and json.loads(json.dumps(result)) == result
    assert len(result["claims"]) == len(load(name).claims)
    for figure, of in result["figures"].items():
        assert len(of["per_seed"]) == 2 and all(math.isfinite(x) for x in of["per_seed"]), figure
        if figure.startswith(("step AUROC", "best of", "pass rate")):
            assert all(0 <= x <= 1 for x in of["per_seed"]), figure


@pytest.mark.parametrize("name", STUDIES)
def test_the_full_sizes_are_larger_than_those_of_a_smoke_run(name):
    full, smoke = config_of(name), config_of(name, "smoke")
    sizes = [("training", "updates"), ("data", "solutions"), ("data", "problems")]
    given = [(part, size) for part, size in sizes if size in full.get(part, {})]
    assert given and all(full[part][size] > 10 * smoke[part][size] for part, size in given)


def test_effects_are_judged_over_the_seeds_in_their_order(monkeypatch):
    monkeypatch.setattr(study_module.provenance, "code_version", lambda: "0" * 40)

    def run(config, seeds, progress):
        return {"a": [seed + 1.0 for seed in seeds], "b": [-1.0, -1.0, -1.0]}

    claims = (Claim("a is positive", "a"), Claim("b is positive", "b"))
    study = Study("t", "p", claims, "s", "d", run)
    result = run_study("x", study, config_of("q_ranking"), (3, 4, 5), smoke=True)
    assert result["figures"]["a"]["per_seed"] == [4.0, 5.0, 6.0] and result["seeds"] == [3, 4, 5]
    assert [claim["verdict"] for claim in result["claims"]] == ["reproduced", "not reproduced"]
    assert result["claims"][0]["mean"] == 5.0 and result["config"]["training"]["updates"] > 0


def run_of_any_seeds(config, seeds, progress):
    return {"a": [10.0 * seed for seed in seeds], "process": [os.getpid()] * len(seeds)}


def test_processes_share_the_seeds_and_their_order_is_kept(monkeypatch):
    monkeypatch.setattr(study_module.provenance, "code_version", lambda: "0" * 40)
    study = Study("t", "p", (), "s", "d", run_of_any_seeds)
    result = run_study("x", study, config_of("q_ranking"), (3, 4, 5), smoke=True, processes=2)
    here, also_here, elsewhere = result["figures"]["process"]["per_seed"]
    assert here == also_here == os.getpid() != elsewhere
    assert result["figures"]["a"]["per_seed"] == [30.0, 40.0, 50.0]


@pytest.mark.parametrize(("seeds", "smoke"), [((0,), True), ((0, 0), True), (range(4), False)])
def test_too_few_seeds_are_refused(seeds, smoke):
    with pytest.raises(InputError, match="seeds"):
        run_study("x", load("q_ranking"), config_of("q_ranking"), seeds, smoke=smoke)


def test_an_unknown_study_is_refused():
    with pytest.raises(InputError, match="unknown study"):
        load("none")
