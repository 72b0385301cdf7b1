"""The suites by name. A new one is a file here, with `run(smoke, progress)`, and a line below."""

import importlib
import json
import time

from prm_jax import provenance
from prm_jax.errors import InputError
from prm_jax.progress import Progress

SUITES = {
    "score": "scoring solutions, against the padded Hugging Face recipe and the matmul limit",
    "train": "training on solutions, against the same, and its memory",
    "mfu": "scoring and training a model of 1.5B parameters, as a share of an accelerator's peak",
    "input": "the stream of batches alone, against what training takes",
    "compile": "the first result with cold and warm caches, and what a second file compiles",
    "load": "loading a checkpoint of several files onto a mesh, each byte once",
    "best_of_n": "scoring many candidates of one problem, their prompt computed once",
    "sdm": "fitting an SDM estimator on many rows, and judging as many",
}


def run_suite(name: str, *, smoke: bool = False, command: str = "") -> dict:
    """Runs a suite in this process, whose peak memory is then the suite's.

    Args:
        name: in SUITES.
        smoke: small sizes, which only show that it runs.
        command: what was asked for, to be written down.

    Returns:
        What a result file holds: `figures` of the suite, and the `run`.

    Raises:
        InputError: no such suite.
    """
    if name not in SUITES:
        raise InputError(
            f"unknown suite {name!r}", field="suite", remedy=f"known are {', '.join(SUITES)}"
        )
    suite = importlib.import_module(f"prm_jax.benchmark.{name}")
    began = time.monotonic()
    with Progress(f"benchmark {name}") as progress:
        figures = suite.run(smoke, progress)
    run = provenance.run_record(command, time.monotonic() - began)
    return {
        "suite": name,
        "smoke": smoke,
        "figures": json.loads(json.dumps(figures)),
        "run": run | {"peak_memory_gib": round(provenance.peak_memory_gib(), 3)},
    }
