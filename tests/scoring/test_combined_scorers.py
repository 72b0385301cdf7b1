"""Properties that every combinator keeps, whatever it does to the scores."""

import dataclasses

import numpy as np
import pytest

from prm_jax.errors import InputError
from prm_jax.records import Trajectory
from prm_jax.scoring import COMBINATORS, SCORERS, parse_scorer, score

TOLERANCE = 1e-5
LINES = (
    "bidirectional",
    "bidirectional(merge=probability)",
    "hierarchical",
    "hierarchical(mode=window, window=3)",
    "orm",
    "temperature(value=1.7)",
    "ensemble(discriminative, mean_log_prob, merge=probability)",
    'model(path="other")',
    "length_debiased(slope=-0.01, centre=40, aggregation=mean)",
    'implicit(mode=cumulative, reference="other")',
    "implicit",
    "two_token(positive=a, negative=b)",
    "effective_reward(alpha=1, start=.5)",
    "trajectory_reward(alpha=2)",
    "uncertainty(head=uhead)",
    "mixture(path=dmoerm)",
    "dimensions(mean_log_prob, relevance, orm, weights=(1, 2, .5), scales=(2, 2, 1))",
)


@pytest.fixture(autouse=True)
def beside_added_layers(monkeypatch, uncertainty_head, mixture_directory):
    """The lines name a head and a mixture in the current directory."""
    monkeypatch.chdir(uncertainty_head.parent)


@pytest.fixture
def load(model_and_params, tokenizer):
    """A second model: the same one with its head turned round."""
    model, params = model_and_params
    turned = {**params, "head": {**params["head"], "kernel": -params["head"]["kernel"]}}
    return lambda path: (model, turned, tokenizer)


def judged(line, model_and_params):
    """The model as a line reads it: some take its two logits for log-odds side by side."""
    model, params = model_and_params
    if line.startswith(("effective_reward", "trajectory_reward")):
        model = model.clone(head=dataclasses.replace(model.head, reading="first"))
    return model, params


def values(results):
    """All log-odds, NaN for none."""
    logits = [s for result in results for s in result.step_logits]
    return np.array([np.nan if s is None else s for s in logits])


def assert_same(found, expected):
    np.testing.assert_allclose(values(found), values(expected), atol=TOLERANCE, rtol=0)


def test_every_combinator_is_tested_here():
    names = {name for line in LINES for name in parse_scorer(line, lambda path: (0, 0, 0)).names}
    assert names | {"pairwise"} == set(COMBINATORS) | set(SCORERS)  # see test_pairwise.py


@pytest.mark.parametrize("line", LINES)
def test_alone_packed_and_among_64_are_the_same(
    line, load, model_and_params, tokenizer, trajectories
):
    model_and_params = judged(line, model_and_params)
    scorer = parse_scorer(line, load).score
    chosen = trajectories[:3]
    packed = scorer(*model_and_params, tokenizer, chosen)
    alone = [scorer(*model_and_params, tokenizer, [trajectory])[0] for trajectory in chosen]
    others = [Trajectory(f"problem {i}", ("step. " * (i % 5 + 1), "end")) for i in range(61)]
    among = scorer(*model_and_params, tokenizer, [*others[:30], *chosen, *others[30:]])[30:33]
    assert_same(packed, alone)
    assert_same(among, alone)


@pytest.mark.parametrize("line", LINES)
def test_the_order_of_candidates_changes_nothing(
    line, load, model_and_params, tokenizer, trajectories
):
    model_and_params = judged(line, model_and_params)
    scorer = parse_scorer(line, load).score
    forward = scorer(*model_and_params, tokenizer, trajectories)
    backward = scorer(*model_and_params, tokenizer, trajectories[::-1])
    assert_same(backward[::-1], forward)


@pytest.mark.parametrize("line", LINES)
def test_every_trajectory_is_counted_once_and_cut_ones_are_marked(
    line, load, model_and_params, tokenizer, trajectories
):
    scorer, done = parse_scorer(line, load).score, []
    judge = judged(line, model_and_params)
    found = scorer(*judge, tokenizer, trajectories, max_length=60, progress=done.append)
    assert sum(done) == len(trajectories)
    plain = score(*model_and_params, tokenizer, trajectories, max_length=60)
    assert any(result.truncated for result in plain)
    assert [result.truncated for result in found] == [result.truncated for result in plain]
    for result, trajectory in zip(found, trajectories, strict=True):
        assert len(result.step_scores) == len(result.step_logits) == len(trajectory.steps)
        for p, s in zip(result.step_scores, result.step_logits, strict=True):
            assert (p is None) == (s is None)
            assert p is None or p == pytest.approx(1 / (1 + np.exp(-s)), rel=1e-5)


def test_a_line_says_the_same_whatever_its_spaces_and_quotes(load):
    first = parse_scorer(" temperature( orm ,value = 2 ) ", load)
    assert first.line == "temperature(orm(discriminative), value=2)"
    assert parse_scorer(first.line, load).line == first.line
    assert parse_scorer("ensemble(orm, orm(model(path='b')), merge=logit)", load).line == (
        parse_scorer('ensemble(orm(discriminative),orm(model(path="b")),merge="logit")', load).line
    )


def test_a_line_is_the_combination_it_spells(load, model_and_params, tokenizer, trajectories):
    found = parse_scorer("temperature(temperature(value=2), value=3)", load).score
    plain = score(*model_and_params, tokenizer, trajectories)
    np.testing.assert_allclose(
        values(found(*model_and_params, tokenizer, trajectories)), values(plain) / 6, rtol=1e-6
    )


@pytest.mark.parametrize(
    "line, words",
    [
        ("oracle", "unknown scorer 'oracle'"),
        ("orm(oracle)", "unknown scorer 'oracle'"),
        ("orm(", "cannot read"),
        ("", "cannot read"),
        ("orm(1)", "cannot read '1'"),
        ("__import__('os').remove('x')", "cannot read"),
        ("temperature(value=2 + x)", "cannot read '2 . x'"),
        ("model(path=runs/other)", "put texts in quotes"),
        ("discriminative()", "takes nothing in brackets"),
        ("temperature", "value"),
        ("temperature(value=2, warmth=3)", "warmth"),
        ("temperature(value=0)", "no temperature"),
        ("temperature(value='2')", "'2' is not of type float"),
        ("temperature(value=True)", "True is not of type float"),
        ("temperature(value=1e999)", "no temperature"),
        ("pairwise(statement=5)", "5 is not of type str"),
        ("model(path=b, convention=3)", "3 is not of type str"),
        ("orm(discriminative, temperature(value=2))", "too many positional"),
        ("model(path='a', load=1)", "cannot read"),
        ("ensemble(discriminative)", "an ensemble of 1"),
        ("ensemble(orm, orm(discriminative))", "same scorer twice"),
        ("ensemble(orm, discriminative)", "scores of steps and scores of solutions"),
        ("ensemble(discriminative, mean_log_prob, merge=median)", "unknown merge"),
        ("orm(temperature(orm, value=2))", "already"),
        ("orm(length_debiased(slope=1, centre=1))", "one score already"),
        ("bidirectional(model(path=b))", "inside model"),
        ("bidirectional(ensemble(orm, orm(temperature(value=2))))", "scores of all steps"),
        ("bidirectional(mean_log_prob)", "reverse order"),
        ("bidirectional(hierarchical)", "bidirectional of hierarchical: a window ends"),
        ("hierarchical(mode=double)", "unknown mode"),
        ("hierarchical(window=1)", "a window of 1 steps"),
        ("hierarchical(window=2.5)", "2.5 is not of type int"),
        ("length_debiased(slope=1, centre=1, aggregation=sum_logit)", "no probability"),
        ("length_debiased(slope=1, centre=1, measure=words)", "unknown measure"),
        ("length_debiased(slope=1, centre=a)", "'a' is not of type float"),
        ("length_debiased(slope=1, centre=1e999)", "no finite number"),
        ("pairwise(orm)", "a comparison has one step"),
        ("hierarchical(pairwise)", "scores of all steps"),
        ("pairwise(method=knockout)", "unknown method"),
        ("pairwise(passes=0)", "0 passes"),
        ("orm(mean_log_prob)", "likelihood of the last step"),
        ("uncertainty", "head"),
        ("uncertainty(head=nowhere)", "holds no uncertainty head"),
        ("uncertainty(discriminative, head=uhead)", "too many positional"),
        ("bidirectional(uncertainty(head=uhead))", "order they were written in"),
        ("orm(uncertainty(head=uhead))", "nothing of the outcome"),
        ("mixture", "path"),
        ("mixture(path=nowhere)", "holds no mixture of experts"),
        ("mixture(discriminative, path=dmoerm)", "too many positional"),
        ("bidirectional(mixture(path=dmoerm))", "order they were written in"),
        ("pairwise(mixture(path=dmoerm))", "trained on problems, not on comparisons"),
        ("pairwise(relevance)", "its own problem"),
        ("dimensions(discriminative, relevance)", "weights"),
        ("dimensions(weights=(1, 2))", "dimensions of 1"),
        ("dimensions(orm, relevance, weights=(1,))", "is not 2 numbers"),
        ("dimensions(orm, relevance, weights=(1, 'a'))", "is not 2 numbers"),
        ("orm(discriminative, scorer=discriminative)", "multiple values"),
        ("dimensions(orm, relevance, weights=1)", "1 is not of type tuple"),
        ("dimensions(orm, relevance, weights=(1, 1), scales=(0, 1))", "not above 0"),
        ("dimensions(orm, relevance, weights=(1, 1), aggregation=sum_logit)", "no probability"),
        ("orm(dimensions(orm, relevance, weights=(1, 1)))", "one score already"),
        ("ensemble(relevance, dimensions(orm, relevance, weights=(1, 1)))", "scores of steps and"),
    ],
)
def test_what_cannot_be_read_or_makes_no_sense_is_refused_with_the_reason(load, line, words):
    with pytest.raises(InputError, match=words):
        parse_scorer(line, load)
