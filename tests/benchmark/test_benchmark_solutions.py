"""Solutions to measure with are as long as is said, and the made sums are labelled rightly."""

import re

import numpy as np

from prm_jax.benchmark.input import made_solutions
from prm_jax.benchmark.solutions import lengths, solutions
from prm_jax.text import CONVENTIONS, encode
from prm_jax.train.backbone import byte_tokenizer


def test_lengths_have_the_mean_and_the_ends_that_are_said():
    found = lengths(64, seed=0)
    assert abs(np.mean(found) - 737) < 2 and min(found) >= 150 and max(found) <= 1800
    assert found == lengths(64, seed=0) != lengths(64, seed=1)
    assert sorted(found) == sorted(lengths(64, seed=1))  # only the order is drawn
    assert abs(np.mean(lengths(64, seed=0, scale=0.1)) - 73.7) < 1


def test_a_solution_has_the_tokens_and_steps_that_are_asked_for():
    n_tokens = [150, 737, 1800, 61]
    for solution, n in zip(solutions(n_tokens, 0), n_tokens, strict=True):
        found = encode(solution, byte_tokenizer(), CONVENTIONS["trl"], 10**6)
        assert abs(len(found.tokens) - n) <= 1
        sizes = np.diff(found.step_positions)
        assert len(sizes) == 0 or (sizes >= 45).all() and (sizes <= 75).all()
        assert found.label_mask.all()


def test_the_first_wrong_sum_is_where_the_label_says():
    for solution in made_solutions(0, 50):
        sums = [list(map(int, re.findall(r"\d+", step))) for step in solution.steps]
        wrong = [i for i, (term, total, result) in enumerate(sums) if term + total != result]
        assert wrong == ([] if solution.first_error == -1 else [solution.first_error])
