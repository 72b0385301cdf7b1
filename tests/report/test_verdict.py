"""The verdict claims no more than the intervals allow."""

import pytest

from prm_jax.errors import InputError
from prm_jax.report import Estimate, Metric, ResultRow, ResultTable, compare
from prm_jax.report.verdict import is_ahead

M = Metric("F1")


def _compare(model, metric=M, **baselines):
    rows = [ResultRow("PRM", {"F1": model}, "model")]
    rows += [ResultRow(name, {"F1": estimate}) for name, estimate in baselines.items()]
    rows.append(ResultRow("pass@8", {"F1": Estimate(0.99, 0.98, 1.0)}, "reference"))
    return compare(ResultTable("t", (metric,), tuple(rows)), metric)


def test_intervals_must_be_apart():
    model = Estimate(0.6, 0.5, 0.7)
    result = _compare(
        model,
        below=Estimate(0.4, 0.3, 0.49),
        overlapping=Estimate(0.45, 0.4, 0.51),
        above=Estimate(0.8, 0.71, 0.9),
        touching=Estimate(0.4, 0.3, 0.5),
    )
    assert result.ahead == ("below",)
    assert result.undecided == ("overlapping", "touching")
    assert result.behind == ("above",)
    assert result.strongest == ("above", Estimate(0.8, 0.71, 0.9))
    assert "does not beat every baseline" in result.sentence
    for said in ("ahead of below", "not separable from overlapping and touching", "behind above"):
        assert said in result.sentence


def test_beating_all_is_said_with_the_figures():
    result = _compare(
        Estimate(0.6, 0.5, 0.7), random=Estimate(0.2, 0.1, 0.3), length=Estimate(0.31)
    )
    assert result.sentence == (
        "PRM beats both baselines in F1 beyond the 95 % intervals "
        "(60.0 % [50.0, 70.0]; strongest baseline, length: 31.0 %)."
    )


def test_a_reference_is_not_a_baseline():
    assert _compare(Estimate(0.6, 0.5, 0.7), random=Estimate(0.2)).behind == ()


def test_lower_is_better_turns_the_comparison_round():
    brier = Metric("F1", percent=False, higher_is_better=False)
    result = _compare(
        Estimate(0.1, 0.05, 0.15), brier, a=Estimate(0.2, 0.16, 0.3), b=Estimate(0.02, 0.01, 0.04)
    )
    assert result.ahead == ("a",) and result.behind == ("b",) and result.strongest[0] == "b"


def test_an_estimate_without_interval_is_a_point():
    assert is_ahead(Estimate(0.5), Estimate(0.4)) and not is_ahead(
        Estimate(0.5), Estimate(0.4, 0.3, 0.5)
    )
    assert not is_ahead(Estimate(0.5), Estimate(0.5))


@pytest.mark.parametrize("model", [Estimate(float("nan"))])
def test_no_figure_no_claim(model):
    assert _compare(model, random=Estimate(0.2)) is None
    assert _compare(Estimate(0.5)) is None


def test_a_figure_without_a_column_is_refused():
    with pytest.raises(InputError, match="'PRM' has figures for"):
        ResultTable("t", (M,), (ResultRow("PRM", {"F2": Estimate(1.0)}),))
    with pytest.raises(InputError, match="twice"):
        ResultTable("t", (M,), (ResultRow("PRM", {}), ResultRow("PRM", {})))
