"""What is scored after a first file compiles nothing, whatever its lengths and its size."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.benchmark.best_of_n import candidates
from prm_jax.benchmark.compilations import counted
from prm_jax.records import Trajectory
from prm_jax.scoring import batched, score
from prm_jax.text import encode


def solutions(seed, n, longest=90):
    """Of 1 to 12 steps of 4 bytes and more; the first has fewer than 64, the second more."""
    rng = np.random.default_rng(seed)
    drawn = [
        Trajectory("p" * 12, ("s" * int(rng.integers(4, longest)),) * int(rng.integers(1, 13)))
        for _ in range(n)
    ]
    return [Trajectory("p", ("short",)), Trajectory("p", ("s" * 30,) * 3), *drawn][:n]


def test_a_second_file_of_other_lengths_compiles_nothing(model_and_params, tokenizer):
    model, params = model_and_params
    # An architecture that no other test has compiled, and attention that compiles soonest.
    config = dataclasses.replace(model.config, norm_eps=3e-5)
    model = model.clone(config=config, attention="xla")
    with counted() as first:
        score(model, params, tokenizer, solutions(0, 12, longest=30), batch_tokens=512)
    with counted() as second:
        score(model, params, tokenizer, solutions(1, 3, longest=30), batch_tokens=512)
        score(model, params, tokenizer, solutions(2, 21, longest=30), batch_tokens=512)
    assert 0 < first.count and second.count == 0


@pytest.mark.parametrize(
    ("n_tokens", "row_length"),
    [
        (64, 64),
        (65, 512),
        (512, 512),
        (513, 768),
        (768, 768),
        (769, 1024),
        (1025, 1536),
        (1537, 2048),
        (2049, 3072),
    ],
)
def test_a_row_is_the_shortest_of_few_that_holds_a_trajectory(n_tokens, row_length):
    shapes = []

    def forward(batch):
        shapes.append(batch["tokens"].shape)
        return np.zeros(batch["step_mask"].shape)

    ((value,),) = batched.step_values(candidates(256, 1, 10, n_tokens - 10, n_tokens - 10), forward)
    assert shapes == [(max(1, batched.SMALL_BATCH_TOKENS // row_length), row_length)]
    assert value == 0


def test_a_new_shape_is_counted():
    with counted() as found:
        jnp.cos(jnp.ones(977)).block_until_ready()
        inside = found.count
    jnp.cos(jnp.ones(983)).block_until_ready()
    assert 0 < inside == found.count and found.seconds > 0


@pytest.mark.parametrize("backend, sizes", [("cpu", 1), ("gpu", 2)])
def test_a_length_of_rows_has_few_sizes_of_batch(backend, sizes, tokenizer, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    shapes, padded = set(), 0

    def forward(batch):
        nonlocal padded
        shapes.add((*batch["tokens"].shape, batch["step_positions"].shape[1]))
        padded += int((batch["segment_ids"].max(1) == 0).sum() * batch["tokens"].shape[1])
        return np.zeros(batch["step_positions"].shape)

    for seed, n in enumerate((1, 2, 3, 5, 8, 40, 90)):
        given = [
            encode(solution, tokenizer, tokenizer.convention, 10**6)
            for solution in solutions(seed, n)
        ]
        padded = 0
        values = batched.step_values(given, forward, batch_tokens=2048)
        assert all(None not in row for row in values)
        assert padded < batched.SMALL_BATCH_TOKENS
    of_length = {length: {s for s in shapes if s[1] == length} for _, length, _ in shapes}
    assert {64, 512, 1024} <= set(of_length)
    assert max(map(len, of_length.values())) == sizes


def test_a_solution_dense_in_steps_has_a_row_of_its_own(tokenizer):
    dense, usual = Trajectory("p", ("s",) * 30), Trajectory("p", ("a step",) * 4)
    rows = []

    def forward(batch):
        rows.extend(map(set, np.where(batch["step_mask"], batch["step_example"], -1)))
        return np.zeros(batch["step_positions"].shape)

    given = [encode(t, tokenizer, tokenizer.convention, 10**6) for t in (usual, dense, usual)]
    assert all(None not in row for row in batched.step_values(given, forward))
    assert {1} in [row - {-1} for row in rows] and {0, 2} in [row - {-1} for row in rows]
