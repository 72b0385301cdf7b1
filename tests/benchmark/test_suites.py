"""Benchmarks run at small sizes, say where they ran, and refuse what they do not know."""

import functools
import json
from xml.etree import ElementTree

import pytest

from prm_jax.benchmark import input, roofline
from prm_jax.benchmark.suites import SUITES, run_suite
from prm_jax.errors import InputError
from prm_jax.train import loop
from prm_jax.train.config import check

pytestmark = pytest.mark.slow


@functools.cache
def smoke(name):
    """The result of a smoke run, made once."""
    return run_suite(name, smoke=True, command="a command")


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_runs_and_says_what_and_where(name):
    result = smoke(name)
    assert result["smoke"] and json.loads(json.dumps(result)) == result
    assert result["run"]["command"] == "a command" and result["run"]["peak_memory_gib"] > 0
    assert result["run"]["machine"] and result["run"]["code"]


def test_the_sdm_suite_fits_on_one_half_and_calibrates_on_the_other():
    figures = smoke("sdm")["figures"]
    assert figures["rows_to_train_on"] == figures["rows_to_calibrate_on"] == 200
    assert figures["rows_predicted"] == 200 and figures["exemplar_width"] == 1000
    assert figures["fit_seconds"] >= 0


def test_the_best_of_n_suite_computes_the_prompt_once_and_scores_alike():
    figures = smoke("best_of_n")["figures"]
    assert figures["tokens"] == 4 * (40 + 20) and figures["distinct_tokens"] == 40 + 4 * 20
    assert figures["largest_difference"] < 1e-5 < 0.1 < figures["standard_deviation_of_logits"]
    assert figures["packed_seconds"] > 0 and figures["shared_seconds"] > 0


@pytest.mark.parametrize("name", ["score", "train"])
def test_both_ways_are_given_the_same_tokens_and_compared_pair_by_pair(name):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    figures = smoke(name)["figures"]
    ours, theirs, n = figures["ours"], figures["padded_recipe"], figures["solutions"]["tokens"]
    for way in (ours, theirs):
        assert way["tokens_per_second"] == pytest.approx(n / way["seconds"], rel=0.02)
    assert theirs["padded_tokens"] == 4 * figures["solutions"]["longest"] > n
    pair = theirs["all_seconds"][0] / ours["all_seconds"][0]
    assert figures["speedup"] == pytest.approx(pair, rel=0.05)
    assert 0 < ours["share_of_matmul_limit"] and ours["programs_compiled"] > 0


def test_the_score_suite_measures_passes_costs_and_growth():
    figures = smoke("score")["figures"]
    (forward,) = figures["forward"]
    limit, seconds = forward["matmul_limit_seconds"], forward["forward_seconds"]
    assert forward["share_of_matmul_limit"] == pytest.approx(limit[0] / seconds[0], rel=0.05)
    assert set(figures["cost_over_one_pass"]) == {
        "bidirectional",
        "hierarchical",
        "hierarchical, prefixes shared",
    }
    assert [row["steps"] for row in figures["by_steps_of_a_trajectory"]] == [1, 12]
    assert [row["trajectories"] for row in figures["by_trajectories_of_a_file"]] == [3, 6]


def test_the_train_suite_measures_what_else_is_trained():
    figures = smoke("train")["figures"]
    (variant,) = figures["variants"].values()
    assert 0 < variant["parameters_trained"] == figures["parameters_trained"]
    assert variant["tokens_per_second"] > 0 and variant["updates"] == figures["updates"]


def test_the_mfu_suite_counts_the_tokens_of_full_rows():
    figures = smoke("mfu")["figures"]
    (trained,) = figures["training"].values()
    for part in (figures["scoring"], trained):
        assert part["rows"] == 2 and part["mfu"] is None  # of a CPU no peak is known
        assert part["tokens_per_second"] == pytest.approx(2 * 64 / part["seconds"], rel=0.04)
        assert part["gflops_per_second"] > 0


def test_the_input_suite_reads_sets_of_every_size_faster_than_training_does():
    figures = smoke("input")["figures"]
    assert [(found["trajectories"], found["files"]) for found in figures["sets"]] == [
        (40, 1),
        (80, 1),
    ]
    rates = [found["tokens_per_second"] for found in figures["sets"]]
    trained = figures["training"]["tokens_per_second"]
    assert figures["stream_over_training"] == pytest.approx(min(rates) / trained, rel=0.1)


def test_memory_of_training_is_that_after_the_updates_asked_for(monkeypatch, tmp_path):
    trained = []

    def note(config, workdir, progress):
        check(config)
        trained.append((config.data.train, config.steps))

    monkeypatch.setattr(loop, "train", note)
    assert input.TinyTraining(tmp_path).memory(7) > 0
    assert trained == [(str(tmp_path), 7)]


def test_the_compile_suite_finds_that_files_after_the_first_compile_nothing():
    figures = smoke("compile")["figures"]
    files = [figures[f"compiled_by_the_{name}_file"] for name in ("first", "second", "third")]
    assert files[0]["programs"] > 0 == files[1]["programs"] == files[2]["programs"]
    assert figures["cold_seconds"] > 0 and figures["warm_seconds"] > 0


def test_the_parts_of_a_pass_are_drawn(tmp_path):
    roofline.write(tmp_path / "plot.svg", smoke("train"))
    root = ElementTree.parse(tmp_path / "plot.svg").getroot()
    text = "".join(root.itertext())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert all(name in text for name in ("projections", "attention", "forward", "update"))
    with pytest.raises(InputError, match="has no roofline"):
        roofline.write(tmp_path / "plot.svg", smoke("sdm"))


def test_an_unknown_suite_is_refused():
    with pytest.raises(InputError, match="known are score, train, mfu, input"):
        run_suite("spped")
