"""Chains of operations: what is drawn is what the labels say, read back from the text."""

import dataclasses

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.reproduce.chains import (
    COPIED,
    LABELS,
    OPERAND,
    REPAIR,
    SLIP,
    ChainOptions,
    draw,
    trajectories,
)

OPTIONS = ChainOptions(
    min_steps=2, max_steps=6, operations="+-*", error_rate=0.3, operand=1.0, repair_rate=0.3
)


def rng(seed=0):
    return np.random.default_rng(seed)


def worked(problem):
    """The true numbers after each step, by Python's own arithmetic on the text."""
    running, numbers = int(problem[0]), []
    for sign, digit in zip(problem[1::2], problem[2::2]):
        running = eval(f"{running}{sign}{digit}") % 10
        numbers.append(running)
    return numbers


def test_labels_are_what_the_text_shows():
    chains = draw(400, OPTIONS, rng())
    by_meaning = [trajectories(chains, meaning) for meaning in LABELS]
    assert any(trajectory.first_error == -1 for trajectory in by_meaning[0])
    for step_t, prefix_t, state_t in zip(*by_meaning):
        problem, before, ok = step_t.problem, int(step_t.problem[0]), True
        true = worked(problem)
        for s, text in enumerate(step_t.steps):
            left, sign, used, shown = int(text[0]), text[1], int(text[2]), int(text[4])
            asked = (problem[2 * s + 1], int(problem[2 * s + 2]))
            start = int(problem[0]) if s == 0 else true[s - 1]
            right = left in (before, start) and (sign, used) == asked
            right = right and eval(f"{left}{sign}{used}") % 10 == shown
            ok = ok and right
            assert step_t.labels[s] == right
            assert prefix_t.labels[s] == ok
            assert state_t.labels[s] == (shown == true[s])
            before = shown
        assert step_t.gold == str(true[-1]) and step_t.answer == str(before)
        assert step_t.outcome == (before == true[-1])
        assert step_t.first_error == ([*step_t.labels, 0].index(0) if 0 in step_t.labels else -1)


@pytest.mark.parametrize("kind", [SLIP, COPIED, OPERAND])
def test_one_kind_of_error_changes_only_its_own_number(kind):
    weights = dict(slip=0.0, copied=0.0, operand=0.0)
    weights[{SLIP: "slip", COPIED: "copied", OPERAND: "operand"}[kind]] = 1.0
    options = dataclasses.replace(OPTIONS, operations="+-", error_rate=0.5, **weights)
    chains = draw(300, options, rng())
    before = np.concatenate([chains.first_N[:, None], chains.shown_NS[:, :-1]], axis=1)
    wrong = chains.kind_NS == kind
    repaired = chains.kind_NS == REPAIR
    assert wrong.any() and repaired.any()
    assert ((chains.left_NS != before) == ((kind == COPIED) & wrong) | repaired).all()
    if kind == OPERAND:
        # An operand that comes out the same is no error of its own; the step is a slip then.
        assert (chains.used_NS != chains.operand_NS)[wrong].all()
    else:
        assert (chains.used_NS == chains.operand_NS).all()


def test_error_rate_and_length_are_those_asked_for():
    options = ChainOptions(min_steps=2, max_steps=5, error_rate=0.2)
    chains = draw(4000, options, rng())
    assert np.mean(~chains.labels("step")) == pytest.approx(0.2, abs=0.01)
    assert np.bincount(chains.n_steps_N, minlength=6)[2:] / 4000 == pytest.approx(0.25, abs=0.03)


def test_without_errors_everything_is_right():
    chains = draw(50, ChainOptions(error_rate=0.0), rng())
    assert all(chains.labels(meaning).all() for meaning in LABELS) and chains.outcome_N.all()


def test_candidates_share_a_problem_and_differ():
    chains = draw(5, OPTIONS, rng(), candidates=16)
    rows = trajectories(chains)
    groups = [rows[i : i + 16] for i in range(0, 80, 16)]
    for group in groups:
        assert len({(t.problem, t.group, t.gold) for t in group}) == 1
        assert len({t.steps for t in group}) > 1
    assert len({group[0].group for group in groups}) == 5


def test_the_same_seed_draws_the_same_chains():
    assert trajectories(draw(20, OPTIONS, rng(3))) == trajectories(draw(20, OPTIONS, rng(3)))
    assert trajectories(draw(20, OPTIONS, rng(3))) != trajectories(draw(20, OPTIONS, rng(4)))


def test_labels_of_another_source_leave_the_first_error_out():
    chains = draw(3, OPTIONS, rng())
    row = trajectories(chains, np.full(chains.mask_NS.shape, 0.25))[0]
    assert set(row.labels) == {0.25} and row.first_error is None and row.outcome is not None


@pytest.mark.parametrize(
    "fields",
    [
        dict(min_steps=0),
        dict(min_steps=4, max_steps=3),
        dict(operations=""),
        dict(operations="+/"),
        dict(modulus=11),
        dict(error_rate=1.5),
        dict(repair_rate=-0.1),
        dict(slip=0.0, copied=0.0),
        dict(slip=-1.0),
    ],
)
def test_options_that_no_chain_can_have_are_refused(fields):
    with pytest.raises(InputError):
        ChainOptions(**fields)


def test_an_unknown_meaning_of_a_label_is_refused():
    with pytest.raises(InputError, match="unknown meaning"):
        draw(2, OPTIONS, rng()).labels("value")
