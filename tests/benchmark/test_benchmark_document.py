"""The document of benchmarks says what the result files say, and is up to date."""

import json
from pathlib import Path

import pytest

from prm_jax.benchmark import document
from prm_jax.benchmark.suites import SUITES
from prm_jax.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def result(**fields):
    run = {
        "seconds": 120.0,
        "code": "0123456789abcdef",
        "command": "a command",
        "versions": {"jax": "1.2.3"},
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "memory_gib": 23.5,
            "devices": {"cpu": 1},
        },
    }
    return {"suite": "score", "smoke": False, "figures": {}, "run": run} | fields


def test_nested_figures_become_rows():
    figures = {
        "ours": {"tokens_per_second": 1234.56, "all_seconds": [1.0, 2.0], "mfu": None},
        "forward": [{"rows": 1, "row_length": 512, "share_of_matmul_limit": 0.7}],
        "meshes": [4, {"seconds": 3}],
        "roofline": {"points": [{"name": "forward"}]},
    }
    assert dict(document.flat(figures)) == {
        "ours, tokens per second": 1234.56,
        "forward, 1 rows of 512 tokens, share of matmul limit": 0.7,
        "meshes, 2, seconds": 3,
    }


def test_a_result_is_shown_with_its_machine_and_command(tmp_path):
    (tmp_path / "results").mkdir()
    file = tmp_path / "results" / "benchmark_score.json"
    file.write_text(json.dumps(result(figures={"speedup": 2.5, "n": 12345})))
    document.write(tmp_path / "results", tmp_path / "benchmarks.md")
    text = (tmp_path / "benchmarks.md").read_text()
    for part in ("| speedup | 2.5 |", "| n | 12,345 |", "2.0 minutes", "a processor", "a command"):
        assert part in text
    assert "results/benchmark_score.json" in text


@pytest.mark.parametrize("fields", [{"smoke": True}, {"suite": "x", "figures": 1, "smoke": None}])
def test_what_is_no_result_is_refused(fields, tmp_path):
    (tmp_path / "benchmark_x.json").write_text(json.dumps(result(**fields)))
    with pytest.raises(InputError, match="no result of a suite"):
        document.read(tmp_path)


def test_every_suite_is_explained():
    assert all(f"- **{name}**" in document.HEAD for name in SUITES)


def test_the_document_is_that_of_the_results():
    expected = document.render(document.read(ROOT / "results"))
    assert (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == expected
