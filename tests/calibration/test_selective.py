"""Policies on judged candidates: what they may choose, and what must not change their choice."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prm_jax.calibration.judged import Judged
from prm_jax.calibration.selective import accept_rule, best_of_n, resample, route
from prm_jax.errors import InputError


def by_step(name, score, *steps, alpha=0.9):
    """A candidate from (prediction, region) of each step; None is a step that did not fit."""
    prediction, region = zip(*(step or (None, None) for step in steps))
    admitted = tuple(None if x is None else x >= alpha for x in region)
    return Judged(name, "step", score, prediction, admitted, region)


def as_one(name, score, prediction, region, alpha=0.9):
    return Judged(name, "solution", score, (prediction,), (region >= alpha,), (region,))


ALL = by_step("all", 0.7, (1, 0.95), (1, 0.9))
LAST = by_step("last", 0.9, (1, 0.8), (1, 0.95))
WRONG = by_step("wrong", 0.99, (1, 0.95), (0, 0.95))
CUT = by_step("cut", 0.95, (1, 0.95), None)
NEVER = by_step("never", 0.99, (1, 0.0), (1, 0.0))

STEPS = st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.6, 0.8, 0.9, 0.95]))
CANDIDATES = st.lists(
    st.builds(
        lambda score, steps: by_step("x", score, *steps),
        st.sampled_from([None, 0.1, 0.5, 0.9]),
        st.lists(st.one_of(STEPS, st.none()), min_size=1, max_size=3),
    ),
    max_size=6,
)
RULES = st.sampled_from(["all_steps", "last_step", "region>=0.6", "region>=0.9"])


@pytest.mark.parametrize(
    ("rule", "accepted"),
    [
        ("all_steps", {"all"}),
        ("last_step", {"all", "last"}),
        ("region>=0.8", {"all", "last"}),
        ("region>=0.95", set()),
    ],
)
def test_a_rule_accepts_what_its_name_says(rule, accepted):
    accept = accept_rule(rule)
    assert {c.id for c in (ALL, LAST, WRONG, CUT, NEVER) if accept(c)} == accepted


def test_a_solution_is_accepted_by_its_own_judgement():
    good, low, wrong = as_one("g", 0.9, 1, 0.9), as_one("l", 0.9, 1, 0.8), as_one("w", 0.1, 0, 0.95)
    accept = accept_rule("solution")
    assert accept(good) and not accept(low) and not accept(wrong)
    assert accept_rule("region>=0.8")(low) and accept_rule("solution", 0.8)(low)
    # A prediction that has no level is not admitted at any.
    assert not accept_rule("region>=0.00001")(as_one("n", 0.9, 1, 0.0))


@pytest.mark.parametrize(
    ("rule", "candidate", "words"),
    [
        ("solution", ALL, "judged by step; judge with level=solution"),
        ("all_steps", as_one("a", 0.5, 1, 0.9), "judged by solution; judge with level=step"),
    ],
)
def test_a_rule_for_another_level_is_refused(rule, candidate, words):
    with pytest.raises(InputError, match=words):
        accept_rule(rule)(candidate)


@pytest.mark.parametrize("rule", ["every_step", "region>=x", "region>=0", "region>=2"])
def test_an_unknown_rule_is_refused(rule):
    with pytest.raises(InputError, match="field 'accept'"):
        accept_rule(rule)


@given(CANDIDATES, RULES)
def test_the_best_of_n_is_accepted_and_no_accepted_one_is_better(candidates, rule):
    accept = accept_rule(rule)
    choice = best_of_n(candidates, accept)
    accepted = [c for c in candidates if accept(c)]
    assert choice.draws == len(candidates) and (choice.index is None) == (not accepted)
    if accepted:
        chosen = candidates[choice.index]
        assert accept(chosen) and choice.reason == "accepted"
        scores = [-1 if c.score is None else c.score for c in accepted]
        assert max(scores) == (-1 if chosen.score is None else chosen.score)
        # What is not accepted has no influence.
        others = [c if accept(c) else dataclasses.replace(c, score=1.0) for c in candidates]
        assert best_of_n(others, accept) == choice


@given(CANDIDATES, st.sampled_from([0.6, 0.8, 0.9, 0.95]), st.sampled_from([0.6, 0.8, 0.9]))
def test_a_higher_level_answers_no_more(candidates, one, other):
    low, high = sorted((one, other))
    lenient = best_of_n(candidates, accept_rule("all_steps", low))
    strict = best_of_n(candidates, accept_rule("all_steps", high))
    assert strict.index is None or lenient.index is not None


@given(CANDIDATES, RULES, st.integers(1, 7), CANDIDATES)
def test_resampling_stops_at_the_first_accepted_and_looks_no_further(
    candidates, rule, max_draws, later
):
    accept = accept_rule(rule)
    choice = resample(candidates, accept, max_draws=max_draws)
    assert choice.draws <= min(max_draws, len(candidates))
    if choice.index is None:
        assert choice.draws == min(max_draws, len(candidates))
        assert not any(map(accept, candidates[:max_draws]))
    else:
        assert choice.index == choice.draws - 1 and accept(candidates[choice.index])
        assert not any(map(accept, candidates[: choice.index]))
        seen = candidates[: choice.draws]
        assert resample([*seen, *later], accept, max_draws=max_draws) == choice


def test_resampling_without_an_accepted_one_abstains_or_takes_the_best_of_those_drawn():
    candidates = [CUT, WRONG, NEVER, ALL]
    options = dict(accept=accept_rule("all_steps"), max_draws=3)
    abstained = resample(candidates, **options)
    assert abstained.index is None and abstained.draws == 3 and abstained.reason == "none accepted"
    taken = resample(candidates, **options, otherwise="best")
    assert (taken.index, taken.draws, taken.reason) == (1, 3, "best of none accepted")
    assert resample([], **options, otherwise="best").index is None
    for change in ({"max_draws": 0}, {"otherwise": "guess"}):
        with pytest.raises(InputError, match=next(iter(change))):
            resample(candidates, **{**options, **change})


@given(CANDIDATES, CANDIDATES, RULES)
def test_only_what_the_first_model_does_not_settle_goes_to_the_second(first, second, rule):
    accept = accept_rule(rule)
    alone, routed = best_of_n(first, accept), route(first, second, accept)
    if alone.index is not None:
        assert routed == alone and routed.second_draws == 0
    elif second:
        assert routed.reason == "second model" and routed.second_draws == len(second)
        score = second[routed.index].score
        assert score == max((c.score for c in second if c.score is not None), default=None)
    else:
        assert routed.index is None
