"""Benchmarks run at small sizes, say where they ran, and refuse what they do not know."""

import json

import pytest

from prm_jax.benchmark.suites import SUITES, run_suite
from prm_jax.errors import InputError


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_runs_and_says_what_and_where(name):
    result = run_suite(name, smoke=True, command="a command")
    assert result["smoke"] and json.loads(json.dumps(result)) == result
    assert result["run"]["command"] == "a command" and result["run"]["peak_memory_gib"] > 0
    assert result["run"]["machine"] and result["run"]["code"]


def test_the_sdm_suite_fits_on_one_half_and_calibrates_on_the_other():
    figures = run_suite("sdm", smoke=True)["figures"]
    assert figures["rows_to_train_on"] == figures["rows_to_calibrate_on"] == 200
    assert figures["rows_predicted"] == 200 and figures["exemplar_width"] == 1000
    assert figures["fit_seconds"] >= 0


def test_the_best_of_n_suite_computes_the_prompt_once_and_scores_alike():
    figures = run_suite("best_of_n", smoke=True)["figures"]
    assert figures["tokens"] == 4 * (40 + 20) and figures["distinct_tokens"] == 40 + 4 * 20
    assert figures["largest_difference"] < 1e-5 < 0.1 < figures["standard_deviation_of_logits"]
    assert figures["packed_seconds"] > 0 and figures["shared_seconds"] > 0


def test_an_unknown_suite_is_refused():
    with pytest.raises(InputError, match="known are best_of_n, sdm"):
        run_suite("spped")
